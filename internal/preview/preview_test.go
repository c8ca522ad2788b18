package preview

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/enforce"
)

// snapshots are a Cluster.
type snapshots map[string]*control.Snapshot

func (s snapshots) Namespaces(fn func(control.Namespace) bool) {
	for name, snapshot := range s {
		if name != control.Cluster && !fn(snapshot.Namespace) {
			return
		}
	}
}

func (s snapshots) Snapshot(namespace string) (*control.Snapshot, error) { return s[namespace], nil }

// dryRunFn is a DryRunner.
type dryRunFn func(change control.Change, uid string) (enforce.Preview, error)

func (f dryRunFn) DryRun(_ context.Context, change control.Change, uid string) (enforce.Preview, error) {
	return f(change, uid)
}

// accepted answers as an API server that takes everything as it is.
func accepted(change control.Change, _ string) (enforce.Preview, error) {
	return enforce.Preview{After: change.Spec}, nil
}

// namespaces are so many namespaces, every other one with pods.
func namespaces(n int) snapshots {
	all := snapshots{}
	for i := range n {
		name := fmt.Sprintf("ns-%03d", i)
		all[name] = &control.Snapshot{Namespace: control.Namespace{Name: name, UID: name, Labels: map[string]string{"name": name}}}
		if i%2 == 1 {
			all[name].Pods = []control.PodClass{{Count: 1}}
		}
	}
	return all
}

// isolating is a policy over all namespaces, or over those that are named.
func isolating(name string, mode v1alpha1.Mode, only ...string) v1alpha1.ControlPolicy {
	p := v1alpha1.ControlPolicy{ObjectMeta: metav1.ObjectMeta{Name: name, Generation: 3}, Spec: v1alpha1.ControlPolicySpec{
		Mode: mode,
		Controls: []v1alpha1.ControlSpec{{ID: "NET-1", NetworkIsolation: &v1alpha1.NetworkIsolation{
			DefaultDeny: []v1alpha1.Direction{v1alpha1.DirectionIngress}}}},
	}}
	if len(only) > 0 {
		p.Spec.Scope.NamespaceSelector.MatchExpressions = []metav1.LabelSelectorRequirement{
			{Key: "name", Operator: metav1.LabelSelectorOpIn, Values: only}}
	}
	return p
}

func TestRollout(t *testing.T) {
	enforced := isolating("p", v1alpha1.ModeEnforce)
	paced := *enforced.DeepCopy()
	paced.Spec.Enforcement = &v1alpha1.Enforcement{Rollout: &v1alpha1.Rollout{MaxNamespaces: new(int32(3)), Interval: &metav1.Duration{Duration: time.Hour}}}
	confirmed := *enforced.DeepCopy()
	confirmed.Annotations = map[string]string{v1alpha1.AnnotationConfirmedGeneration: "4"}
	early := *enforced.DeepCopy()
	early.Annotations = map[string]string{v1alpha1.AnnotationConfirmedGeneration: "3"}
	few := isolating("p", v1alpha1.ModeEnforce, "ns-000", "ns-001")
	cases := map[string]struct {
		live       []v1alpha1.ControlPolicy
		edit       v1alpha1.ControlPolicy
		namespaces int
		want       *Rollout
	}{
		"a policy that observes": {edit: isolating("p", v1alpha1.ModeObserve), namespaces: 30},
		"a new policy is not held": {edit: enforced, namespaces: 30,
			want: &Rollout{Begin: 30, WithPods: 15, Limit: 10, MaxNamespaces: 10, Interval: minutes(1), Takes: minutes(1)}},
		"nothing is added": {live: []v1alpha1.ControlPolicy{enforced}, edit: enforced, namespaces: 30},
		"ten may be added": {live: []v1alpha1.ControlPolicy{few}, edit: enforced, namespaces: 12,
			want: &Rollout{Before: 2, Begin: 10, WithPods: 5, Limit: 10, MaxNamespaces: 10, Interval: minutes(1)}},
		"eleven are held": {live: []v1alpha1.ControlPolicy{few}, edit: enforced, namespaces: 13,
			want: &Rollout{Before: 2, Begin: 11, WithPods: 5, Limit: 10, Held: true, MaxNamespaces: 10, Interval: minutes(1)}},
		"as is the first enforcement of what was observed": {live: []v1alpha1.ControlPolicy{isolating("p", v1alpha1.ModeObserve)}, edit: enforced, namespaces: 13,
			want: &Rollout{Begin: 13, WithPods: 6, Limit: 10, Held: true, MaxNamespaces: 10, Interval: minutes(1)}},
		"unless they are confirmed": {live: []v1alpha1.ControlPolicy{few}, edit: confirmed, namespaces: 13,
			want: &Rollout{Before: 2, Begin: 11, WithPods: 5, Limit: 10, MaxNamespaces: 10, Interval: minutes(1)}},
		"and not by the generation before": {live: []v1alpha1.ControlPolicy{few}, edit: early, namespaces: 13,
			want: &Rollout{Before: 2, Begin: 11, WithPods: 5, Limit: 10, Held: true, MaxNamespaces: 10, Interval: minutes(1)}},
		"paced as stated": {edit: paced, namespaces: 20,
			want: &Rollout{Begin: 20, WithPods: 10, Limit: 10, MaxNamespaces: 3, Interval: minutes(60), Takes: minutes(180)}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			plan, err := Make(t.Context(), Options{Cluster: namespaces(c.namespaces), DryRun: dryRunFn(accepted), Live: c.live, Edits: []v1alpha1.ControlPolicy{c.edit}})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, plan.Policies[0].Rollout); diff != "" {
				t.Errorf("rollout (-want +got):\n%s", diff)
			}
		})
	}
}

func minutes(n int) metav1.Duration { return metav1.Duration{Duration: time.Duration(n) * time.Minute} }

// TestWhatAnEditNoLongerWithholds: in a namespace that it gives up, another
// policy's allowance is no longer withheld.
func TestWhatAnEditNoLongerWithholds(t *testing.T) {
	open, strict := isolating("open", v1alpha1.ModeEnforce), isolating("strict", v1alpha1.ModeEnforce)
	open.Spec.Controls[0].NetworkIsolation.Allow = []v1alpha1.Allowance{{Type: v1alpha1.AllowSameNamespace}}
	opts := Options{Cluster: namespaces(2), DryRun: dryRunFn(accepted), Live: []v1alpha1.ControlPolicy{open, strict}}
	allowed := func(edit v1alpha1.ControlPolicy) []string {
		t.Helper()
		opts.Edits = []v1alpha1.ControlPolicy{edit}
		plan, err := Make(t.Context(), opts)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, n := range plan.Namespaces {
			for _, o := range n.Objects {
				if o.Name == "holdfast-allow-same-namespace-ingress" {
					names = append(names, n.Name)
				}
			}
		}
		return names
	}
	if got := allowed(strict); got != nil {
		t.Errorf("allowed in %v, though one policy does not grant it", got)
	}
	if diff := cmp.Diff([]string{"ns-000"}, allowed(isolating("strict", v1alpha1.ModeEnforce, "ns-001"))); diff != "" {
		t.Errorf("allowed in (-want +got):\n%s", diff)
	}
}

// TestPaused: what a pause holds back is shown, and is no change.
func TestPaused(t *testing.T) {
	now := time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC)
	paused := isolating("p", v1alpha1.ModeEnforce)
	paused.Spec.Enforcement = &v1alpha1.Enforcement{Pause: &v1alpha1.Pause{Reason: "CHG-1", Until: metav1.NewTime(now.Add(time.Hour))}}
	plan, err := Make(t.Context(), Options{Cluster: namespaces(1), DryRun: dryRunFn(accepted), Edits: []v1alpha1.ControlPolicy{paused}, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	want := []Held{{Kind: "NetworkPolicy", Name: "holdfast-default-deny-ingress", WantedBy: []string{"p/NET-1"}}}
	if diff := cmp.Diff(want, plan.Namespaces[0].Held); diff != "" || plan.Changes() != 0 || plan.Policies[0].PausedUntil == nil {
		t.Errorf("%d changes, paused until %v, held (-want +got):\n%s", plan.Changes(), plan.Policies[0].PausedUntil, diff)
	}
}

// TestDryRunThatFails: what the API server refuses is predicted; without an
// answer there is no plan.
func TestDryRunThatFails(t *testing.T) {
	cases := map[enforce.Failure]bool{
		enforce.FailureForbidden: true, enforce.FailureRejected: true, enforce.FailureNamespaceTerminating: true, enforce.FailureConflict: true,
		enforce.FailureUnknown: false, enforce.FailureUnsent: false, enforce.FailureThrottled: false,
	}
	for failure, predicted := range cases {
		t.Run(string(failure), func(t *testing.T) {
			refuse := func(control.Change, string) (enforce.Preview, error) {
				return enforce.Preview{}, &enforce.Error{Failure: failure, Message: "it said no", Err: errors.New("no")}
			}
			plan, err := Make(t.Context(), Options{Cluster: namespaces(1), DryRun: dryRunFn(refuse), Edits: []v1alpha1.ControlPolicy{isolating("p", v1alpha1.ModeEnforce)}})
			if !predicted {
				if err == nil || !strings.Contains(err.Error(), "namespace ns-000: dry run of NetworkPolicy holdfast-default-deny-ingress: it said no") {
					t.Errorf("got %v, want what failed", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			object := plan.Namespaces[0].Objects[0]
			if !object.Predicted || object.Note != "it said no" || object.After["podSelector"] == nil {
				t.Errorf("object %+v", object)
			}
		})
	}
}

// TestOtherKindsAreShown: what enforcing does to the cluster itself, and to objects
// that are somebody else's.
func TestOtherKindsAreShown(t *testing.T) {
	const mark = "storageclass.kubernetes.io/is-default-class"
	class := func(name string, isDefault bool, parameters map[string]string) control.StorageClass {
		return control.StorageClass{Meta: control.Meta{Name: name, UID: "uid-" + name}, Provisioner: "ebs.csi.aws.com", Default: isDefault, Parameters: parameters}
	}
	observed := snapshots{control.Cluster: {Namespace: control.ClusterNamespace("kube-system", time.Time{}), StorageClasses: []control.StorageClass{
		class("fast", false, map[string]string{"encrypted": "true"}), class("plain", true, nil)}}}
	policy := v1alpha1.ControlPolicy{ObjectMeta: metav1.ObjectMeta{Name: "p", Generation: 3}, Spec: v1alpha1.ControlPolicySpec{
		Mode: v1alpha1.ModeEnforce, Scope: v1alpha1.Scope{Cluster: v1alpha1.ClusterIncluded},
		Controls: []v1alpha1.ControlSpec{{ID: "ENC-1", EncryptionAtRest: &v1alpha1.EncryptionAtRest{Volumes: &v1alpha1.VolumeEncryption{DefaultClass: "fast"}}}},
	}}
	asked := map[string]string{}
	shows := dryRunFn(func(change control.Change, uid string) (enforce.Preview, error) {
		asked[change.Name] = uid
		return enforce.Preview{Before: map[string]any{}, After: enforce.Shown(change)}, nil
	})
	forbids := dryRunFn(func(control.Change, string) (enforce.Preview, error) {
		return enforce.Preview{}, &enforce.Error{Failure: enforce.FailureForbidden, Message: "no", Err: errors.New("no")}
	})
	for name, tc := range map[string]struct {
		ask       DryRunner
		predicted bool
	}{"asked": {shows, false}, "predicted": {forbids, true}} {
		t.Run(name, func(t *testing.T) {
			plan, err := Make(t.Context(), Options{Cluster: observed, DryRun: tc.ask, Edits: []v1alpha1.ControlPolicy{policy}})
			if err != nil {
				t.Fatal(err)
			}
			if len(plan.Namespaces) != 1 || plan.Namespaces[0].Name != control.Cluster {
				t.Fatalf("got %+v, want the cluster", plan.Namespaces)
			}
			marks := map[string]any{}
			for _, o := range plan.Namespaces[0].Objects {
				if o.Verb != Patch || o.Kind != "StorageClass" || !o.Fields || o.Predicted != tc.predicted {
					t.Errorf("got %+v", o)
				}
				marks[o.Name] = o.After["metadata"].(map[string]any)["annotations"]
			}
			got := fmt.Sprint(marks)
			if want := "map[fast:map[" + mark + ":true] plain:map[" + mark + ":false]]"; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			var deviating []string
			for _, d := range plan.Namespaces[0].Deviating {
				deviating = append(deviating, d.Subject+" "+strings.Join(d.Rules, " "))
			}
			if diff := cmp.Diff([]string{"StorageClass plain ER-01"}, deviating); diff != "" {
				t.Errorf("deviating (-want +got):\n%s", diff)
			}
		})
	}
	if diff := cmp.Diff(map[string]string{"fast": "uid-fast", "plain": "uid-plain"}, asked); diff != "" {
		t.Errorf("asked for (-want +got):\n%s", diff)
	}
}
