package ledger

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// TestSnapshotEqualsFold: whatever the history and wherever it is cut, a
// snapshot and the entries after it give the same bytes as all entries.
func TestSnapshotEqualsFold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		whole := newHistory(t)
		cut := rapid.IntRange(0, 60).Draw(t, "cut")
		var resumed *Known
		for i := range rapid.IntRange(1, 60).Draw(t, "length") {
			if i == cut {
				known, err := UnmarshalKnown([]byte(marshal(t, whole.known)))
				if err != nil {
					t.Fatalf("unmarshal: %v", err)
				}
				resumed = known
			}
			e, news := whole.say(anyDraft(t, whole.known))
			if !news || resumed == nil {
				continue
			}
			if err := resumed.Apply(&e); err != nil {
				t.Fatalf("apply to a snapshot: %v", err)
			}
		}
		recount(t, whole.known)
		if resumed == nil {
			return
		}
		recount(t, resumed)
		if diff := cmp.Diff(marshal(t, whole.known), marshal(t, resumed)); diff != "" {
			t.Fatalf("(-fold +snapshot and tail):\n%s", diff)
		}
	})
}

// anyDraft draws something that might be said next.
func anyDraft(t *rapid.T, k *Known) Draft {
	policy := rapid.SampledFrom([]string{"p", "q"}).Draw(t, "policy")
	id := rapid.SampledFrom([]string{"c", "d"}).Draw(t, "control")
	definition := rapid.SampledFrom([]string{"1", "2"}).Draw(t, "definition")
	subject := namespace(rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "subject"))
	if rapid.Bool().Draw(t, "object") {
		subject = ingress(subject.Name, rapid.SampledFrom([]string{"shop", "api"}).Draw(t, "name"))
	}
	switch rapid.IntRange(0, 14).Draw(t, "what") {
	case 12, 13, 14:
		return anyEvidence(t, k)
	case 10:
		return confirmed(rapid.Int64Range(1, 3).Draw(t, "generation"))
	case 11:
		return removedDraft(rapid.SampledFrom([]Kind{KindRepaired, KindRolledBack}).Draw(t, "removal"),
			rapid.SampledFrom([]string{RolledBackLifeline, RolledBackPodsNotReady}).Draw(t, "reason"))
	case 0:
		change := rapid.SampledFrom([]string{ChangeCreated, ChangeUpdated, ChangeDeleted}).Draw(t, "change")
		d := policyDraft(policy, change, rapid.Int64Range(1, 3).Draw(t, "generation"))
		d.Change.Enforces, d.Change.Held = rapid.Bool().Draw(t, "enforces"), rapid.SampledFrom([]int{0, 0, 11}).Draw(t, "held")
		return d
	case 1:
		return introDraft(policy, id, definition, second(rapid.IntRange(0, 100).Draw(t, "from")))
	case 2:
		return Draft{Entry: Entry{Kind: KindControlWithdrawn, Policy: policyRef(policy, "spec"), Control: id}}
	case 3, 4:
		kind := rapid.SampledFrom([]Kind{KindSubjectAdded, KindScopeEntered, KindSubjectDeleted, KindScopeLeft}).Draw(t, "member")
		if subject.Namespace != "" {
			return objectDraft(kind, policy, id, subject)
		}
		return memberDraft(kind, policy, subject)
	case 5:
		return repairDraft(rapid.SampledFrom([]string{"deny", "allow"}).Draw(t, "object"), rapid.SampledFrom([]string{"1", "2"}).Draw(t, "uid"))
	case 6:
		gap := &GapBody{Cause: CauseForbidden, From: At(epoch)}
		if open := slices.Sorted(maps.Keys(k.OpenGaps())); len(open) > 0 {
			gap.Ends, gap.To = open[0], new(At(second(1)))
		}
		return Draft{Entry: Entry{Kind: KindGap, Gap: gap}}
	default:
		to := rapid.SampledFrom([]control.State{conforming, deviating, opened, unseen, exempt}).Draw(t, "state")
		d := stateDraft(policy, id, definition, subject, to)
		d.Epoch = rapid.Uint64Range(1, 2).Draw(t, "epoch")
		return d
	}
}

// anyEvidence draws something about evidence itself.
func anyEvidence(t *rapid.T, k *Known) Draft {
	name := rapid.SampledFrom([]string{"p", "q"}).Draw(t, "name")
	slot, next := At(second(rapid.IntRange(0, 100).Draw(t, "slot"))), At(second(rapid.IntRange(0, 100).Draw(t, "next")))
	schedule := scheduleRef(name, rapid.Int64Range(1, 3).Draw(t, "generation"))
	size := rapid.Uint64Range(1, 9).Draw(t, "size")
	switch rapid.IntRange(0, 12).Draw(t, "evidence") {
	case 9:
		return slotsDraft(rapid.SampledFrom([]string{"1", "2"}).Draw(t, "definition"), rapid.IntRange(1, 4).Draw(t, "slot"))
	case 10, 11:
		return anyOccurrence(t, k)
	case 12:
		return restoreDraft(rapid.SampledFrom([]string{"a", "b"}).Draw(t, "scope"), name, slot)
	case 8:
		return probedDraft(SeenKey{ID: rapid.SampledFrom([]string{"k", "l"}).Draw(t, "key"), FirstSeen: slot})
	case 0:
		change := rapid.SampledFrom([]string{ChangeCreated, ChangeUpdated, ChangeDeleted}).Draw(t, "change")
		return scheduleDraft(schedule, change, rapid.Int64Range(0, 9).Draw(t, "floor"), rapid.Bool().Draw(t, "hold"), &next)
	case 1:
		manifest := rapid.SampledFrom([]string{"", "m", "n"}).Draw(t, "manifest")
		return Draft{Entry: Entry{Kind: KindCollected, Schedule: schedule, Collection: &CollectionBody{Slot: slot, Next: &next, Manifest: manifest}}}
	case 2:
		return Draft{Entry: Entry{Kind: KindOccurrence, Schedule: schedule,
			Occurrence: &OccurrenceBody{Of: OccurrenceOfCollection, State: OccurrenceMissed, First: slot, Last: next, Count: 2}}}
	case 3:
		return Draft{Entry: Entry{Kind: KindAccessObserved, Access: &AccessBody{Access: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "access")}}}
	case 4:
		return Draft{Entry: Entry{Kind: KindSelfTested, SelfTest: &SelfTestBody{Type: name, Fixtures: int(size)}}}
	case 5:
		return Draft{Entry: Entry{Kind: KindPruned, Pruned: &PrunedBody{Segment: size, State: "s"}}}
	default:
		kind := rapid.SampledFrom([]Kind{KindAnchored, KindAnchorFailed}).Draw(t, "anchor")
		return anchorDraft(kind, schedule, rapid.SampledFrom([]string{"o", "o/1"}).Draw(t, "origin"), size)
	}
}

// recount holds the tallies against the units that they count.
func recount(t require, k *Known) {
	t.Helper()
	type counts struct{ Conforming, NotEvaluated, NotApplicable, Deviating int }
	want, got := map[controlKey]counts{}, map[controlKey]counts{}
	for u, r := range k.units {
		c := want[controlKey{u.Policy, u.Control}]
		switch r.State.Outcome {
		case control.Conforming:
			c.Conforming++
		case control.NotEvaluated:
			c.NotEvaluated++
		case control.NotApplicable:
			c.NotApplicable++
		case control.Deviating:
			c.Deviating++
			if k.Tally(u.Policy, u.Control).Open[u.Subject] != r {
				t.Fatalf("%s is open and not among the open", u)
			}
		}
		want[controlKey{u.Policy, u.Control}] = c
	}
	for key, tally := range k.tallies {
		if c := (counts{tally.Conforming, len(tally.NotEvaluated), tally.NotApplicable, len(tally.Open)}); c != (counts{}) {
			got[key] = c
		}
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(controlKey{})); diff != "" {
		t.Fatalf("tallies (-recount +got):\n%s", diff)
	}
	for scope, members := range k.subjects {
		for u := range members {
			if ScopeOf(u.Subject) != scope || k.scopeMember(u.Policy, scope) == nil {
				t.Fatalf("%s is judged, and its scope %q is not in the policy's", u, scope)
			}
		}
	}
}

// TestSnapshotIsCanonical: what is made element by element is what RFC 8785 makes
// of the whole.
func TestSnapshotIsCanonical(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := newHistory(t)
		for range rapid.IntRange(0, 30).Draw(t, "drafts") {
			h.say(anyDraft(t, h.known))
		}
		whole, err := canonical(inOrder(h.known))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(whole), marshal(t, h.known)); diff != "" {
			t.Fatalf("(-whole +by element):\n%s", diff)
		}
	})
}

// inOrder is everything that the fold keeps, sorted.
func inOrder(k *Known) *knownJSON {
	j := k.collect()
	j.sort()
	return j
}

// BenchmarkSnapshot encodes and reads the fold of 50,000 units. B/op is what it
// takes altogether; held-B is what is held at the end.
func BenchmarkSnapshot(b *testing.B) {
	k := NewKnown()
	for i := range 50_000 {
		k.put(&Record{Unit: Unit{Policy: "p", Control: fmt.Sprintf("NET-%d", i%5), Subject: namespace(fmt.Sprintf("ns-%05d", i/5))},
			ID: fmt.Sprintf("%064x", i), State: conforming, Since: At(epoch), Definition: fmt.Sprintf("%064x", 1)})
	}
	b.Run("whole", func(b *testing.B) {
		b.ReportAllocs()
		held := 0
		for b.Loop() {
			data, err := canonical(inOrder(k))
			if err != nil {
				b.Fatal(err)
			}
			held = len(data)
		}
		b.ReportMetric(float64(held), "held-B")
	})
	packed, err := packAll(k.writeCanonical)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("packed by element", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := packAll(k.writeCanonical); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(len(packed)), "held-B")
	})
	b.Run("read by element", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := unpackTo(packed, func(r io.Reader) error { _, err := readKnown(r); return err }); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// anyOccurrence draws what came of the slot of a backup that is due next.
func anyOccurrence(t *rapid.T, k *Known) Draft {
	r := k.Backup("p", "b")
	uid := rapid.StringMatching("[a-f]").Draw(t, "run")
	if r == nil || r.Slots.Next == nil {
		return extraRun(hours(1), uid)
	}
	d := ran(0, 0, uid)
	next := At(r.Slots.Next.Add(6 * time.Hour))
	d.Occurrence.First, d.Occurrence.Last, d.Occurrence.Next = *r.Slots.Next, *r.Slots.Next, &next
	d.Occurrence.Waiting, d.Occurrence.Run.BegunAt = r.Slots.Waiting, *r.Slots.Next
	if rapid.Bool().Draw(t, "waits") && len(r.Slots.Waiting) < MaxWaiting {
		after := At(next.Add(6 * time.Hour))
		d.Occurrence.Waiting = append(slices.Clone(d.Occurrence.Waiting), WaitingSlot{*r.Slots.Next, next})
		d.Occurrence.First, d.Occurrence.Last, d.Occurrence.Next, d.Occurrence.Run.BegunAt = next, next, &after, next
	}
	return d
}
