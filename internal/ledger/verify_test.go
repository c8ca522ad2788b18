package ledger

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/internal/ledger/tlog"
)

// sealedVolume is a ledger of three segments that was closed in order, its
// verifier key and its last checkpoint.
func sealedVolume(t *testing.T) (r *rig, vkey string, held []byte) {
	t.Helper()
	r = newRig(t)
	r.opts.SegmentSize = 600
	opened := r.open()
	r.write(r.beats(700)...)
	if err := r.log.WriteAlive(Alive{Time: At(time.Unix(1_700_000_000, 0))}); err != nil {
		t.Fatal(err)
	}
	r.write(r.beats(700)...)
	r.close()
	return r, opened.VerifierKey, newestCheckpoint(t, r, opened.LedgerID)
}

func newestCheckpoint(t *testing.T, r *rig, id string) []byte {
	t.Helper()
	p := placeOf(r.opts.Dir, id, r.opts.SegmentSize)
	n, err := p.segmentCount()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(p.log(n-1), tlog.CheckpointFile))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func verify(t *testing.T, dir string, opts VerifyOptions) *VerifyReport {
	t.Helper()
	report, err := Verify(context.Background(), dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func TestVerifyOfASoundVolume(t *testing.T) {
	r, vkey, held := sealedVolume(t)
	cases := map[string]struct {
		opts        VerifyOptions
		wantStatus  VerifyStatus
		wantMissing int
	}{
		"key and held checkpoint": {VerifyOptions{Keys: []string{vkey}, Held: [][]byte{held}}, VerifyValid, 0},
		"key only":                {VerifyOptions{Keys: []string{vkey}}, VerifyIncomplete, 1},
		"held checkpoint only":    {VerifyOptions{Held: [][]byte{held}}, VerifyIncomplete, 1},
		"nothing":                 {VerifyOptions{}, VerifyIncomplete, 2},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := verify(t, r.opts.Dir, tc.opts)
			if got.Status != tc.wantStatus || len(got.Missing) != tc.wantMissing || len(got.Problems) > 0 || len(got.Notes) > 0 {
				t.Errorf("got %+v, want %s with %d missing", got, tc.wantStatus, tc.wantMissing)
			}
			l := got.Ledgers[0]
			if l.Entries != r.known.NextSeq || l.Published != l.Entries || l.Segments != 3 || l.Objects != 8 || l.Snapshots == 0 {
				t.Errorf("got %+v", l)
			}
		})
	}
}

// TestInvariant11TamperingShows flips bytes of every file on the volume.
func TestInvariant11TamperingShows(t *testing.T) {
	t.Parallel()
	r, vkey, held := sealedVolume(t)
	opts := VerifyOptions{Keys: []string{vkey}, Held: [][]byte{held}}
	for file, content := range files(t, r.opts.Dir) {
		rel, err := filepath.Rel(r.opts.Dir, file)
		if err != nil {
			t.Fatal(err)
		}
		n := len(content)
		offsets := []int{0, 1, n / 3, n / 2, n - 40, n - 2, n - 1}
		for i, at := range slices.Compact(offsets) {
			if at < 0 || at >= n {
				continue
			}
			changed := []byte(content)
			changed[at] ^= 1 << (i % 8)
			overwrite(t, file, string(changed))
			got := verify(t, r.opts.Dir, opts)
			named := slices.ContainsFunc(got.Problems, func(p Problem) bool { return p.File == rel })
			if got.Status != VerifyInvalid || !named {
				t.Errorf("%s, byte %d of %d: got %s, %v", rel, at, n, got.Status, got.Problems)
			}
		}
		overwrite(t, file, content)
	}
	if got := verify(t, r.opts.Dir, opts); got.Status != VerifyValid {
		t.Errorf("restored: got %s, %v", got.Status, got.Problems)
	}
}

func TestVerifyNamesWhatWasDone(t *testing.T) {
	t.Parallel()
	forge := func(t *testing.T, r *rig) {
		// Whoever has the key writes another history of the same ledger.
		id := r.known.LedgerID
		remove(t, placeOf(r.opts.Dir, id, 600).segment(0))
		remove(t, placeOf(r.opts.Dir, id, 600).segment(1))
		remove(t, placeOf(r.opts.Dir, id, 600).segment(2))
		remove(t, placeOf(r.opts.Dir, id, 600).snapshots())
		p := placeOf(r.opts.Dir, id, 600)
		if err := os.MkdirAll(p.snapshots(), 0o750); err != nil {
			t.Fatal(err)
		}
		ctx := context.Background()
		if err := r.opts.complete(); err != nil {
			t.Fatal(err)
		}
		if err := createSegment(ctx, p, tlog.Options{
			Origin: tlog.Origin(id, 0), Key: r.opts.Key, BatchAge: time.Millisecond, CheckpointInterval: 100 * time.Millisecond,
		}, 0); err != nil {
			t.Fatal(err)
		}
		r.opts.Head = FileHead{filepath.Join(t.TempDir(), "head")}
		r.open()
		r.write(r.beats(10)...)
		r.close()
	}
	cases := map[string]struct {
		harm func(t *testing.T, r *rig)
		want string
	}{
		"file removed": {func(t *testing.T, r *rig) {
			remove(t, placeOf(r.opts.Dir, r.known.LedgerID, 600).log(1)+"/tile/entries/001")
		}, "entry 856"},
		"object removed": {func(t *testing.T, r *rig) {
			remove(t, placeOf(r.opts.Dir, r.known.LedgerID, 600).object(actorsDir, actor().Digest))
		}, "is missing"},
		"file added":       {func(t *testing.T, r *rig) { overwrite(t, r.opts.Dir+"/ledgers/extra", "x") }, "nothing accounts for"},
		"segment removed":  {func(t *testing.T, r *rig) { remove(t, placeOf(r.opts.Dir, r.known.LedgerID, 600).segment(2)) }, "the log has fewer"},
		"ledger rewritten": {forge, "the held checkpoint"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			r, vkey, held := sealedVolume(t)
			tc.harm(t, r)
			got := verify(t, r.opts.Dir, VerifyOptions{Keys: []string{vkey}, Held: [][]byte{held}})
			named := slices.ContainsFunc(got.Problems, func(p Problem) bool { return strings.Contains(p.String(), tc.want) })
			if got.Status != VerifyInvalid || !named {
				t.Errorf("got %s, %v, want a problem with %q", got.Status, got.Problems, tc.want)
			}
		})
	}
}

func TestVerifyOfAnotherKeyIsInvalid(t *testing.T) {
	r, _, _ := sealedVolume(t)
	other := newRig(t)
	other.opts.Key = testKey("other")
	vkey := other.open().VerifierKey
	other.close()
	if got := verify(t, r.opts.Dir, VerifyOptions{Keys: []string{vkey}}); got.Status != VerifyInvalid {
		t.Errorf("got %s", got.Status)
	}
}

// TestVerifyWalksTheChain verifies a ledger that could not go on, and its successor.
func TestVerifyWalksTheChain(t *testing.T) {
	r, vkey, old := sealedVolume(t)
	remove(t, filepath.Join(placeOf(r.opts.Dir, r.known.LedgerID, 600).log(2), tlog.StateFile))
	second := r.open()
	r.write(r.beats(20)...)
	r.close()
	held := newestCheckpoint(t, r, second.LedgerID)
	keys := []string{vkey, second.VerifierKey}

	got := verify(t, r.opts.Dir, VerifyOptions{Keys: keys, Held: [][]byte{held}})
	if got.Status != VerifyValid || len(got.Declared) == 0 || len(got.Ledgers) != 2 {
		t.Errorf("the declared break: got %+v", got)
	}
	if l := got.Ledgers[1]; !l.Current || l.Reason != OpenVolumeInconsistent || l.Entries != 21 {
		t.Errorf("the successor: got %+v", l)
	}
	// What was lost still shows to whoever kept a checkpoint of it.
	flip(t, filepath.Join(placeOf(r.opts.Dir, got.Ledgers[0].LedgerID, 600).log(0), "tile/entries/000"), 300)
	first, err := os.ReadFile(filepath.Join(placeOf(r.opts.Dir, got.Ledgers[0].LedgerID, 600).log(0), tlog.CheckpointFile))
	if err != nil {
		t.Fatal(err)
	}
	got = verify(t, r.opts.Dir, VerifyOptions{Keys: keys, Held: [][]byte{held, first}})
	if got.Status != VerifyInvalid || bytes.Equal(old, first) {
		t.Errorf("the old ledger, altered: got %+v", got)
	}
}

// TestVerifyWhileTheLedgerIsWritten verifies a directory that changes.
func TestVerifyWhileTheLedgerIsWritten(t *testing.T) {
	r := newRig(t)
	vkey := r.open().VerifierKey
	done := make(chan error, 1)
	entries := r.beats(1500)
	go func() { done <- r.try(entries...) }()
	for running := true; running; {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			running = false
		default:
		}
		if got := verify(t, r.opts.Dir, VerifyOptions{Keys: []string{vkey}}); got.Status != VerifyIncomplete {
			t.Errorf("got %s, %v", got.Status, got.Problems)
		}
	}
	r.close()
}
