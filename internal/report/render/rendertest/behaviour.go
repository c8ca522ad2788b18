package rendertest

import (
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/report"
)

// behaviour is what two kinds of probes did: one that was never late, and one that
// was, for a day.
func behaviour() []report.Behaviour {
	return []report.Behaviour{
		{Of: "Canary", Scopes: 1, Runs: 361, Targets: 722, First: later(4 * time.Second), Last: later(90*day - 2*time.Hour), Keys: []ledger.SeenKey{
			{ID: "secrets/aesgcm/v1/key1", FirstSeen: at(-40 * day)}, {ID: "secrets/aesgcm/v1/key2", FirstSeen: at(33 * day)}}},
		{Of: "Handshake", Scopes: 14, Runs: 5040, Targets: 8120, Unseen: 31, First: later(6 * time.Second), Last: later(90*day - time.Hour),
			Without: &report.Without{Interval: report.Interval{From: at(61 * day), To: at(62*day + 3*time.Hour)}, Scope: "shop"}},
	}
}

// ofKinds has a census be of two kinds: one unit is of the second.
func ofKinds(p *report.Population, kinds ...string) {
	p.Unit = strings.Join(kinds, ", ")
	for _, c := range []*report.CensusAt{p.AtStart, p.AtEnd} {
		one := ledger.Census{Total: 1, Conforming: 1}
		rest := c.Census
		rest.Total, rest.Conforming = rest.Total-1, rest.Conforming-1
		c.Kinds = []ledger.KindCensus{{Kind: kinds[0], Census: rest}, {Kind: kinds[1], Census: one}}
	}
}
