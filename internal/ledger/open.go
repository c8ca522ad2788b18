package ledger

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/holdfast-dev/holdfast/internal/killpoint"
	"github.com/holdfast-dev/holdfast/internal/ledger/journal"
	"github.com/holdfast-dev/holdfast/internal/ledger/tlog"
	"github.com/holdfast-dev/holdfast/internal/ledger/volume"
)

// Opened says what was found when a ledger was opened.
type Opened struct {
	// LedgerID is the ledger's id.
	LedgerID string
	// Reason is empty where the ledger goes on. Otherwise its first entry, a
	// LedgerOpened with this reason and predecessor, is still to be written.
	Reason      OpenReason
	Predecessor *PredecessorBody
	// Known is what is known after all entries, those of the journal included.
	Known *Known
	// NextSeq is the number of entries.
	NextSeq uint64
	// LastProof is the last proof of observation; zero if there is none.
	LastProof time.Time
	// RecoveredTail is the number of entries beyond the last signed checkpoint.
	RecoveredTail uint64
	// HeadMissing is true where a ledger was continued although nothing outside
	// the volume says how far it went.
	HeadMissing bool
	// VerifierKey is the note verifier key of the ledger.
	VerifierKey string
	// TailIDs are the ids of the newest entries: at least of the newest 1024,
	// and of all that came from the journal.
	TailIDs map[string]struct{}
}

// opening is one attempt to open a ledger.
type opening struct {
	opts   Options
	public ed25519.PublicKey
	// mark is the head mark, record what an EvidenceRecord keeps. head is what of
	// the two says most, and beside the other one, if that is of the same ledger.
	mark, record *Head
	head, beside *Head
	infos        map[string]LedgerInfo
}

// Open opens the ledger on a volume, or begins one. It never continues a
// ledger that it cannot prove to be what its checkpoint and the head mark say,
// and never begins a second history beside one that goes on: it returns an
// error where it cannot tell.
func Open(ctx context.Context, opts Options) (*Log, *Opened, error) {
	if err := opts.complete(); err != nil {
		return nil, nil, err
	}
	if err := volume.MkdirAll(opts.Dir); err != nil {
		return nil, nil, fmt.Errorf("open the ledger: %w", volume.Explain(opts.Dir, err))
	}
	if err := opts.Check(opts.Dir, opts.MinFree); err != nil {
		return nil, nil, fmt.Errorf("open the ledger: %w", volume.Explain(opts.Dir, err))
	}
	lock, err := volume.Lock(filepath.Join(opts.Dir, lockFile))
	if err != nil {
		return nil, nil, fmt.Errorf("open the ledger: %w", volume.Explain(opts.Dir, err))
	}
	killpoint.Hit(killpoint.OpenLocked)
	log, opened, err := openLocked(ctx, opts, lock)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("open the ledger: %w", volume.Explain(opts.Dir, err)), lock.Close())
	}
	return log, opened, nil
}

func openLocked(ctx context.Context, opts Options, lock *os.File) (*Log, *Opened, error) {
	public, ok := opts.Key.Public().(ed25519.PublicKey)
	if !ok {
		return nil, nil, errors.New("the signing key is not an Ed25519 key")
	}
	head, err := opts.Head.Load(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("the head mark cannot be read: %w", err)
	}
	if err := removeIncomplete(opts.Dir); err != nil {
		return nil, nil, err
	}
	var record *Head
	if opts.Record != nil {
		if record, err = opts.Record(ctx); err != nil {
			return nil, nil, fmt.Errorf("the newest evidence record cannot be read: %w", err)
		}
	}
	o := &opening{opts: opts, public: public, mark: head, record: record}
	found, err := o.find(ctx)
	if err != nil {
		return nil, nil, err
	}
	log, err := o.start(ctx, found.contents, lock)
	if err != nil {
		return nil, nil, err
	}
	killpoint.Hit(killpoint.HeadDue)
	opened := o.report(found)
	proof := opened.LastProof
	if proof.IsZero() {
		proof = opts.Now()
	}
	if err := log.saveHead(ctx, proof); err != nil {
		return nil, nil, errors.Join(err, log.abandon(ctx))
	}
	killpoint.Hit(killpoint.HeadSaved)
	return log, opened, nil
}

// found is the ledger to write on.
type found struct {
	*contents
	info LedgerInfo
}

// find decides which ledger to write on: the one on the volume if it may go on,
// else a new one that names it.
func (o *opening) find(ctx context.Context) (*found, error) {
	ledgers, err := Ledgers(o.opts.Dir)
	if err != nil {
		return nil, err
	}
	o.infos = map[string]LedgerInfo{}
	for _, info := range ledgers {
		o.infos[info.LedgerID] = info
	}
	o.weigh()
	f, err := o.judge(ctx, tipsOf(o.infos))
	var b *breach
	if !errors.As(err, &b) {
		return f, err
	}
	id, err := o.begin(ctx, b)
	if err != nil {
		return nil, err
	}
	info := readIdentity(o.opts.Dir, id)
	c, err := inspect(ctx, placeOf(o.opts.Dir, id, info.id.SegmentSize), o.public, o.opts.Log)
	if err != nil {
		return nil, fmt.Errorf("the new ledger: %w", err)
	}
	return &found{c, info}, nil
}

// weigh decides what of that which is kept outside the volume says most.
func (o *opening) weigh() {
	mark, record := o.mark, o.record
	o.head = mark
	if record == nil {
		return
	}
	if mark == nil {
		o.head = record
		return
	}
	if mark.LedgerID == record.LedgerID {
		o.beside = record
		if record.further(mark) {
			o.head, o.beside = record, mark
		}
		return
	}
	// A record outlives the ledger that it is of. One that is newer than the head
	// mark, and of a ledger of which nothing here knows, was not outlived.
	if !o.heardOf(record.LedgerID) && record.Time.After(mark.Time.Time) {
		o.head = record
	}
}

// heardOf is whether a ledger lies on the volume, or one that follows it does.
func (o *opening) heardOf(ledgerID string) bool {
	for id, info := range o.infos {
		if id == ledgerID || (info.Predecessor != nil && info.Predecessor.LedgerID == ledgerID) {
			return true
		}
	}
	return false
}

// judge returns the ledger on the volume, or a breach that says why it cannot
// go on.
func (o *opening) judge(ctx context.Context, tips []string) (*found, error) {
	switch {
	case len(tips) == 0 && o.head == nil:
		return nil, &breach{OpenFirstInstall, errors.New("there is no ledger yet")}
	case len(tips) == 0:
		return nil, &breach{OpenVolumeLost, errors.New("the volume holds no ledger")}
	case len(tips) > 1:
		return nil, &breach{OpenVolumeInconsistent, fmt.Errorf("the volume holds %d ledgers of which none continues the other", len(tips))}
	}
	info := o.infos[tips[0]]
	if err := o.foreign(info); err != nil {
		return nil, err
	}
	c, err := inspect(ctx, placeOf(o.opts.Dir, info.LedgerID, info.id.SegmentSize), o.public, o.opts.Log)
	if err != nil {
		return nil, fmt.Errorf("ledger %s: %w", info.LedgerID, err)
	}
	if err := o.marked(ctx, info, c); err != nil {
		return nil, err
	}
	if o.beside != nil && o.beside.LedgerID == info.LedgerID {
		if err := c.extends(ctx, o.beside, o.public); err != nil {
			return nil, err
		}
	}
	return &found{c, info}, nil
}

// foreign returns a breach where a ledger belongs to another cluster, or was
// signed with another key.
func (o *opening) foreign(info LedgerInfo) error {
	if info.Err != nil {
		return breached(fmt.Errorf("ledger %s: %w", info.LedgerID, info.Err))
	}
	if was, is := info.Cluster.KubeSystemUID, o.opts.Cluster.KubeSystemUID; was != is {
		return &breach{OpenClusterChanged, fmt.Errorf("the ledger is of cluster %s, this is %s", was, is)}
	}
	key, err := tlog.PublicKey(info.VerifierKey)
	if err != nil {
		return &breach{OpenVolumeInconsistent, err}
	}
	if !key.Equal(o.public) {
		return &breach{OpenKeyLost, errors.New("the ledger was signed with another key")}
	}
	return nil
}

// marked compares a ledger with the head mark.
func (o *opening) marked(ctx context.Context, info LedgerInfo, c *contents) error {
	switch {
	case o.head == nil:
		o.opts.Log.Info("There is no head mark: only the ledger's own checkpoint says how far it went", "ledger", info.LedgerID)
		return nil
	case o.head.LedgerID == info.LedgerID:
		return c.extends(ctx, o.head, o.public)
	case info.Predecessor != nil && info.Predecessor.LedgerID == o.head.LedgerID:
		return nil // begun, and stopped before the head mark was written
	default:
		return &breach{OpenVolumeRegressed, fmt.Errorf("the head mark is of ledger %s, which does not lie on the volume", o.head.LedgerID)}
	}
}

// start opens a ledger whose contents were proven, and finishes what a crash
// interrupted: the journal's entries go to the log, and a new journal begins.
func (o *opening) start(ctx context.Context, c *contents, lock *os.File) (*Log, error) {
	p := c.place
	if err := p.removeTemps(o.opts.Dir, c.segments-1); err != nil {
		return nil, err
	}
	if err := p.finishPruning(c.known.Evidence()); err != nil {
		return nil, err
	}
	m, err := openCommitter(ctx, o.opts, p, c.segments-1)
	if err != nil {
		return nil, err
	}
	l := &Log{
		opts: o.opts, place: p, lock: lock, committer: m, failed: make(chan error, 1),
		next: c.known.NextSeq, snapshotAt: c.snapshot + o.opts.SnapshotEvery,
	}
	if err := l.resume(ctx, c); err != nil {
		return nil, errors.Join(err, m.index.close(), m.tree.Close(ctx))
	}
	go m.run(l.journal, c.nextFrame, l.integrated, l.fail)
	return l, nil
}

// resume carries the journal that was found into the log, and begins a new one.
func (l *Log) resume(ctx context.Context, c *contents) error {
	m := l.committer
	if err := m.replay(ctx, c.firstFrame, c.nextFrame); err != nil {
		return err
	}
	if m.next() != l.next {
		return fmt.Errorf("the log has %d entries after the replay, want %d", m.next(), l.next)
	}
	killpoint.Hit(killpoint.OpenReplayed)
	if err := removeJournal(l.place.journal()); err != nil {
		return err
	}
	killpoint.Hit(killpoint.OpenEmptied)
	size := m.tree.Size()
	front, err := tlog.View{Dir: l.place.log(m.segment), Size: size}.Range(ctx, size)
	if err != nil {
		return err
	}
	l.front = front
	l.journal, err = journal.NewWriter(journal.Options{
		Dir: l.place.journal(), LedgerID: l.place.id, Next: c.nextFrame, Stored: l.stored,
	})
	return err
}

// abandon releases a log that was just opened and that nobody has used.
func (l *Log) abandon(ctx context.Context) error {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	return errors.Join(l.journal.Close(), l.committer.close(ctx, false))
}

// report says what was found.
func (o *opening) report(f *found) *Opened {
	c := f.contents
	opened := &Opened{
		LedgerID: c.place.id, Known: c.known, NextSeq: c.known.NextSeq,
		RecoveredTail: c.known.NextSeq - c.place.base(c.segments-1) - c.checkpoint.Size,
		HeadMissing:   o.head == nil && c.known.NextSeq > 0,
		VerifierKey:   f.info.VerifierKey, TailIDs: c.ids,
	}
	if opened.NextSeq == 0 {
		opened.Reason, opened.Predecessor = f.info.Reason, f.info.Predecessor
	}
	if f.info.Reason != OpenClusterChanged || opened.NextSeq > 0 {
		opened.LastProof = lastProof(o.opts.Dir, c.known, o.head)
	}
	return opened
}
