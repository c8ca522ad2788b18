package synthetic

import (
	"crypto/ed25519"
	"time"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// History is what really happened, whether or not the operator saw it.
type History struct {
	// Units are, by policy, control and subject, the intervals in which the unit
	// deviated while it was in scope of the policy and the control was stated.
	Units map[ledger.Unit][]Interval
	// Blind are the intervals in which the operator observed nothing: it was down,
	// or cut off.
	Blind []Interval
	// Overlooked are the subjects of which the operator overlooked a change, until
	// the next collection found it.
	Overlooked []control.Subject
	// Slots are the declared slots of the schedule, by what became of them:
	// Completed, Late, Partial, Failed or Missed.
	Slots map[string]int
	// Entries is the number of entries, of all ledgers.
	Entries uint64
	// VerifierKeys are the keys of the ledgers, oldest first, and Held the last
	// checkpoint of each: what an auditor would have kept.
	VerifierKeys []string
	Held         [][]byte
	// WitnessKey is the verifier key of the witness, where there is one.
	WitnessKey string
	// Start and End bound the past.
	Start, End time.Time

	key     ed25519.PrivateKey
	cluster ledger.ClusterBody
}

// Reopen are the options with which the newest ledger in dir can be opened as
// the operator would have done next.
func (h *History) Reopen(dir string) ledger.Options {
	return ledger.Options{Dir: dir, Key: h.key, Head: ledger.FileHead{Path: dir + ".head"}, Cluster: h.cluster, MinFree: 1 << 20}
}

// Interval is [From, To). To is zero where it had not ended.
type Interval struct{ From, To time.Time }

// begin notes that a unit deviates, unless it does already.
func (h *History) begin(u ledger.Unit, at time.Time) {
	of := h.Units[u]
	if len(of) > 0 && of[len(of)-1].To.IsZero() {
		return
	}
	h.Units[u] = append(of, Interval{From: at})
}

// end notes that a unit deviates no more.
func (h *History) end(u ledger.Unit, at time.Time) {
	of := h.Units[u]
	if len(of) > 0 && of[len(of)-1].To.IsZero() {
		of[len(of)-1].To = at
	}
}
