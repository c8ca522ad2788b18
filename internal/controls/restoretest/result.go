package restoretest

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/phrase"
)

// Reasons of the findings.
const (
	// ReasonRestored surfaces when the sentinel was restored, and is what was written.
	ReasonRestored = "SentinelRestored"
	// ReasonRestoreFailed surfaces when the restore did not complete, or with errors.
	ReasonRestoreFailed = "RestoreFailed"
	// ReasonDataMissing surfaces when a part of the sentinel was not restored.
	ReasonDataMissing = "DataMissing"
	// ReasonDataDiffers surfaces when what was restored is not what was written.
	ReasonDataDiffers = "DataDiffers"
	// ReasonVolumeShared surfaces when the restore attached a volume that is in use
	// elsewhere: then nothing was cleaned up, and a person has to.
	ReasonVolumeShared = "VolumeShared"
	// ReasonTestOverdue surfaces when the last test is older than twice the interval.
	ReasonTestOverdue = "TestOverdue"
	// ReasonProviderNotInstalled surfaces when the kinds of Velero are not served.
	ReasonProviderNotInstalled = "ProviderNotInstalled"
	// ReasonScratch surfaces on the namespace that a test restores into.
	ReasonScratch = "ScratchNamespace"
)

// completed is the phase of a Restore that restored everything.
const completed = "Completed"

const (
	// maxMessage bounds a message, and maxFact a fact, in bytes.
	maxMessage = 256
	maxFact    = 256
)

// result is the finding on what a test saw, as long as it counts.
func result(r *control.Restored) control.Finding {
	absent, other := phrase.Listed(kinds(r, func(i *control.RestoredItem) bool { return i.Missing })),
		phrase.Listed(kinds(r, func(i *control.RestoredItem) bool { return i.Differs }))
	switch {
	case r.VolumeShared:
		return deviating(ReasonVolumeShared, cmp.Or(r.Left, "A volume that the restore attached is in use elsewhere, and nothing was cleaned up."))
	case r.Failure != "":
		return deviating(ReasonRestoreFailed, fmt.Sprintf("The restore of backup %s failed: %s", r.Backup, sentence(r.Failure)))
	case r.Phase != completed:
		return deviating(ReasonRestoreFailed, fmt.Sprintf("The restore of backup %s ended as %s.", r.Backup, cmp.Or(r.Phase, "New")))
	case r.Errors > 0:
		return deviating(ReasonRestoreFailed, fmt.Sprintf("The restore of backup %s counts errors: %d.", r.Backup, r.Errors))
	case absent != "":
		return deviating(ReasonDataMissing, fmt.Sprintf("From backup %s the sentinel's %s did not come back.", r.Backup, absent))
	case other != "":
		return deviating(ReasonDataDiffers, fmt.Sprintf("From backup %s the sentinel's %s came back with other data than was written.", r.Backup, other))
	case len(r.Items) == 0:
		return undecided(control.ReasonInconclusive, "Not decided: nothing was compared.")
	}
	return control.Finding{Outcome: control.Conforming, Basis: control.BasisBehaviour, Reason: ReasonRestored,
		Message: fmt.Sprintf("Restore path exercised with sentinel data of %d bytes; application data not restored.", bytes(r))}
}

// unseen is the finding where a test could not be made.
func unseen(o *control.Observation) control.Finding {
	return undecided(cmp.Or(o.Reason, control.ReasonInconclusive), cmp.Or(o.Message, "No backup could be restored."))
}

// facts are what a test measured: the recovery time and the recovery point of the
// sentinel.
func facts(o *control.Observation) map[string]string {
	r := o.Restored
	all := map[string]string{
		"backup":   r.Backup,
		"test":     r.Test,
		"compared": phrase.Listed(kinds(r, func(*control.RestoredItem) bool { return true })),
		"bytes":    strconv.FormatInt(bytes(r), 10),
	}
	if !r.BackupAt.IsZero() {
		all["recoveryPoint"] = (time.Duration(r.DataAge) * time.Second).String()
	}
	if r.Seconds > 0 {
		all["recoveryTime"] = (time.Duration(r.Seconds) * time.Second).String()
	}
	if r.Left != "" {
		all["left"] = r.Left
	}
	for name, fact := range all {
		if fact == "" {
			delete(all, name)
			continue
		}
		all[name] = phrase.Clip(fact, maxFact)
	}
	return all
}

// kinds are those of the items that match, in their order.
func kinds(r *control.Restored, match func(*control.RestoredItem) bool) []string {
	var names []string
	for i := range r.Items {
		if match(&r.Items[i]) {
			names = append(names, r.Items[i].Kind)
		}
	}
	return names
}

// bytes is how much data was compared.
func bytes(r *control.Restored) int64 {
	var sum int64
	for _, item := range r.Items {
		sum += item.Bytes
	}
	return sum
}

// sentence ends a text with one full stop.
func sentence(text string) string { return strings.TrimRight(text, ". ") + "." }

func deviating(reason, message string) control.Finding {
	return control.Finding{Outcome: control.Deviating, Basis: control.BasisBehaviour, Reason: reason, Message: phrase.Clip(message, maxMessage)}
}

func undecided(reason, message string) control.Finding {
	return control.Finding{Outcome: control.NotEvaluated, Basis: control.BasisBehaviour, Reason: reason, Message: phrase.Clip(message, maxMessage)}
}

func notApplicable(reason, message string) control.Finding {
	return control.Finding{Outcome: control.NotApplicable, Basis: control.BasisConfiguration, Reason: reason, Message: message}
}
