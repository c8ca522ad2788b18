package ledger

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/internal/ledger/tlog"
)

// evidence checks what an entry states about evidence. It is not folded yet.
func (l *ledgerCheck) evidence(file string, e *Entry) error {
	switch e.Kind {
	case KindCollected:
		l.slot(file, e, e.Collection.Slot)
		return l.collected(e)
	case KindOccurrence:
		switch e.Occurrence.Of {
		case OccurrenceOfCollection:
			l.slot(file, e, e.Occurrence.First)
			l.missed = append(l.missed, e)
		case OccurrenceOfBackup:
			l.backup(file, e)
		}
	case KindGap:
		l.gapStated(e)
	case KindAnchored:
		l.anchored(file, e)
	case KindPruned:
		l.prunedStated(file, e)
	case KindObjectErased:
		if validDigest(e.Erased.Digest) {
			l.erased[refTo(actorsDir, e.Erased.Digest)] = e.Seq
		}
	default:
		l.touch(e)
	}
	return nil
}

// slot checks that an entry is about the slot that is due.
func (l *ledgerCheck) slot(file string, e *Entry, slot Time) {
	if l.known == nil {
		return
	}
	r, there := l.known.Evidence().Schedules[e.Schedule.Name]
	if there && r.Next != nil && !r.Next.Equal(slot.Time) {
		l.problemAt(file, e.Seq, "it is about slot %s of schedule %s, the one that was due is %s",
			stamp(slot), e.Schedule.Name, stamp(*r.Next))
	}
}

func stamp(t Time) string { return t.UTC().Format(time.RFC3339) }

// gapStated takes note of an interval in which nothing was observed.
func (l *ledgerCheck) gapStated(e *Entry) {
	if e.Gap.Kind == "" && e.Gap.Policy == "" && e.Gap.To != nil {
		l.gaps = append(l.gaps, [2]Time{e.Gap.From, *e.Gap.To})
	}
}

// overdue is after how long a slot that nothing is said of is pointed out.
const overdue = 24 * time.Hour

// checkSlots holds missed slots against the gaps, and finds slots of which
// nothing is said.
func (l *ledgerCheck) checkSlots() error {
	for _, e := range l.missed {
		if e.Reason == CauseNotRunning && !l.inGap(e.Occurrence.First) {
			l.note("Slot %s of schedule %s was missed because the operator did not run (entry %d), and no gap says so.",
				stamp(e.Occurrence.First), e.Schedule.Name, e.Seq)
		}
	}
	if l.known == nil || !l.info.Current {
		return nil
	}
	schedules := l.known.Evidence().Schedules
	for _, name := range sortedKeys(schedules) {
		r := schedules[name]
		if !r.Deleted && r.Next != nil && l.known.LastAppended.Sub(r.Next.Time) > overdue {
			l.note("Nothing is said of slot %s of schedule %s, and the ledger goes on until %s.", stamp(*r.Next), name, stamp(l.known.LastAppended))
		}
	}
	return nil
}

func (l *ledgerCheck) inGap(slot Time) bool {
	for _, g := range l.gaps {
		if !slot.Before(g[0].Time) && !slot.After(g[1].Time) {
			return true
		}
	}
	return false
}

// anchored checks the receipt of an Anchored entry: that it is of a checkpoint
// that the entries give. Whether its signature is that of somebody the reader
// trusts, VerifyOptions.Receipts says.
func (l *ledgerCheck) anchored(file string, e *Entry) {
	a := e.Anchor
	data, there := l.content(a.Receipt)
	if !there {
		return
	}
	full := l.place.object(objectsDir, a.Receipt)
	var r Receipt
	if err := json.Unmarshal(data, &r); err != nil || r.Schema != ReceiptSchema {
		l.problemAt(l.rel(full), e.Seq, "it is no receipt (schema %q)", r.Schema)
		return
	}
	l.sum.Receipts++
	id, segment, err := tlog.ParseOrigin(a.Origin)
	if want := fmt.Sprintf("%s\n%d\n%s\n", a.Origin, a.Size, a.RootHash); err != nil || id != l.place.id || !strings.HasPrefix(r.Checkpoint, want) {
		l.problemAt(l.rel(full), e.Seq, "the receipt is not of the checkpoint that the entry names (%s, %d entries)", a.Origin, a.Size)
		return
	}
	root, err := l.rootOf(l.ctx, segment, a.Size)
	switch {
	case err != nil:
		l.problemAt(file, e.Seq, "the checkpoint of %d entries of segment %d that was anchored cannot be compared: %v", a.Size, segment, err)
	case root == nil: // of a segment that was pruned
	case base64.StdEncoding.EncodeToString(root) != a.RootHash:
		l.problemAt(l.rel(full), e.Seq, "the checkpoint of %d entries of segment %d that was anchored names root %s, the entries give %s",
			a.Size, segment, a.RootHash, base64.StdEncoding.EncodeToString(root))
	default:
		l.trust(r, l.place.base(segment)+a.Size)
	}
}

// rootOf is the root of the first leaves of a segment, by its tiles, which are
// compared elsewhere. It is nil where they were pruned.
func (l *ledgerCheck) rootOf(ctx context.Context, segment, leaves uint64) ([]byte, error) {
	if segment < l.first {
		if cp := l.prunedSegments[segment]; cp != nil && cp.Size == leaves {
			return cp.Root, nil
		}
		return nil, nil
	}
	if l.place.base(segment)+leaves > l.size || leaves > l.place.segmentSize {
		return nil, fmt.Errorf("the log has %d entries", l.size)
	}
	return l.place.view(segment, l.size).RootAt(ctx, leaves)
}

// trust asks whether somebody the reader trusts gave the receipt, which is of
// the first entries of the ledger.
func (l *ledgerCheck) trust(r Receipt, entries uint64) {
	if l.receipts == nil {
		return
	}
	at, err := l.receipts(r)
	if err != nil {
		if l.distrusted == nil {
			l.distrusted = map[string]distrusted{}
		}
		d := l.distrusted[r.Name]
		l.distrusted[r.Name] = distrusted{d.count + 1, err}
		return
	}
	l.sum.Trusted++
	if entries > l.sum.Anchored {
		l.sum.Anchored, l.sum.AnchoredAt = entries, at
	}
}

// distrusted counts the receipts of an anchor that nobody vouches for.
type distrusted struct {
	count int
	err   error
}

func (l *ledgerCheck) noteDistrusted() {
	for _, name := range sortedKeys(l.distrusted) {
		d := l.distrusted[name]
		l.note("%d receipts of anchor %s of ledger %s count for nothing: %v.", d.count, name, l.place.id, d.err)
	}
}

// prunedStated checks that a segment was removed only when that was allowed,
// and that it is the one whose files are gone.
func (l *ledgerCheck) prunedStated(file string, e *Entry) {
	p := e.Pruned
	first, last := l.place.base(p.Segment), l.place.base(p.Segment+1)-1
	if p.First != first || p.Last != last {
		l.problemAt(file, e.Seq, "it says that segment %d had the entries %d to %d, those are %d to %d", p.Segment, p.First, p.Last, first, last)
	}
	if age := e.AppendedAt.Sub(p.LastAppended.Time); int64(age/time.Second) < p.FloorSeconds {
		l.problemAt(file, e.Seq, "segment %d was removed %s after its last entry, the retention floor is %s",
			p.Segment, age, time.Duration(p.FloorSeconds)*time.Second)
	}
	if l.known != nil {
		l.prunedByState(file, e)
	}
	l.declaredPruned = max(l.declaredPruned, p.Segment+1)
	if cp := l.prunedSegments[p.Segment]; cp != nil && !bytes.Equal(cp.Note, []byte(p.Checkpoint)) {
		l.problemAt(l.rel(l.place.log(p.Segment))+"/"+tlog.CheckpointFile, e.Seq, "it is not the checkpoint that the entry which removed the segment names")
	}
}

// prunedByState holds a pruning against what was known when it was stated.
func (l *ledgerCheck) prunedByState(file string, e *Entry) {
	known := l.known.Evidence()
	switch {
	case known.LegalHold():
		l.problemAt(file, e.Seq, "segment %d was removed during a legal hold", e.Pruned.Segment)
	case e.Pruned.FloorSeconds != known.RetentionSeconds:
		l.problemAt(file, e.Seq, "it names a retention floor of %ds, the one in force is %ds", e.Pruned.FloorSeconds, known.RetentionSeconds)
	case e.Pruned.Segment != known.PrunedSegments():
		l.problemAt(file, e.Seq, "it removes segment %d, the oldest was %d", e.Pruned.Segment, known.PrunedSegments())
	}
}
