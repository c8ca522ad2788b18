package render

import (
	"maps"
	"slices"

	"github.com/holdfast-dev/holdfast/internal/access"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/report"
)

// origins are the origins that a record explains.
func origins() []string {
	var names []string
	for _, origin := range []ledger.Origin{
		ledger.OriginDrift, ledger.OriginNewSubject, ledger.OriginEnteredScope, ledger.OriginBaseline, ledger.OriginDefinitionChanged,
		ledger.OriginAttestationExpired, ledger.OriginAfterGap, ledger.OriginUnknown,
	} {
		names = append(names, string(origin))
	}
	return names
}

// endings are the endings that a record explains.
func endings() []string {
	var names []string
	for _, ending := range []ledger.Ending{
		ledger.EndingRepaired, ledger.EndingCorrected, ledger.EndingSubjectDeleted, ledger.EndingLeftScope, ledger.EndingDefinitionChanged,
		ledger.EndingControlWithdrawn, ledger.EndingUnknownInGap,
	} {
		names = append(names, string(ending))
	}
	return append(names, endingOpen)
}

// originMeaning says what an origin means.
func originMeaning(origin string) string {
	switch ledger.Origin(origin) {
	case ledger.OriginDrift:
		return "it conformed before, and something was changed"
	case ledger.OriginNewSubject:
		return "the subject was created"
	case ledger.OriginEnteredScope:
		return "the subject existed, and came into scope"
	case ledger.OriginBaseline:
		return "found when the control was evaluated for the first time"
	case ledger.OriginDefinitionChanged:
		return "the control was stated otherwise"
	case ledger.OriginAttestationExpired:
		return "it rested on a person's statement, which expired"
	case ledger.OriginAfterGap:
		return "found when observation resumed; when it began is not known"
	case ledger.OriginUnknown:
		return "what was recorded does not tell why"
	default:
		return ""
	}
}

// endingMeaning says what an ending means.
func endingMeaning(ending string) string {
	switch ledger.Ending(ending) {
	case ledger.EndingRepaired:
		return "Holdfast restored the declared configuration and read it back"
	case ledger.EndingCorrected:
		return "somebody else restored it"
	case ledger.EndingSubjectDeleted:
		return "the subject ceased to exist"
	case ledger.EndingLeftScope:
		return "the subject left the scope while it deviated"
	case ledger.EndingDefinitionChanged:
		return "the control was stated otherwise"
	case ledger.EndingControlWithdrawn:
		return "the control was withdrawn"
	case ledger.EndingUnknownInGap:
		return "it conformed when observation resumed; when and by whom is not known"
	}
	switch ending {
	case endingOpen:
		return "it had not ended"
	case "LedgerBreak":
		return "the ledger broke off"
	default:
		return ""
	}
}

const endingOpen = "Open"

// classMeaning says what a class of episodes means.
func classMeaning(class string) string {
	switch class {
	case report.ClassWithinTolerance:
		return "surely no longer than the stated tolerance, and ended by return to Conforming: a correction"
	case report.ClassDeviation:
		return "surely longer than the stated tolerance, or recurring, or no tolerance is stated"
	case report.ClassIndeterminate:
		return "its bounds do not decide whether it was longer than the stated tolerance"
	case report.ClassPending:
		return "still open, and not yet longer than the stated tolerance"
	case report.ClassBaseline:
		return "there when the control was introduced"
	default:
		return ""
	}
}

// capability says in words what somebody could do.
func capability(name string) string {
	switch access.Capability(name) {
	case access.ReadSigningKey:
		return "read the ledger's signing key"
	case access.ExecIntoOperator:
		return "run commands in a pod of the operator's namespace"
	case access.ChangeOperator:
		return "change a workload of the operator's namespace"
	case access.WritePolicies:
		return "write ControlPolicies"
	case access.WriteSchedules:
		return "write EvidenceSchedules"
	case access.ApproveExemptions:
		return "approve exemptions"
	case access.WriteRecords:
		return "write EvidenceRecords"
	case access.ChangeCRDsOrGuards:
		return "change CRDs or admission policies"
	case access.ImpersonateOrEscalate:
		return "act as somebody else, or give themselves more"
	default:
		return name
	}
}

// className is how a class is called in text.
func className(class string) string {
	switch class {
	case report.ClassWithinTolerance:
		return "Within tolerance"
	default:
		return class
	}
}

// classOrder are the classes in the order of tables. Those that this version
// does not know come last.
func classOrder(counts map[string]int) []string {
	order := []string{report.ClassDeviation, report.ClassIndeterminate, report.ClassPending, report.ClassWithinTolerance}
	for _, class := range slices.Sorted(maps.Keys(counts)) {
		if !slices.Contains(order, class) && class != report.ClassBaseline {
			order = append(order, class)
		}
	}
	return order
}

// within is whether an episode of the class is a correction.
func within(class string) bool { return class == report.ClassWithinTolerance }

// thresholdName is how a threshold of Longer is called.
func thresholdName(ns int64) string { return duration(ns, down) }
