package ledger

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger/tlog"
)

// census is a small cluster, and a collection of it that a test may falsify.
type census struct {
	t        *testing.T
	w        *Writer
	key      string
	at       time.Time
	names    []string
	collects int
	edit     func(m *Manifest, chunks []*ManifestChunk, body *CollectionBody)
	lose     func(role string) bool
	receipt  Receipt
	extra    string // makes the parts of a scope others than before
}

var errForged = errors.New("by nobody we trust")

// newCensus puts p/c in operation over two of four namespaces: a excluded one
// and one that is not selected remain.
func newCensus(t *testing.T) (*census, *rig) {
	t.Helper()
	r := newRig(t)
	r.opts.SegmentSize = 30
	w, err := OpenWriter(context.Background(), WriterOptions{Options: r.opts, Operator: OperatorBody{Process: "one", Version: "v0", StartedAt: At(epoch)}})
	if err != nil {
		t.Fatal(err)
	}
	c := &census{t: t, w: w, key: w.VerifierKey(), at: epoch, names: []string{"a", "b", "c", "d"},
		edit: func(*Manifest, []*ManifestChunk, *CollectionBody) {}, lose: func(string) bool { return false }}
	c.say(withSpec(t, policyDraft("p", ChangeCreated, 1)), introDraft("p", "c", "d", second(0)))
	for _, name := range []string{"a", "b"} {
		c.say(memberDraft(KindSubjectAdded, "p", namespace(name)), stateDraft("p", "c", "d", namespace(name), conforming))
	}
	slot := At(second(3600))
	c.say(withSpec(t, scheduleDraft(scheduleRef("s", 1), ChangeCreated, 100, false, &slot)))
	return c, r
}

func (c *census) say(drafts ...Draft) {
	c.t.Helper()
	for _, d := range drafts {
		c.at = c.at.Add(time.Second)
		d.At = c.at
		if said, err := c.w.Write(d); err != nil || !said[0].Changed {
			c.t.Fatalf("%s: %v, changed %t", d.Kind, err, said[0].Changed)
		}
	}
}

func (c *census) put(role string, v any) string {
	c.t.Helper()
	o, err := NewObject(v)
	if err != nil {
		c.t.Fatal(err)
	}
	if !c.lose(role) {
		if err := c.w.PutObjects([]Object{o}); err != nil {
			c.t.Fatal(err)
		}
	}
	return o.Digest
}

// collect makes a collection of the next slot; before is said while it is made.
func (c *census) collect(states map[string]control.State, before ...Draft) {
	c.t.Helper()
	c.collects++
	slot, next := At(second(3600*c.collects)), At(second(3600*(c.collects+1)))
	c.at = slot.Time
	s := *scheduleRef("s", 1)
	m := &Manifest{Schema: ManifestSchema, Schedule: s, Slot: slot, Seq: c.w.Known().NextSeq,
		Lists: []ManifestList{{Version: "v1", Resource: "namespaces", Count: len(c.names), Pages: 1, From: slot, To: slot}}}
	c.say(before...)
	control := ManifestControl{ID: "c", Unit: "Namespace", Input: c.put("definition", "definition"+c.extra)}
	chunks := []*ManifestChunk{{Schema: ChunkSchema}, {Schema: ChunkSchema}}
	var ids []string
	for i, name := range c.names {
		scope := ManifestScope{Subject: namespace(name), Inputs: []Input{{"namespace", c.put("input", name+c.extra)}},
			Standings: []ManifestStanding{{Policy: "p", Disposition: []string{"InScope", "InScope", "Excluded", "NotSelected"}[i]}}}
		if state, in := states[name]; in {
			unit := ManifestUnit{Policy: "p", Control: "c", State: state}
			if r, there := c.w.Known().Unit(Unit{"p", "c", namespace(name)}); there && r.State.Equal(state) {
				unit.Entry = r.ID
			}
			scope.Units = []ManifestUnit{unit}
			control.Census.Count(state.Outcome)
			ids = append(ids, UnitID(namespace(name)))
		}
		chunks[i/2].Scopes = append(chunks[i/2].Scopes, scope)
	}
	control.Census.Excluded, control.Census.NotSelected, control.Census.Total = 1, 1, len(c.names)
	control.Population = PopulationDigest(ids)
	spec, err := NewObject("spec")
	if err != nil {
		c.t.Fatal(err)
	}
	m.Policies = []ManifestPolicy{{Name: "p", UID: "uid-p", Generation: 1, Spec: spec.Digest, Controls: []ManifestControl{control}}}
	body := &CollectionBody{Slot: slot, Next: &next, Started: slot, Ended: slot, State: CollectionCompleted}
	c.edit(m, chunks, body)
	for _, chunk := range chunks {
		m.Chunks = append(m.Chunks, ManifestChunkRef{Digest: c.put("chunk", chunk), First: chunk.Scopes[0].name(),
			Last: chunk.Scopes[len(chunk.Scopes)-1].name(), Scopes: len(chunk.Scopes)})
	}
	body.Manifest = c.put("manifest", m)
	c.say(Draft{Entry: Entry{Kind: KindCollected, Schedule: &s, Collection: body}})
}

// anchor has somebody acknowledge the checkpoint of all entries so far.
func (c *census) anchor(edit func(*AnchorBody, *Receipt)) {
	c.t.Helper()
	note, _, err := c.w.Checkpoint()
	if err != nil {
		c.t.Fatal(err)
	}
	origin, err := tlog.ParseOriginOf(note)
	if err != nil {
		c.t.Fatal(err)
	}
	size, root, err := tlog.Unverified(note)
	if err != nil {
		c.t.Fatal(err)
	}
	c.receipt = Receipt{Schema: ReceiptSchema, Type: AnchorWitness, Name: "w", Checkpoint: string(note)}
	body := &AnchorBody{Type: AnchorWitness, Name: "w", Origin: origin, Size: size, RootHash: base64.StdEncoding.EncodeToString(root)}
	edit(body, &c.receipt)
	body.Receipt = c.put("receipt", c.receipt)
	c.say(Draft{Entry: Entry{Kind: KindAnchored, Schedule: scheduleRef("s", 1), Anchor: body}})
}

// verify ends writing and verifies.
func (c *census) verify(r *rig, opts VerifyOptions) *VerifyReport {
	c.t.Helper()
	if err := c.w.Close(context.Background()); err != nil {
		c.t.Fatal(err)
	}
	opts.Keys = []string{c.key}
	return verify(c.t, r.opts.Dir, opts)
}

// both are the states of the two namespaces in scope.
func both(a, b control.State) map[string]control.State {
	return map[string]control.State{"a": a, "b": b}
}

func anotherState(name string, to control.State) Draft {
	return stateDraft("p", "c", "d", namespace(name), to)
}

// TestE1E2ManifestsAreDerivedAgain: a manifest says what the entries imply, and
// what it adds up to; any that does not is named.
func TestE1E2ManifestsAreDerivedAgain(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		edit   func(m *Manifest, chunks []*ManifestChunk, body *CollectionBody)
		states map[string]control.State
		before []Draft
		want   string // empty: it is right
	}{
		"right":                     {states: both(conforming, conforming)},
		"changed while it was made": {states: both(conforming, deviating), before: []Draft{anotherState("b", deviating)}},
		"before the change":         {states: both(conforming, conforming), before: []Draft{anotherState("b", deviating)}},
		"a discrepancy":             {states: both(conforming, deviating), before: []Draft{discrepancy("b", &conforming, &deviating)}},
		"a namespace that is gone":  {states: both(conforming, conforming), before: []Draft{discrepancy("b", &conforming, nil)}, edit: withoutB(1)},
		"a namespace that left meanwhile": {states: both(conforming, conforming), before: []Draft{memberDraft(KindSubjectDeleted, "p", namespace("b"))},
			edit: withoutB(1)},
		"a namespace that is not gone": {states: both(conforming, conforming), edit: withoutB(1),
			want: "p/c on Namespace b: the entries have it, the manifest does not"},
		"partly unread": {states: both(conforming, unseen), edit: func(_ *Manifest, _ []*ManifestChunk, body *CollectionBody) { body.State = CollectionPartial }},
		"judged by a generation that is not recorded": {states: both(conforming, deviating), edit: anotherGeneration(CollectionPartial)},
		"a scope that is not recorded":                {states: map[string]control.State{"a": conforming, "c": deviating}, edit: anotherGeneration(CollectionPartial)},
		"an invalid policy": {states: map[string]control.State{"a": unseen, "c": unseen}, before: []Draft{invalidPolicy()},
			edit: func(_ *Manifest, _ []*ManifestChunk, body *CollectionBody) { body.State = CollectionPartial }},
		"a deviation that was seen, of a unit that was not seen whole": {states: both(conforming, deviating),
			edit: func(m *Manifest, _ []*ManifestChunk, body *CollectionBody) {
				body.State, m.Lists = CollectionPartial, append(m.Lists, ManifestList{Version: "v1", Resource: "pods", Failed: CauseForbidden})
			}},

		"partial, and yet compared": {states: both(conforming, deviating), want: "the manifest has it as Deviating, the entries as Conforming",
			edit: func(_ *Manifest, _ []*ManifestChunk, body *CollectionBody) { body.State = CollectionPartial }},
		"another generation, said to be compared": {states: both(conforming, deviating), want: "the manifest has it as Deviating, the entries as Conforming",
			edit: anotherGeneration(CollectionCompleted)},
		"another state":       {states: both(conforming, deviating), want: "p/c on Namespace b: the manifest has it as Deviating, the entries as Conforming"},
		"a state of no entry": {states: both(conforming, opened), before: []Draft{anotherState("b", deviating)}, want: "no entry of that time does"},
		"a unit too many":     {states: map[string]control.State{"a": conforming, "b": conforming, "c": conforming}, want: "p/c on Namespace c: the manifest has it as Conforming, the entries do not have it"},
		"a unit too few":      {states: map[string]control.State{"a": conforming}, want: "p/c on Namespace b: the entries have it, the manifest does not"},
		"another entry": {states: both(conforming, conforming), want: "the manifest names entry",
			edit: func(_ *Manifest, chunks []*ManifestChunk, _ *CollectionBody) {
				chunks[0].Scopes[0].Units[0].Entry = Digest(nil)
			}},
		"census does not add up": {states: both(conforming, conforming), want: "does not add up: 5 units, and 4 in all its parts",
			edit: func(m *Manifest, _ []*ManifestChunk, _ *CollectionBody) { m.Policies[0].Controls[0].Census.Total++ }},
		"census adds up to something else": {states: both(conforming, conforming), want: "the census of p/c says",
			edit: func(m *Manifest, _ []*ManifestChunk, _ *CollectionBody) {
				m.Policies[0].Controls[0].Census.Conforming++
				m.Policies[0].Controls[0].Census.Excluded--
			}},
		"another population": {states: both(conforming, conforming), want: "the population of p/c has the digest",
			edit: func(m *Manifest, _ []*ManifestChunk, _ *CollectionBody) {
				m.Policies[0].Controls[0].Population = PopulationDigest(nil)
			}},
		"namespace left out": {states: both(conforming, conforming), want: "4 namespaces were listed, 0 appeared, 0 were gone, and the chunks have 3",
			edit: func(_ *Manifest, chunks []*ManifestChunk, _ *CollectionBody) { chunks[1].Scopes = chunks[1].Scopes[:1] }},
		"namespaces out of order": {states: both(conforming, conforming), want: `scope "c" comes after "d"`,
			edit: func(_ *Manifest, chunks []*ManifestChunk, _ *CollectionBody) { slices.Reverse(chunks[1].Scopes) }},
		"another slot": {states: both(conforming, conforming), want: "not of the one that the entry names",
			edit: func(m *Manifest, _ []*ManifestChunk, _ *CollectionBody) { m.Slot = At(epoch) }},
		"from the future": {states: both(conforming, conforming), want: "says that comparing began after",
			edit: func(m *Manifest, _ []*ManifestChunk, _ *CollectionBody) { m.Seq = 10_000 }},
		"nothing was read": {states: both(conforming, conforming), want: "does not say how anything was read",
			edit: func(m *Manifest, _ []*ManifestChunk, _ *CollectionBody) { m.Lists = nil }},
		"another schema": {states: both(conforming, conforming), want: `manifest with schema "x"`,
			edit: func(m *Manifest, _ []*ManifestChunk, _ *CollectionBody) { m.Schema = "x" }},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c, r := newCensus(t)
			c.collect(both(conforming, conforming))
			if tc.edit != nil {
				c.edit = tc.edit
			}
			c.collect(tc.states, tc.before...)
			got := c.verify(r, VerifyOptions{})
			wantProblem(t, got, tc.want)
			if got.Ledgers[0].Manifests != 2 && tc.want != `manifest with schema "x"` {
				t.Errorf("%d manifests were verified, want 2", got.Ledgers[0].Manifests)
			}
		})
	}
}

func discrepancy(name string, from, to *control.State) Draft {
	s, slot := namespace(name), At(second(7200))
	return Draft{Entry: Entry{Kind: KindDiscrepancy, Policy: policyRef("p", "d"), Control: "c", Subject: &s, From: from, To: to,
		Schedule: scheduleRef("s", 1), Discrepancy: &DiscrepancyBody{Slot: slot, Reads: 2}}}
}

// withoutB leaves namespace b out of a manifest, in every figure.
func withoutB(gone int) func(*Manifest, []*ManifestChunk, *CollectionBody) {
	return func(m *Manifest, chunks []*ManifestChunk, _ *CollectionBody) {
		m.Gone = gone
		chunks[0].Scopes = chunks[0].Scopes[:1]
		control := &m.Policies[0].Controls[0]
		control.Population = PopulationDigest([]string{UnitID(namespace("a"))})
		control.Census.Conforming, control.Census.Total = 1, 3
	}
}

// wantProblem checks that exactly one kind of problem was found, or none.
func wantProblem(t *testing.T, got *VerifyReport, want string) {
	t.Helper()
	if want == "" {
		if len(got.Problems) > 0 {
			t.Errorf("got %v", got.Problems)
		}
		return
	}
	if !slices.ContainsFunc(got.Problems, func(p Problem) bool { return strings.Contains(p.String(), want) }) {
		t.Errorf("got %v, want a problem with %q", got.Problems, want)
	}
}

// TestManifestsAreComparedWhereSomethingChanged: what a manifest shares with the
// one before is looked at again only where entries spoke of it, and then it is.
func TestManifestsAreComparedWhereSomethingChanged(t *testing.T) {
	t.Parallel()
	c, r := newCensus(t)
	c.edit = func(_ *Manifest, chunks []*ManifestChunk, _ *CollectionBody) {
		for i := range chunks[0].Scopes {
			chunks[0].Scopes[i].Units[0].Entry = "" // which would tell it apart
		}
	}
	c.collect(both(conforming, conforming))
	c.collect(both(conforming, conforming))
	c.say(anotherState("b", deviating))
	c.collect(both(conforming, conforming)) // the same chunks, and wrong now
	wantProblem(t, c.verify(r, VerifyOptions{}), "Namespace b: the manifest has it as Conforming, the entries as Deviating")
}

// TestE36WhatObjectsNameIsThere: every object is named by an entry or by one
// that is, and each one that is missing is named.
func TestE36WhatObjectsNameIsThere(t *testing.T) {
	t.Parallel()
	for _, role := range []string{"", "manifest", "chunk", "input", "definition", "receipt"} {
		t.Run("without "+role, func(t *testing.T) {
			c, r := newCensus(t)
			c.collect(both(conforming, conforming))
			c.lose = func(lost string) bool { return lost == role && role != "" }
			c.extra = role
			c.say(anotherState("b", deviating))
			c.collect(both(conforming, deviating))
			c.anchor(func(*AnchorBody, *Receipt) {})
			got := c.verify(r, VerifyOptions{})
			want := "the object is missing"
			if role == "" {
				want = ""
			}
			wantProblem(t, got, want)
			if role == "" && len(got.Notes) > 0 {
				t.Errorf("got notes %v", got.Notes)
			}
		})
	}
}

func TestObjectsThatNothingNamesAreNoted(t *testing.T) {
	t.Parallel()
	c, r := newCensus(t)
	c.put("", "left by a collection that was interrupted")
	got := c.verify(r, VerifyOptions{})
	wantProblem(t, got, "")
	if len(got.Notes) != 1 || !strings.Contains(got.Notes[0], "1 objects of ledger") {
		t.Errorf("got notes %v", got.Notes)
	}
}

// TestE6SlotsFollowWithoutHoles: each collection, or run of missed slots, is
// about the slot that was due.
func TestE6SlotsFollowWithoutHoles(t *testing.T) {
	t.Parallel()
	missed := func(first, last int, reason string) Draft {
		next := At(second(3600 * (last + 1)))
		return Draft{Entry: Entry{Kind: KindOccurrence, Schedule: scheduleRef("s", 1), Reason: reason, Occurrence: &OccurrenceBody{
			Of: OccurrenceOfCollection, State: OccurrenceMissed, First: At(second(3600 * first)), Last: At(second(3600 * last)), Count: last - first + 1, Next: &next}}}
	}
	gap := func(from, to int) Draft {
		end := At(second(to))
		return Draft{Entry: Entry{Kind: KindGap, Gap: &GapBody{Cause: CauseNotRunning, From: At(second(from)), To: &end}}}
	}
	cases := map[string]struct {
		write     func(c *census)
		want      string
		wantNotes int
	}{
		"missed, with a gap": {write: func(c *census) {
			c.collect(both(conforming, conforming))
			c.say(gap(7000, 15_000), missed(2, 4, CauseNotRunning))
			c.collects = 4
			c.collect(both(conforming, conforming))
		}},
		"missed, without a gap":     {write: func(c *census) { c.say(gap(9000, 15_000), missed(1, 1, CauseNotRunning)) }, wantNotes: 1},
		"missed for another reason": {write: func(c *census) { c.say(missed(1, 1, "Suspended")) }},
		"one slot is passed over": {write: func(c *census) {
			c.collect(both(conforming, conforming))
			c.collects++
			c.collect(both(conforming, conforming))
		}, want: "it is about slot 2026-03-01T09:00:00Z of schedule s, the one that was due is 2026-03-01T08:00:00Z"},
		"one slot twice": {write: func(c *census) {
			c.collect(both(conforming, conforming))
			c.collects--
			c.collect(both(conforming, conforming))
		}, want: "the one that was due is"},
		"missed slots that were collected": {write: func(c *census) {
			c.collect(both(conforming, conforming))
			c.say(missed(1, 1, "Suspended"))
		}, want: "the one that was due is"},
		"nothing is said of a slot": {write: func(c *census) {
			c.at = second(3 * 24 * 3600)
			c.say(beat())
		}, wantNotes: 1},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c, r := newCensus(t)
			tc.write(c)
			got := c.verify(r, VerifyOptions{})
			wantProblem(t, got, tc.want)
			if len(got.Notes) != tc.wantNotes {
				t.Errorf("got notes %v, want %d", got.Notes, tc.wantNotes)
			}
		})
	}
}

// TestE39TrustedReceiptsAreHeldCheckpoints: a receipt that the reader's callback
// accepts, of a checkpoint that the entries give, makes what it covers binding.
func TestE39TrustedReceiptsAreHeldCheckpoints(t *testing.T) {
	t.Parallel()
	at := epoch.Add(time.Hour)
	trusting := func(Receipt) (time.Time, error) { return at, nil }
	cases := map[string]struct {
		receipts    func(Receipt) (time.Time, error)
		edit        func(*AnchorBody, *Receipt)
		wantStatus  VerifyStatus
		wantMissing int
		wantNotes   int
		want        string
	}{
		"trusted":      {receipts: trusting, wantStatus: VerifyValid},
		"nobody asked": {wantStatus: VerifyIncomplete, wantMissing: 1},
		"not trusted":  {receipts: func(Receipt) (time.Time, error) { return at, errForged }, wantStatus: VerifyIncomplete, wantMissing: 1, wantNotes: 1},
		"another size": {receipts: trusting, edit: func(a *AnchorBody, _ *Receipt) { a.Size-- }, wantStatus: VerifyInvalid, wantMissing: 1, want: "is not of the checkpoint that the entry names"},
		"another root": {receipts: trusting, edit: func(a *AnchorBody, r *Receipt) {
			root := base64.StdEncoding.EncodeToString(make([]byte, 32))
			r.Checkpoint = strings.Replace(r.Checkpoint, a.RootHash, root, 1)
			a.RootHash = root
		}, wantStatus: VerifyInvalid, wantMissing: 1, want: "that was anchored names root"},
		"more than there is": {receipts: trusting, edit: func(a *AnchorBody, r *Receipt) {
			r.Checkpoint = strings.Replace(r.Checkpoint, fmt.Sprintf("\n%d\n", a.Size), fmt.Sprintf("\n%d\n", a.Size+5000), 1)
			a.Size += 5000
		}, wantStatus: VerifyInvalid, wantMissing: 1, want: "cannot be compared"},
		"another ledger": {receipts: trusting, edit: func(a *AnchorBody, r *Receipt) {
			other := tlog.Origin(strings.Repeat("0", 32), 0)
			r.Checkpoint = strings.ReplaceAll(r.Checkpoint, a.Origin, other)
			a.Origin = other
		}, wantStatus: VerifyInvalid, wantMissing: 1, want: "is not of the checkpoint that the entry names"},
		"no receipt": {receipts: trusting, edit: func(_ *AnchorBody, r *Receipt) { r.Schema = "x" }, wantStatus: VerifyInvalid, wantMissing: 1, want: "it is no receipt"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c, r := newCensus(t)
			for range 40 {
				c.say(beat()) // into the second segment
			}
			if tc.edit == nil {
				tc.edit = func(*AnchorBody, *Receipt) {}
			}
			covered := c.w.Known().NextSeq
			c.anchor(tc.edit)
			got := c.verify(r, VerifyOptions{Receipts: tc.receipts})
			wantProblem(t, got, tc.want)
			if got.Status != tc.wantStatus || len(got.Missing) != tc.wantMissing || len(got.Notes) != tc.wantNotes {
				t.Errorf("got %s, missing %v, notes %v", got.Status, got.Missing, got.Notes)
			}
			if l := got.Ledgers[0]; tc.wantStatus == VerifyValid && (l.Anchored != covered || !l.AnchoredAt.Equal(at) || l.Trusted != 1) {
				t.Errorf("anchored %d at %s, want %d at %s", l.Anchored, l.AnchoredAt, covered, at)
			}
		})
	}
}

// TestVerifyOfACopyWithoutTheWritersFiles: a copy has what a reader needs.
func TestVerifyOfACopyWithoutTheWritersFiles(t *testing.T) {
	t.Parallel()
	c, r := newCensus(t)
	c.collect(both(conforming, conforming))
	id := c.w.Known().LedgerID
	if got := c.verify(r, VerifyOptions{}); len(got.Problems) > 0 {
		t.Fatal(got.Problems)
	}
	p := placeOf(r.opts.Dir, id, 30)
	for _, path := range []string{r.opts.Dir + "/LOCK", p.journal(), p.snapshots(), p.log(0) + "/.state"} {
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
	}
	omitted := func(string, string) bool { return false }
	if got := verify(t, r.opts.Dir, VerifyOptions{Copy: true, Omitted: omitted}); len(got.Problems) > 0 || got.Ledgers[0].Manifests != 1 {
		t.Errorf("got %v", got.Problems)
	}
	if got := verify(t, r.opts.Dir, VerifyOptions{}); got.Status != VerifyInvalid {
		t.Error("a volume without the writer's files is sound")
	}
	// What an export leaves out by intention is missing, and no more than that.
	remove(t, p.dir+"/"+objectsDir)
	omitted = func(class, _ string) bool { return class == objectsDir }
	got := verify(t, r.opts.Dir, VerifyOptions{Copy: true, Omitted: omitted})
	if len(got.Problems) > 0 || !slices.ContainsFunc(got.Missing, func(s string) bool { return strings.Contains(s, "are not in this export") }) {
		t.Errorf("got %v, missing %v", got.Problems, got.Missing)
	}
}
