package ledger

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	pruneSegment = 40
	pruneFloor   = 3600 // seconds
)

// pastLedger is a ledger of some segments, all of whose entries but the newest
// are older than the retention floor. It is open.
func pastLedger(t *testing.T, hold bool) *clerk {
	t.Helper()
	r := newRig(t)
	r.opts.SegmentSize, r.opts.SnapshotEvery = pruneSegment, 25
	c := newClerk(r, "one")
	c.rec.ObservationBegan(c.now())
	c.start()
	c.attach()
	for _, d := range append(declared(), scheduleDraft(scheduleRef("a", 1), ChangeCreated, pruneFloor, hold, nil)) {
		c.durable(withSpec(t, d))
	}
	for i := range 40 {
		c.durable(drift(), withObject(t, correction(), i), beat())
	}
	c.clock.Add(2 * pruneFloor * 1e6)
	return c
}

// withSpec gives a draft a spec that is an object.
func withSpec(t *testing.T, d Draft) Draft {
	t.Helper()
	if d.Change == nil {
		return d
	}
	o, err := NewObject("spec")
	if err != nil {
		t.Fatal(err)
	}
	change := *d.Change
	change.To, d.Change = o.Digest, &change
	d.Payload = func() ([]Input, []Object, error) { return nil, []Object{o}, nil }
	return d
}

// withObject gives a draft an input of its own.
func withObject(t *testing.T, d Draft, n int) Draft {
	t.Helper()
	o, err := NewObject(map[string]int{"n": n})
	if err != nil {
		t.Fatal(err)
	}
	d.Payload = func() ([]Input, []Object, error) {
		return []Input{{Role: "namespace", Digest: o.Digest}}, []Object{o}, nil
	}
	return d
}

// age makes every object old enough to be removed.
func (c *clerk) age(t *testing.T) {
	t.Helper()
	old := time.Now().Add(-2 * objectGrace)
	for path := range files(t, filepath.Join(c.rec.Log().place.dir, objectsDir)) {
		if err := os.Chtimes(path, old, old); err != nil {
			t.Fatal(err)
		}
	}
}

// settled waits until everything is in the log and covered by a checkpoint.
func (c *clerk) settled() {
	c.t.Helper()
	c.flushed()
	log := c.rec.Log()
	for deadline := time.Now().Add(patience); log.Status().Published < log.Status().Next; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			c.t.Fatal("no checkpoint comes")
		}
	}
}

// sound verifies the volume with the ledger's own key.
func (c *clerk) sound(what string) *VerifyReport {
	c.t.Helper()
	chain, err := Ledgers(c.opts.Dir)
	if err != nil {
		c.t.Fatal(err)
	}
	got, err := Verify(context.Background(), c.opts.Dir, VerifyOptions{Keys: []string{chain[0].VerifierKey}})
	if err != nil {
		c.t.Fatal(err)
	}
	if len(got.Problems) > 0 {
		c.t.Errorf("%s: %v", what, got.Problems)
	}
	return got
}

func TestE42PruningRemovesWholeOldSegments(t *testing.T) {
	t.Parallel()
	c := pastLedger(t, false)
	c.settled()
	c.age(t)
	before := c.rec.Log().Status()
	got, err := c.rec.Prune(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Segments) != int(before.Segment) || got.Objects == 0 || !strings.Contains(got.Kept, "the newest") {
		t.Errorf("got %d segments of %d, %d objects, kept because %q", len(got.Segments), before.Segment+1, got.Objects, got.Kept)
	}
	if again, err := c.rec.Prune(context.Background()); err != nil || len(again.Segments) > 0 {
		t.Errorf("again: got %+v, %v", again, err)
	}
	c.durable(drift(), correction())
	place := c.rec.Log().place
	var want string
	c.rec.View(func(k *Known) { want = string(must(k.MarshalCanonical())) })
	c.stop()

	report := c.sound("pruned").Ledgers[0]
	if report.First != before.Segment*pruneSegment || report.Entries <= report.First {
		t.Errorf("got entries %d to %d", report.First, report.Entries)
	}
	left := slices.Sorted(maps.Keys(files(t, place.segment(0))))
	if diff := cmp.Diff([]string{place.log(0) + "/checkpoint", place.pruned(0)}, left); diff != "" {
		t.Errorf("what is left of a segment (-want +got):\n%s", diff)
	}

	// Without its snapshots the ledger goes on from the state that pruning kept.
	remove(t, place.snapshots())
	if err := os.MkdirAll(place.snapshots(), 0o750); err != nil {
		t.Fatal(err)
	}
	log, opened, err := Open(context.Background(), c.opts)
	if err != nil || opened.Reason != "" {
		t.Fatalf("open: %v, reason %q", err, opened.Reason)
	}
	known := opened.Known
	if err := log.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if got, ok := known.Unit(Unit{"p", "c", namespace("a")}); !ok || !got.State.Equal(conforming) {
		t.Errorf("got %+v", got)
	}
	if !strings.Contains(want, `"pruned":`) || len(known.Evidence().Schedules) != 1 {
		t.Errorf("what was known is gone: %+v", known.Evidence())
	}
}

func must(data []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return data
}

func TestE42PruningIsRefused(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		make func(t *testing.T) *clerk
		want string
	}{
		"legal hold": {func(t *testing.T) *clerk { return pastLedger(t, true) }, "legal hold"},
		"too early": {func(t *testing.T) *clerk {
			c := pastLedger(t, false)
			c.durable(withSpec(t, scheduleDraft(scheduleRef("b", 1), ChangeCreated, 3*pruneFloor, false, nil)))
			c.durable(scheduleDraft(scheduleRef("b", 1), ChangeDeleted, 0, false, nil)) // the floor stays
			c.settled()
			return c
		}, "is kept until"},
		"legal hold of a schedule that is gone": {func(t *testing.T) *clerk {
			c := pastLedger(t, false)
			c.durable(scheduleDraft(scheduleRef("b", 1), ChangeCreated, 0, true, nil))
			c.durable(scheduleDraft(scheduleRef("b", 1), ChangeDeleted, 0, false, nil))
			return c
		}, "legal hold"},
		"no schedule": {func(t *testing.T) *clerk {
			c := newClerk(newRig(t), "one")
			c.start()
			c.attach()
			return c
		}, "no schedule says"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c := tc.make(t)
			got, err := c.rec.Prune(context.Background())
			if err != nil || len(got.Segments) > 0 || !strings.Contains(got.Kept, tc.want) {
				t.Errorf("got %+v, %v, want it to say %q", got, err, tc.want)
			}
			c.stop()
		})
	}
}

// TestE42PruningSurvivesDeathAtAnyPoint dies after each step of a removal, and
// finds the ledger sound before and after the next start, which finishes it.
func TestE42PruningSurvivesDeathAtAnyPoint(t *testing.T) {
	t.Parallel()
	c := pastLedger(t, false)
	c.settled()
	log := c.rec.Log()
	due, err := c.rec.pruneDue(context.Background(), log)
	if err != nil || due.kept != "" {
		t.Fatalf("got %+v, %v", due, err)
	}
	state, err := log.place.stateAfter(context.Background(), log.committer.codec, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := log.PutObjects([]Object{state}); err != nil {
		t.Fatal(err)
	}
	c.deathAt(t, "state", false)
	due.body.State = state.Digest
	if err := c.rec.say(context.Background(), log, Entry{Kind: KindPruned, Pruned: &due.body}); err != nil {
		t.Fatal(err)
	}
	c.deathAt(t, "entry", true)
	for i, step := range log.place.removal(due.body) {
		if err := step(); err != nil {
			t.Fatal(err)
		}
		c.deathAt(t, "step "+string(rune('1'+i)), true)
	}
	c.stop()
}

// deathAt opens an image of the volume as it is now, in another place.
func (c *clerk) deathAt(t *testing.T, when string, declared bool) {
	t.Helper()
	root := t.TempDir()
	image := *c.rig
	image.opts.Dir, image.opts.Head = filepath.Join(root, "volume"), FileHead{filepath.Join(root, "head")}
	copyTree(t, c.opts.Dir, image.opts.Dir)
	next := newClerk(&image, "two")
	next.clock.Store(c.clock.Load())
	next.sound(when + ", as it was left")
	next.start()
	next.attach()
	first := func() uint64 { n, _, err := next.rec.Log().place.first(); must(nil, err); return n }
	if got := first(); (got == 1) != declared {
		t.Errorf("%s: the first segment is %d", when, got)
	}
	if _, err := next.rec.Prune(context.Background()); err != nil {
		t.Errorf("%s: %v", when, err)
	}
	if got := first(); got < 2 {
		t.Errorf("%s: the first segment is %d after pruning went on", when, got)
	}
	next.durable(drift(), correction())
	next.stop()
	next.sound(when + ", opened again")
}

// TestE42UndeclaredPruningShows: whoever removes a segment as Holdfast does, but
// without the entry, is found.
func TestE42UndeclaredPruningShows(t *testing.T) {
	t.Parallel()
	c := pastLedger(t, false)
	c.settled()
	log := c.rec.Log()
	place := log.place
	due, err := c.rec.pruneDue(context.Background(), log)
	if err != nil {
		t.Fatal(err)
	}
	state, err := place.stateAfter(context.Background(), log.committer.codec, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := log.PutObjects([]Object{state}); err != nil {
		t.Fatal(err)
	}
	c.stop()
	due.body.State = state.Digest
	if err := place.removeSegment(due.body); err != nil {
		t.Fatal(err)
	}
	got, err := Verify(context.Background(), c.opts.Dir, VerifyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got.Status != VerifyInvalid || !slices.ContainsFunc(got.Problems, func(p Problem) bool {
		return strings.Contains(p.What, "no entry says that they were pruned")
	}) {
		t.Errorf("got %s, %v", got.Status, got.Problems)
	}
	// The operator does not go on with it either.
	_, opened, err := Open(context.Background(), c.opts)
	if err != nil || opened.Reason != OpenVolumeInconsistent {
		t.Errorf("got %+v, %v", opened, err)
	}
}

// TestObjectsInUseAreNotSwept: what was put lately stays, named or not, and so
// does what only the state before the first entry refers to.
func TestObjectsInUseAreNotSwept(t *testing.T) {
	t.Parallel()
	c := pastLedger(t, false)
	spec, err := NewObject("spec of a policy")
	if err != nil {
		t.Fatal(err)
	}
	c.settled()
	log := c.rec.Log()
	old, err := NewObject("left by an interrupted collection")
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := NewObject("put by a collection that goes on")
	if err != nil {
		t.Fatal(err)
	}
	if err := log.PutObjects([]Object{spec, old, fresh}); err != nil {
		t.Fatal(err)
	}
	c.age(t)
	if !log.touch(log.place.object(objectsDir, fresh.Digest)) {
		t.Error("an object that was put is not there")
	}
	if _, err := c.rec.Prune(context.Background()); err != nil {
		t.Fatal(err)
	}
	exists := func(o Object) bool {
		_, err := os.Stat(log.place.object(objectsDir, o.Digest))
		return err == nil
	}
	if exists(old) || !exists(fresh) {
		t.Errorf("left: old %t, fresh %t, want only the fresh one", exists(old), exists(fresh))
	}
	// What was removed is written again where it is named again.
	c.durable(drift(), withObject(t, correction(), 0))
	c.stop()
	c.sound("named again")
}

func TestE42ErasingLeavesAnEntry(t *testing.T) {
	t.Parallel()
	c := pastLedger(t, false)
	who := actor()
	who.Erasable = true
	acted := drift()
	acted.ActorRef = who.Digest
	acted.Payload = func() ([]Input, []Object, error) { return nil, []Object{who}, nil }
	c.durable(acted, correction())
	c.settled()
	if err := c.rec.Erase(context.Background(), Digest(nil), "Requested", ""); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an object that is not there: got %v", err)
	}
	path := c.rec.Log().place.object(actorsDir, who.Digest)
	if err := c.rec.Erase(context.Background(), who.Digest, "Requested", "DPO-17"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the object is there: %v", err)
	}
	c.durable(drift(), correction())
	c.stop()
	if got := c.sound("erased").Ledgers[0]; got.Erased != 1 {
		t.Errorf("got %d erased objects", got.Erased)
	}
	// Put back, it is pointed out; a start removes it.
	image := *c.rig
	next := newClerk(&image, "two")
	next.clock.Store(c.clock.Load())
	if err := writeObject(path, who); err != nil {
		t.Fatal(err)
	}
	if got := next.sound("put back"); !slices.ContainsFunc(got.Notes, func(n string) bool { return strings.Contains(n, "was erased") }) {
		t.Errorf("got notes %v", got.Notes)
	}
	next.start()
	next.attach()
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a start left it: %v", err)
	}
	// Whoever acts again is recorded again.
	next.durable(acted, correction())
	next.stop()
	if got := next.sound("acted again").Ledgers[0]; got.Erased != 0 {
		t.Errorf("got %d erased objects, it was named since", got.Erased)
	}
	remove(t, path)
	if got, err := Verify(context.Background(), c.opts.Dir, VerifyOptions{}); err != nil || got.Status != VerifyInvalid {
		t.Errorf("removed without an entry: got %v, %v", got.Status, err)
	}
}

// writeObject writes an object's file.
func writeObject(path string, o Object) error {
	codec, err := newCodec()
	if err != nil {
		return err
	}
	return os.WriteFile(path, codec.pack(o.Data), 0o600)
}

func TestE42LegalHoldStopsErasing(t *testing.T) {
	t.Parallel()
	c := pastLedger(t, true)
	if err := c.rec.Erase(context.Background(), actor().Digest, "Requested", ""); !errors.Is(err, ErrLegalHold) {
		t.Errorf("got %v", err)
	}
	c.stop()
}
