package report_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/report"
)

// slotTicks is how many ticks, hours here, lie between two slots.
const slotTicks = 6

// plainRun is one run of a backup, in ticks.
type plainRun struct {
	begun, started, ended, expires int
	state                          string
	extra                          bool
}

// plainBackups are a past of backups: runs by slot, nil where none was begun.
type plainBackups struct {
	slots  []*plainRun
	extras []*plainRun
	// objective and counted are those in force, by tick.
	objective []int
	counted   []bool
	last      int // the last tick that was observed
}

// what both folds must agree on.
type plainTimeline struct {
	Slots   report.BackupSlots
	Usable  int
	Beyond  []int // the ticks
	Unknown int
	Longest int
	Open    bool
}

// TestBackupsAgreeWithANaiveFold draws what becomes of slots, and holds population
// and time line against what each hour says.
func TestBackupsAgreeWithANaiveFold(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p := drawBackups(rt)
		t := drawn{t, rt}
		s := p.write(t)
		from := rapid.IntRange(0, p.last-1).Draw(rt, "from")
		to := rapid.IntRange(from+1, p.last+8).Draw(rt, "to")
		r := folded(t, s, report.Query{From: hours(from), To: hours(to)})
		b := r.Controls[0].Backups
		got := plainTimeline{Slots: b.Slots, Beyond: []int{}}
		for _, in := range b.RecoveryPoints.Beyond {
			for tick := tickOf(in.From); tick < tickOf(in.To); tick++ {
				got.Beyond = append(got.Beyond, tick)
			}
		}
		for _, o := range b.Occurrences {
			if o.Usable {
				got.Usable++
			}
		}
		if u := b.RecoveryPoints.Unknown; u != nil {
			got.Unknown = tickOf(u.To) - tickOf(u.From)
		}
		if l := b.RecoveryPoints.Longest; l != nil {
			got.Longest, got.Open = tickOf(l.To)-tickOf(l.From), l.Open
		}
		if diff := cmp.Diff(p.naive(from, to), got); diff != "" {
			rt.Fatalf("[%d, %d) (-naive +fold):\n%s", from, to, diff)
		}
	})
}

func hours(tick int) *ledger.Time { return moment(time.Duration(tick) * hour) }

func tickOf(at ledger.Time) int { return int(at.Sub(epoch) / hour) }

func drawBackups(rt *rapid.T) *plainBackups {
	p := &plainBackups{}
	states := []string{ledger.OccurrenceCompleted, ledger.OccurrenceCompleted, ledger.OccurrenceLate, ledger.OccurrencePartiallyFailed, ledger.OccurrenceFailed, ""}
	run := func(begun int, label string) *plainRun {
		r := &plainRun{begun: begun, state: rapid.SampledFrom(states).Draw(rt, label)}
		r.started = r.begun + rapid.IntRange(0, 1).Draw(rt, label+" started")
		r.ended = r.started + rapid.IntRange(1, 9).Draw(rt, label+" ended")
		r.expires = r.ended + rapid.IntRange(1, 60).Draw(rt, label+" expires")
		if r.state == "" {
			return nil
		}
		return r
	}
	for i := range rapid.IntRange(2, 20).Draw(rt, "slots") {
		p.slots = append(p.slots, run(i*slotTicks, "run"))
	}
	p.last = len(p.slots)*slotTicks - 1
	for range rapid.IntRange(0, 3).Draw(rt, "extras") {
		if r := run(rapid.IntRange(1, p.last).Draw(rt, "extra begun"), "extra"); r != nil {
			r.extra = true
			p.extras = append(p.extras, r)
		}
	}
	objective, counted := 12, false
	for range p.last + 20 {
		if rapid.IntRange(0, 30).Draw(rt, "edit") == 0 {
			objective, counted = rapid.SampledFrom([]int{4, 8, 12, 24}).Draw(rt, "objective"), !counted
		}
		p.objective, p.counted = append(p.objective, objective), append(p.counted, counted)
	}
	return p
}

// all are all runs that had ended by a tick.
func (p *plainBackups) all(by int) []*plainRun {
	of := slices.DeleteFunc(slices.Concat(p.slots, p.extras), func(r *plainRun) bool { return r == nil || r.ended > by })
	slices.SortStableFunc(of, func(a, b *plainRun) int { return a.ended - b.ended })
	return of
}

func (p *plainBackups) usable(r *plainRun) bool {
	good := r.state == ledger.OccurrenceCompleted || r.state == ledger.OccurrenceLate
	return good || (r.state == ledger.OccurrencePartiallyFailed && p.counted[r.begun])
}

// naive says hour by hour how old the newest usable backup was.
func (p *plainBackups) naive(from, to int) plainTimeline {
	end := min(to, p.last)
	of := plainTimeline{Beyond: []int{}}
	for i, r := range p.slots {
		if at := i * slotTicks; at < from || at >= end {
			continue
		}
		of.Slots.Expected++
		switch next := (i + 1) * slotTicks; {
		case r == nil && next > p.last, r != nil && r.ended > p.last:
			of.Slots.Pending++
		case r == nil:
			of.Slots.Missed++
		case r.state == ledger.OccurrenceCompleted:
			of.Slots.Completed++
		case r.state == ledger.OccurrenceLate:
			of.Slots.Late++
		case r.state == ledger.OccurrencePartiallyFailed:
			of.Slots.PartiallyFailed++
		default:
			of.Slots.Failed++
		}
	}
	var points []*plainRun
	for _, r := range p.all(p.last) {
		if r.begun >= from && r.begun < end {
			if r.extra {
				of.Slots.Extra++
			}
			if p.usable(r) {
				of.Usable++
			}
		}
		if p.usable(r) && r.ended < end {
			points = append(points, r)
		}
	}
	for t := from; t < end; t++ {
		newest, known := -1, false
		for _, r := range points {
			known = known || r.ended <= t
			if r.ended <= t && t < r.expires {
				newest = max(newest, r.started)
			}
		}
		switch {
		case !known:
			of.Unknown++
		case newest < 0 || t-newest >= p.objective[t]:
			of.Beyond = append(of.Beyond, t)
		}
	}
	of.Longest, of.Open = longest(points, from, end)
	return of
}

// longest is the longest time between the data of two points, from the one that was
// there when the period began, or the first, on.
func longest(points []*plainRun, from, end int) (length int, open bool) {
	first, starts := -1, []int{}
	for _, r := range points {
		starts = append(starts, r.started)
		if r.started < from && r.ended <= from {
			first = max(first, r.started)
		}
	}
	slices.Sort(starts)
	length = -1
	for i, at := range starts {
		next, isLast := end, i+1 == len(starts)
		if !isLast {
			next = starts[i+1]
		}
		if between := max(0, next-at); at >= first && between > length {
			length, open = between, isLast
		}
	}
	return max(length, 0), open
}

// write writes what an operator would have: each run when it has ended, and what was
// missed when the next slot has come, several at once now and then.
func (p *plainBackups) write(tb testing.TB) *scribe {
	tb.Helper()
	s := newScribe(tb)
	s.begin(ledger.OpenFirstInstall)
	for tick := range p.last + 1 {
		s.at(time.Duration(tick) * hour)
		if tick == 0 || p.objective[tick] != p.objective[tick-1] || p.counted[tick] != p.counted[tick-1] {
			s.policy("p", backedUpSpec(p.objective[tick], p.counted[tick]))
		}
		if tick == 0 {
			s.introduceBackups()
		}
		for i, r := range p.slots {
			if r != nil && r.ended == tick {
				s.ran(i*slotTicks, r)
			}
			if r == nil && (i+1)*slotTicks == tick {
				s.ran(i*slotTicks, nil)
			}
		}
		for _, r := range p.extras {
			if r.ended == tick {
				s.ran(-1, r)
			}
		}
	}
	s.beat()
	return s
}

// backedUpSpec is a policy with a control about backups every six hours.
func backedUpSpec(objective int, counted bool) v1alpha1.ControlPolicySpec {
	b := &v1alpha1.Backup{Provider: v1alpha1.BackupByVelero, Schedule: "0 */6 * * *", TimeZone: "Etc/UTC",
		RecoveryPointObjective: metav1.Duration{Duration: time.Duration(objective) * hour}, Velero: &v1alpha1.VeleroBackup{}}
	if counted {
		b.Velero.PartiallyFailed = v1alpha1.PartiallyFailedCounted
	}
	return v1alpha1.ControlPolicySpec{Mode: v1alpha1.ModeObserve,
		Scope:    v1alpha1.Scope{Cluster: v1alpha1.ClusterIncluded},
		Controls: []v1alpha1.ControlSpec{{ID: "BCK-1", Statement: "Namespaces are backed up every six hours.", Backup: b}}}
}

// introduceBackups introduces BCK-1, of which a slot is due every six hours from the
// epoch on.
func (s *scribe) introduceBackups() {
	s.write(ledger.Entry{Kind: ledger.KindControlIntroduced, Policy: s.ref("p", "BCK-1"), Control: "BCK-1", Intro: &ledger.IntroBody{
		OperatingFrom: ledger.At(s.now), Subjects: 1, Slots: &ledger.SlotsBody{Cron: "0 */6 * * *", TimeZone: "Etc/UTC",
			StartingDeadline: int64(10 * minute), Namespace: "velero", Plan: "plan", Next: moment(s.now.Sub(epoch))}}})
}

// settle fills in which slots wait, and which is due next.
func (s *scribe) settle(body *ledger.OccurrenceBody) {
	known := s.known.Backup("p", "BCK-1").Slots
	next := *known.Next
	for _, w := range known.Waiting {
		if !w.Slot.Equal(body.First.Time) {
			body.Waiting = append(body.Waiting, w)
		}
	}
	for next.Before(body.First.Time) {
		until := ledger.At(next.Add(slotTicks * hour))
		body.Waiting = append(body.Waiting, ledger.WaitingSlot{Slot: next, Until: until})
		next = until
	}
	for !next.After(body.Last.Time) {
		next = ledger.At(next.Add(slotTicks * hour))
	}
	body.Next = &next
}

// ran states what became of a slot; a run of no slot is extra, no run is missed.
func (s *scribe) ran(slot int, r *plainRun) {
	s.tb.Helper()
	body := &ledger.OccurrenceBody{Of: ledger.OccurrenceOfBackup, State: ledger.OccurrenceMissed}
	reason := ledger.OccurrenceNoRun
	if r != nil {
		reason = ""
		name := fmt.Sprintf("plan-%d-%d", r.begun, r.ended)
		body.State, body.Extra, body.First, body.Last = r.state, r.extra, *hours(r.begun), *hours(r.begun)
		body.Run = &ledger.RunBody{Plan: "plan", Namespace: "velero", Name: name, UID: fmt.Sprintf("%s-%d-%v", name, s.acts, r.extra), BegunAt: *hours(r.begun),
			StartedAt: hours(r.started), EndedAt: hours(r.ended), ExpiresAt: hours(r.expires), Phase: "Completed", Object: s.object(map[string]string{"name": name})}
	}
	if slot >= 0 {
		body.First, body.Last, body.Count = *hours(slot), *hours(slot), 1
		s.settle(body)
	}
	s.write(ledger.Entry{Kind: ledger.KindOccurrence, Policy: s.ref("p", "BCK-1"), Control: "BCK-1", Subject: new(clusterSubject()), Reason: reason, Occurrence: body})
}
