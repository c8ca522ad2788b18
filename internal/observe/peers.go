package observe

import (
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// peers are the selectors in use that reach beyond their own namespace, and what
// they match of the whole cluster. They are kept by what they say, so that an
// event costs as much as there are different ones, whoever uses them.
type peers struct {
	namespaces   map[string]*namespacePeer
	pods         map[string]*podPeer
	requirements map[string]*requirement
	// shapes are those of all pods, by their text.
	shapes map[string]*shape
}

// namespacePeer is a selector of namespaces.
type namespacePeer struct {
	selector labels.Selector
	// matching is the number of namespaces that it matches.
	matching int
	users    users
}

// podPeer is a selector of pods in selected namespaces. Pods of other namespaces
// are no trigger, so nobody is told when it flips.
type podPeer struct {
	requirements []*requirement
	users        int
}

// requirement is one requirement of selectors of pods: a selector matches every
// pod exactly if each of its requirements does.
type requirement struct {
	labels.Requirement
	// failing is the number of shapes that it does not match.
	failing int
	users   int
}

// users are the namespaces whose policies use a selector, with how many of them
// do. Uses by cluster policies are counted under no namespace.
type users map[string]int

// peerRef is a selector that a policy uses, of namespaces or of pods.
type peerRef struct {
	pods     bool
	key      string
	selector labels.Selector
}

func newPeers() peers {
	return peers{
		namespaces:   map[string]*namespacePeer{},
		pods:         map[string]*podPeer{},
		requirements: map[string]*requirement{},
		shapes:       map[string]*shape{},
	}
}

// policyPeers returns the selectors of a policy that reach beyond its namespace,
// each once.
func policyPeers(spec *networkingv1.NetworkPolicySpec) []peerRef {
	var refs []peerRef
	for peer := range peersOf(spec) {
		if peer.NamespaceSelector != nil {
			refs = addPeer(refs, false, peer.NamespaceSelector)
			refs = addPeer(refs, true, peer.PodSelector)
		}
	}
	return refs
}

// clusterPeers returns the selectors of a cluster policy's peers, each once.
func clusterPeers(rules ...[]control.ClusterRule) []peerRef {
	var refs []peerRef
	for _, direction := range rules {
		for i := range direction {
			for _, peer := range direction[i].Peers {
				refs = addPeer(refs, false, peer.Namespaces)
				if peer.Pods != nil {
					refs = addPeer(refs, false, &peer.Pods.NamespaceSelector)
					refs = addPeer(refs, true, &peer.Pods.PodSelector)
				}
			}
		}
	}
	return refs
}

// addPeer adds a selector, unless it is there, selects everything, or cannot be
// parsed.
func addPeer(refs []peerRef, pods bool, s *metav1.LabelSelector) []peerRef {
	if s == nil {
		return refs
	}
	selector, err := metav1.LabelSelectorAsSelector(s)
	if err != nil || selector.Empty() {
		return refs
	}
	key := intern(selector.String())
	for _, ref := range refs {
		if ref.pods == pods && ref.key == key {
			return refs
		}
	}
	return append(refs, peerRef{pods: pods, key: key, selector: selector})
}

// acquire counts uses of selectors by a namespace. It reports whether one of
// them is new to the namespace.
func (st *store) acquire(user string, refs []peerRef) bool {
	added := false
	for _, ref := range refs {
		if ref.pods {
			added = st.peers.acquirePods(ref) || added
			continue
		}
		p := st.peers.namespaces[ref.key]
		if p == nil {
			p = &namespacePeer{selector: ref.selector, users: users{}}
			for _, s := range st.scopes {
				if s.namespace != nil && ref.selector.Matches(labels.Set(s.namespace.Labels)) {
					p.matching++
				}
			}
			st.peers.namespaces[ref.key] = p
		}
		p.users[user]++
		added = added || p.users[user] == 1
	}
	return added
}

// release no longer counts uses.
func (st *store) release(user string, refs []peerRef) {
	for _, ref := range refs {
		if ref.pods {
			st.peers.releasePods(ref)
			continue
		}
		p := st.peers.namespaces[ref.key]
		if p.users[user]--; p.users[user] > 0 {
			continue
		}
		delete(p.users, user)
		if len(p.users) == 0 {
			delete(st.peers.namespaces, ref.key)
		}
	}
}

// acquirePods counts the use of a selector of pods, and reports whether it is
// the first.
func (p *peers) acquirePods(ref peerRef) bool {
	peer := p.pods[ref.key]
	if peer != nil {
		peer.users++
		return false
	}
	peer = &podPeer{users: 1}
	parts, _ := ref.selector.Requirements()
	for _, part := range parts {
		text := part.String()
		r := p.requirements[text]
		if r == nil {
			r = &requirement{Requirement: part}
			for _, pod := range p.shapes {
				if !r.Matches(labelsOf(pod)) {
					r.failing++
				}
			}
			p.requirements[text] = r
		}
		r.users++
		peer.requirements = append(peer.requirements, r)
	}
	p.pods[ref.key] = peer
	return true
}

func (p *peers) releasePods(ref peerRef) {
	peer := p.pods[ref.key]
	if peer.users--; peer.users > 0 {
		return
	}
	delete(p.pods, ref.key)
	for _, r := range peer.requirements {
		if r.users--; r.users == 0 {
			delete(p.requirements, r.String())
		}
	}
}

// shapeAdded and shapeRemoved count the pods of a shape, and the shapes that a
// requirement does not match.
func (p *peers) shapeAdded(text string) *shape {
	pod := p.shapes[text]
	if pod == nil {
		pod = &shape{text: strings.Clone(text)}
		p.shapes[pod.text] = pod
		p.failing(pod, 1)
	}
	pod.pods++
	return pod
}

func (p *peers) shapeRemoved(pod *shape) {
	if pod.pods--; pod.pods == 0 {
		delete(p.shapes, pod.text)
		p.failing(pod, -1)
	}
}

// failing adds to what requirements count of a shape that they do not match.
func (p *peers) failing(pod *shape, add int) {
	for _, r := range p.requirements {
		if !r.Matches(labelsOf(pod)) {
			r.failing += add
		}
	}
}

// relabelled counts anew which selectors match a namespace, of which the labels
// were old, and are updated now; nil is for no namespace. Where a selector begins
// or ceases to match every namespace, its users are touched.
func (st *store) relabelled(old, updated *control.Namespace) {
	before := st.namespaces
	st.namespaces += count(updated != nil) - count(old != nil)
	for _, p := range st.peers.namespaces {
		all := p.matching == before
		p.matching += count(updated != nil && p.selector.Matches(labels.Set(updated.Labels))) -
			count(old != nil && p.selector.Matches(labels.Set(old.Labels)))
		if all == (p.matching == st.namespaces) {
			continue
		}
		for user := range p.users {
			if user == clusterUser {
				st.touchAll()
			} else if st.living(user) != nil {
				st.touch(user, true)
			}
		}
	}
}

// clusterUser stands for the cluster policies among the users of a selector.
const clusterUser = ""

func count(condition bool) int {
	if condition {
		return 1
	}
	return 0
}

// resolve says what selectors match of the whole cluster.
func (st *store) resolve(into *control.Peers, refs []peerRef) {
	for _, ref := range refs {
		if ref.pods {
			if into.Pods == nil {
				into.Pods = map[string]bool{}
			}
			into.Pods[ref.key] = st.peers.matchesAllPods(ref.key)
			continue
		}
		if into.Namespaces == nil {
			into.Namespaces = map[string]bool{}
		}
		into.Namespaces[ref.key] = st.peers.namespaces[ref.key].matching == st.namespaces
	}
}

// matchesAllPods reports whether a selector in use matches every pod. Where there
// are no pods it is what it would be of a pod without labels: a selector that
// asks for a label does not match everything merely because nothing is there.
func (p *peers) matchesAllPods(key string) bool {
	for _, r := range p.pods[key].requirements {
		if r.failing > 0 || len(p.shapes) == 0 && !r.Matches(labels.Set{}) {
			return false
		}
	}
	return true
}
