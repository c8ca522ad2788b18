package report

import (
	"context"
	"errors"
	"fmt"

	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// Fold makes a record of the entries of src: as of an instant, or of a period.
// It reads every ledger of the chain from its first entry, keeps what grows with
// subjects and episodes and not with entries, and is a function of the two: no
// clock, no cluster, no order of a map shows in the record.
//
// The error is one sentence where the query cannot be answered, or where an
// entry has to be understood and is not.
func Fold(ctx context.Context, src Source, q Query) (*Record, error) {
	if err := q.Validate(); err != nil {
		return nil, err
	}
	f := newFold(src, q)
	for _, info := range src.Chain() {
		if err := f.read(ctx, info); err != nil {
			return nil, err
		}
	}
	f.finish()
	if err := f.answerable(); err != nil {
		return nil, err
	}
	return f.record()
}

// fold is what the entries read so far say.
type fold struct {
	src    Source
	query  Query
	window span
	// end is the end of what was folded, known once all was read.
	end int64

	in   interner
	line line
	// object is that of the entry that is folded, version stands for any of it.
	object  ledger.ObjectBody
	version ledger.ObjectVersion
	// ledgerID is the ledger that is read, ledger its number in the chain.
	ledgerID string
	ledger   int
	links    []LedgerLink
	broken   []*episode // open when a ledger ended, until the next one observes
	banners  []string

	total           uint64
	counts          EntryCounts
	firstAt, lastAt int64
	// proven is the newest proof of observation, of all ledgers.
	proven    int64
	policies  map[string]*policy
	sightings map[string]sighting
	beats     beats
	gaps      []gap
	openGaps  map[string]int
	breakGap  int // the gap of a break that lasts, or -1
	losses    []Loss
	changes   []Change
	run       int
	runs      []run
	offsets   map[int]int64
	tool      Tool
	schedules map[string]*schedule
	collected []Collection
	anchors   []Anchored
	reached   []reach
	written   []written
	segments  map[uint64]uint64 // the first entry of each segment of the ledger
	declared  map[string]bool
	access    []Access
	recent    []recentState
	// lastCompared is the entry of the newest manifest that was compared, forgotten
	// whether recent lacks something since.
	lastCompared uint64
	forgotten    bool
	disagreed    []Marker
	seeded       bool // whether the state before the first entry is known
	prunedFrom   int  // the gap of what was pruned, or -1
}

func newFold(src Source, q Query) *fold {
	return &fold{
		src: src, query: q, window: q.window(), in: newInterner(), ledger: -1,
		counts:  EntryCounts{ByKind: map[string]uint64{}, Unknown: map[string]uint64{}},
		firstAt: forever, lastAt: never, proven: never,
		policies: map[string]*policy{}, sightings: map[string]sighting{}, openGaps: map[string]int{}, breakGap: -1,
		run: -1, offsets: map[int]int64{}, schedules: map[string]*schedule{},
		declared: map[string]bool{}, seeded: true, prunedFrom: -1,
	}
}

// period is the part of time that the record is about.
func (f *fold) period() span { return span{f.window.from, max(f.window.from, f.end)} }

// entryError is an error about an entry, and not about reading it.
type entryError struct{ error }

func (e entryError) Unwrap() error { return e.error }

// read folds one ledger in. What is left of a ledger that another one had to
// succeed may end in the middle.
func (f *fold) read(ctx context.Context, info ledger.LedgerInfo) error {
	f.begin(info)
	err := f.src.Read(ctx, ledger.ReadOptions{LedgerID: info.LedgerID}, f.entry)
	var wrong entryError
	switch {
	case err == nil || ctx.Err() != nil:
		return err
	case errors.As(err, &wrong):
		return wrong
	case info.Current:
		return fmt.Errorf("ledger %s cannot be read: %w", info.LedgerID, err)
	}
	f.banners = append(f.banners, fmt.Sprintf("Ledger %s cannot be read beyond entry %d: what it held after that is not in this record.",
		info.LedgerID, f.links[f.ledger].Last))
	return nil
}

// entry folds one entry in.
func (f *fold) entry(seq uint64, data []byte) error {
	l := &f.line
	if err := l.read(data); err != nil {
		return f.wrong(seq, l.kind, err)
	}
	l.seq = seq
	handle, err := f.handler(l)
	if err != nil {
		return f.wrong(seq, l.kind, err)
	}
	f.total++
	f.firstAt, f.lastAt = min(f.firstAt, l.at), max(f.lastAt, l.at)
	if err := f.arrived(l); err != nil {
		return f.wrong(seq, l.kind, err)
	}
	if l.at >= f.window.to {
		handle = late[l.kind]
	} else {
		f.count(l, handle != nil)
	}
	if handle == nil {
		return nil
	}
	if err := handle(f, l); err != nil {
		return f.wrong(seq, l.kind, err)
	}
	return nil
}

func (f *fold) wrong(seq uint64, kind ledger.Kind, err error) error {
	return entryError{fmt.Errorf("entry %d of ledger %s (%s) cannot be folded: %w", seq, f.ledgerID, kind, err)}
}

// handler is what folds the entry, nil for what nothing follows from. An entry
// that has to be understood, and is not, is an error.
func (f *fold) handler(l *line) (func(*fold, *line) error, error) {
	critical := string(l.parts["critical"]) == "true"
	switch handle, is := handlers[l.kind]; {
	case l.says("schema", ledger.Schema) && is:
		return handle, nil
	case critical:
		return nil, errors.New("this version does not know it, and must not pass over it: use the version that wrote it, or a newer one")
	}
	return nil, nil
}

// handlers say what each kind of entry changes.
var handlers = map[ledger.Kind]func(*fold, *line) error{
	ledger.KindLedgerOpened:      (*fold).ledgerOpened,
	ledger.KindOperatorStarted:   (*fold).operatorStarted,
	ledger.KindOperatorStopped:   (*fold).operatorStopped,
	ledger.KindPermissionChanged: pass,
	ledger.KindHeartbeat:         (*fold).heartbeat,
	ledger.KindPolicyChanged:     (*fold).policyChanged,
	ledger.KindControlIntroduced: (*fold).controlIntroduced,
	ledger.KindControlWithdrawn:  (*fold).controlWithdrawn,
	ledger.KindScopeEntered:      (*fold).memberEntered,
	ledger.KindScopeLeft:         (*fold).memberLeft,
	ledger.KindSubjectAdded:      (*fold).memberEntered,
	ledger.KindSubjectDeleted:    (*fold).memberLeft,
	ledger.KindOutcomeChanged:    (*fold).outcomeChanged,
	ledger.KindUnobservedChange:  (*fold).unobservedChange,
	ledger.KindRepaired:          (*fold).act,
	ledger.KindRepairFailed:      (*fold).act,
	ledger.KindContested:         (*fold).act,
	ledger.KindRolledBack:        (*fold).act,
	ledger.KindGap:               (*fold).gapChanged,
	ledger.KindEvidenceLost:      (*fold).evidenceLost,
	ledger.KindRecoveredTail:     pass,
	ledger.KindScheduleChanged:   (*fold).scheduleChanged,
	ledger.KindCollected:         (*fold).collectionMade,
	ledger.KindDiscrepancy:       (*fold).discrepancy,
	ledger.KindOccurrence:        (*fold).occurrence,
	ledger.KindAccessObserved:    (*fold).accessObserved,
	ledger.KindSelfTested:        (*fold).selfTested,
	ledger.KindProbed:            (*fold).probed,
	ledger.KindAnchored:          (*fold).anchored,
	ledger.KindAnchorFailed:      (*fold).anchored,
	ledger.KindPruned:            (*fold).pruned,
	ledger.KindObjectErased:      (*fold).objectErased,
}

// late are the kinds that say something of the period although they were
// observed after it: a gap begins before it is found, and a backup ends after its slot.
var late = map[ledger.Kind]func(*fold, *line) error{
	ledger.KindGap:          (*fold).gapChanged,
	ledger.KindEvidenceLost: (*fold).evidenceLost,
	ledger.KindOccurrence:   (*fold).lateOccurrence,
}

func pass(*fold, *line) error { return nil }

func (f *fold) count(l *line, isKnown bool) {
	f.counts.Folded++
	if isKnown {
		f.counts.ByKind[string(l.kind)]++
		return
	}
	f.counts.Unknown[f.in.text(string(l.kind))]++
}

// arrived notes what every entry shows, whatever it states.
func (f *fold) arrived(l *line) error {
	link := &f.links[f.ledger]
	if link.Opened.IsZero() {
		link.Opened, link.First = timeOf(l.at), l.seq
		if err := f.startLedger(l); err != nil {
			return err
		}
	}
	if l.at < f.window.to {
		link.Last = l.seq
		f.written[f.ledger].note(l)
	}
	if proves(l) {
		f.resumed(l)
		f.proven = max(f.proven, l.at)
	}
	return nil
}

// proves is whether the entry shows that the cluster was observed when it was
// made. That a process starts, or that something cannot be observed, does not.
func proves(l *line) bool {
	switch l.kind {
	case ledger.KindLedgerOpened, ledger.KindOperatorStarted, ledger.KindRecoveredTail, ledger.KindEvidenceLost,
		ledger.KindPermissionChanged, ledger.KindOccurrence, ledger.KindSelfTested, ledger.KindProbed, ledger.KindAnchored,
		ledger.KindAnchorFailed, ledger.KindPruned, ledger.KindObjectErased:
		return false
	case ledger.KindGap:
		var g struct {
			To *ledger.Time `json:"to"`
		}
		return l.decode("gap", &g) == nil && g.To != nil
	default:
		return true
	}
}

// finish settles what only the end of the entries decides.
func (f *fold) finish() {
	f.end = f.window.to
	if f.proven < f.window.to && f.query.AsOf == nil {
		f.end = max(f.window.from, f.proven)
	}
	f.endBreak(f.end)
	for _, name := range sortedKeys(f.policies) {
		p := f.policies[name]
		p.finish(f.end)
		for _, id := range sortedKeys(p.controls) {
			c := p.controls[id]
			for _, s := range f.sortedUnits(c) {
				if u := c.units[s]; u.open != nil {
					c.episodes = append(c.episodes, u.open)
				}
			}
		}
	}
	f.beats.sort()
}

// record makes the record of what was folded.
func (f *fold) record() (*Record, error) {
	controls, err := f.selected()
	if err != nil {
		return nil, err
	}
	r := &Record{Schema: RecordSchema, Query: f.query, Through: timeOf(f.end), Status: Interim, Statements: statements(),
		Controls: []Control{}, Markers: []Marker{}, Entries: f.counts}
	if f.end >= f.window.to {
		r.Status = Complete
	}
	if f.query.AsOf != nil {
		r.Through = *f.query.AsOf
	}
	r.Title = f.title(r.Status)
	f.fillCustody(r)
	for _, c := range controls {
		r.Controls = append(r.Controls, f.controlRecord(c))
	}
	r.Gaps = f.listGaps()
	r.Collections, r.Slots = f.listCollections()
	r.Changes = f.listChanges(controls)
	r.Tool = f.listTool()
	r.Matrix = matrix(r.Controls)
	r.Markers = append(f.markers(r), f.disagreed...)
	r.Banners = f.listBanners()
	if f.query.AsOf != nil {
		instant(r)
	}
	return r, nil
}

// existedBy is when a party outside the cluster had acknowledged an entry.
func (f *fold) existedBy(ledgerNo int, seq uint64) *ledger.Time {
	for i := range f.reached {
		if a := &f.reached[i]; a.ledger == ledgerNo && a.from <= seq && seq < a.to {
			return &f.reached[i].at
		}
	}
	return nil
}
