//go:build velero

package velero_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	gomegatypes "github.com/onsi/gomega/types"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/test/harness"
	"github.com/holdfast-dev/holdfast/test/velero"
)

const (
	// backups and restores are the controls that policies of scenes state.
	backups  = "BCK-1"
	restores = "BCK-2"
	// selectedBy is the label by which a scene's policy selects its namespaces.
	selectedBy = "velero.test/selected-by"
	// theCluster is the cluster as a subject.
	theCluster = "the cluster"
)

// scene is what a spec with an operator works with: a Velero that may be stopped, and
// a policy of the scene's name.
type scene struct {
	*installation
	op   *harness.Operator
	name string
}

// newScene begins a scene; its policy ends with the spec.
func newScene(beside *installation, op *harness.Operator, name string) *scene {
	DeferCleanup(func() { cluster.DeletePolicy(newTB(), name) })
	return &scene{beside, op, name}
}

// stated is the scene's policy, with a control of backups. The store keeps them as
// the location has it: that they are encrypted there somebody states.
func (s *scene) stated(b v1alpha1.Backup) *harness.PolicyBuilder {
	b.Velero.Namespace = s.Namespace
	b.Velero.Attestations = []v1alpha1.LocationAttestation{{Location: velero.Location, Attestation: v1alpha1.Attestation{
		Ref: "STORE-1", SHA256: strings.Repeat("0f", 32), Signer: "the storage team",
		ValidUntil: metav1.Time{Time: time.Now().Add(24 * time.Hour)},
	}}}
	return harness.Policy(s.name).Select(selectedBy, s.name).Deny(v1alpha1.DirectionIngress).IncludeCluster().
		Controls(v1alpha1.ControlSpec{ID: backups, Backup: &b})
}

// apply applies a policy.
func (s *scene) apply(policy *harness.PolicyBuilder) {
	GinkgoHelper()
	cluster.Apply(newTB(), policy)
}

// namespace creates a namespace that the scene's policy selects.
func (s *scene) namespace(suffix string) string {
	GinkgoHelper()
	return namespace(s.name+"-"+suffix, selectedBy, s.name)
}

// eventually waits for as long as Velero may take.
func (s *scene) eventually(what string, condition func() error) {
	GinkgoHelper()
	harness.EventuallyWithin(newTB(), velero.Patience, what, condition)
}

// evidence is about the scene's policy.
func (s *scene) evidence() harness.Evidence {
	GinkgoHelper()
	return s.op.Evidence(newTB()).Of(s.name)
}

// isSubject reports whether a subject is the named namespace, or the cluster.
func isSubject(subject control.Subject, name string) bool {
	return subject.Name == name || name == theCluster && subject.Kind == control.ClusterKind
}

// newest is the last state of a subject under a control of the scene, and the entry
// that states it.
func (s *scene) newest(id, subject string) *ledger.Entry {
	GinkgoHelper()
	states := s.evidence().Kind(ledger.KindOutcomeChanged).Where(func(e *ledger.Entry) bool {
		return e.Control == id && isSubject(*e.Subject, subject)
	})
	if len(states) == 0 {
		return nil
	}
	return states[len(states)-1]
}

// awaitState waits until a subject is judged so, and by the reason where one is given,
// and returns the entry that says it.
func (s *scene) awaitState(id, subject string, want control.Outcome, reason string) *ledger.Entry {
	GinkgoHelper()
	By(fmt.Sprintf("%s is %s by %s of %s: %q", subject, want, id, s.name, reason))
	var entry *ledger.Entry
	s.eventually(fmt.Sprintf("%s is %s by %s: %q", subject, want, id, reason), func() error {
		entry = s.newest(id, subject)
		decides := func(r control.RuleState) bool { return r.Reason == reason }
		if entry == nil || entry.To.Outcome != want || reason != "" && !slices.ContainsFunc(entry.To.Rules, decides) {
			return fmt.Errorf("the entry on it is %+v; all are\n%s", entry, s.evidence())
		}
		return nil
	})
	return entry
}

// beSeenAt matches an entry that says what is so from a second on, and was not before:
// that nothing but the time changed. The rest is for a busy machine.
func beSeenAt(at time.Time) gomegatypes.GomegaMatcher {
	const busy = 3 * time.Second
	return HaveField("ObservedAt.Time", And(BeTemporally(">=", at), BeTemporally("<", at.Add(busy))))
}

// episodes are those of a subject under the scene's control of backups.
func (s *scene) episodes(subject string) harness.Episodes {
	GinkgoHelper()
	return s.op.Evidence(newTB()).Episodes().Of(s.name).Where(func(e *harness.Episode) bool {
		return e.Control == backups && isSubject(e.Subject, subject)
	})
}

// occurrences are the entries about what came of runs that match.
func (s *scene) occurrences(match func(*ledger.OccurrenceBody) bool) harness.Evidence {
	GinkgoHelper()
	return s.evidence().Kind(ledger.KindOccurrence).Where(func(e *ledger.Entry) bool {
		return e.Control == backups && match(e.Occurrence)
	})
}

// awaitOccurrence waits until an entry says what came of a run that matches.
func (s *scene) awaitOccurrence(state string, match func(*ledger.OccurrenceBody) bool) *ledger.Entry {
	GinkgoHelper()
	By("a run is recorded as " + state)
	var found harness.Evidence
	s.eventually("a run is recorded as "+state, func() error {
		if found = s.occurrences(func(o *ledger.OccurrenceBody) bool { return o.State == state && match(o) }); len(found) == 0 {
			return fmt.Errorf("these are:\n%s", s.evidence().Kind(ledger.KindOccurrence))
		}
		return nil
	})
	return found[0]
}

// named matches what is said of a backup.
func named(backup string) func(*ledger.OccurrenceBody) bool {
	return func(o *ledger.OccurrenceBody) bool { return o.Run != nil && o.Run.Name == backup }
}

// ofPlan matches what is said of slots.
func ofPlan(o *ledger.OccurrenceBody) bool { return !o.Extra }

// merge merges fields into an object of Velero's, as somebody.
func (s *scene) merge(kind, name, patch string) {
	GinkgoHelper()
	Expect(s.Patch(context.Background(), s.New(kind, name), client.RawPatch(types.MergePatchType, []byte(patch)), client.FieldOwner("somebody"))).To(Succeed())
}

// byHand creates a backup of a namespace that counts as one of this cluster.
func (s *scene) byHand(name, namespace string, edits ...func(*unstructured.Unstructured)) {
	GinkgoHelper()
	backup := s.Backup(name, map[string]any{"includedNamespaces": []any{namespace}, "ttl": "720h0m0s"})
	backup.SetLabels(map[string]string{control.ClusterLabel: clusterUID()})
	for _, edit := range edits {
		edit(backup)
	}
	By("backup " + name + " is begun")
	Expect(s.Create(context.Background(), backup)).To(Succeed())
}

// awaitPhase waits until a backup is in a phase.
func (s *scene) awaitPhase(backup, phase string) *unstructured.Unstructured {
	GinkgoHelper()
	found, err := s.AwaitPhase(context.Background(), velero.KindBackup, backup, phase)
	Expect(err).NotTo(HaveOccurred())
	return found
}

// clusterUID is by which backups of this cluster are told from others.
func clusterUID() string {
	GinkgoHelper()
	ns := &corev1.Namespace{}
	Expect(cluster.Get(context.Background(), client.ObjectKey{Name: metav1.NamespaceSystem}, ns)).To(Succeed())
	return string(ns.UID)
}

// timeIn is the time in a field of an object's status.
func timeIn(object *unstructured.Unstructured, field string) time.Time {
	GinkgoHelper()
	text, _, err := unstructured.NestedString(object.Object, "status", field)
	Expect(err).NotTo(HaveOccurred())
	at, err := time.Parse(time.RFC3339, text)
	Expect(err).NotTo(HaveOccurred())
	return at
}
