package backup

import (
	"fmt"
	"time"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/coverage"
	"github.com/holdfast-dev/holdfast/internal/phrase"
)

// Reasons of RuleRecoveryPoint.
const (
	// ReasonRecent surfaces when the recovery point is within the objective.
	ReasonRecent = "Recent"
	// ReasonTooOld surfaces when it is older.
	ReasonTooOld = "TooOld"
	// ReasonNoRecoveryPoint surfaces when no backup of the namespace counts.
	ReasonNoRecoveryPoint = "NoRecoveryPoint"
	// ReasonNamespaceExcluded surfaces when the namespace bears the label by which
	// Velero leaves it out of every backup.
	ReasonNamespaceExcluded = "NamespaceExcluded"
)

// maxPassed bounds how many newer backups a fact tells about that do not count.
const maxPassed = 8

// judgeRecoveryPoint judges RuleRecoveryPoint. A recovery point counts until its data
// is exactly as old as the objective, or it expires.
func judgeRecoveryPoint(in control.Input, p provider) control.Finding {
	f := unjudged(in.Snapshot, p.kinds(), p.needsOfPoints()...)
	if f == nil {
		judged := recoveryPoint(in, p)
		f = &judged
	}
	f.Rule = RuleRecoveryPoint
	return *f
}

func recoveryPoint(in control.Input, p provider) control.Finding {
	found := p.points(in)
	if found.nothing {
		f := notApplicable(ReasonNoVolumes, "The namespace has no bound claim that a snapshot is due of.")
		f.Until = found.until
		return f
	}
	best, passed := choose(found.points)
	f := verdictOnPoints(in, p, best, passed)
	f.Until = control.Earlier(f.Until, found.until)
	describe(&f, best, passed)
	return f
}

// verdictOnPoints judges by the newest point that counts, and newer ones, which do
// not.
func verdictOnPoints(in control.Input, p provider, best *point, passed []point) (f control.Finding) {
	switch undecided := promising(in, passed); {
	case excluded(in.Snapshot.Namespace, p):
		f = deviating(ReasonNamespaceExcluded, "Velero leaves the namespace out: it bears the label {names}.", "labels", excludeLabel+"=true")
	case best != nil && in.Now.Before(breach(in, best)):
		f = conforming(ReasonRecent, fmt.Sprintf("The recovery point is %s, within %s.", best.ref, objective(in)))
		f.Until = breach(in, best)
	case undecided != nil:
		f = notTold(in, undecided)
	case best != nil:
		f = deviating(ReasonTooOld, fmt.Sprintf("The newest backup that counts, %s, is older than %s%s.", best.ref, objective(in), butNewer(passed)), "")
		f.Until = best.expires
	default:
		f = deviating(ReasonNoRecoveryPoint, "No backup of the namespace counts"+newestOf(passed)+".", "")
	}
	if f.Outcome == control.Deviating && f.Culprits == nil && len(passed) > 0 && passed[0].by != "" {
		f.Culprits = []string{phrase.Clip(passed[0].by, maxDetail)}
	}
	return f
}

// choose returns the newest point that counts, nil where none does, and those newer
// than it, which do not: newest first.
func choose(points []point) (best *point, passed []point) {
	for i := range points {
		if points[i].Extent == coverage.Full {
			return &points[i], points[:i]
		}
	}
	return nil, points
}

// promising is the newest point of which it is not told whether it counts, while it
// is within the objective.
func promising(in control.Input, points []point) *point {
	for i := range points {
		if p := &points[i]; p.Extent == coverage.Unknown && in.Now.Before(breach(in, p)) {
			return p
		}
	}
	return nil
}

func notTold(in control.Input, p *point) control.Finding {
	f := undecided(control.ReasonInconclusive, fmt.Sprintf("Whether %s counts is not known: it %s.", p.ref, p.Why))
	f.Until = breach(in, p)
	return f
}

// breach is when a point does not count any more: its data is as old as the
// objective, or it has expired.
func breach(in control.Input, p *point) time.Time {
	return control.Earlier(p.at.Add(objective(in)), p.expires)
}

func objective(in control.Input) time.Duration {
	return in.Control.Backup.RecoveryPointObjective.Duration
}

// butNewer and newestOf say why newer points do not count, in general.
func butNewer(passed []point) string {
	if len(passed) == 0 {
		return ""
	}
	return ", and a newer one does not count: it " + passed[0].Why
}

func newestOf(passed []point) string {
	if len(passed) == 0 {
		return ": there is none"
	}
	return ": the newest " + passed[0].Why
}

// describe notes which point counts, and why newer ones do not.
func describe(f *control.Finding, best *point, passed []point) {
	if best != nil {
		fact(f, "recoveryPoint", best.ref)
		fact(f, "recoveryPointAt", best.at.UTC().Format(time.RFC3339))
		if !best.expires.IsZero() {
			fact(f, "recoveryPointExpires", best.expires.UTC().Format(time.RFC3339))
		}
	}
	var why []string
	for _, p := range passed[:min(len(passed), maxPassed)] {
		why = append(why, p.ref+" "+phrase.Clip(p.Why, maxDetail))
	}
	fact(f, "notCounted", why...)
}
