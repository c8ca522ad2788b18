package report_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/report"
)

// TestE2ManifestDisagrees: a manifest that does not say what the entries say is
// marked, whatever it is that differs.
func TestE2ManifestDisagrees(t *testing.T) {
	unit := func(c *ledger.ManifestChunk) *ledger.ManifestUnit {
		for i := range c.Scopes {
			if c.Scopes[i].Subject.Name == "shop" {
				return &c.Scopes[i].Units[0]
			}
		}
		panic("shop is in no chunk")
	}
	cases := map[string]struct {
		alter  func(*ledger.Manifest, *ledger.ManifestChunk)
		before func(*scribe)
		want   string
	}{
		"it agrees": {},
		"a state is another": {
			alter: func(_ *ledger.Manifest, c *ledger.ManifestChunk) { unit(c).State.Outcome = control.NotApplicable },
			want:  "p/NET-1 on Namespace shop is NotApplicable in the manifest, and Conforming by the entries",
		},
		"a subject is missing": {
			alter: func(_ *ledger.Manifest, c *ledger.ManifestChunk) {
				c.Scopes = slices.DeleteFunc(c.Scopes, func(s ledger.ManifestScope) bool { return s.Subject.Name == "shop" })
			},
			want: "Namespace shop is in the scope of policy p by the entries, and not in the manifest",
		},
		"a subject is out of scope": {
			alter: func(_ *ledger.Manifest, c *ledger.ManifestChunk) {
				for i := range c.Scopes {
					if c.Scopes[i].Subject.Name == "shop" {
						c.Scopes[i].Standings[0].Disposition = "NotSelected"
					}
				}
			},
			want: "Namespace shop is NotSelected for policy p in the manifest, and in scope by the entries",
		},
		"the census does not add up": {
			alter: func(m *ledger.Manifest, _ *ledger.ManifestChunk) { m.Policies[0].Controls[0].Census.Total++ },
			want:  "p/NET-1: the census has 4 units, and accounts for 3",
		},
		"another definition": {
			alter: func(m *ledger.Manifest, _ *ledger.ManifestChunk) { m.Policies[0].Controls[0].Definition = "other" },
			want:  "p/NET-1: the manifest has definition other, the entries have",
		},
		"E11: a discrepancy accounts for it": {
			alter: func(_ *ledger.Manifest, c *ledger.ManifestChunk) { unit(c).State.Outcome = control.NotApplicable },
			before: func(s *scribe) {
				s.write(ledger.Entry{Kind: ledger.KindDiscrepancy, Policy: s.ref("p", "NET-1"), Control: "NET-1", Subject: new(namespace("shop")),
					To: &control.State{Outcome: control.NotApplicable}, Schedule: scheduleRef(), Discrepancy: &ledger.DiscrepancyBody{Slot: *moment(hour), Reads: 2}})
			},
		},
		"E11: it changed while it was read": {
			before: func(s *scribe) { s.state(net("shop", control.Deviating, "NP-01")) },
		},
		"E11: it was read after it changed": {
			alter: func(_ *ledger.Manifest, c *ledger.ManifestChunk) {
				unit(c).State = control.State{Outcome: control.Deviating, Basis: control.BasisConfiguration, Rules: []control.RuleState{{Rule: "NP-01", Reason: "Absent"}}}
			},
			before: func(s *scribe) { s.state(net("shop", control.Deviating, "NP-01")) },
		},
		"it came while it was read": {
			before: func(s *scribe) { s.enter("p", namespace("web"), true) },
		},
		"the policy was edited meanwhile": {
			alter: func(_ *ledger.Manifest, c *ledger.ManifestChunk) { unit(c).State.Outcome = control.NotApplicable },
			before: func(s *scribe) {
				s.policy("p", isolation(v1alpha1.ModeObserve, within(5*minute), "NET-1"))
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s := settled(t)
			s.schedule(hour)
			c := collection{slot: hour, next: 2 * hour, alter: tc.alter}
			if tc.before != nil {
				c.before = func() { tc.before(s) }
			}
			s.at(hour).collect(c)
			s.at(2 * hour).beat()
			r := period(t, s)
			if got := strings.Join(r.Collections[0].Disagreements, "\n"); (tc.want == "") != (got == "") || !strings.HasPrefix(got, tc.want) {
				t.Errorf("disagreements: %q, want %q", got, tc.want)
			}
			marked := slices.ContainsFunc(r.Markers, func(m report.Marker) bool { return m.Kind == report.MarkerDisagreement })
			if r.Collections[0].Agrees != (tc.want == "") || marked != (tc.want != "") {
				t.Errorf("agrees: %t, marked: %t, want %q", r.Collections[0].Agrees, marked, tc.want)
			}
		})
	}
}

// TestE2LaterManifestIsComparedToo: a chunk that was compared before is compared
// again once something of its scopes changed.
func TestE2LaterManifestIsComparedToo(t *testing.T) {
	s := settled(t)
	s.schedule(hour)
	var stale *ledger.ManifestChunk
	s.at(hour).collect(collection{slot: hour, next: 2 * hour, alter: func(_ *ledger.Manifest, c *ledger.ManifestChunk) {
		copied := *c
		stale = &copied
	}})
	s.at(90 * minute).state(net("shop", control.Deviating, "NP-01"))
	s.at(2 * hour).collect(collection{slot: 2 * hour, next: 3 * hour, alter: func(_ *ledger.Manifest, c *ledger.ManifestChunk) { *c = *stale }})
	s.at(150 * minute).beat()
	r := period(t, s)
	if !r.Collections[0].Agrees || r.Collections[1].Agrees {
		t.Errorf("the first agrees: %t, the second, which is out of date: %t", r.Collections[0].Agrees, r.Collections[1].Agrees)
	}
}

// TestE6EverySlotIsAccountedFor: stopped for three slots, and a slot of which
// nothing says what became of it.
func TestE6EverySlotIsAccountedFor(t *testing.T) {
	r := period(t, storyStopped(t))
	want := []report.SlotPopulation{{Schedule: scheduleName, Expected: 5, Completed: 2, Missed: 3}}
	if diff := cmp.Diff(want, r.Slots); diff != "" {
		t.Errorf("slots (-want +got):\n%s", diff)
	}
	if len(r.Gaps) != 1 || r.Gaps[0].Cause != ledger.CauseNotRunning || r.Gaps[0].To.Sub(r.Gaps[0].From.Time) != 175*minute {
		t.Errorf("gaps: %+v, want the one of 175 minutes", r.Gaps)
	}
	s := settled(t)
	s.schedule(hour)
	s.at(2 * hour).collect(collection{slot: 2 * hour, next: 3 * hour})
	s.at(3*hour + minute).beat()
	r = period(t, s)
	if len(r.Markers) != 1 || !strings.Contains(r.Markers[0].Message, "slot 2026-03-01T07:00:00Z was due, and nothing says what became of it") {
		t.Errorf("markers: %+v, want the slot that is not accounted for", r.Markers)
	}
	if r.Slots[0].Pending != 1 || r.Slots[0].Expected != 2 {
		t.Errorf("slots: %+v, want the last one pending", r.Slots)
	}
}
