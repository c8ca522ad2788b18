package controllers

import (
	"slices"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/controls"
	"github.com/holdfast-dev/holdfast/internal/enforce"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/probe"
)

// The values of the label tolerance.
const (
	toleranceWithin = "within"
	toleranceBeyond = "beyond"
)

// MetricLabel says what a label of Holdfast's metrics holds.
type MetricLabel struct {
	Name, Meaning string
	// Values are all there can be; nil where users choose them, or where the
	// meaning says which there are.
	Values []string
}

// MetricLabels are the labels of Holdfast's metrics.
func MetricLabels() []MetricLabel {
	var types []string
	for _, typ := range controls.All() {
		types = append(types, typ.Name)
	}
	return []MetricLabel{
		{"policy", "Name of a ControlPolicy.", nil},
		{"control", "Id of one of its controls.", nil},
		{"outcome", "Verdict on a subject.", words(control.Conforming, control.Deviating, control.NotEvaluated, control.NotApplicable)},
		{"tolerance", "Whether an episode is within the tolerance that its control states. Where it states none, it is `beyond`.", []string{toleranceWithin, toleranceBeyond}},
		{"origin", "Why an episode began.", words(ledger.Origins()...)},
		{"ending", "How it ended.", words(ledger.Endings()...)},
		{"reason", "Why something is not as wanted: of unenforced namespaces a reason of the condition `Enforced`; of failures and rollbacks that of the ledger's entry.", reasons()},
		{"cause", "Why nobody observed.", ledger.GapCauses()},
		{"type", "Type of a control.", types},
		{"schedule", "Name of an EvidenceSchedule.", nil},
		{"state", "What became of a slot: of a collection, or of a backup.", allSlotStates()},
		{"anchor", "Name of an anchor of that schedule.", nil},
		{"probe", "What probes look at: how an API server stores a `Canary`, what a host serves in a `Handshake`, the public half of a TLS Secret (`Certificate`), whether a `Guard` refuses, whether everybody knows the password of Velero's repositories (`Repository`), and what a `RestoreTest` brought back.", probe.Kinds()},
		{"result", "What a probe came to: `Seen`, or the reason why it saw nothing. A target is `Awaited` before its first probe, and `Stale` once the newest does not count any more.",
			append(probeResults(), probe.Awaited, probe.Stale)},
		{"version", "Version of the build, with its revision.", nil},
	}
}

// reasons are those for which something is not enforced, for which a repair fails,
// and for which one is taken back.
func reasons() []string {
	all := slices.Concat(rank,
		words(enforce.FailureForbidden, enforce.FailureRejected, enforce.FailureNotServed, enforce.FailureThrottled, enforce.FailureUnsent, enforce.FailureUnknown),
		[]string{reasonDiffers, control.ReasonFailed, ledger.RolledBackLifeline, ledger.RolledBackPodsNotReady})
	slices.Sort(all)
	return slices.Compact(all)
}

// allSlotStates are all that may become of a slot of a collection, or of a backup.
func allSlotStates() []string {
	all := append(words(slotStates()...), ledger.OccurrenceStates()...)
	slices.Sort(all)
	return slices.Compact(all)
}

// words are values as text.
func words[T ~string](values ...T) []string {
	text := make([]string, len(values))
	for i, v := range values {
		text[i] = string(v)
	}
	return text
}
