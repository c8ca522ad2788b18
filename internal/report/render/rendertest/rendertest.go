// Package rendertest makes records for tests of what shows them. They are made
// by hand, not folded, but their counts and sums are derived from their lists:
// a reader may reconcile them.
package rendertest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/report"
	"github.com/holdfast-dev/holdfast/internal/tsc"
)

// LedgerID is the ledger's id.
const LedgerID = "7d1f3a5c9b2e4f60817a3c5d9e0b2f46"

// The period of every record.
var (
	start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	end   = time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)
)

const day = 24 * time.Hour

// at is a time after the period's start.
func at(d time.Duration) ledger.Time { return ledger.At(start.Add(d)) }

// later is at, where a time may be absent.
func later(d time.Duration) *ledger.Time { return new(at(d)) }

// digest is a digest that looks like one.
func digest(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "/")))
	return hex.EncodeToString(sum[:])
}

// Rich is the record of a quarter: two policies, four controls, sixty episodes
// of every class, origin and ending, and something in every section.
func Rich() *report.Record {
	r := base(report.Complete)
	baseline := newControl("production-baseline", "NET-1", 40, "Enforce", 5*time.Minute)
	baseline.Statement = "Workload namespaces deny network traffic that is not explicitly allowed."
	baseline.Criteria = []string{"CC6.1", "CC6.6"}
	baseline.Bases = []string{"Behaviour", "Configuration"}
	baseline.Behaviour = behaviour()
	baseline.introduce(0, 0)
	baselineEpisodes(baseline)

	replicas := newControl("production-baseline", "AV-1", 12, "Observe", time.Hour)
	replicas.Type, replicas.Owner, replicas.Priority = "expression", "sre", "Medium"
	replicas.Statement = "Deployments that serve customers run at least two replicas."
	replicas.Criteria = []string{"A1.1"}
	replicas.introduce(0, 6*time.Hour)
	replicaEpisodes(replicas)

	payments := newControl("payments", "NET-1", 6, "Enforce", time.Minute)
	payments.Statement = "Cardholder data environments accept traffic from the gateway only."
	payments.Criteria, payments.Owner = []string{"CC6.1", "CC6.6", "CC6.7"}, "payments-platform"
	payments.introduce(31*day, 31*day)
	paymentEpisodes(payments)

	quiet := newControl("payments", "NET-2", 0, "Enforce", 0)
	quiet.Statement, quiet.Owner = "Administrative namespaces accept no traffic from workloads.", ""
	quiet.Criteria, quiet.Priority = []string{"CC6.6"}, "Low"
	quiet.introduce(31*day, 31*day)

	finish(r, baseline, replicas, payments, quiet)
	ofKinds(&r.Controls[1].Census, "Deployment", "StatefulSet")
	return r
}

// Interim is Rich as it was seen before the period's end: it reaches half of it.
func Interim() *report.Record {
	r := Rich()
	r.Status = report.Interim
	r.Title = "Control operation record for [2026-01-01T00:00:00Z, 2026-07-01T00:00:00Z), Interim"
	r.Through = *r.Query.To
	r.Query.To = new(ledger.At(time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)))
	return r
}

// Empty is the record of a period for which there is nothing but a ledger.
func Empty() *report.Record {
	r := base(report.Interim)
	r.Custody.Anchors, r.Custody.AnchorsDeclared = []report.Anchored{}, []string{}
	r.Banners = []string{"No party outside the cluster holds a receipt for any checkpoint of this ledger."}
	return r
}

// AsOf is a record as of an instant, of Rich's first control.
func AsOf() *report.Record {
	r := Rich()
	r.Title = "Control state record as of 2026-03-31T12:00:00Z, Complete"
	r.Through = at(89*day + 12*time.Hour)
	r.Query = report.Query{AsOf: later(89*day + 12*time.Hour)}
	for i := range r.Controls {
		c := &r.Controls[i]
		c.Time, c.Coverage, c.CoverageSince = report.Time{}, report.Coverage{}, report.Coverage{}
		c.Episodes = slices.DeleteFunc(c.Episodes, func(e report.Episode) bool { return e.Ending != "Open" })
		c.Baseline, c.Removals, c.Groups = []report.Episode{}, []report.Episode{}, []report.Group{}
		c.Counts = countsOf(c.Episodes, nil)
		c.NewSubjects, c.Repairs = report.NewSubjects{}, report.Repairs{}
		for j := range c.Behaviour {
			b := &c.Behaviour[j]
			*b = report.Behaviour{Of: b.Of, Scopes: b.Scopes, Last: b.Last, Keys: b.Keys}
		}
	}
	return r
}

// Huge is a record with so many episodes of four controls.
func Huge(episodes int) *report.Record {
	r := base(report.Complete)
	var controls []*maker
	for i := range 4 {
		m := newControl("fleet", fmt.Sprintf("NET-%d", i+1), 500, "Enforce", 5*time.Minute)
		m.Statement, m.Criteria = "Workload namespaces deny traffic that is not explicitly allowed.", []string{"CC6.1"}
		m.introduce(0, 0)
		for n := range episodes / 4 {
			began := time.Duration(n) * 89 * day / time.Duration(episodes/4)
			e := event{at: began, origin: "Drift", actor: "kubectl-edit", rule: "NP-01", lasted: time.Second, ending: "Repaired"}
			if n%7 == 0 {
				e.lasted, e.ending = 20*time.Minute, "Corrected"
			}
			e.subjects = []int{n % 500}
			m.happen(e)
		}
		controls = append(controls, m)
	}
	finish(r, controls...)
	return r
}

// Hostile is Rich with markup, formulas and control characters wherever people
// or their clients choose the text.
func Hostile(text string) *report.Record {
	r := Rich()
	for i := range r.Controls {
		c := &r.Controls[i]
		c.Statement, c.Owner = text, text
		for j := range c.Episodes {
			e := &c.Episodes[j]
			e.Message, e.Actor, e.Action = text, text, text
			e.Rules = []control.RuleState{{Rule: "NP-01", Reason: "Absent", Culprits: []string{text}}}
		}
		for j := range c.Groups {
			c.Groups[j].Actor, c.Groups[j].Action = text, text
		}
		for j := range c.Exclusions {
			c.Exclusions[j].Reason, c.Exclusions[j].ApprovedBy, c.Exclusions[j].ReviewBy = text, text, text
		}
	}
	for i := range r.Gaps {
		r.Gaps[i].Message = text
	}
	for i := range r.Changes {
		r.Changes[i].Actor, r.Changes[i].ChangeRef, r.Changes[i].Message = text, text, text
	}
	for i := range r.Custody.Anchors {
		r.Custody.Anchors[i].Name = text
	}
	return r
}

// base is a record without controls.
func base(status string) *report.Record {
	q := report.Query{From: new(ledger.At(start)), To: new(ledger.At(end))}
	return &report.Record{
		Schema: report.RecordSchema, Status: status, Through: ledger.At(end), Query: q,
		Title: "Control operation record for [2026-01-01T00:00:00Z, 2026-04-01T00:00:00Z), " + status,
		Statements: []string{
			"This record was prepared by management's software, for use in a SOC 2 Type I or Type II examination.",
			"It states what was observed. It holds no conclusion on any criterion; only a CPA firm issues a report.",
			"States that began and ended between two observations are not judged.",
		},
		Banners: []string{}, Custody: custody(), Controls: []report.Control{}, Gaps: []report.Gap{},
		Collections: []report.Collection{}, Slots: []report.SlotPopulation{}, Changes: []report.Change{},
		Tool: report.Tool{
			Runs: []report.Run{}, Permissions: []report.Because{}, Access: []report.Access{}, AccessLimits: []string{},
			SelfTests: []report.SelfTest{}, Unobserved: []report.Unobserved{}, Pruned: []ledger.PrunedBody{},
		},
		Markers: []report.Marker{}, Matrix: []report.Criterion{},
		Entries: report.EntryCounts{Folded: 1, ByKind: map[string]uint64{"LedgerOpened": 1}, Unknown: map[string]uint64{}},
	}
}

// custody is a chain of one ledger, with an anchor that failed for a week.
func custody() report.Custody {
	return report.Custody{
		Ledgers: []report.LedgerLink{{
			LedgerID: LedgerID, Reason: "FirstInstall", Cluster: ledger.ClusterBody{KubeSystemUID: "0d5f8a1e-53c0-4a0e-9d0f-2f3b7c0e8a11", ServerVersion: "v1.36.3"},
			VerifierKey: "holdfast.dev/ledger/" + LedgerID + "+1f2e3d4c+AZmJ4s8p0Qx3b1kJm7Yw2n5v8c0dEfGhIjKlMnOpQrSt",
			First:       0, Last: 48211, Opened: at(-20 * day),
		}},
		Anchors: []report.Anchored{
			anchored("witness", ledger.AnchorWitness, 12*day, 6021, ""),
			anchored("tsa", ledger.AnchorTimestamp, 40*day, 21903, ""),
			anchored("tsa", ledger.AnchorTimestamp, 47*day, 25010, "the time stamp authority answered 503"),
			anchored("witness", ledger.AnchorWitness, 89*day, 48001, ""),
		},
		Unanchored:        []report.Interval{{From: at(40 * day), To: at(47 * day)}},
		LongestUnanchored: int64(7 * day), LongestWait: int64(49 * day), AnchorsDeclared: []string{"tsa", "witness"},
	}
}

func anchored(name, kind string, when time.Duration, size uint64, failed string) report.Anchored {
	a := report.Anchored{
		Name: name, Type: kind, LedgerID: LedgerID, Origin: "holdfast.dev/ledger/" + LedgerID, Size: size,
		RootHash: "q0Zk8c1Jm5Yw7n3v2b9dEfGhIjKlMnOpQrStUvWxYz0=", Observed: at(when), Failed: failed, Seq: size + 1,
	}
	if failed == "" {
		a.Receipt, a.At = digest("receipt", name, fmt.Sprint(size)), later(when)
	}
	return a
}

// matrix is criteria × controls, as the fold makes it.
func matrix(controls []report.Control) []report.Criterion {
	rows := []report.Criterion{}
	for _, criterion := range tsc.Catalogue() {
		row := report.Criterion{ID: string(criterion.ID), Title: criterion.Title, Controls: []string{}}
		for _, c := range controls {
			if slices.Contains(c.Criteria, row.ID) {
				row.Controls = append(row.Controls, c.Policy+"/"+c.ID)
			}
		}
		if len(row.Controls) > 0 {
			rows = append(rows, row)
		}
	}
	return rows
}
