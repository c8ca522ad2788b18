package ledger

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/sys/unix"

	"github.com/holdfast-dev/holdfast/internal/ledger/journal"
	"github.com/holdfast-dev/holdfast/internal/ledger/volume"
)

// victimDir is the environment variable that makes the test binary a victim.
const victimDir = "HOLDFAST_TEST_VICTIM"

// victim writes entries until it is killed, and prints the number of each one
// that is durable.
func victim(dir string) {
	opts := victimOptions(dir)
	log, opened, err := Open(context.Background(), opts)
	if err != nil {
		report("error", err)
		os.Exit(1)
	}
	t := &testing.T{}
	r := &rig{t: t, opts: opts, known: opened.Known, log: log, drive: opened.NextSeq}
	if opened.Reason != "" {
		r.write(Entry{Kind: KindLedgerOpened, Ledger: &LedgerBody{LedgerID: opened.LedgerID, Reason: opened.Reason, Cluster: opts.Cluster, VerifierKey: opened.VerifierKey}})
	}
	for {
		for _, n := range []int{1, 40, 3, 150} {
			if err := r.try(r.beats(n)...); err != nil {
				report("error", err)
				os.Exit(1)
			}
			report("durable", r.known.NextSeq)
		}
	}
}

// report tells the test. Whoever reads it may be gone.
func report(what string, value any) {
	if _, err := fmt.Fprintln(os.Stdout, what, value); err != nil {
		os.Exit(1)
	}
}

func victimOptions(dir string) Options {
	return Options{
		Dir: filepath.Join(dir, "volume"), Key: testKey("k"), Head: FileHead{filepath.Join(dir, "head")},
		Cluster: ClusterBody{KubeSystemUID: "uid-1"}, CheckpointInterval: 100 * time.Millisecond,
		BatchAge: 2 * time.Millisecond, SegmentSize: 300, SnapshotEvery: 90, MinFree: 1 << 20, Log: logr.Discard(),
	}
}

// TestInvariant4Kill9 kills a writing process with SIGKILL, again and again on
// one volume, and opens the volume after each death: what was durable is there
// once, and verifies.
func TestInvariant4Kill9(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for round := range 10 {
		durable := killWriter(t, dir, 2+3*round%11)
		image := filepath.Join(t.TempDir(), "image")
		copyTree(t, filepath.Join(dir, "volume"), image)
		if got := verify(t, image, VerifyOptions{}); got.Status != VerifyIncomplete {
			t.Errorf("round %d, as it was left: got %s, %v", round, got.Status, got.Problems)
		}
		r := &rig{t: t, opts: victimOptions(dir)}
		opened := r.open()
		if opened.Reason != "" || opened.NextSeq < durable {
			t.Fatalf("round %d: reason %q, %d entries, %d were durable", round, opened.Reason, opened.NextSeq, durable)
		}
		r.close()
		if got := r.onceEach(); got != int(opened.NextSeq) {
			t.Errorf("round %d: got %d entries, want %d", round, got, opened.NextSeq)
		}
		if got := verify(t, r.opts.Dir, VerifyOptions{}); got.Status != VerifyIncomplete || len(got.Notes) > 0 {
			t.Errorf("round %d, opened again: got %s, %v, %v", round, got.Status, got.Problems, got.Notes)
		}
	}
}

// killWriter kills a victim after a number of lines, and returns how many
// entries it knew to be durable.
func killWriter(t *testing.T, dir string, lines int) uint64 {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), victimDir+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var durable uint64
	scanner := bufio.NewScanner(out)
	for scanner.Scan() {
		if _, err := fmt.Sscanf(scanner.Text(), "durable %d", &durable); err != nil {
			t.Errorf("the writer: %s", scanner.Text())
		}
		if lines--; lines == 0 {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatalf("the writer ended with %v, want it killed", err)
	}
	return durable
}

// switchable is a check of the volume that can be made to fail.
type switchable struct{ err chan error }

func newSwitchable() switchable {
	s := switchable{make(chan error, 1)}
	s.err <- nil
	return s
}

func (s switchable) set(err error) { s.hold(); s.err <- err }

// hold makes everybody who checks wait, until release lets them fail.
func (s switchable) hold() (release func(error)) {
	last := <-s.err
	return func(failure error) { s.err <- cmp.Or(failure, last) }
}

func (s switchable) check(string, uint64) error {
	err := <-s.err
	s.err <- err
	return err
}

// TestVolumeThatFailsWhileRunning: what is durable in the journal is not lost,
// the log reports the failure, and goes on once the volume is well.
func TestVolumeThatFailsWhileRunning(t *testing.T) {
	for name, failure := range map[string]error{"read-only": ErrReadOnly, "full": ErrFull} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			check := newSwitchable()
			r.opts.Check = check.check
			r.open()
			r.write(r.beats(10)...)
			release := check.hold()
			r.write(r.beats(30)...) // durable in the journal, not in the log
			release(failure)
			select {
			case err := <-r.log.Failed():
				if !errors.Is(err, failure) {
					t.Errorf("failed with %v, want %v", err, failure)
				}
			case <-time.After(patience):
				t.Fatal("the failure was not reported")
			}
			if err := r.try(r.beats(1)...); !errors.Is(err, failure) {
				t.Errorf("append after the failure: got %v, want %v", err, failure)
			}
			if err := r.log.Close(context.Background()); !errors.Is(err, failure) {
				t.Errorf("close: got %v, want %v", err, failure)
			}
			if _, _, err := Open(context.Background(), r.opts); !errors.Is(err, failure) {
				t.Errorf("open: got %v, want %v", err, failure)
			}
			check.set(nil)
			opened := r.open()
			defer r.close()
			if opened.NextSeq != 41 || opened.Reason != "" {
				t.Errorf("got %d entries, reason %q, want 41", opened.NextSeq, opened.Reason)
			}
			if got := r.onceEach(); got != 41 {
				t.Errorf("got %d entries in the log, want 41", got)
			}
		})
	}
}

// smallVolume is a file system of 24 MiB that was mounted for the test, or
// "" where this process may not mount one.
func smallVolume(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=24m"); err != nil {
		t.Logf("no file system can be mounted here (%v): the check is injected", err)
		return ""
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// TestFullVolume fills the volume while the ledger is written, without the
// check that would stop it in time.
func TestFullVolume(t *testing.T) {
	r := newRig(t)
	check := newSwitchable()
	r.opts.Check = check.check
	mounted := smallVolume(t)
	if mounted != "" {
		r.opts.Dir = filepath.Join(mounted, "volume")
	}
	r.open()
	r.write(r.beats(300)...)
	durable := r.known.NextSeq
	filler := filepath.Join(filepath.Dir(r.opts.Dir), "filler")
	if mounted == "" {
		check.set(ErrFull)
	} else {
		fill(t, filler)
	}
	for {
		if err := r.try(r.beats(50)...); err != nil {
			if !errors.Is(err, ErrFull) {
				t.Fatalf("append to a full volume: got %v, want ErrFull", err)
			}
			break
		}
		durable = r.known.NextSeq
	}
	if err := r.log.Close(context.Background()); !errors.Is(err, ErrFull) {
		t.Errorf("close: got %v, want ErrFull", err)
	}
	remove(t, filler)
	check.set(nil)
	opened := r.open()
	defer r.close()
	if opened.NextSeq < durable || opened.Reason != "" {
		t.Errorf("got %d entries, reason %q; %d were durable", opened.NextSeq, opened.Reason, durable)
	}
	if got := r.onceEach(); got != int(opened.NextSeq) {
		t.Errorf("got %d entries in the log, want %d", got, opened.NextSeq)
	}
}

// fill writes a file until there is no room.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for block := make([]byte, 4096); err == nil; {
		_, err = f.Write(block)
	}
	if !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("fill the volume: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestReadOnlyVolume(t *testing.T) {
	r := newRig(t)
	mounted := smallVolume(t)
	check := newSwitchable()
	remount := func(flags uintptr, err error) {
		t.Helper()
		if mounted == "" {
			check.set(err)
			return
		}
		if err := unix.Mount("", mounted, "", unix.MS_REMOUNT|flags, "size=24m"); err != nil {
			t.Fatal(err)
		}
	}
	if mounted == "" {
		r.opts.Check = check.check
	} else {
		r.opts.Dir = filepath.Join(mounted, "volume")
	}
	first := r.open()
	r.write(r.beats(20)...)
	r.close()
	remount(unix.MS_RDONLY, ErrReadOnly)
	if _, _, err := Open(context.Background(), r.opts); !errors.Is(err, ErrReadOnly) {
		t.Errorf("got %v, want ErrReadOnly", err)
	}
	if got := verify(t, r.opts.Dir, VerifyOptions{}); got.Status != VerifyIncomplete {
		t.Errorf("verify on a read-only volume: got %s, %v", got.Status, got.Problems)
	}
	remount(0, nil)
	if again := r.open(); again.LedgerID != first.LedgerID || again.NextSeq != 21 {
		t.Errorf("got ledger %s with %d entries, want it to go on", again.LedgerID, again.NextSeq)
	}
	r.close()
}

func TestVolumeCheck(t *testing.T) {
	dir := t.TempDir()
	if err := volume.Check(dir, 1); err != nil {
		t.Errorf("a sound volume: %v", err)
	}
	if err := volume.Check(dir, 1<<62); !errors.Is(err, ErrFull) {
		t.Errorf("a volume without enough room: got %v, want ErrFull", err)
	}
	if err := volume.Check(filepath.Join(dir, "absent"), 0); err == nil {
		t.Error("a volume that is not there was accepted")
	}
}

// pendingImage is a volume whose journal holds 40 entries that are not in the
// log, as a crash leaves it.
func pendingImage(t *testing.T) (r *rig, journalFile string) {
	t.Helper()
	r = newRig(t)
	check := newSwitchable()
	r.opts.Check = check.check
	id := r.open().LedgerID
	release := check.hold()
	for range 4 {
		r.write(r.beats(10)...)
	}
	release(ErrFull)
	if err := r.log.Close(context.Background()); !errors.Is(err, ErrFull) {
		t.Fatalf("close: got %v", err)
	}
	check.set(nil)
	dir := placeOf(r.opts.Dir, id, r.opts.SegmentSize).journal()
	names, err := journal.Files(dir)
	if err != nil || len(names) != 1 {
		t.Fatalf("got journal files %v, %v", names, err)
	}
	return r, filepath.Join(dir, names[0])
}

func TestTornJournalIsReplayedUpToItsLastWholeFrame(t *testing.T) {
	r, file := pendingImage(t)
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	image := filepath.Join(t.TempDir(), "image")
	copyTree(t, r.opts.Dir, image)
	head, err := os.ReadFile(r.opts.Head.(FileHead).Path)
	if err != nil {
		t.Fatal(err)
	}
	last := uint64(0)
	for size := len(content) * 9 / 10; size <= len(content); size += 97 {
		remove(t, r.opts.Dir)
		copyTree(t, image, r.opts.Dir)
		overwrite(t, file, string(content[:size]))
		overwrite(t, r.opts.Head.(FileHead).Path, string(head))
		opened := r.open()
		if opened.Reason != "" || opened.NextSeq < last || opened.NextSeq > 41 {
			t.Errorf("cut at byte %d of %d: reason %q, %d entries", size, len(content), opened.Reason, opened.NextSeq)
		}
		last = opened.NextSeq
		r.close()
		if got := r.onceEach(); got != int(opened.NextSeq) {
			t.Errorf("cut at byte %d: got %d entries in the log, want %d", size, got, opened.NextSeq)
		}
	}
}

func TestHoleInTheJournalOpensASuccessor(t *testing.T) {
	r, file := pendingImage(t)
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	content[len(content)/2] ^= 1
	overwrite(t, file, string(content))
	got := verify(t, r.opts.Dir, VerifyOptions{})
	if got.Status != VerifyInvalid {
		t.Errorf("verify: got %s", got.Status)
	}
	opened := r.open()
	defer r.close()
	if opened.Reason != OpenVolumeInconsistent || !strings.Contains(opened.Predecessor.Lost, "journal is damaged") {
		t.Errorf("got reason %q, %+v", opened.Reason, opened.Predecessor)
	}
}

func TestReplayCountsTheRecoveredTailAndKnowsItsIDs(t *testing.T) {
	r, _ := pendingImage(t)
	opened := r.open()
	defer r.close()
	if opened.NextSeq != 41 || opened.RecoveredTail != 41 || len(opened.TailIDs) != 41 {
		t.Errorf("got %d entries, recovered tail %d, %d ids, want 41 each", opened.NextSeq, opened.RecoveredTail, len(opened.TailIDs))
	}
}
