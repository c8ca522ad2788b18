package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// When episodes look systematic.
const (
	recursOnDays      = 3                    // the same cause on so many UTC days
	persistsFor       = int64(7*24) * 3600e9 // open for longer, in nanoseconds
	persistsTimes     = 10                   // or for longer than so many times its tolerance
	concentratesFrom  = 10                   // of so many episodes or more
	maxRefs           = 20
	concentratesShare = 2 // half of them in one scope
)

// markers point at what looks systematic.
func (f *fold) markers(r *Record) []Marker {
	of := []Marker{}
	for i := range r.Controls {
		c := &r.Controls[i]
		of = append(of, recurrence(c)...)
		of = append(of, persistence(c, f.end)...)
		of = append(of, concentration(c)...)
	}
	return of
}

// recurrence finds causes that come again: the same actor, action and rules.
func recurrence(c *Control) []Marker {
	type seen struct {
		days map[int64]bool
		refs []string
	}
	causes := map[string]*seen{}
	for i := range c.Episodes {
		e := &c.Episodes[i]
		if e.Origin != string(ledger.OriginDrift) && e.Origin != string(ledger.OriginAfterGap) && e.Origin != string(ledger.OriginUnknown) {
			continue
		}
		key := fmt.Sprintf("%s by %s", cmp.Or(e.Action, "a change that was not observed"), e.Actor)
		if ids := ruleIDs(e.Rules); len(ids) > 0 {
			key += ", failing " + strings.Join(ids, ", ")
		}
		s := causes[key]
		if s == nil {
			s = &seen{days: map[int64]bool{}}
			causes[key] = s
		}
		s.days[dayOf(micros(e.Started.NotAfter.Time))] = true
		s.refs = append(s.refs, e.ID)
	}
	var of []Marker
	for _, key := range slices.Sorted(maps.Keys(causes)) {
		if s := causes[key]; len(s.days) >= recursOnDays {
			of = append(of, Marker{Kind: MarkerRecurrence, Control: c.Policy + "/" + c.ID, Refs: refs(s.refs),
				Message: fmt.Sprintf("The same cause on %d days, %d episodes: %s.", len(s.days), len(s.refs), key)})
		}
	}
	return of
}

// refs are at most a few references.
func refs(all []string) []string { return all[:min(len(all), maxRefs)] }

// persistence finds episodes that last, or lasted, long.
func persistence(c *Control, end int64) []Marker {
	tolerances := map[string]*int64{}
	for i := range c.Definitions {
		tolerances[c.Definitions[i].Digest] = c.Definitions[i].CorrectionWithin
	}
	var of []Marker
	for i := range c.Episodes {
		e := &c.Episodes[i]
		within := tolerances[e.Definition]
		long := e.Ending == string(endingOpen) && (end-micros(e.Started.NotAfter.Time))*microsecond > persistsFor
		if within != nil && e.Length.Min/persistsTimes >= *within && e.Length.Min > persistsTimes**within {
			long = true
		}
		if long {
			of = append(of, Marker{Kind: MarkerPersistence, Control: c.Policy + "/" + c.ID, Refs: []string{e.ID},
				Message: fmt.Sprintf("%s deviated for at least %s (%s).", e.Subject, time.Duration(e.Length.Min), e.Ending)})
		}
	}
	return of
}

// inScope says where something is.
func inScope(scope string) string {
	if scope == control.Cluster {
		return "on the cluster itself"
	}
	return "in namespace " + scope
}

// concentration finds a scope that has half of a control's episodes.
func concentration(c *Control) []Marker {
	if len(c.Episodes) < concentratesFrom {
		return nil
	}
	by := map[string][]string{}
	for i := range c.Episodes {
		scope := ledger.ScopeOf(c.Episodes[i].Subject)
		by[scope] = append(by[scope], c.Episodes[i].ID)
	}
	var of []Marker
	for _, scope := range sortedKeys(by) {
		if n := len(by[scope]); n*concentratesShare >= len(c.Episodes) {
			of = append(of, Marker{Kind: MarkerConcentration, Control: c.Policy + "/" + c.ID, Refs: refs(by[scope]),
				Message: fmt.Sprintf("%d of %d episodes are %s.", n, len(c.Episodes), inScope(scope))})
		}
	}
	return of
}
