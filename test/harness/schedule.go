package harness

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// Hasty has an operator take a cron of every minute for one of every so many seconds:
// a test then sees slots pass. Other crons are as they are, so that evaluators pass
// their self-tests.
func Hasty(seconds int) Patch {
	return Patch{
		File: "internal/slots/slots.go",
		Old:  `cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow).Parse(spec)`,
		New: fmt.Sprintf(`cron.NewParser(cron.SecondOptional | cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow).
		Parse(map[bool]string{true: "*/%d "}[spec == "* * * * *"] + spec)`, seconds),
	}
}

// EachMinute is a schedule of every minute over a rolling period, with edits.
func EachMinute(name string, edits ...func(*v1alpha1.EvidenceScheduleSpec)) *v1alpha1.EvidenceSchedule {
	s := &v1alpha1.EvidenceSchedule{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.EvidenceScheduleSpec{
		Schedule: "* * * * *", Period: v1alpha1.EvidencePeriod{Rolling: &metav1.Duration{Duration: 24 * time.Hour}},
	}}
	for _, edit := range edits {
		edit(&s.Spec)
	}
	return s
}

// ApplySchedule creates a schedule, or gives it another spec.
func (c *Cluster) ApplySchedule(tb testing.TB, s *v1alpha1.EvidenceSchedule) *v1alpha1.EvidenceSchedule {
	tb.Helper()
	object := &v1alpha1.EvidenceSchedule{ObjectMeta: metav1.ObjectMeta{Name: s.Name}}
	_, err := controllerutil.CreateOrUpdate(context.Background(), c.Client, object, func() error { object.Spec = s.Spec; return nil })
	if err != nil {
		tb.Fatalf("apply schedule %s: %v", s.Name, err)
	}
	return object
}

// GetSchedule reads a schedule.
func (c *Cluster) GetSchedule(tb testing.TB, name string) *v1alpha1.EvidenceSchedule {
	tb.Helper()
	s := &v1alpha1.EvidenceSchedule{}
	if err := c.Get(context.Background(), client.ObjectKey{Name: name}, s); err != nil {
		tb.Fatalf("read schedule %s: %v", name, err)
	}
	return s
}

// AwaitScheduleCondition waits until a condition of a schedule is what is wanted.
func (c *Cluster) AwaitScheduleCondition(tb testing.TB, name, condition string, status metav1.ConditionStatus, reason string) *v1alpha1.EvidenceSchedule {
	tb.Helper()
	var s *v1alpha1.EvidenceSchedule
	Eventually(tb, fmt.Sprintf("schedule %s is %s=%s/%s", name, condition, status, reason), func() error {
		s = c.GetSchedule(tb, name)
		got := meta.FindStatusCondition(s.Status.Conditions, condition)
		if got == nil || got.Status != status || got.Reason != reason {
			return fmt.Errorf("it is %+v", got)
		}
		return nil
	})
	return s
}

// Records are the EvidenceRecords of a schedule, oldest first.
func (c *Cluster) Records(tb testing.TB, schedule string) []v1alpha1.EvidenceRecord {
	tb.Helper()
	list := &v1alpha1.EvidenceRecordList{}
	if err := c.List(context.Background(), list, client.MatchingLabels{v1alpha1.LabelSchedule: schedule}); err != nil {
		tb.Fatalf("list the records of schedule %s: %v", schedule, err)
	}
	slices.SortFunc(list.Items, func(a, b v1alpha1.EvidenceRecord) int { return strings.Compare(a.Name, b.Name) })
	return list.Items
}

// Slot is what the ledger says of one slot, or of a run of missed ones.
type Slot struct {
	First, Last time.Time
	Count       int
	// State is Completed, Partial, Failed or Missed.
	State string
	Entry *ledger.Entry
}

// Slots are the slots of a schedule, in order.
func (e Evidence) Slots(schedule string) []Slot {
	var slots []Slot
	for _, entry := range e {
		switch {
		case entry.Schedule == nil || entry.Schedule.Name != schedule:
		case entry.Kind == ledger.KindCollected:
			at := entry.Collection.Slot.Time
			slots = append(slots, Slot{at, at, 1, entry.Collection.State, entry})
		case entry.Kind == ledger.KindOccurrence:
			o := entry.Occurrence
			slots = append(slots, Slot{o.First.Time, o.Last.Time, o.Count, o.State, entry})
		}
	}
	return slots
}
