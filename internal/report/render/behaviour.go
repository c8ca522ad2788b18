package render

import (
	"fmt"
	"strings"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/report"
)

// probeMeaning says what a probe does.
func probeMeaning(of string) string {
	switch of {
	case control.ProbeCanary:
		return "an object is written through an API server, whose metrics tell how it was stored"
	case control.ProbeHandshake:
		return "a host is connected to with TLS, and without"
	case control.ProbeCertificate:
		return "the public half of a TLS Secret is read"
	case control.ProbeGuard:
		return "the API server is asked, in a dry run, for what a guard is to refuse"
	case control.ProbeRepository:
		return "the password of Velero's repositories is compared with the one that everybody knows"
	case control.ProbeRestore:
		return "the newest backup of a namespace is restored into another one, and the sentinel's data compared"
	default:
		return ""
	}
}

// behaviourLine says how often was looked for an observed effect, and when nobody did.
func behaviourLine(b *report.Behaviour) string {
	if b.Runs == 0 && b.First == nil {
		text := fmt.Sprintf("%s in %s", b.Of, count(b.Scopes, "scope"))
		if b.Last == nil {
			return text
		}
		return text + "; last " + moment(b.Last)
	}
	return fmt.Sprintf("%s: %s of %s in %s, %s unseen; first %s, last %s; %s", b.Of, count(b.Runs, "run"), count(b.Targets, "target"),
		count(b.Scopes, "scope"), number(b.Unseen), moment(b.First), moment(b.Last), withoutText(b.Without))
}

// withoutText says for how long nothing counted.
func withoutText(w *report.Without) string {
	if w == nil {
		return "never without an observation that counts"
	}
	return "longest without an observation that counts: " + intervalText(w.Interval) + " " + inScopeText(w.Scope)
}

// inScopeText says which scope it is.
func inScopeText(scope string) string {
	if scope == control.Cluster {
		return "on the cluster"
	}
	return "in namespace " + scope
}

// keysText names keys, each with when it was seen first.
func keysText(keys []ledger.SeenKey) string {
	var parts []string
	for i := range keys {
		parts = append(parts, fmt.Sprintf("%s (first seen %s)", keys[i].ID, moment(&keys[i].FirstSeen)))
	}
	return some(parts)
}

// behaviourRegister has a row for each kind of probe of a control.
func behaviourRegister(r *report.Record) register {
	return register{
		file: "behaviour.csv", about: "one row per control and kind of probe: how observed effects were looked for",
		sums: "targets = those of which something was seen + unseen",
		columns: ofControl("probe", "meaning", "scopes", "runs", "targets", "unseen", "first", "last", "longest_without_from", "longest_without_to",
			"longest_without_scope", "keys_in_use"),
		rows: ofControls(r, func(c *report.Control) []report.Behaviour { return c.Behaviour }, func(_ *report.Control, b *report.Behaviour) []string {
			without := []string{"", "", ""}
			if w := b.Without; w != nil {
				without = append(interval(w.Interval), strings.TrimPrefix(inScopeText(w.Scope), "in "))
			}
			row := []string{b.Of, probeMeaning(b.Of), whole(b.Scopes), whole(b.Runs), whole(b.Targets), whole(b.Unseen), exact(b.First), exact(b.Last)}
			return append(append(row, without...), keysText(b.Keys))
		}),
	}
}

// hasBehaviour is whether anything was probed for a control of the record.
func hasBehaviour(r *report.Record) bool {
	for i := range r.Controls {
		if len(r.Controls[i].Behaviour) > 0 {
			return true
		}
	}
	return false
}
