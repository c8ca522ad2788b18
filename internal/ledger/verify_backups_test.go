package ledger

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// kept is a run of p/b with its object.
func kept(t *testing.T, d Draft, edit func(*control.Backup)) Draft {
	t.Helper()
	run := *d.Occurrence.Run
	backup := control.Backup{Meta: control.Meta{Namespace: run.Namespace, Name: run.Name, UID: run.UID, CreatedAt: run.BegunAt.Time}, Phase: run.Phase}
	if edit != nil {
		edit(&backup)
	}
	object, err := NewObject(backup)
	if err != nil {
		t.Fatal(err)
	}
	run.Object = object.Digest
	body := *d.Occurrence
	body.Run, d.Occurrence = &run, &body
	d.Payload = func() ([]Input, []Object, error) { return nil, []Object{object}, nil }
	return d
}

// forge writes an entry that does not follow from what is known: past the fold.
func (c *census) forge(d Draft) {
	c.t.Helper()
	c.at = c.at.Add(1)
	e := d.Entry
	e.Schema, e.Critical, e.ID, e.Seq, e.Run = Schema, kinds[e.Kind].critical, ActID("forger", c.w.known.NextSeq), c.w.known.NextSeq, c.w.known.Run
	e.ObservedAt, e.AppendedAt = At(c.at), c.w.known.LastAppended
	var objects []Object
	if d.Payload != nil {
		_, objects, _ = d.Payload()
	}
	data, err := e.seal()
	if err != nil {
		c.t.Fatal(err)
	}
	if err := c.w.known.Apply(&e); err != nil {
		c.t.Fatal(err)
	}
	c.w.batch = append(c.w.batch, Sealed{Seq: e.Seq, ID: e.ID, ObservedAt: e.ObservedAt.Time, Data: data, Objects: objects})
}

// TestE34OccurrencesAreVerified: whoever verifies finds a slot that is passed over or
// stated twice, a run that is recorded twice, an object that is another one or missing,
// and a claim not to have looked that no gap bears out.
func TestE34OccurrencesAreVerified(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		write func(t *testing.T, c *census)
		want  string
	}{
		"right": {write: func(t *testing.T, c *census) {
			t.Helper()
			c.say(kept(t, ran(6, 12, "a"), nil), gapDraft("", "", hours(13), hours(14)), missedSlots(OccurrenceNotObserved, 12, 12, 18),
				missedSlots(OccurrenceNoRun, 18, 24, 30), kept(t, extraRun(hours(31), "x"), nil), kept(t, ran(36, 42, "c", waits(30, 36)), nil),
				kept(t, ran(30, 42, "b"), nil))
		}},
		"a slot passed over": {write: func(t *testing.T, c *census) { t.Helper(); c.forge(kept(t, ran(12, 18, "a"), nil)) },
			want: "occurrence of p/b: it is about slot"},
		"a slot twice": {write: func(t *testing.T, c *census) {
			t.Helper()
			c.say(kept(t, ran(6, 12, "a"), nil))
			c.forge(missedSlots(OccurrenceNoRun, 6, 6, 12))
		}, want: "is not due: the next one is"},
		"a run twice": {write: func(t *testing.T, c *census) {
			t.Helper()
			c.say(kept(t, ran(6, 12, "a"), nil))
			c.forge(kept(t, ran(12, 18, "a"), nil))
		}, want: "backup a (a) is recorded already"},
		"of a control without slots": {write: func(t *testing.T, c *census) {
			t.Helper()
			d := kept(t, ran(6, 12, "a"), nil)
			d.Control = "c"
			c.forge(d)
		}, want: "occurrence of p/c: it is of a control of which nothing is due"},
		"nobody looked, and no gap": {write: func(_ *testing.T, c *census) { c.say(missedSlots(OccurrenceNotObserved, 6, 12, 18)) },
			want: "is said not to have been observed, and no gap says so"},
		"no run, and a gap": {write: func(_ *testing.T, c *census) {
			c.say(gapDraft("backups.velero.io", "", hours(7), hours(8)), missedSlots(OccurrenceNoRun, 6, 12, 18))
		}, want: "and a gap says that nobody was looking"},
		"another backup's object": {write: func(t *testing.T, c *census) {
			t.Helper()
			c.say(kept(t, ran(6, 12, "a"), func(b *control.Backup) { b.UID = "another" }))
		}, want: "it is not backup a (a, Completed)"},
		"an object in another phase": {write: func(t *testing.T, c *census) {
			t.Helper()
			c.say(kept(t, ran(6, 12, "a"), func(b *control.Backup) { b.Phase = "Failed" }))
		}, want: "it is not backup a (a, Completed)"},
		"an object that is missing": {write: func(t *testing.T, c *census) {
			t.Helper()
			d := kept(t, ran(6, 12, "a"), nil)
			d.Payload = nil
			c.say(d)
		}, want: "the object is missing"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c, r := newCensus(t)
			c.say(slotsDraft("d", 6))
			c.at = hours(48).Time
			tc.write(t, c)
			wantProblem(t, c.verify(r, VerifyOptions{}), tc.want)
		})
	}
}

// TestSlotsOutliveARestart: a process knows from the volume what is due next, and
// which runs are recorded.
func TestSlotsOutliveARestart(t *testing.T) {
	t.Parallel()
	c, r := newCensus(t)
	c.say(slotsDraft("d", 6), kept(t, ran(12, 18, "b", waits(6, 12)), nil))
	want := describe(c.w.known.Backup("p", "b"))
	wantProblem(t, c.verify(r, VerifyOptions{}), "")
	opened := r.open()
	defer r.close()
	if diff := cmp.Diff(want, describe(opened.Known.Backup("p", "b"))); diff != "" {
		t.Errorf("after a restart (-want +got):\n%s", diff)
	}
	if !slices.ContainsFunc(opened.Known.Backup("p", "b").Runs, func(run RecordedRun) bool { return run.UID == "b" }) {
		t.Error("the run is not known any more")
	}
}
