package observe

import (
	"cmp"
	"maps"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// class counts the pods of a namespace that no selector tells apart.
type class struct {
	text         string
	count, ready int32
}

// join counts a pod, and reports whether its class is new.
func (s *scope) join(pod *shape) bool {
	text, ready := classText(pod, s.keys)
	i, found := s.class(text)
	if !found {
		s.classes = slices.Insert(s.classes, i, class{text: intern(text)})
	}
	s.classes[i].count++
	if ready {
		s.classes[i].ready++
	}
	return !found
}

// leave no longer counts a pod, and reports whether its class is gone.
func (s *scope) leave(pod *shape) bool {
	text, ready := classText(pod, s.keys)
	i, found := s.class(text)
	if !found {
		return false
	}
	s.classes[i].count--
	if ready {
		s.classes[i].ready--
	}
	if s.classes[i].count > 0 {
		return false
	}
	s.classes = slices.Delete(s.classes, i, i+1)
	return true
}

func (s *scope) class(text string) (index int, found bool) {
	return slices.BinarySearchFunc(s.classes, text, func(c class, text string) int { return cmp.Compare(c.text, text) })
}

// group brings the classes up to date with the selectors over the pods.
func (st *store) group(s *scope) {
	if s.grouped {
		return
	}
	s.grouped = true
	if keys := st.mentioned(s); !slices.Equal(keys, s.keys) {
		s.keys = keys
		s.regroup()
	}
}

// regroup counts the pods anew.
func (s *scope) regroup() {
	s.classes = nil
	for _, pod := range s.pods {
		s.join(pod)
	}
}

// mentioned returns the keys that selectors over the pods of a namespace
// mention, sorted: those of its policies and Services, and of cluster policies
// whose subject it is.
func (st *store) mentioned(s *scope) []string {
	keys := map[string]struct{}{}
	for i := range s.policies {
		mentionedByPolicy(&s.policies[i].Spec, keys)
	}
	for i := range s.services {
		for key := range s.services[i].Selector {
			keys[key] = struct{}{}
		}
	}
	for _, p := range st.clusterPolicies {
		if p.subject.touches(s) {
			mention(p.subject.pods, keys)
		}
	}
	if len(keys) == 0 {
		return nil
	}
	sorted := make([]string, 0, len(keys))
	for key := range keys {
		sorted = append(sorted, intern(key))
	}
	slices.Sort(sorted)
	return sorted
}

// mentionedByPolicy collects the keys by which a policy tells pods of its own
// namespace apart.
func mentionedByPolicy(spec *networkingv1.NetworkPolicySpec, keys map[string]struct{}) {
	mentionSelector(&spec.PodSelector, keys)
	for peer := range peersOf(spec) {
		if peer.NamespaceSelector == nil && peer.PodSelector != nil {
			mentionSelector(peer.PodSelector, keys)
		}
	}
}

// peersOf yields the peers of all rules.
func peersOf(spec *networkingv1.NetworkPolicySpec) func(yield func(*networkingv1.NetworkPolicyPeer) bool) {
	return func(yield func(*networkingv1.NetworkPolicyPeer) bool) {
		for i := range spec.Ingress {
			for j := range spec.Ingress[i].From {
				if !yield(&spec.Ingress[i].From[j]) {
					return
				}
			}
		}
		for i := range spec.Egress {
			for j := range spec.Egress[i].To {
				if !yield(&spec.Egress[i].To[j]) {
					return
				}
			}
		}
	}
}

func mentionSelector(s *metav1.LabelSelector, keys map[string]struct{}) {
	for key := range s.MatchLabels {
		keys[key] = struct{}{}
	}
	for _, e := range s.MatchExpressions {
		keys[e.Key] = struct{}{}
	}
}

func mention(selector labels.Selector, keys map[string]struct{}) {
	if selector == nil {
		return
	}
	requirements, _ := selector.Requirements()
	for _, r := range requirements {
		keys[r.Key()] = struct{}{}
	}
}

// readiness returns the classes of a namespace with their numbers of pods.
func (st *store) readiness(s *scope) []control.PodClass {
	st.group(s)
	if len(s.classes) == 0 {
		return nil
	}
	classes := make([]control.PodClass, 0, len(s.classes))
	for _, c := range s.classes {
		converted := podClass(c.text)
		converted.Count, converted.Ready = int(c.count), int(c.ready)
		classes = append(classes, converted)
	}
	return classes
}

// matching yields the classes whose pods a Service selects.
func (st *store) matching(s *scope, selector map[string]string) func(yield func(control.PodClass) bool) {
	return func(yield func(control.PodClass) bool) {
		if len(selector) == 0 {
			return
		}
		wanted := labels.SelectorFromSet(maps.Clone(selector))
		for _, c := range st.readiness(s) {
			if wanted.Matches(labels.Set(c.Labels)) && !yield(c) {
				return
			}
		}
	}
}
