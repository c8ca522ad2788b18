package controllers

import (
	"encoding/json"
	"errors"
	"flag"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/anchor"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// kstatusOf is what kstatus makes of an object.
func kstatusOf(t *testing.T, object client.Object) status.Status {
	t.Helper()
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		t.Fatal(err)
	}
	return compute(t, &unstructured.Unstructured{Object: fields})
}

func compute(t *testing.T, object *unstructured.Unstructured) status.Status {
	t.Helper()
	result, err := status.Compute(object)
	if err != nil {
		t.Fatal(err)
	}
	return result.Status
}

// wantConventions shows that conditions are stated as kstatus has it: Ready always,
// Reconciling and Stalled only while they are True, each for the generation observed.
func wantConventions(t *testing.T, conditions []metav1.Condition, observed int64) {
	t.Helper()
	if meta.FindStatusCondition(conditions, v1alpha1.ConditionReady) == nil {
		t.Error("there is no condition Ready")
	}
	for _, c := range conditions {
		abnormal := c.Type == v1alpha1.ConditionReconciling || c.Type == v1alpha1.ConditionStalled
		if abnormal && c.Status != metav1.ConditionTrue {
			t.Errorf("%s is %s: it should be absent", c.Type, c.Status)
		}
		if c.ObservedGeneration != observed {
			t.Errorf("%s is stated for generation %d, the status for %d", c.Type, c.ObservedGeneration, observed)
		}
	}
}

var update = flag.Bool("update", false, "write the files that tests compare with")

// states is the file of objects in every state, beside what kstatus says of each:
// the health checks for Argo CD are tested with it, in hack/argocd.
const states = "testdata/kstatus.json"

// state is an object, and what kstatus makes of it.
type state struct {
	Name    string         `json:"name"`
	Kstatus status.Status  `json:"kstatus"`
	Object  map[string]any `json:"object"`
}

// stateOf is the state that an object is in: what health hangs on, as the API server
// shows it, which fills in that no generation is observed.
func stateOf(t *testing.T, name, kind string, generation, observed int64, conditions []metav1.Condition) state {
	t.Helper()
	list, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&v1alpha1.ControlPolicyStatus{Conditions: conditions})
	if err != nil {
		t.Fatal(err)
	}
	list["observedGeneration"] = observed
	fields := map[string]any{"apiVersion": v1alpha1.GroupVersion.String(), "kind": kind,
		"metadata": map[string]any{"name": "x", "generation": generation}, "status": list}
	return state{Name: name, Kstatus: compute(t, &unstructured.Unstructured{Object: fields}), Object: fields}
}

// TestStatesForArgoCD keeps the file of states.
func TestStatesForArgoCD(t *testing.T) {
	var all []state
	add := func(name, kind string, generation, observed int64, conditions []metav1.Condition) {
		for i := range conditions {
			conditions[i].LastTransitionTime = metav1.Time{Time: noon}
		}
		all = append(all, stateOf(t, name, kind, generation, observed, conditions))
	}
	cases := conditionCases()
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		var status v1alpha1.ControlPolicyStatus
		summaryOf(t, cases[name].edits...).fill(&status, 1)
		add(name, "ControlPolicy", 1, status.ObservedGeneration, status.Conditions)
	}
	var before v1alpha1.ControlPolicyStatus
	summaryOf(t).fill(&before, 1)
	add("edited, and not seen yet", "ControlPolicy", 2, before.ObservedGeneration, before.Conditions)
	add("created", "ControlPolicy", 1, 0, nil)
	add("created", "EvidenceSchedule", 1, 0, nil)
	r := NewEvidenceReconciler(EvidenceOptions{Now: func() time.Time { return noon }, NewAnchor: noAnchor})
	for i, s := range scheduleStates() {
		schedule := &v1alpha1.EvidenceSchedule{ObjectMeta: metav1.ObjectMeta{Name: "s", Generation: int64(i + 1)}, Spec: *year(s.edit)}
		declared, err := r.declare(schedule)
		if err != nil {
			t.Fatal(err)
		}
		pass := &schedulePass{schedule: schedule, declared: declared, now: noon, health: ledger.Health{Available: true}}
		pass.fill(&schedule.Status, nil, nil)
		add(s.name, "EvidenceSchedule", schedule.Generation, schedule.Status.ObservedGeneration, schedule.Status.Conditions)
	}
	got, err := json.MarshalIndent(all, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(states, append(got, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(states)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.TrimSpace(string(want)), string(got)); diff != "" {
		t.Errorf("%s is not what the code gives; write it with -update (-file +code):\n%s", states, diff)
	}
}

// TestKstatusOfPolicies takes each state that a policy can be in, after each other
// one: how the cluster stands is no matter of Holdfast's own work.
func TestKstatusOfPolicies(t *testing.T) {
	cases := conditionCases()
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		tc := cases[name]
		t.Run(name, func(t *testing.T) {
			want := status.FailedStatus
			switch {
			case strings.HasPrefix(tc.ready, "True "):
				want = status.CurrentStatus
			case strings.HasPrefix(tc.ready, "False "+v1alpha1.ReasonNewGeneration):
				want = status.InProgressStatus
			}
			object := policy("p")
			for before := range cases {
				summaryOf(t, cases[before].edits...).fill(&object.Status, object.Generation)
				summaryOf(t, tc.edits...).fill(&object.Status, object.Generation)
				if got := kstatusOf(t, object); got != want {
					t.Fatalf("after %q: %s, want %s: %+v", before, got, want, object.Status.Conditions)
				}
				wantConventions(t, object.Status.Conditions, 1)
			}
			object.Generation++
			if got := kstatusOf(t, object); got != status.InProgressStatus {
				t.Errorf("after an edit: %s", got)
			}
			summaryOf(t, tc.edits...).fill(&object.Status, object.Generation)
			if got := kstatusOf(t, object); got != status.InProgressStatus || object.Status.ObservedGeneration != 1 {
				t.Errorf("before the edit is put in force: %s of generation %d", got, object.Status.ObservedGeneration)
			}
		})
	}
}

// scheduleState is a declaration, and what kstatus is to make of it once it is seen.
type scheduleState struct {
	name string
	edit func(*v1alpha1.EvidenceScheduleSpec)
	want status.Status
}

// scheduleStates has a declaration for each reason of Ready.
func scheduleStates() []scheduleState {
	return []scheduleState{
		{"scheduled", func(*v1alpha1.EvidenceScheduleSpec) {}, status.CurrentStatus},
		{"a cron that never comes to pass", func(spec *v1alpha1.EvidenceScheduleSpec) { spec.Schedule = "0 0 31 2 *" }, status.FailedStatus},
		{"suspended", func(spec *v1alpha1.EvidenceScheduleSpec) { spec.Suspend = true }, status.CurrentStatus},
		{"an unknown time zone", func(spec *v1alpha1.EvidenceScheduleSpec) { spec.TimeZone = "Nowhere/Land" }, status.FailedStatus},
		{"an anchor that cannot be used", authority("unknown"), status.FailedStatus},
		{"nowhere to export to", exportedOn(v1alpha1.ExportAtPeriodEnd), status.FailedStatus},
		{"a period that is over", func(spec *v1alpha1.EvidenceScheduleSpec) { spec.Period.End.Time = noon.Add(time.Minute) }, status.CurrentStatus},
		{"scheduled again", func(*v1alpha1.EvidenceScheduleSpec) {}, status.CurrentStatus},
	}
}

// noAnchor knows no anchor.
func noAnchor(v1alpha1.EvidenceAnchor) (anchor.Anchor, error) {
	return nil, errors.New("the test knows no such anchor")
}

// testKstatus takes a schedule through all states of Ready, by the reconciler.
func testKstatus(s *stage) {
	seen := map[string]bool{}
	want := func(when string, want status.Status) {
		s.Helper()
		object, live := &v1alpha1.EvidenceSchedule{}, &unstructured.Unstructured{}
		live.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("EvidenceSchedule"))
		key := client.ObjectKey{Name: s.schedule}
		if err := errors.Join(s.Get(s.Context(), key, object), s.Get(s.Context(), key, live)); err != nil {
			s.Fatal(err)
		}
		if got := compute(s.T, live); got != want {
			s.Errorf("%s: %s, want %s: %+v", when, got, want, object.Status.Conditions)
		}
		if ready := meta.FindStatusCondition(object.Status.Conditions, v1alpha1.ConditionReady); ready != nil {
			seen[ready.Reason] = true
			wantConventions(s.T, object.Status.Conditions, object.Status.ObservedGeneration)
		}
	}
	for _, state := range scheduleStates() {
		s.declare(state.edit)
		want(state.name+", not seen yet", status.InProgressStatus)
		s.status()
		want(state.name, state.want)
	}
	for _, result := range []string{ledger.CollectionCompleted, ledger.CollectionPartial, ledger.CollectionFailed} {
		s.collector.state = result
		s.pass(time.Hour)
		s.status()
		want("a collection that is "+result, status.CurrentStatus)
	}
	s.breakLedger()
	s.status()
	want("a ledger that cannot be written", status.CurrentStatus)
	s.repairLedger()

	var missing []string
	for _, reason := range []string{v1alpha1.ReasonScheduled, v1alpha1.ReasonSuspended, v1alpha1.ReasonPeriodOver, v1alpha1.ReasonInvalidSchedule,
		v1alpha1.ReasonInvalidTimeZone, v1alpha1.ReasonInvalidAnchor, v1alpha1.ReasonExportNotConfigured} {
		if !seen[reason] {
			missing = append(missing, reason)
		}
	}
	if diff := cmp.Diff([]string(nil), missing); diff != "" {
		s.Errorf("reasons of Ready that no state has (-want +got):\n%s", diff)
	}
	records := s.records() // which have no status: they are what they are
	if len(records) != 3 {
		s.Errorf("%d records, want one of each collection", len(records))
	}
	for _, record := range records {
		if got := kstatusOf(s.T, &record); got != status.CurrentStatus {
			s.Errorf("EvidenceRecord %s: %s", record.Name, got)
		}
	}
}
