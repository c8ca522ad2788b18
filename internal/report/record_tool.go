package report

import "github.com/holdfast-dev/holdfast/internal/ledger"

// Tool is the record's section on Holdfast itself.
type Tool struct {
	Runs []Run `json:"runs"`
	// Permissions are the permissions that were missing, and when.
	Permissions []Because `json:"permissions"`
	// Access is what AccessObserved recorded, in order.
	Access []Access `json:"access"`
	// AccessLimits say what cannot be seen from here.
	AccessLimits []string   `json:"accessLimits"`
	SelfTests    []SelfTest `json:"selfTests"`
	// ClockOffsets is the range of the API server's clock minus the operator's.
	ClockOffsets *OffsetRange        `json:"clockOffsets,omitempty"`
	Heartbeats   int                 `json:"heartbeats"`
	Unobserved   []Unobserved        `json:"unobserved"`
	Pruned       []ledger.PrunedBody `json:"pruned"`
	Erased       int                 `json:"erased"`
}

// OffsetRange is a range of clock offsets, in nanoseconds.
type OffsetRange struct {
	Min int64 `json:"min"`
	Max int64 `json:"max"`
}

// Run is one process of the operator.
type Run struct {
	Seq      uint64      `json:"seq"`
	LedgerID string      `json:"ledgerID"`
	From     ledger.Time `json:"from"`
	// Stopped is when it stopped in order; absent where it did not, or still runs.
	Stopped *ledger.Time `json:"stopped,omitempty"`
	ledger.OperatorBody
	// Changed are what differs from the run before: version, image, arguments, permissions.
	Changed []string `json:"changed"`
}

// Access is one observation of who could act on Holdfast.
type Access struct {
	At     ledger.Time `json:"at"`
	Seq    uint64      `json:"seq"`
	Digest string      `json:"digest"`
	// Unavailable says why RBAC could not be read, where so.
	Unavailable string `json:"unavailable,omitempty"`
	// Holders are, by capability, who holds it.
	Holders []Holder `json:"holders"`
	// Combined are those who hold two of policy, approval, operator, evidence.
	Combined []string `json:"combined"`
}

// Holder says who holds a capability.
type Holder struct {
	Capability string   `json:"capability"`
	Subjects   []string `json:"subjects"`
}

// SelfTest is what an evaluator made of its fixtures. One that says what the
// one before said is only counted.
type SelfTest struct {
	At ledger.Time `json:"at"`
	ledger.SelfTestBody
	Seq uint64 `json:"seq"`
	// Repeated is how often the same was found again.
	Repeated int `json:"repeated"`
}

// Unobserved is a state that was skipped between two observations.
type Unobserved struct {
	At      ledger.Time `json:"at"`
	Subject string      `json:"subject"`
	Object  string      `json:"object"`
	Skipped string      `json:"skipped"`
	Seq     uint64      `json:"seq"`
}
