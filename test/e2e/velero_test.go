package e2e

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/test/crds"
	"github.com/holdfast-dev/holdfast/test/harness"
)

// The control of backups that scenes state, and its Velero's only location.
const (
	backups         = "BCK-1"
	defaultLocation = "default"
)

// impatient is an operator whose minutes of a cron are slots, and which waits for
// seconds where others wait for minutes: for a run that is seen late, and for what is
// awaited or tried again of a restore.
var impatient string

func buildImpatient(tb testing.TB) string {
	tb.Helper()
	return harness.Build(tb, harness.BuildOptions{Patches: []harness.Patch{
		harness.Hasty(int(slot.Seconds())),
		{File: "internal/occurrence/decide.go", Old: "Grace = time.Minute", New: "Grace = time.Second"},
		{File: "internal/restoretest/pace.go", Old: "cmp.Or(p.Retry, time.Minute)", New: "cmp.Or(p.Retry, time.Second)"},
		{File: "internal/restoretest/schedule.go", Old: "now.Add(mostPolls * t.pace.Poll)", New: "now.Add(t.pace.Poll)"},
	}})
}

// scriptedVelero is a Velero whose every move is a spec's: its objects, of the real
// kinds, in a namespace of its own.
type scriptedVelero struct {
	*scene
	namespace string
}

// prepareVelero returns a scene beside a Velero with an available location, on the
// published cluster. The kinds stay there for the specs that follow; the release asks
// for them when it is installed.
func prepareVelero(name string, opts harness.OperatorOptions) *scriptedVelero {
	GinkgoHelper()
	crds.Install(newTB(), published, crds.Velero)
	s := preparePublished(name, opts)
	v := &scriptedVelero{s, s.name + "-velero"}
	s.Namespace(s.tb, v.namespace)
	location := v.object("BackupStorageLocation", defaultLocation, map[string]any{
		"provider": "velero.io/aws", "default": true, "objectStorage": map[string]any{"bucket": "backups"},
		"config": map[string]any{"region": "us-east-1", "kmsKeyId": "alias/backups"},
	})
	v.create(location, map[string]any{"phase": "Available", "lastValidationTime": stamp(time.Now())})
	return v
}

// object is an object of a kind of Velero.
func (v *scriptedVelero) object(kind, name string, spec map[string]any) *unstructured.Unstructured {
	o := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "velero.io/v1", "kind": kind, "spec": spec}}
	o.SetNamespace(v.namespace)
	o.SetName(name)
	return o
}

// create creates an object that has a status from the first: the kinds of Velero have
// no status subresource.
func (v *scriptedVelero) create(o *unstructured.Unstructured, status map[string]any) {
	GinkgoHelper()
	o.Object["status"] = status
	Expect(v.Create(context.Background(), o, client.FieldOwner("velero-server"))).To(Succeed())
}

// get reads an object.
func (v *scriptedVelero) get(kind, name string) (*unstructured.Unstructured, error) {
	o := v.object(kind, name, nil)
	return o, v.Get(context.Background(), client.ObjectKeyFromObject(o), o)
}

// merge merges fields into an object, as somebody.
func (v *scriptedVelero) merge(kind, name, manager string, fields map[string]any) {
	GinkgoHelper()
	patch, err := json.Marshal(fields)
	Expect(err).NotTo(HaveOccurred())
	o := v.object(kind, name, nil)
	Expect(v.Patch(context.Background(), o, client.RawPatch(types.MergePatchType, patch), client.FieldOwner(manager))).To(Succeed())
}

// status has Velero say something of an object.
func (v *scriptedVelero) status(kind, name string, status map[string]any) {
	GinkgoHelper()
	v.merge(kind, name, "velero-server", map[string]any{"status": status})
}

// run is a run of a plan, as Velero names and labels it: of this cluster unless the
// labels say otherwise.
type run struct {
	plan    string
	started time.Time
	phase   string
	labels  map[string]string
	spec    map[string]any
	status  map[string]any
}

// backup creates the Backup of a run, and returns its name.
func (v *scriptedVelero) backup(r run) string {
	GinkgoHelper()
	name := r.plan + "-" + r.started.UTC().Format("20060102150405")
	spec := map[string]any{"includedNamespaces": []any{"*"}, "storageLocation": defaultLocation, "ttl": "720h0m0s"}
	maps.Copy(spec, r.spec)
	o := v.object("Backup", name, spec)
	labels := map[string]string{"velero.io/schedule-name": r.plan, "velero.io/storage-location": defaultLocation, control.ClusterLabel: v.clusterUID()}
	maps.Copy(labels, r.labels)
	o.SetLabels(labels)
	status := map[string]any{"phase": r.phase}
	switch r.phase {
	case "Completed", "PartiallyFailed", "Failed":
		status["startTimestamp"], status["completionTimestamp"] = stamp(r.started), stamp(r.started.Add(time.Second))
		status["expiration"] = stamp(r.started.Add(720 * time.Hour))
	}
	maps.Copy(status, r.status)
	v.create(o, status)
	return name
}

// clusterUID is by which backups of this cluster are told from others.
func (s *scene) clusterUID() string {
	GinkgoHelper()
	ns := &corev1.Namespace{}
	Expect(s.Get(context.Background(), client.ObjectKey{Name: metav1.NamespaceSystem}, ns)).To(Succeed())
	return string(ns.UID)
}

// stamp is a time as Velero writes it.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// awaitAge waits until a namespace is so old.
func (s *scene) awaitAge(namespace string, age time.Duration) {
	GinkgoHelper()
	ns := &corev1.Namespace{}
	Expect(s.Get(context.Background(), client.ObjectKey{Name: namespace}, ns)).To(Succeed())
	s.eventually(fmt.Sprintf("namespace %s is %s old", namespace, age), func() error { return passed(ns.CreationTimestamp.Add(age)) })
}

// backedUp is a control of backups that are due every six hours, and may be as old
// as twelve, unless it says otherwise.
func backedUp(id string, b v1alpha1.Backup) v1alpha1.ControlSpec {
	b.Schedule = cmp.Or(b.Schedule, "0 */6 * * *")
	b.RecoveryPointObjective.Duration = cmp.Or(b.RecoveryPointObjective.Duration, 12*time.Hour)
	return v1alpha1.ControlSpec{ID: id, Backup: &b}
}

// control is the scene's control of backups.
func (v *scriptedVelero) control(b v1alpha1.Backup) v1alpha1.ControlSpec {
	if b.Velero == nil {
		b.Velero = &v1alpha1.VeleroBackup{}
	}
	b.Velero.Namespace = v.namespace
	return backedUp(backups, b)
}

// stated begins the scene's policy, with a control of backups.
func (v *scriptedVelero) stated(b v1alpha1.Backup) *harness.PolicyBuilder {
	return v.policy("").IncludeCluster().Controls(v.control(b))
}

// newestOf is the last state of a subject under one of the scene's controls; "the
// cluster" is the cluster itself.
func (s *scene) newestOf(id, subject string) *control.State {
	states := s.evidence().Kind(ledger.KindOutcomeChanged).Where(func(e *ledger.Entry) bool { return e.Control == id && isSubject(*e.Subject, subject) })
	if len(states) == 0 {
		return nil
	}
	return states[len(states)-1].To
}

// awaitState waits until a subject is judged so, and by the reason where one is given,
// and returns the state.
func (s *scene) awaitState(id, subject string, want control.Outcome, reason string) *control.State {
	GinkgoHelper()
	var newest *control.State
	s.eventually(fmt.Sprintf("%s is %s by %s: %q", subject, want, id, reason), func() error {
		newest = s.newestOf(id, subject)
		decides := func(r control.RuleState) bool { return r.Reason == reason }
		if newest == nil || newest.Outcome != want || reason != "" && !slices.ContainsFunc(newest.Rules, decides) {
			return fmt.Errorf("it is %+v; open are %+v", newest, s.GetPolicy(s.tb, s.name).Status.OpenEpisodes)
		}
		return nil
	})
	return newest
}

// episodesOf are those of a subject under one of the scene's controls.
func (s *scene) episodesOf(id, subject string) harness.Episodes {
	return s.episodes().Where(func(e *harness.Episode) bool { return e.Control == id && isSubject(e.Subject, subject) })
}

// take has the scene's policies select a namespace that was made before them.
func (s *scene) take(namespace string) string {
	GinkgoHelper()
	s.Label(s.tb, namespace, label, s.name)
	return namespace
}

// claimBound makes a claim and a volume that the cluster binds to it.
func claimBound(tb testing.TB, namespace, name string) {
	tb.Helper()
	claim := claimOf(namespace, name, "")
	if err := published.Create(context.Background(), claim); err != nil {
		tb.Fatal(err)
	}
	if err := published.Create(context.Background(), volumeOf(name, claim, "handle-"+name)); err != nil {
		tb.Fatal(err)
	}
}
