package synthetic

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	"k8s.io/klog/v2"

	"github.com/holdfast-dev/holdfast/internal/anchor"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/reevaluate"
)

// TestMain silences Tessera.
func TestMain(m *testing.M) {
	klog.SetLogger(logr.Discard())
	os.Exit(m.Run())
}

// small is a past that a test can afford, in which everything happens.
func small() Options {
	return Options{Seed: 7, Duration: 20 * day, Namespaces: 24, Ingresses: 1, Entries: 6000, Heartbeat: time.Hour, Collections: 6 * time.Hour,
		Anchored: true, Broken: true, SegmentSize: 2500}
}

func write(t *testing.T, opts Options) (string, *History) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "volume")
	history, err := Write(context.Background(), dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	return dir, history
}

func open(t *testing.T, dir string) *ledger.Reader {
	t.Helper()
	reader, err := ledger.NewReader(dir)
	if err != nil {
		t.Fatal(err)
	}
	return reader
}

// entries are the encoded entries of every ledger of a volume, oldest first.
func entries(t *testing.T, reader *ledger.Reader) []string {
	t.Helper()
	var all []string
	for _, info := range reader.Chain() {
		err := reader.Read(context.Background(), ledger.ReadOptions{LedgerID: info.LedgerID}, func(_ uint64, data []byte) error {
			all = append(all, string(data))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func TestSameOptionsGiveTheSameEntries(t *testing.T) {
	opts := small()
	opts.Duration, opts.Entries = 4*day, 1200
	first, history := write(t, opts)
	second, _ := write(t, opts)
	want, got := entries(t, open(t, first)), entries(t, open(t, second))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("entries (-first +second):\n%.2000s", diff)
	}
	if uint64(len(want)) != history.Entries {
		t.Errorf("%d entries were read, want %d", len(want), history.Entries)
	}
	opts.Seed++
	other, _ := write(t, opts)
	if cmp.Equal(want, entries(t, open(t, other))) {
		t.Error("another seed gives the same entries")
	}
}

// TestGeneratedLedger: what is generated is what the operator would have
// written, as far as the product itself can tell.
func TestGeneratedLedger(t *testing.T) {
	dir, history := write(t, small())
	reader := open(t, dir)
	t.Run("verifies", func(t *testing.T) {
		report, err := ledger.Verify(context.Background(), dir, ledger.VerifyOptions{Keys: history.VerifierKeys, Held: history.Held})
		if err != nil {
			t.Fatal(err)
		}
		if report.Status != ledger.VerifyValid || len(report.Ledgers) != 2 || report.Ledgers[0].Segments < 2 {
			t.Errorf("%s: %.2000v %v %v", report.Status, report.Problems, report.Missing, report.Ledgers)
		}
	})
	t.Run("has what was asked for", func(t *testing.T) {
		if history.Entries < 4800 || history.Entries > 7200 {
			t.Errorf("%d entries, want about 6000", history.Entries)
		}
		for _, state := range []string{"Completed", "Late", "Partial", "Failed", "Missed"} {
			if history.Slots[state] == 0 {
				t.Errorf("no slot is %s: %v", state, history.Slots)
			}
		}
		holdsEveryKind(t, entries(t, reader))
	})
	t.Run("is anchored", func(t *testing.T) {
		receipts := 0
		for _, data := range entries(t, reader) {
			e, err := ledger.Decode([]byte(data))
			if err != nil {
				t.Fatal(err)
			}
			if e.Kind == ledger.KindAnchored {
				receipts++
				acknowledged(t, reader, e, history.WitnessKey)
			}
		}
		if receipts < 15 {
			t.Errorf("%d receipts, want one a day", receipts)
		}
	})
	t.Run("reevaluates", func(t *testing.T) {
		report, err := reevaluate.Ledger(context.Background(), reader, reevaluate.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if report.Same != report.Units || report.Units < 1000 {
			t.Errorf("%d of %d statements are made again: %v %v", report.Same, report.Units, report.Differences, report.Reasons)
		}
	})
	t.Run("ends as it is in truth", func(t *testing.T) {
		known := ledger.NewKnown()
		current, err := reader.Current()
		if err != nil {
			t.Fatal(err)
		}
		err = reader.Read(context.Background(), ledger.ReadOptions{LedgerID: current.LedgerID}, func(_ uint64, data []byte) error {
			e, err := ledger.Decode(data)
			if err != nil {
				return err
			}
			return known.Apply(e)
		})
		if err != nil {
			t.Fatal(err)
		}
		units := 0
		for u, deviated := range history.Units {
			r, there := known.Unit(u)
			open := deviated[len(deviated)-1].To.IsZero()
			if recorded := there && r.State.Outcome == control.Deviating; recorded != open {
				t.Errorf("%s: recorded as deviating is %t, want %t", u, recorded, open)
			}
			units++
		}
		if units < 20 {
			t.Errorf("%d units ever deviated, want more", units)
		}
	})
}

// TestAPastInWhichNothingDriftsEnds: more entries are asked for than a few
// namespaces give, and time goes on all the same.
func TestAPastInWhichNothingDriftsEnds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	opts := Options{Seed: 1, Duration: 10 * day, Namespaces: 12, Entries: 900, Heartbeat: 2 * time.Hour, Collections: 2 * time.Hour,
		Anchored: true, Broken: true, SegmentSize: 400}
	if _, err := Write(ctx, filepath.Join(t.TempDir(), "volume"), opts); err != nil {
		t.Fatal(err)
	}
}

// TestEverySeedVerifies: chance decides nothing that is wrong. With few namespaces
// policies come to have none in scope, and chunks of manifests come and go.
func TestEverySeedVerifies(t *testing.T) {
	t.Parallel()
	for _, seed := range []uint64{1, 2, 3, 4, 28, 39} {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			dir, history := write(t, Options{Seed: seed, Ingresses: int(seed % 3), Duration: 30 * day, Namespaces: 14, Entries: 600, Heartbeat: 6 * time.Hour, Collections: 12 * time.Hour})
			report, err := ledger.Verify(context.Background(), dir, ledger.VerifyOptions{Keys: history.VerifierKeys, Held: history.Held})
			if err != nil {
				t.Fatal(err)
			}
			if report.Status != ledger.VerifyValid {
				t.Errorf("%s: %.2000v %v", report.Status, report.Problems, report.Missing)
			}
		})
	}
}

// acknowledged checks that a receipt is the witness's, of the time that the entry
// states. Another ledger of the chain may have it.
func acknowledged(t *testing.T, reader *ledger.Reader, e *ledger.Entry, key string) {
	t.Helper()
	var receipt ledger.Receipt
	for _, info := range reader.Chain() {
		data, err := reader.Object(info.LedgerID, e.Anchor.Receipt)
		if err == nil {
			decode(t, data, &receipt)
		}
	}
	at, err := anchor.Verify(receipt, anchor.Trust{WitnessKeys: []string{key}})
	if err != nil || !at.Equal(e.Anchor.At.Time) {
		t.Errorf("entry %d: the receipt is of %s (%v), want %s", e.Seq, at, err, e.Anchor.At)
	}
}

// holdsEveryKind checks that each kind of entry occurs that such a past has, and
// each origin and ending.
func holdsEveryKind(t *testing.T, entries []string) {
	t.Helper()
	seen := map[string]bool{}
	for _, data := range entries {
		e, err := ledger.Decode([]byte(data))
		if err != nil {
			t.Fatal(err)
		}
		seen[string(e.Kind)], seen[string(e.Origin)], seen[string(e.Ending)] = true, true, true
	}
	for _, kind := range ledger.Kinds() {
		switch kind {
		case ledger.KindUnobservedChange, ledger.KindRolledBack, ledger.KindEvidenceLost, ledger.KindRecoveredTail,
			ledger.KindAnchorFailed, ledger.KindPruned, ledger.KindObjectErased, ledger.KindProbed:
		default:
			if !seen[string(kind)] {
				t.Errorf("there is no %s entry", kind)
			}
		}
	}
	for _, word := range []string{"Drift", "NewSubject", "EnteredScope", "Baseline", "DefinitionChanged", "AfterGap",
		"Repaired", "Corrected", "UnknownInGap"} {
		if !seen[word] {
			t.Errorf("no episode has the origin or ending %s", word)
		}
	}
}
