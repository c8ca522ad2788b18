package synthetic

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// small is a past that a test can afford.
func small() Options {
	return Options{Seed: 7, Duration: 20 * 24 * time.Hour, Namespaces: 24, Entries: 6000, Heartbeat: time.Hour, Collections: 6 * time.Hour,
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

// entries are the encoded entries of every ledger of a volume, oldest first.
func entries(t *testing.T, dir string) []string {
	t.Helper()
	reader, err := ledger.NewReader(dir)
	if err != nil {
		t.Fatal(err)
	}
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
	first, history := write(t, opts)
	second, _ := write(t, opts)
	want, got := entries(t, first), entries(t, second)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("entries (-first +second):\n%.2000s", diff)
	}
	if uint64(len(want)) != history.Entries {
		t.Errorf("%d entries were read, want %d", len(want), history.Entries)
	}
	opts.Seed++
	other, _ := write(t, opts)
	if cmp.Equal(want, entries(t, other)) {
		t.Error("another seed gives the same entries")
	}
}

func TestGeneratedLedgersVerify(t *testing.T) {
	dir, history := write(t, small())
	report, err := ledger.Verify(context.Background(), dir, ledger.VerifyOptions{Keys: history.VerifierKeys, Held: history.Held})
	if err != nil {
		t.Fatal(err)
	}
	if report.Status != ledger.VerifyValid || len(report.Ledgers) != 2 || report.Ledgers[0].Segments < 2 {
		t.Errorf("%s: %v %v %v", report.Status, report.Problems, report.Missing, report.Ledgers)
	}
}
