package ledger

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/holdfast-dev/holdfast/internal/killpoint"
	"github.com/holdfast-dev/holdfast/internal/ledger/tlog"
	"github.com/holdfast-dev/holdfast/internal/ledger/volume"
)

// begin makes a new ledger, which names the one it follows and what is lost.
func (o *opening) begin(ctx context.Context, b *breach) (string, error) {
	id, err := o.opts.NewID()
	if err != nil {
		return "", err
	}
	vkey, err := tlog.VerifierKey(tlog.Origin(id, 0), o.public)
	if err != nil {
		return "", err
	}
	tips := tipsOf(o.infos)
	pred := o.predecessor(tips, b)
	f := identity{
		Schema: ledgerSchema, LedgerID: id, Reason: b.reason, Predecessor: pred,
		Cluster: o.opts.Cluster, VerifierKey: vkey, SegmentSize: o.opts.SegmentSize,
	}
	for _, tip := range tips {
		if pred == nil || tip != pred.LedgerID {
			f.Supersedes = append(f.Supersedes, tip)
		}
	}
	if err := o.create(ctx, f); err != nil {
		return "", fmt.Errorf("begin a new ledger: %w", err)
	}
	killpoint.Hit(killpoint.LedgerBegun)
	if b.reason != OpenFirstInstall {
		o.opts.Log.Error(b, "A new ledger was begun: the one before cannot go on", "ledger", id, "reason", string(b.reason))
	}
	for _, tip := range tips {
		if err := volume.Freeze(filepath.Join(o.opts.Dir, ledgersDir, tip)); err != nil {
			o.opts.Log.Error(err, "The old ledger's files could not all be made read-only", "ledger", tip)
		}
	}
	return id, nil
}

// create makes the directory of a ledger, complete or not at all: its last act
// is the rename that makes it the ledger to write on.
func (o *opening) create(ctx context.Context, f identity) error {
	final := placeOf(o.opts.Dir, f.LedgerID, f.SegmentSize)
	temp := final
	temp.dir += newSuffix
	for _, dir := range []string{temp.journal(), temp.snapshots(), filepath.Join(temp.dir, segmentsDir)} {
		if err := volume.MkdirAll(dir); err != nil {
			return err
		}
	}
	tree := tlog.Options{
		Origin: tlog.Origin(f.LedgerID, 0), Key: o.opts.Key,
		BatchAge: treeBatchAge, CheckpointInterval: o.opts.CheckpointInterval,
	}
	if err := createSegment(ctx, temp, tree, 0); err != nil {
		return err
	}
	data, err := volume.EncodeChecked(f)
	if err != nil {
		return err
	}
	if err := volume.WriteFile(temp.file(), data); err != nil {
		return err
	}
	killpoint.Hit(killpoint.LedgerMade)
	if err := os.Rename(temp.dir, final.dir); err != nil {
		return err
	}
	return volume.SyncDir(filepath.Dir(final.dir))
}

// predecessor names the ledger that a new one follows: that of the head mark
// where the volume does not have it, else the newest on the volume.
func (o *opening) predecessor(tips []string, b *breach) *PredecessorBody {
	if b.reason == OpenFirstInstall {
		return nil
	}
	pred := &PredecessorBody{Lost: shorten(o.lost(tips, b))}
	marked := o.head != nil && b.reason != OpenClusterChanged
	if marked {
		pred.LedgerID, pred.Checkpoint = o.head.LedgerID, o.head.Checkpoint
	}
	if len(tips) == 0 || (marked && (tips[0] != o.head.LedgerID || b.reason == OpenVolumeRegressed)) {
		return pred
	}
	pred.LedgerID = tips[len(tips)-1]
	if cp := o.newestCheckpoint(pred.LedgerID); cp != nil && !(marked && o.markedLater(cp)) {
		pred.Checkpoint = string(cp.Note)
	}
	return pred
}

// markedLater reports whether the head mark holds a later checkpoint of the
// same ledger, signed with our key.
func (o *opening) markedLater(cp *tlog.Checkpoint) bool {
	origin, err := tlog.ParseOriginOf([]byte(o.head.Checkpoint))
	if err != nil {
		return false
	}
	marked, err := tlog.OpenCheckpoint([]byte(o.head.Checkpoint), origin, o.public)
	if err != nil {
		return false
	}
	_, theirs, err1 := tlog.ParseOrigin(marked.Origin)
	_, ours, err2 := tlog.ParseOrigin(cp.Origin)
	return err1 == nil && err2 == nil && (theirs > ours || (theirs == ours && marked.Size > cp.Size))
}

// maxLost bounds what is said of what is lost, in bytes.
const maxLost = 300

// shorten keeps a sentence short enough for an entry.
func shorten(s string) string {
	if len(s) > maxLost {
		return strings.ToValidUTF8(s[:maxLost], "") + "..."
	}
	return s
}

// newestCheckpoint is the last checkpoint on the volume of a ledger, if it
// verifies with the ledger's own key.
func (o *opening) newestCheckpoint(id string) *tlog.Checkpoint {
	info := o.infos[id]
	key, err := tlog.PublicKey(info.VerifierKey)
	if err != nil || info.id == nil {
		return nil
	}
	p := placeOf(o.opts.Dir, id, info.id.SegmentSize)
	segments, err := p.segmentCount()
	if err != nil {
		return nil
	}
	cp, err := p.readCheckpoint(segments-1, key)
	if err != nil {
		return nil
	}
	return cp
}

// lost says in one sentence what is lost.
func (o *opening) lost(tips []string, b *breach) string {
	switch {
	case b.reason == OpenKeyLost, b.reason == OpenClusterChanged:
		return fmt.Sprintf("Nothing: the ledger is kept as it is (%v).", b.cause)
	case len(tips) == 0:
		return "All of its entries: the volume holds no ledger."
	case b.reason == OpenVolumeRegressed:
		return fmt.Sprintf("The entries up to the head mark that the volume does not hold: %v.", b.cause)
	default:
		return fmt.Sprintf("What cannot be proven of it; its files are kept: %v.", b.cause)
	}
}

func newLedgerID() (string, error) {
	var raw [idLength / 2]byte
	if _, err := rand.Read(raw[:]); err != nil {
		return "", err
	}
	return hex.EncodeToString(raw[:]), nil
}
