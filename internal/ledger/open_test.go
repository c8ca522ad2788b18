package ledger

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/internal/ledger/tlog"
)

func TestLedgerIsWrittenRolledAndReadBack(t *testing.T) {
	r := newRig(t)
	opened := r.open()
	if opened.Reason != OpenFirstInstall || opened.Predecessor != nil || opened.NextSeq != 0 {
		t.Errorf("first open: got %+v", opened)
	}
	r.write(r.beats(2500)...)
	r.close()
	if got := r.onceEach(); got != int(r.known.NextSeq) {
		t.Errorf("got %d entries, want %d", got, r.known.NextSeq)
	}
	if got, err := placeOf(r.opts.Dir, opened.LedgerID, 1000).segmentCount(); err != nil || got != 3 {
		t.Errorf("got %d segments, %v, want 3", got, err)
	}

	want, err := r.known.MarshalCanonical()
	if err != nil {
		t.Fatal(err)
	}
	again := r.open()
	defer r.close()
	got, err := again.Known.MarshalCanonical()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("what is known after opening again (-want +got):\n%s", diff)
	}
	if again.Reason != "" || again.RecoveredTail != 0 || again.LedgerID != opened.LedgerID || len(again.TailIDs) < tailIDs {
		t.Errorf("second open: got reason %q, recovered tail %d, ledger %s, %d ids", again.Reason, again.RecoveredTail, again.LedgerID, len(again.TailIDs))
	}
}

func TestSecondHandleIsRefused(t *testing.T) {
	r := newRig(t)
	r.open()
	if _, _, err := Open(context.Background(), r.opts); !errors.Is(err, ErrInUse) {
		t.Errorf("got %v, want ErrInUse", err)
	}
	r.close()
	r.open()
	r.close()
}

// TestOpeningRules names what DESIGN.md says of each: never a fork, never silence.
func TestOpeningRules(t *testing.T) {
	t.Parallel()
	logOf := func(r *rig, id string) string { return placeOf(r.opts.Dir, id, r.opts.SegmentSize).log(0) }
	cases := map[string]struct {
		harm       func(t *testing.T, r *rig, id string)
		wantReason OpenReason
		// wantCheckpoint is whether the successor names a checkpoint.
		wantCheckpoint bool
	}{
		"nothing happened": {harm: func(*testing.T, *rig, string) {}},
		"head mark missing": {harm: func(t *testing.T, r *rig, _ string) {
			remove(t, r.opts.Head.(FileHead).Path)
		}},
		"volume empty": {func(t *testing.T, r *rig, _ string) {
			remove(t, r.opts.Dir)
		}, OpenVolumeLost, true},
		"older copy": {func(t *testing.T, r *rig, _ string) {
			old := filepath.Join(t.TempDir(), "copy")
			copyTree(t, r.opts.Dir, old)
			r.open()
			r.write(r.beats(30)...)
			r.close()
			remove(t, r.opts.Dir)
			copyTree(t, old, r.opts.Dir)
		}, OpenVolumeRegressed, true},
		"state file missing": {func(t *testing.T, r *rig, id string) {
			remove(t, filepath.Join(logOf(r, id), tlog.StateFile))
		}, OpenVolumeInconsistent, true},
		"state file says empty": {func(t *testing.T, r *rig, id string) {
			overwrite(t, filepath.Join(logOf(r, id), tlog.StateFile), `{"size":0,"root":"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="}`)
		}, OpenVolumeInconsistent, true},
		"checkpoint missing": {func(t *testing.T, r *rig, id string) {
			remove(t, filepath.Join(logOf(r, id), tlog.CheckpointFile))
		}, OpenVolumeInconsistent, true},
		"tile changed": {func(t *testing.T, r *rig, id string) {
			flip(t, filepath.Join(logOf(r, id), "tile/0/000"), 40)
		}, OpenVolumeInconsistent, true},
		"newest entries changed": {func(t *testing.T, r *rig, id string) {
			flip(t, filepath.Join(logOf(r, id), "tile/entries/000"), 400)
		}, OpenVolumeInconsistent, true},
		"ledger file changed": {func(t *testing.T, r *rig, id string) {
			flip(t, filepath.Join(r.opts.Dir, ledgersDir, id, ledgerFile), 30)
		}, OpenVolumeInconsistent, true},
		"segment missing": {func(t *testing.T, r *rig, id string) {
			remove(t, filepath.Join(r.opts.Dir, ledgersDir, id, segmentsDir))
		}, OpenVolumeInconsistent, true},
		"head mark of another history": {func(t *testing.T, r *rig, id string) {
			cp, err := tlog.Sign(tlog.Origin(id, 0), r.opts.Key, 20, make([]byte, 32))
			if err != nil {
				t.Fatal(err)
			}
			saveHead(t, r, func(h *Head) { h.Checkpoint = string(cp.Note) })
		}, OpenVolumeInconsistent, true},
		"head mark forged": {func(t *testing.T, r *rig, _ string) {
			saveHead(t, r, func(h *Head) { h.Checkpoint = strings.Replace(h.Checkpoint, "\n", " \n", 1) })
		}, OpenVolumeInconsistent, true},
		"head mark of a ledger that is gone": {func(t *testing.T, r *rig, _ string) {
			saveHead(t, r, func(h *Head) { h.LedgerID = strings.Repeat("0", idLength) })
		}, OpenVolumeRegressed, true},
		"key replaced": {func(_ *testing.T, r *rig, _ string) {
			r.opts.Key = testKey("other")
		}, OpenKeyLost, true},
		"other cluster": {func(t *testing.T, r *rig, _ string) {
			r.opts.Cluster.KubeSystemUID = "uid-2"
			r.opts.Key = testKey("other")
			r.opts.Head = FileHead{filepath.Join(t.TempDir(), "head")}
		}, OpenClusterChanged, true},
		"a record that says the same": {harm: func(t *testing.T, r *rig, _ string) {
			keepRecord(t, r, func(*Head) {})
		}},
		"a record alone": {harm: func(t *testing.T, r *rig, _ string) {
			keepRecord(t, r, func(*Head) {})
			remove(t, r.opts.Head.(FileHead).Path)
		}},
		"older copy, with its head mark, and a newer record": {func(t *testing.T, r *rig, _ string) {
			old, head := filepath.Join(t.TempDir(), "copy"), r.opts.Head.(FileHead).Path
			copyTree(t, r.opts.Dir, old)
			mark, err := os.ReadFile(head)
			if err != nil {
				t.Fatal(err)
			}
			r.open()
			r.write(r.beats(30)...)
			r.close()
			keepRecord(t, r, func(*Head) {})
			remove(t, r.opts.Dir)
			copyTree(t, old, r.opts.Dir)
			overwrite(t, head, string(mark))
		}, OpenVolumeRegressed, true},
		"volume and head mark lost, and a record": {func(t *testing.T, r *rig, _ string) {
			keepRecord(t, r, func(*Head) {})
			remove(t, r.opts.Head.(FileHead).Path)
			remove(t, r.opts.Dir)
		}, OpenVolumeLost, true},
		"a record of another history, that says less": {func(t *testing.T, r *rig, id string) {
			cp, err := tlog.Sign(tlog.Origin(id, 0), r.opts.Key, 20, make([]byte, 32))
			if err != nil {
				t.Fatal(err)
			}
			keepRecord(t, r, func(h *Head) { h.Checkpoint = string(cp.Note) })
		}, OpenVolumeInconsistent, true},
		"a newer record of a ledger that is gone": {func(t *testing.T, r *rig, _ string) {
			keepRecord(t, r, func(h *Head) {
				h.LedgerID, h.Time = strings.Repeat("0", idLength), At(h.Time.Add(time.Hour))
			})
		}, OpenVolumeRegressed, true},
		"an older record of a ledger that is gone": {harm: func(t *testing.T, r *rig, _ string) {
			keepRecord(t, r, func(h *Head) {
				h.LedgerID, h.Time = strings.Repeat("0", idLength), At(h.Time.Add(-time.Hour))
			})
		}},
		"two ledgers": {func(t *testing.T, r *rig, _ string) {
			other := newRig(t)
			id := other.open().LedgerID
			other.close()
			copyTree(t, filepath.Join(other.opts.Dir, ledgersDir, id), filepath.Join(r.opts.Dir, ledgersDir, id))
		}, OpenVolumeInconsistent, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			first := r.open()
			r.write(r.beats(300)...)
			r.close()
			tc.harm(t, r, first.LedgerID)
			before := files(t, filepath.Join(r.opts.Dir, ledgersDir))

			opened := r.open()
			defer func() { r.close() }()
			if opened.Reason != tc.wantReason {
				t.Fatalf("got reason %q, want %q", opened.Reason, tc.wantReason)
			}
			if tc.wantReason == "" {
				if opened.LedgerID != first.LedgerID || opened.NextSeq != 301 {
					t.Errorf("got ledger %s with %d entries, want it to go on", opened.LedgerID, opened.NextSeq)
				}
				return
			}
			if opened.LedgerID == first.LedgerID || opened.NextSeq != 0 {
				t.Errorf("got ledger %s with %d entries, want a new one", opened.LedgerID, opened.NextSeq)
			}
			if p := opened.Predecessor; p == nil || p.LedgerID == "" || p.Lost == "" || (p.Checkpoint != "") != tc.wantCheckpoint {
				t.Errorf("got predecessor %+v", p)
			}
			after := files(t, filepath.Join(r.opts.Dir, ledgersDir))
			for path, content := range before {
				if after[path] != content {
					t.Errorf("%s of the old ledger was changed", path)
				}
			}
			r.write(r.beats(3)...)
			r.close()
			if again := r.open(); again.Reason != "" || again.LedgerID != opened.LedgerID || again.NextSeq != 4 {
				t.Errorf("opened again: got reason %q, ledger %s, %d entries", again.Reason, again.LedgerID, again.NextSeq)
			}
		})
	}
}

// keepRecord has a record keep what the head mark does, but for an edit.
func keepRecord(t *testing.T, r *rig, edit func(*Head)) {
	t.Helper()
	head, err := r.opts.Head.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	edit(head)
	r.opts.Record = func(context.Context) (*Head, error) { return head, nil }
}

func TestRecordThatCannotBeReadOpensNothing(t *testing.T) {
	r := newRig(t)
	unreachable := errors.New("connection refused")
	r.opts.Record = func(context.Context) (*Head, error) { return nil, unreachable }
	if _, _, err := Open(context.Background(), r.opts); !errors.Is(err, unreachable) {
		t.Errorf("got %v, want the record's error", err)
	}
}

func TestHeadMarkThatCannotBeReadOpensNothing(t *testing.T) {
	r := newRig(t)
	unreachable := errors.New("connection refused")
	r.opts.Head = brokenHead{unreachable}
	if _, _, err := Open(context.Background(), r.opts); !errors.Is(err, unreachable) {
		t.Errorf("got %v, want the head mark's error", err)
	}
	if got := files(t, filepath.Join(r.opts.Dir, ledgersDir)); len(got) > 0 {
		t.Errorf("a ledger was begun: %v", got)
	}
}

func TestFirstEntryIsAskedForUntilItIsWritten(t *testing.T) {
	r := newRig(t)
	log, opened, err := Open(context.Background(), r.opts)
	if err != nil {
		t.Fatal(err)
	}
	if err := log.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	again := r.open()
	defer r.close()
	if again.LedgerID != opened.LedgerID || again.Reason != OpenFirstInstall {
		t.Errorf("got ledger %s, reason %q, want %s and FirstInstall", again.LedgerID, again.Reason, opened.LedgerID)
	}
}

func TestBadSnapshotIsPassedOver(t *testing.T) {
	r := newRig(t)
	first := r.open()
	r.write(r.beats(450)...)
	r.close()
	want, err := r.known.MarshalCanonical()
	if err != nil {
		t.Fatal(err)
	}
	p := placeOf(r.opts.Dir, first.LedgerID, r.opts.SegmentSize)
	seqs, err := p.snapshotSeqs()
	if err != nil || len(seqs) == 0 || len(seqs) > keepSnapshots {
		t.Fatalf("got snapshots %v, %v", seqs, err)
	}
	for range seqs {
		newest := seqs[len(seqs)-1]
		flip(t, filepath.Join(p.snapshots(), snapshotName(newest)), 500)
		seqs = seqs[:len(seqs)-1]
		opened := r.open()
		got, err := opened.Known.MarshalCanonical()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" || opened.Reason != "" {
			t.Errorf("without snapshot %d: reason %q, known (-want +got):\n%s", newest, opened.Reason, diff)
		}
		r.close()
	}
}

// TestSnapshotsDoNotPileUp: none is due while another is encoded, or waits for the
// log to have its entries.
func TestSnapshotsDoNotPileUp(t *testing.T) {
	r := newRig(t)
	r.open()
	r.write(r.beats(10)...)
	next := r.known.NextSeq + r.opts.SnapshotEvery
	if !r.log.SnapshotDue(next) {
		t.Fatal("no snapshot is due")
	}
	later := next + r.opts.SnapshotEvery
	if r.log.SnapshotDue(later) {
		t.Error("another is due while one is encoded")
	}
	ahead := NewKnown()
	ahead.NextSeq = r.known.NextSeq + 5
	if err := r.log.WriteSnapshot(ahead); err != nil {
		t.Fatal(err)
	}
	if r.log.SnapshotDue(later) {
		t.Error("another is due while one waits for the log")
	}
	r.write(r.beats(5)...)
	r.close()
	if !r.log.SnapshotDue(later) {
		t.Error("none is due although the log has the entries of the last one")
	}
}

type brokenHead struct{ err error }

func (b brokenHead) Load(context.Context) (*Head, error) { return nil, b.err }
func (b brokenHead) Save(context.Context, Head) error    { return b.err }

func saveHead(t *testing.T, r *rig, change func(*Head)) {
	t.Helper()
	h, err := r.opts.Head.Load(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	change(h)
	if err := r.opts.Head.Save(context.Background(), *h); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
}

func overwrite(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// flip changes one byte, modulo the file's size.
func flip(t *testing.T, path string, at int) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[at%len(data)] ^= 0x10
	overwrite(t, path, string(data))
}

// files are the contents of all files below dir.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	contents := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if os.IsNotExist(err) {
			return nil
		}
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		contents[path] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return contents
}
