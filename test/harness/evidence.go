package harness

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"

	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/ledger/clusterstore"
	"github.com/holdfast-dev/holdfast/internal/ledger/tlog"
)

// Evidence is what a ledger holds: its entries, in order.
type Evidence []*ledger.Entry

// logPatience bounds the wait for the log to catch up with the journal: far longer
// than that takes on a busy disk.
const logPatience = 15 * time.Second

// Evidence reads what the operator's ledger holds: all that an operator which
// runs has appended so far, for the log follows the journal by some milliseconds.
// It must be what Known can fold: each entry follows from those before it.
func (o *Operator) Evidence(tb testing.TB) Evidence {
	tb.Helper()
	appended := uint64(0)
	if o.Running() {
		appended = o.appended(tb.Context())
	}
	var evidence Evidence
	err := wait.PollUntilContextTimeout(tb.Context(), 5*time.Millisecond, logPatience, true, func(ctx context.Context) (bool, error) {
		alive := o.Running()
		var err error
		evidence, err = o.reader.read(ctx, o.LedgerDir)
		return uint64(len(evidence)) >= appended || !alive, err
	})
	// A log that does not catch up is for the test to judge.
	if err != nil && !wait.Interrupted(err) {
		tb.Fatalf("read the ledger: %v", err)
	}
	return evidence
}

// ReadEvidence reads what the current ledger of a volume holds. One that does
// not exist yet holds nothing.
func ReadEvidence(ctx context.Context, dir string) (Evidence, error) {
	return (&reader{}).read(ctx, dir)
}

// reader reads a ledger, and next time only what was appended since.
type reader struct {
	ledgers  []string
	known    *ledger.Known
	evidence Evidence
}

func (r *reader) read(ctx context.Context, dir string) (Evidence, error) {
	ledgers, err := ledgersOf(dir)
	if err != nil || len(ledgers) == 0 {
		return nil, err
	}
	if !slices.Equal(ledgers, r.ledgers) {
		*r = reader{ledgers: ledgers, known: ledger.NewKnown()}
	}
	err = ledger.Read(ctx, dir, ledger.ReadOptions{From: r.known.NextSeq}, func(_ uint64, data []byte) error {
		entry, err := ledger.Decode(data)
		if err != nil {
			return err
		}
		if err := r.known.Apply(entry); err != nil {
			return err
		}
		r.evidence = append(r.evidence, entry)
		return nil
	})
	return slices.Clip(r.evidence), err
}

// ledgersOf are the ids of the ledgers on a volume that are complete.
func ledgersOf(dir string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(dir, "ledgers"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var ids []string
	for _, e := range entries {
		if !strings.Contains(e.Name(), ".") {
			ids = append(ids, e.Name())
		}
	}
	return ids, err
}

// Where are the entries for which keep returns true.
func (e Evidence) Where(keep func(*ledger.Entry) bool) Evidence {
	var kept Evidence
	for _, entry := range e {
		if keep(entry) {
			kept = append(kept, entry)
		}
	}
	return kept
}

// Of are the entries about a policy.
func (e Evidence) Of(policy string) Evidence {
	return e.Where(func(entry *ledger.Entry) bool { return entry.Policy != nil && entry.Policy.Name == policy })
}

// On are the entries about a subject, by name.
func (e Evidence) On(subject string) Evidence {
	return e.Where(func(entry *ledger.Entry) bool { return entry.Subject != nil && entry.Subject.Name == subject })
}

// Kind are the entries of a kind.
func (e Evidence) Kind(kind ledger.Kind) Evidence {
	return e.Where(func(entry *ledger.Entry) bool { return entry.Kind == kind })
}

// After are the entries with a sequence number from seq on.
func (e Evidence) After(seq int) Evidence { return e[min(seq, len(e)):] }

// Want returns an error unless there are so many entries.
func (e Evidence) Want(n int) error {
	if len(e) != n {
		return fmt.Errorf("%d entries, want %d:\n%s", len(e), n, e)
	}
	return nil
}

// String lists the entries.
func (e Evidence) String() string {
	lines := make([]string, 0, len(e))
	for _, entry := range e {
		lines = append(lines, describe(entry))
	}
	return strings.Join(lines, "\n")
}

// describe says in one line what an entry states.
func describe(e *ledger.Entry) string {
	parts := []string{fmt.Sprintf("%d %s %s", e.Seq, e.ObservedAt.Format("15:04:05.000000"), e.Kind)}
	if e.Policy != nil {
		parts = append(parts, fmt.Sprintf("%s/%s@%d", e.Policy.Name, e.Control, e.Policy.Generation))
	}
	if e.Subject != nil {
		parts = append(parts, "on "+e.Subject.String())
	}
	if e.To != nil {
		parts = append(parts, fmt.Sprintf("-> %s %v", e.To.Outcome, e.To.Rules))
	}
	if e.Gap != nil {
		parts = append(parts, fmt.Sprintf("gap %s %s%s from %s to %v ends %.8s", e.Gap.Cause, e.Gap.Kind, e.Gap.Policy, e.Gap.From.Format("15:04:05.000000"), e.Gap.To, e.Gap.Ends))
	}
	if e.Object != nil {
		parts = append(parts, fmt.Sprintf("%s by %q", e.Object.Name, e.Object.Manager))
	}
	return strings.Join(append(parts, string(e.Origin), string(e.Ending), e.Reason, e.Message), " ")
}

// Gaps are the gaps of a cause: the entries that begin one, those that end one,
// and those that do both.
func (e Evidence) Gaps(cause string) Evidence {
	return e.Kind(ledger.KindGap).Where(func(entry *ledger.Entry) bool { return entry.Gap.Cause == cause })
}

// Verify checks every byte on the ledger's volume, with what somebody outside
// keeps: the public part of the signing key, and the head mark's checkpoint.
func (o *Operator) Verify(tb testing.TB) *ledger.VerifyReport {
	tb.Helper()
	report, err := ledger.Verify(tb.Context(), o.LedgerDir, o.kept(tb))
	if err != nil {
		tb.Fatalf("verify the ledger: %v", err)
	}
	return report
}

func (o *Operator) kept(tb testing.TB) ledger.VerifyOptions {
	tb.Helper()
	clients, err := kubernetes.NewForConfig(o.cluster.RESTConfig())
	if err != nil {
		tb.Fatal(err)
	}
	head, err := (&clusterstore.Head{ConfigMaps: clients.CoreV1().ConfigMaps(o.Namespace)}).Load(tb.Context())
	if err != nil || head == nil {
		tb.Fatalf("read the head mark: %v, %v", head, err)
	}
	key, err := ledger.FileKey{Path: o.KeyFile}.Key(tb.Context())
	if err != nil {
		tb.Fatalf("read the signing key: %v", err)
	}
	public, err := tlog.VerifierKey(tlog.Origin(head.LedgerID, 0), key.Public().(ed25519.PublicKey))
	if err != nil {
		tb.Fatalf("read the signing key: %v", err)
	}
	return ledger.VerifyOptions{Keys: []string{public}, Held: [][]byte{[]byte(head.Checkpoint)}}
}
