package controllers

import (
	"errors"
	"maps"
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
	states := []struct {
		name string
		edit func(*v1alpha1.EvidenceScheduleSpec)
		want status.Status
	}{
		{"scheduled", func(*v1alpha1.EvidenceScheduleSpec) {}, status.CurrentStatus},
		{"a cron that never comes to pass", func(spec *v1alpha1.EvidenceScheduleSpec) { spec.Schedule = "0 0 31 2 *" }, status.FailedStatus},
		{"suspended", func(spec *v1alpha1.EvidenceScheduleSpec) { spec.Suspend = true }, status.CurrentStatus},
		{"an unknown time zone", func(spec *v1alpha1.EvidenceScheduleSpec) { spec.TimeZone = "Nowhere/Land" }, status.FailedStatus},
		{"an anchor that cannot be used", authority("unknown"), status.FailedStatus},
		{"nowhere to export to", exportedOn(v1alpha1.ExportAtPeriodEnd), status.FailedStatus},
		{"a period that is over", func(spec *v1alpha1.EvidenceScheduleSpec) { spec.Period.End.Time = noon.Add(time.Minute) }, status.CurrentStatus},
		{"scheduled again", func(*v1alpha1.EvidenceScheduleSpec) {}, status.CurrentStatus},
	}
	for _, state := range states {
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
