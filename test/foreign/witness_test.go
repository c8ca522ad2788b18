package foreign

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	f_note "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/anchor"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/ledger/tlog"
)

// witness is transparency-dev's witness, a program of its own.
type witness struct {
	t              *testing.T
	binary, dir    string
	vkey, of, addr string
	stop           func()
}

// newWitness builds the witness, and starts it for the ledger of a volume.
func newWitness(t *testing.T, v *volume) *witness {
	t.Helper()
	root := t.TempDir()
	w := &witness{t: t, binary: filepath.Join(root, "witness"), dir: filepath.Join(root, "state"), addr: "127.0.0.1:0"}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", w.binary, ".")
	build.Dir = filepath.Join("..", "..", "hack", "witness")
	build.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=readonly", "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the witness: %v\n%s", err, output)
	}
	skey, vkey, err := note.GenerateKey(nil, "witness.example")
	if err != nil {
		t.Fatal(err)
	}
	if w.vkey, err = f_note.VKeyToCosignatureV1(vkey); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "key"), []byte(skey), 0o600); err != nil {
		t.Fatal(err)
	}
	current, err := v.reader().Current()
	if err != nil {
		t.Fatal(err)
	}
	if w.of, err = tlog.VerifierKey(tlog.Origin(current.LedgerID, 0), v.key); err != nil {
		t.Fatal(err)
	}
	w.start()
	return w
}

// start starts the witness, at the address that it had before.
func (w *witness) start() {
	w.t.Helper()
	ctx, kill := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, w.binary, "-listen", w.addr, "-dir", w.dir, "-key-file", filepath.Join(filepath.Dir(w.dir), "key"), "-ledger", w.of)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	cmd.Stderr = w.t.Output()
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.stop = func() {
		kill()
		_ = cmd.Wait() // it was killed
	}
	w.t.Cleanup(w.stop)
	said := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(stdout).ReadString('\n')
		said <- strings.TrimSpace(line)
	}()
	select {
	case w.addr = <-said:
	case <-time.After(patience):
	}
	if w.addr == "" {
		w.t.Fatal("the witness did not start")
	}
}

// anchor is the witness as a schedule declares it.
func (w *witness) anchor() anchor.Anchor {
	w.t.Helper()
	a, err := anchor.New(v1alpha1.EvidenceAnchor{Name: "outside", Witness: &v1alpha1.WitnessAnchor{URL: "http://" + w.addr, VerifierKey: w.vkey}}, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

// cosigned has a checkpoint cosigned, and verifies the receipt offline.
func (w *witness) cosigned(v *volume, a anchor.Anchor, cp *tlog.Checkpoint) {
	w.t.Helper()
	begun := time.Now().Truncate(time.Second)
	result, err := a.Anchor(w.t.Context(), anchor.TargetOf(cp, v.reader()))
	if err != nil {
		w.t.Fatalf("%s with %d entries: %v", cp.Origin, cp.Size, err)
	}
	at, err := anchor.Verify(result.Receipt, anchor.Trust{WitnessKeys: []string{w.vkey}})
	if err != nil || at.Before(begun) {
		w.t.Errorf("the receipt says %s, it was asked for at %s (%v)", at, begun, err)
	}
	held, err := anchor.LogNote(result.Receipt)
	if err != nil {
		w.t.Fatal(err)
	}
	report, err := ledger.Verify(w.t.Context(), v.dir, ledger.VerifyOptions{Keys: []string{w.of}, Held: [][]byte{held}})
	if err != nil || report.Status != ledger.VerifyValid {
		w.t.Errorf("verify with the cosigned checkpoint: %+v (%v)", report, err)
	}
}

// TestWitness: a real witness cosigns what continues what it cosigned before,
// over segments and its own restarts, and nothing else.
func TestWitness(t *testing.T) {
	v := newVolume(t)
	first := v.grow(20)
	w := newWitness(t, v)
	a := w.anchor()
	w.cosigned(v, a, first)
	w.cosigned(v, a, first)                // again, with nothing new
	w.cosigned(v, a, v.grow(270))          // with a proof over a full bundle
	w.cosigned(v, w.anchor(), v.grow(290)) // by a process that does not know what it has

	rolled := v.grow(segmentSize + 10)
	if rolled.Origin == first.Origin {
		t.Fatal("no segment was begun")
	}
	w.cosigned(v, a, rolled)

	w.stop()
	if _, err := a.Anchor(t.Context(), anchor.TargetOf(rolled, v.reader())); err == nil || !strings.Contains(err.Error(), "it cannot be reached") {
		t.Errorf("got %v of a witness that is dead", err)
	}
	w.start()
	w.cosigned(v, a, v.grow(segmentSize+40))

	if _, err := a.Anchor(t.Context(), anchor.TargetOf(rolled, v.reader())); !errors.Is(err, anchor.ErrContradicted) {
		t.Errorf("got %v for a ledger that was set back", err)
	}
}

// TestWitnessRefusesARewrittenLedger: another past under the same key is found
// by the witness, as large as it may be.
func TestWitnessRefusesARewrittenLedger(t *testing.T) {
	v := newVolume(t)
	cp := v.grow(50)
	w := newWitness(t, v)
	w.cosigned(v, w.anchor(), cp)
	for name, size := range map[string]uint64{"of the same size": 50, "that is larger": 60} {
		if size > 50 {
			v.grow(size)
		}
		forged := v.sign(cp.Origin, size, make([]byte, 32))
		if _, err := w.anchor().Anchor(t.Context(), anchor.TargetOf(forged, v.reader())); !errors.Is(err, anchor.ErrContradicted) {
			t.Errorf("a past %s: got %v", name, err)
		}
	}
}

// TestWitnessThatDoesNotKnowTheLedger says what to do.
func TestWitnessThatDoesNotKnowTheLedger(t *testing.T) {
	v, other := newVolume(t), newVolume(t)
	v.grow(5)
	w := newWitness(t, v)
	_, err := w.anchor().Anchor(t.Context(), anchor.TargetOf(other.grow(5), other.reader()))
	if err == nil || !strings.Contains(err.Error(), "have its operator add that log") {
		t.Errorf("got %v", err)
	}
}
