package controllers

import (
	"bytes"
	"maps"
	"reflect"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/phrase"
)

// overlay is the snapshot with a NetworkPolicy as it was read back.
func overlay(snapshot *control.Snapshot, np control.NetworkPolicy) *control.Snapshot {
	next := without(snapshot, np.Name)
	next.NetworkPolicies = append(next.NetworkPolicies, np)
	slices.SortFunc(next.NetworkPolicies, func(a, b control.NetworkPolicy) int { return strings.Compare(a.Name, b.Name) })
	next.Versions = maps.Clone(snapshot.Versions)
	if next.Versions == nil {
		next.Versions = map[control.Need]string{}
	}
	next.Versions[control.NeedNetworkPolicies] = np.Identity.ResourceVersion
	return next
}

// without is the snapshot without a NetworkPolicy that was removed.
func without(snapshot *control.Snapshot, name string) *control.Snapshot {
	next := *snapshot
	next.NetworkPolicies = slices.DeleteFunc(slices.Clone(snapshot.NetworkPolicies), func(o control.NetworkPolicy) bool {
		return o.Name == name
	})
	return &next
}

// resolves reports whether a NetworkPolicy has selectors. What they match, and
// which classes of pods they tell apart, is known only to the observer: a snapshot
// that such a policy was laid over, or taken out of, is not to be judged.
func resolves(np *control.NetworkPolicy) bool {
	if np == nil {
		return false
	}
	var peers []networkingv1.NetworkPolicyPeer
	for i := range np.Spec.Ingress {
		peers = append(peers, np.Spec.Ingress[i].From...)
	}
	for i := range np.Spec.Egress {
		peers = append(peers, np.Spec.Egress[i].To...)
	}
	return selects(&np.Spec.PodSelector) || slices.ContainsFunc(peers, func(p networkingv1.NetworkPolicyPeer) bool {
		return selects(p.NamespaceSelector) || selects(p.PodSelector)
	})
}

func selects(s *metav1.LabelSelector) bool {
	return s != nil && len(s.MatchLabels)+len(s.MatchExpressions) > 0
}

// bury records that a namespace is gone, and what was in it. The cluster never is: it
// is not known as long as its namespace kube-system is not.
func (r *ScopeReconciler) bury(p *pass) error {
	if p.name == control.Cluster {
		return nil
	}
	var drafts []ledger.Draft
	r.Recorder.View(func(k *ledger.Known) {
		for _, m := range k.MembersOf(p.name) {
			drafts = append(drafts, r.member(p, k, ledger.KindSubjectDeleted, m, ""))
		}
	})
	transitions, ticket := r.Recorder.Record(drafts...)
	r.announce(transitions, ticket)
	r.memos.forget(p.name)
	if r.Prober != nil {
		r.Prober.Forget(p.name)
	}
	r.proofs.judged(p.name, p.unchanged)
	r.issues.forget(p.name)
	r.settling.end(p.name)
	r.pace.ForgetNamespace(p.name)
	for _, intro := range r.intros.evaluated(p.name, r.registry.load(), nil) {
		r.introduced(intro.def, intro.namespaces)
	}
	return nil
}

// specManager is the field manager of the newest change to an object's spec.
func specManager(object metav1.Object) string {
	manager := ""
	var newest int64
	for _, f := range object.GetManagedFields() {
		if f.Subresource != "" || f.FieldsV1 == nil || f.Time == nil || !bytes.Contains(f.FieldsV1.GetRawBytes(), []byte(`"f:spec"`)) {
			continue
		}
		if at := f.Time.Unix(); at >= newest {
			manager, newest = f.Manager, at
		}
	}
	return clip(manager)
}

// changedPaths are the fields in which two specs differ, as dotted paths. The
// specs are given by pointers.
func changedPaths(from, to any) []string {
	a, errA := runtime.DefaultUnstructuredConverter.ToUnstructured(from)
	b, errB := runtime.DefaultUnstructuredConverter.ToUnstructured(to)
	if errA != nil || errB != nil {
		return []string{"spec"}
	}
	var paths []string
	diff("spec", a, b, &paths)
	slices.Sort(paths)
	return paths
}

func diff(path string, a, b any, paths *[]string) {
	ma, isA := a.(map[string]any)
	mb, isB := b.(map[string]any)
	if !isA || !isB {
		if !reflect.DeepEqual(a, b) {
			*paths = append(*paths, clip(path))
		}
		return
	}
	keys := maps.Clone(ma)
	maps.Copy(keys, mb)
	for k := range keys {
		diff(path+"."+k, ma[k], mb[k], paths)
	}
}

const (
	// maxText is the longest free text in an entry or a condition, in bytes.
	maxText = 256
	// maxCause is the longest sentence of the ledger's in a condition, in bytes: the
	// paths in it are long, and what to do stands at its end.
	maxCause = 1024
)

// clip cuts a text to maxText, at a character.
func clip(s string) string { return phrase.Clip(s, maxText) }

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
