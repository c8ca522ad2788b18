package foreign

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"

	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/ledger/tlog"
)

// TestMain silences Tessera.
func TestMain(m *testing.M) {
	klog.SetLogger(logr.Discard())
	os.Exit(m.Run())
}

// start is when every ledger here begins.
var start = time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC)

// patience bounds the waiting for what is sure to come.
const patience = time.Minute

// segmentSize is the number of entries of a segment: small, and no multiple of
// the 256 entries of a bundle.
const segmentSize = 300

// volume is a ledger that is being written, on a real disk.
type volume struct {
	t      *testing.T
	dir    string
	key    ed25519.PublicKey
	secret ed25519.PrivateKey
	writer *ledger.Writer
	at     time.Time
}

func newVolume(t *testing.T) *volume {
	t.Helper()
	root := t.TempDir()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	v := &volume{t: t, dir: filepath.Join(root, "ledger"), key: public, secret: private, at: start}
	v.writer, err = ledger.OpenWriter(t.Context(), ledger.WriterOptions{
		Options: ledger.Options{
			Dir: v.dir, Key: private, Head: ledger.FileHead{Path: filepath.Join(root, "head")},
			Cluster: ledger.ClusterBody{KubeSystemUID: "uid-1"}, SegmentSize: segmentSize,
			CheckpointInterval: 100 * time.Millisecond, BatchAge: 2 * time.Millisecond, MinFree: 1, Log: logr.Discard(),
		},
		Operator: ledger.OperatorBody{Process: strings.Repeat("ab", 16), Version: "v0.1.0", StartedAt: ledger.At(start)},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := v.writer.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return v
}

// grow writes entries until there are so many, and returns the newest checkpoint.
func (v *volume) grow(to uint64) *tlog.Checkpoint {
	v.t.Helper()
	for v.writer.Known().NextSeq < to {
		v.at = v.at.Add(time.Minute)
		beat := ledger.Draft{At: v.at, Entry: ledger.Entry{Kind: ledger.KindHeartbeat,
			Alive: &ledger.AliveBody{Progress: map[string]ledger.Time{"pods": ledger.At(v.at)}}}}
		if _, err := v.writer.Write(beat); err != nil {
			v.t.Fatal(err)
		}
	}
	origin, note := v.published()
	cp, err := tlog.OpenCheckpoint(note, origin, v.key)
	if err != nil {
		v.t.Fatal(err)
	}
	return cp
}

// published waits until the log's own checkpoint covers everything.
func (v *volume) published() (origin string, note []byte) {
	v.t.Helper()
	if err := v.writer.Flush(); err != nil {
		v.t.Fatal(err)
	}
	r := v.reader()
	current, err := r.Current()
	if err != nil {
		v.t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		note, entries, err := r.Checkpoint(current.LedgerID)
		if err == nil && entries == v.writer.Known().NextSeq {
			origin, err := tlog.ParseOriginOf(note)
			if err != nil {
				v.t.Fatal(err)
			}
			return origin, note
		}
		if time.Now().After(deadline) {
			v.t.Fatalf("no checkpoint covers %d entries (%v)", v.writer.Known().NextSeq, err)
		}
	}
}

// sign signs what need not be true.
func (v *volume) sign(origin string, size uint64, root []byte) *tlog.Checkpoint {
	v.t.Helper()
	cp, err := tlog.Sign(origin, v.secret, size, root)
	if err != nil {
		v.t.Fatal(err)
	}
	return cp
}

// reader reads the ledger while it is being written.
func (v *volume) reader() *ledger.Reader {
	v.t.Helper()
	r, err := ledger.NewReader(v.dir)
	if err != nil {
		v.t.Fatal(err)
	}
	return r
}

// logs are the directories of the segments' logs, by origin.
func (v *volume) logs() map[string]string {
	v.t.Helper()
	current, err := v.reader().Current()
	if err != nil {
		v.t.Fatal(err)
	}
	dirs := map[string]string{}
	for n := uint64(0); n*segmentSize < v.writer.Known().NextSeq; n++ {
		dirs[tlog.Origin(current.LedgerID, n)] = filepath.Join(v.dir, "ledgers", current.LedgerID, "segments", fmt.Sprintf("%06d", n), "log")
	}
	return dirs
}
