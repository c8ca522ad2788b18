package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/synthetic"
)

// scheduleName is the schedule that the demo applies.
const scheduleName = "every-minute"

// slotLimit is how long the next slots, and their collections, may take.
const slotLimit = 5 * time.Minute

func showSchedule(ctx context.Context, d *demo) error {
	if err := d.shells(ctx, "sed -n '/^spec:/,$p' hack/demo/manifests/schedule.yaml", "kubectl apply -f hack/demo/manifests/schedule.yaml"); err != nil {
		return err
	}
	schedule := &v1alpha1.EvidenceSchedule{}
	err := wait.PollUntilContextTimeout(ctx, poll, waitLimit, true, func(ctx context.Context) (bool, error) {
		err := d.client.Get(ctx, client.ObjectKey{Name: scheduleName}, schedule)
		return meta.IsStatusConditionTrue(schedule.Status.Conditions, v1alpha1.ConditionReady), err
	})
	if err != nil && !wait.Interrupted(err) {
		return err
	}
	if err := d.shells(ctx, "kubectl get evs"); err != nil {
		return err
	}
	d.claim("the next slot is known", true, schedule.Status.NextSlot != nil)
	d.claim("nobody outside the cluster is asked, and the schedule says so", "False NoAnchor", conditionOf(schedule.Status.Conditions, v1alpha1.ConditionAnchored))
	return nil
}

func showCollected(ctx context.Context, d *demo) error {
	d.story.past = d.generate(ctx) // it takes as long as the wait
	var records v1alpha1.EvidenceRecordList
	complete := -1
	// One of a moment at which something had not been probed yet is Partial.
	err := d.during("waiting for a complete collection", func() error {
		return wait.PollUntilContextTimeout(ctx, poll, slotLimit, true, func(ctx context.Context) (bool, error) {
			err := d.client.List(ctx, &records)
			complete = newestComplete(records.Items)
			return complete >= 0, err
		})
	})
	if err != nil && !wait.Interrupted(err) {
		return err
	}
	if err := d.shells(ctx, "kubectl get evr"); err != nil {
		return err
	}
	if complete < 0 {
		d.claim("a complete collection was made", true, false)
		return nil
	}
	found := records.Items[complete].Spec
	d.claim("the whole population was read again, past every cache, and compared with the record", true, found.Compared > 0 && found.Compared == found.Subjects)
	d.claim("nothing was found in another state than recorded", 0, int(found.Discrepancies))
	return nil
}

// newestComplete is the index of the newest record of a complete collection; -1 where
// there is none. While one before it was made a subject may have come, which is counted
// and was not there to be compared.
func newestComplete(records []v1alpha1.EvidenceRecord) int {
	newest := -1
	for i := range records {
		s := &records[i].Spec
		if s.Result == v1alpha1.RecordResult(v1alpha1.SlotCompleted) && (newest < 0 || s.Slot.After(records[newest].Spec.Slot.Time)) {
			newest = i
		}
	}
	return newest
}

// record is what the demo looks at in a record.
type record struct {
	Status   string
	Banners  []string
	Controls []struct {
		Policy, ID string
		Episodes   []struct {
			Origin, Ending string
		}
		// Behaviour is what rests on observed effects, by kind of probe.
		Behaviour []struct{ Of string }
		// Backups is what became of the slots of a plan.
		Backups struct{ Slots slots }
	}
	Gaps        []struct{ Cause string }
	Collections []struct{ Agrees bool }
}

// slots are those of a plan, by what became of them.
type slots struct {
	Expected, Completed, Late, PartiallyFailed, Failed, Missed, Pending int
}

// reconcile is whether some runs completed and some failed, and all slots are
// accounted for.
func (s slots) reconcile() bool {
	return s.Completed > 0 && s.Failed > 0 && s.Expected == s.Completed+s.Late+s.PartiallyFailed+s.Failed+s.Missed+s.Pending
}

func showRecord(ctx context.Context, d *demo) error {
	// To the second, the slot that was just collected would lie beyond the end.
	to := time.Now().UTC().Format("2006-01-02T15:04:05.000Z")
	made, err := d.record(ctx, "$DEMO/ledger --to "+to, "this-demo")
	if err != nil {
		return err
	}
	d.claim("it has the three drifts, each repaired", 3, made.drifts())
	d.claim("it has what the host served, corrected by others", []string{"Corrected"}, made.endings("ENC-3"))
	probes := []string{"ENC-2 Canary", "ENC-3 Certificate", "ENC-3 Handshake"}
	if d.full {
		probes = append([]string{"BCK-2 RestoreTest"}, probes...)
		d.claim("it has the runs of the plan by what came of them, and what was expected", true, made.slots().reconcile())
	}
	d.claim("it says which probes that rests on", probes, made.behaviour())
	d.claim("it has one gap in which no operator ran", 1, made.outages())
	d.claim("every collection agrees with the entries", true, made.agrees())
	d.claim("it says at once that no party outside the cluster holds a receipt", true, len(made.Banners) > 0)
	return nil
}

// drifts is the number of drifts of the network policies that were repaired.
func (r *record) drifts() int {
	n := 0
	for _, c := range r.Controls {
		for _, e := range c.Episodes {
			if c.ID == "NET-1" && e.Origin == "Drift" && e.Ending == "Repaired" {
				n++
			}
		}
	}
	return n
}

// endings are how the episodes of a control ended.
func (r *record) endings(control string) []string {
	var endings []string
	for _, c := range r.Controls {
		for _, e := range c.Episodes {
			if c.ID == control {
				endings = append(endings, e.Ending)
			}
		}
	}
	return endings
}

// behaviour are the kinds of probes that controls rest on.
func (r *record) behaviour() []string {
	var kinds []string
	for _, c := range r.Controls {
		for _, b := range c.Behaviour {
			kinds = append(kinds, c.ID+" "+b.Of)
		}
	}
	return kinds
}

// slots are those of the control of type backup.
func (r *record) slots() slots {
	for _, c := range r.Controls {
		if c.ID == "BCK-1" {
			return c.Backups.Slots
		}
	}
	return slots{}
}

// outages is the number of gaps in which no operator ran.
func (r *record) outages() int {
	n := 0
	for _, g := range r.Gaps {
		if g.Cause == "NotRunning" {
			n++
		}
	}
	return n
}

func (r *record) agrees() bool {
	for _, c := range r.Collections {
		if !c.Agrees {
			return false
		}
	}
	return len(r.Collections) > 0
}

// record has a record made of a ledger, as a page and as JSON, and reads it.
func (d *demo) record(ctx context.Context, of, name string) (*record, error) {
	if err := d.shells(ctx, fmt.Sprintf("kubectl holdfast report %s -o html --out $RECORDS/%s.html", of, name)); err != nil {
		return nil, err
	}
	if _, err := d.quietly(ctx, fmt.Sprintf("kubectl holdfast report %s -o json --out $RECORDS/%s.json", of, name)); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(filepath.Join(d.records(), name+".json"))
	if err != nil {
		return nil, err
	}
	var made record
	return &made, json.Unmarshal(data, &made)
}

// records is where records are written. They stay when the demo ends.
func (d *demo) records() string { return filepath.Join(d.bin(), "demo-records") }

// half is the past that the demo generates.
func half() synthetic.Options {
	return synthetic.Options{Seed: 2026, Heartbeat: 30 * time.Minute, Collections: 6 * time.Hour, Anchored: true}
}

// generated is a past that was generated, or why it was not.
type generated struct {
	*synthetic.History
	err error
}

// generate begins to generate half a year.
func (d *demo) generate(ctx context.Context) <-chan generated {
	done := make(chan generated, 1)
	go func() {
		past, err := synthetic.Write(ctx, d.path("half"), half())
		done <- generated{past, err}
	}()
	return done
}

func showHalf(ctx context.Context, d *demo) error {
	var past *synthetic.History
	err := d.during("generating six months of 40 namespaces", func() error {
		made := <-d.story.past
		past = made.History
		return made.err
	})
	if err != nil {
		return err
	}
	if err := d.keepHalf(past); err != nil {
		return err
	}
	period := fmt.Sprintf("$DEMO/half --from %s --to %s", past.Start.Format(time.DateOnly), past.End.Format(time.DateOnly))
	made, err := d.record(ctx, period, "six-months")
	if err != nil {
		return err
	}
	const known = ` --key "$(cat $DEMO/half.key)" --held $DEMO/half.checkpoint`
	_, verified, err := d.status(ctx, "kubectl holdfast verify $DEMO/half"+known+` --witness-key "$(cat $DEMO/witness.key)"`)
	if err != nil {
		return err
	}
	_, again, err := d.status(ctx, fmt.Sprintf("kubectl holdfast report %s -o html --out - | cmp - $RECORDS/six-months.html", period))
	if err != nil {
		return err
	}
	if err := d.shells(ctx, `kubectl holdfast sample $DEMO/half --population items --control production-baseline/NET-1 --at 2026-06-30`+
		` --seed "JD 2026-07-14" --n 3 --out $RECORDS/sample`+known); err != nil {
		return err
	}
	d.claim("the record is of the whole period", "Complete", made.Status)
	d.claim("the ledger is valid (exit status 0)", 0, verified)
	d.claim("every collection agrees with the entries", true, made.agrees())
	d.claim("made again, the record is the same, byte for byte", 0, again)
	d.note("the records are in %s: open six-months.html and this-demo.html", d.records())
	return nil
}

// keepHalf keeps what an auditor would have kept of the generated ledger.
func (d *demo) keepHalf(past *synthetic.History) error {
	if err := os.WriteFile(d.path("half.key"), []byte(past.VerifierKeys[0]+"\n"), 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(d.path("witness.key"), []byte(past.WitnessKey+"\n"), 0o600); err != nil {
		return err
	}
	return os.WriteFile(d.path("half.checkpoint"), past.Held[0], 0o600)
}
