package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/ledger/clusterstore"
	"github.com/holdfast-dev/holdfast/internal/report"
	"github.com/holdfast-dev/holdfast/test/harness"
)

// slot is the time from one slot to the next, of an operator that is hasty.
const slot = 3 * time.Second

var _ = Describe("Evidence", Ordered, ContinueOnFailure, func() {
	var hasty string
	BeforeAll(func() {
		hasty = harness.Build(newTB(), harness.BuildOptions{Patches: []harness.Patch{harness.Hasty(int(slot.Seconds()))}})
	})

	It("E6: records an operator that was stopped for three slots as that gap and one Occurrence", func() {
		s := onOwn("stopped", harness.OperatorOptions{Binary: hasty})
		s.protected(2)
		begun := time.Now()
		s.ApplySchedule(s.tb, harness.EachMinute(s.name))
		last := s.awaitSlots(ledger.CollectionCompleted, 2)
		s.op.Stop(s.tb)
		s.eventually("three slots pass", func() error { return passed(last.Add(4 * slot)) })
		s.op.Start(s.tb)
		s.awaitSlots(ledger.CollectionCompleted, 4)

		slots := s.slots()
		Expect(unbroken(slots)).To(Succeed())
		// A machine that is busy may take longer than a slot for a collection.
		missed := slices.DeleteFunc(slices.Clone(slots), func(x harness.Slot) bool { return x.Entry.Reason != "NotRunning" })
		Expect(missed).To(HaveLen(1), "one entry for all of them")
		Expect(missed[0].Count).To(BeNumerically(">=", 3))
		Expect(missed[0].Last.Sub(missed[0].First)).To(Equal(time.Duration(missed[0].Count-1) * slot))
		gaps := s.op.Evidence(s.tb).Gaps(ledger.CauseNotRunning)
		Expect(gaps.Want(1)).To(Succeed())
		Expect(gaps[0].Gap.From.Before(missed[0].First.Add(slot))).To(BeTrue(), "the gap begins before the first of them is over")
		Expect(gaps[0].Gap.To.After(missed[0].Last)).To(BeTrue(), "and ends after the last")

		record := s.record(begun)
		Expect(record.Slots).To(HaveLen(1))
		Expect(record.Slots[0].Missed).To(BeNumerically(">=", missed[0].Count))
		Expect(record.Slots[0].Failed + record.Slots[0].Partial).To(BeZero())
		Expect(gapsOf(record, ledger.CauseNotRunning)).To(Equal(1))
	})

	It("E4: collects partly while a permission is lost, and evaluates nothing that needs it", func() {
		s := onOwn("denied", harness.OperatorOptions{Binary: hasty})
		names := s.protected(2)
		begun := time.Now()
		s.ApplySchedule(s.tb, harness.EachMinute(s.name))
		s.awaitSlots(ledger.CollectionCompleted, 1)
		s.op.Rights.Revoke(s.tb, "networkpolicies", "list")
		s.awaitSlots(ledger.CollectionPartial, 1)
		s.AwaitScheduleCondition(s.tb, s.name, v1alpha1.ConditionEvidenceRecorded, metav1.ConditionFalse, v1alpha1.ReasonCollectionPartial)
		s.eventually("a record says so", func() error {
			for _, r := range s.Records(s.tb, s.name) {
				if r.Spec.Result != "Partial" {
					continue
				}
				if c := r.Spec.Controls[0]; int(c.NotEvaluated) != len(names) || c.Conforming != 0 {
					return fmt.Errorf("it counts %+v", c)
				}
				return nil
			}
			return fmt.Errorf("there is none")
		})
		s.op.Rights.Restore(s.tb)
		whole := len(s.slots())
		s.eventually("it is collected completely again", func() error {
			if slots := s.slots(); len(slots) <= whole || slots[len(slots)-1].State != ledger.CollectionCompleted {
				return fmt.Errorf("slots: %+v", slots)
			}
			return nil
		})
		slots := s.slots()
		Expect(unbroken(slots)).To(Succeed())
		for _, x := range slots {
			// A machine that is busy may take longer than a slot for a collection.
			Expect(x.State == ledger.OccurrenceMissed && x.Entry.Reason != "Overrun").To(BeFalse(), "slot %s passed: %s", x.First, x.Entry.Reason)
		}
		Expect(s.record(begun).Slots[0].Partial).To(BeNumerically(">=", 1))
	})

	It("E6: has an entry for each slot while the API server is away", func() {
		proxy, err := apart.Proxy(0)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(proxy.Close)
		s := onOwn("away", harness.OperatorOptions{Binary: hasty, APIServer: proxy.Addr(), Args: []string{"--leader-elect=false", "--progress-timeout=2s"}})
		s.protected(1)
		begun := time.Now()
		s.ApplySchedule(s.tb, harness.EachMinute(s.name))
		s.awaitSlots(ledger.CollectionCompleted, 1)
		Expect(proxy.Cut()).To(Succeed())
		before := len(s.slots())
		s.eventually("two slots pass", func() error {
			incomplete := 0
			for _, x := range s.slots()[before:] {
				if x.State != ledger.CollectionCompleted {
					incomplete += x.Count
				}
			}
			if incomplete < 2 {
				return fmt.Errorf("%d slots are incomplete", incomplete)
			}
			if len(s.op.Evidence(s.tb).Gaps(ledger.CauseUnreachable)) == 0 {
				return errors.New("no gap says so yet")
			}
			return nil
		})
		Expect(proxy.Resume()).To(Succeed())
		resumed := len(s.slots())
		s.eventually("it is collected completely again", func() error {
			for _, x := range s.slots()[resumed:] {
				if x.State == ledger.CollectionCompleted {
					return nil
				}
			}
			return fmt.Errorf("slots: %+v", s.slots()[resumed:])
		})
		s.AwaitScheduleCondition(s.tb, s.name, v1alpha1.ConditionEvidenceRecorded, metav1.ConditionTrue, v1alpha1.ReasonCollected)
		Expect(unbroken(s.slots())).To(Succeed())
		record := s.record(begun)
		Expect(gapsOf(record, ledger.CauseUnreachable)).NotTo(BeZero())
		Expect(record.Slots[0].Failed + record.Slots[0].Partial + record.Slots[0].Missed).To(BeNumerically(">=", 2))
	})

	It("E15 E30: tells of a control that came late, a loosened tolerance, and a namespace that left during an episode", func() {
		s := onOwn("story", harness.OperatorOptions{Binary: hasty})
		begun := time.Now()
		name := s.namespace("shop")
		s.Apply(s.tb, s.policy("").Tolerate(time.Second))
		const kept = 2
		s.ApplySchedule(s.tb, harness.EachMinute(s.name, func(spec *v1alpha1.EvidenceScheduleSpec) { spec.RecordsHistoryLimit = new(int32(kept)) }))
		s.awaitEpisodes(1, ledger.OriginBaseline, "")
		collected := s.awaitSlots(ledger.CollectionCompleted, 1)
		s.Apply(s.tb, s.policy("").Tolerate(time.Hour))
		s.Apply(s.tb, s.policy("").Tolerate(time.Hour).Control("NET-2").Deny(v1alpha1.DirectionEgress))
		s.eventually("the second control is introduced", func() error {
			return s.evidence().Kind(ledger.KindControlIntroduced).Where(func(e *ledger.Entry) bool { return e.Control == "NET-2" }).Want(1)
		})
		s.Label(s.tb, name, label, "elsewhere")
		s.awaitEpisodes(2, ledger.OriginBaseline, ledger.EndingLeftScope)
		s.awaitSlots(ledger.CollectionCompleted, 3)

		record := s.record(begun)
		Expect(record.Controls).To(HaveLen(2))
		first, second := record.Controls[0], record.Controls[1]
		Expect(first.Definitions).To(HaveLen(2), "results split where the tolerance changed, and only there")
		Expect([]int64{*first.Definitions[0].CorrectionWithin, *first.Definitions[1].CorrectionWithin}).
			To(Equal([]int64{int64(time.Second), int64(time.Hour)}))
		Expect(second.Definitions).To(HaveLen(1))
		Expect(second.NotInOperation).NotTo(BeEmpty(), "it was not in operation from the period's start")
		Expect(second.IntroducedAt.After(first.IntroducedAt.Time)).To(BeTrue())
		for _, c := range record.Controls {
			Expect(c.Left).To(HaveLen(1))
			Expect(c.Left[0].Subject.Name).To(Equal(name))
			Expect(c.Left[0].Episode).NotTo(BeEmpty(), "an episode was open when it left")
			Expect(c.Left[0].Out).To(BeNumerically(">", 0))
		}
		Expect(len(record.Collections)).To(BeNumerically(">", kept), "the ledger has those of which the EvidenceRecord is gone")
		for _, c := range record.Collections {
			Expect(c.Agrees).To(BeTrue(), "%v", c.Disagreements)
		}
		s.eventually("no more EvidenceRecords are kept than the schedule says", func() error {
			records := s.Records(s.tb, s.name)
			if len(records) != kept || !records[0].Spec.Slot.After(collected) {
				return fmt.Errorf("there are %d, of which one may be of %s", len(records), collected)
			}
			return nil
		})
	})

	It("Issue 5: names the value that lets it observe an optional kind, observes all that are served, and collects them", func() {
		newScene(apart, nil, "optional").serveOptionalKinds()
		s := prepareOwn("optional", harness.OperatorOptions{Binary: hasty, Values: []string{"observe.cilium=Disabled"}})
		s.namespaces(1)
		s.Apply(s.tb, s.policyOnEverything())
		s.op.Start(s.tb)
		policy := s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionConforming, metav1.ConditionUnknown, v1alpha1.ReasonNotEvaluated)
		Expect(conforming(policy).Message).To(MatchRegexp(
			`cilium\S+ cannot be observed: .*set the chart's value observe\.cilium=Enabled, or grant \{apiGroups: \[cilium\.io\]`))

		s.op.Upgrade(s.tb, "observe.cilium=Auto")
		s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionConforming, metav1.ConditionFalse, v1alpha1.ReasonDeviating)
		s.ApplySchedule(s.tb, harness.EachMinute(s.name))
		s.awaitSlots(ledger.CollectionCompleted, 1)
	})

	It("goes on when an anchor is dead, and says so", func() {
		s := onOwn("unanchored", harness.OperatorOptions{Binary: hasty})
		s.protected(1)
		s.ApplySchedule(s.tb, harness.EachMinute(s.name, func(spec *v1alpha1.EvidenceScheduleSpec) {
			spec.Anchors = []v1alpha1.EvidenceAnchor{{Name: "dead", Timestamp: &v1alpha1.TimestampAnchor{URL: "http://127.0.0.1:1/"}}}
		}))
		s.awaitSlots(ledger.CollectionCompleted, 3)
		s.AwaitScheduleCondition(s.tb, s.name, v1alpha1.ConditionAnchored, metav1.ConditionFalse, v1alpha1.ReasonAnchorUnreachable)
		s.AwaitScheduleCondition(s.tb, s.name, v1alpha1.ConditionEvidenceRecorded, metav1.ConditionTrue, v1alpha1.ReasonCollected)
		Expect(s.op.Evidence(s.tb).Kind(ledger.KindAnchorFailed).Want(1)).To(Succeed(), "once until it answers again")
		Expect(unbroken(s.slots())).To(Succeed())
		s.drift(s.name + "-000")
		s.awaitEpisodes(1, ledger.OriginDrift, ledger.EndingRepaired)
	})

	It("E36 E38: shows by a record alone that the volume and the head mark were set back", func() {
		s := onOwn("setback", harness.OperatorOptions{Binary: hasty})
		s.protected(1)
		s.ApplySchedule(s.tb, harness.EachMinute(s.name))
		s.awaitSlots(ledger.CollectionCompleted, 1)
		s.op.Stop(s.tb)
		volume, mark := filepath.Join(s.tb.TempDir(), "volume"), s.headMark()
		Expect(os.CopyFS(volume, os.DirFS(s.op.LedgerDir))).To(Succeed())

		stopped := time.Now()
		s.op.Start(s.tb)
		s.eventually("a record is written of what the copy does not have", func() error {
			records := s.Records(s.tb, s.name)
			if n := len(records); n == 0 || !records[n-1].Spec.Slot.After(stopped) {
				return fmt.Errorf("there are %d", n)
			}
			return nil
		})
		s.op.Stop(s.tb)
		records := s.Records(s.tb, s.name)
		held := []byte(records[len(records)-1].Spec.Checkpoint.Note)
		valid, err := ledger.Verify(s.tb.Context(), s.op.LedgerDir, ledger.VerifyOptions{Keys: []string{records[0].Spec.Ledger.VerifierKey}, Held: [][]byte{held}})
		Expect(err).NotTo(HaveOccurred())
		Expect(valid.Status).To(Equal(ledger.VerifyValid), "%v %v", valid.Problems, valid.Missing)

		Expect(os.RemoveAll(s.op.LedgerDir)).To(Succeed())
		Expect(os.CopyFS(s.op.LedgerDir, os.DirFS(volume))).To(Succeed())
		s.setHeadMark(mark)
		s.op.Start(s.tb)
		s.eventually("a successor says so", func() error {
			opened := s.op.Evidence(s.tb).Kind(ledger.KindLedgerOpened)
			if len(opened) != 1 || opened[0].Ledger.Reason != ledger.OpenVolumeRegressed {
				return fmt.Errorf("the ledger begins with %s", opened)
			}
			return nil
		})
	})

	It("E35: exports records, marked as interim while the period lasts", func() {
		dir := newTB().TempDir()
		s := onOwn("exporting", harness.OperatorOptions{Binary: hasty, Args: []string{"--export-dir", dir}})
		s.protected(1)
		s.ApplySchedule(s.tb, harness.EachMinute(s.name, func(spec *v1alpha1.EvidenceScheduleSpec) {
			spec.Period = v1alpha1.EvidencePeriod{Start: &metav1.Time{Time: time.Now().Add(-time.Hour)}, End: &metav1.Time{Time: time.Now().Add(time.Hour)}}
			spec.Exports = []v1alpha1.EvidenceExport{{Name: "now", When: v1alpha1.ExportAtEveryCollection,
				Formats: []v1alpha1.ExportFormat{v1alpha1.ExportHTML, v1alpha1.ExportBundle}}}
		}))
		s.eventually("a record is written", func() error {
			exports := s.GetSchedule(s.tb, s.name).Status.Exports
			if len(exports) != 1 || exports[0].WrittenFor == nil || exports[0].Message != "" {
				return fmt.Errorf("exports: %+v", exports)
			}
			return nil
		})
		for _, extension := range []string{"html", "tar.zst"} {
			files, err := filepath.Glob(filepath.Join(dir, s.name, "now", "*-interim."+extension))
			Expect(err).NotTo(HaveOccurred())
			Expect(files).To(HaveLen(1))
		}
	})

	It("collects on the minute", func() {
		s := onOwn("minutely", harness.OperatorOptions{})
		s.protected(1)
		s.ApplySchedule(s.tb, harness.EachMinute(s.name))
		harness.EventuallyWithin(s.tb, 2*time.Minute, "a record is written", func() error {
			if len(s.Records(s.tb, s.name)) == 0 {
				return fmt.Errorf("there is none")
			}
			return nil
		})
		record := s.Records(s.tb, s.name)[0]
		Expect(record.Spec.Slot.Second()).To(BeZero())
		Expect(record.Spec.Result).To(BeEquivalentTo(ledger.CollectionCompleted))
		Expect(record.Spec.Subjects).To(BeEquivalentTo(1))
		Expect(record.Spec.Anchored).To(Equal(v1alpha1.AnchoredUndeclared))
		s.AwaitScheduleCondition(s.tb, s.name, v1alpha1.ConditionAnchored, metav1.ConditionFalse, v1alpha1.ReasonNoAnchor)
	})
})

// slots are what the ledger says of the slots of the scene's schedule.
func (s *scene) slots() []harness.Slot { return s.op.Evidence(s.tb).Slots(s.name) }

// awaitSlots waits until so many slots are in a state, and returns the last one's time.
func (s *scene) awaitSlots(state string, n int) time.Time {
	GinkgoHelper()
	var last time.Time
	s.eventually(fmt.Sprintf("%d slots are %s", n, state), func() error {
		found := 0
		for _, x := range s.slots() {
			if x.State == state {
				found, last = found+1, x.Last
			}
		}
		if found < n {
			return fmt.Errorf("%d are, of %+v", found, s.slots())
		}
		return nil
	})
	return last
}

// unbroken says where a slot is not the one that the entry before announces.
func unbroken(slots []harness.Slot) error {
	for i := 1; i < len(slots); i++ {
		var announced *ledger.Time
		switch before := slots[i-1].Entry; before.Kind {
		case ledger.KindCollected:
			announced = before.Collection.Next
		default:
			announced = before.Occurrence.Next
		}
		if announced == nil || !announced.Equal(slots[i].First) {
			return fmt.Errorf("slot %s follows one that announces %v", slots[i].First, announced)
		}
	}
	return nil
}

// record folds the operator's ledger from a time to now.
func (s *scene) record(from time.Time) *report.Record {
	GinkgoHelper()
	reader, err := ledger.NewReader(s.op.LedgerDir)
	Expect(err).NotTo(HaveOccurred())
	begin, end := ledger.At(from), ledger.At(time.Now())
	record, err := report.Fold(context.Background(), reader, report.Query{From: &begin, To: &end})
	Expect(err).NotTo(HaveOccurred())
	return record
}

// gapsOf counts the gaps of a cause.
func gapsOf(r *report.Record, cause string) int {
	n := 0
	for _, g := range r.Gaps {
		if g.Cause == cause {
			n++
		}
	}
	return n
}

// passed returns nil once a time has come.
func passed(t time.Time) error {
	if left := time.Until(t); left > 0 {
		return fmt.Errorf("%s are left", left)
	}
	return nil
}

// headMark reads the operator's head mark.
func (s *scene) headMark() map[string]string {
	GinkgoHelper()
	mark := &corev1.ConfigMap{}
	Expect(s.Get(context.Background(), client.ObjectKey{Namespace: s.op.Namespace, Name: clusterstore.HeadName}, mark)).To(Succeed())
	return mark.Data
}

// setHeadMark puts an old head mark back.
func (s *scene) setHeadMark(data map[string]string) {
	GinkgoHelper()
	mark := &corev1.ConfigMap{}
	Expect(s.Get(context.Background(), client.ObjectKey{Namespace: s.op.Namespace, Name: clusterstore.HeadName}, mark)).To(Succeed())
	mark.Data = data
	Expect(s.Update(context.Background(), mark)).To(Succeed())
}
