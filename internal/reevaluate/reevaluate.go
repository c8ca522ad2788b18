// Package reevaluate runs evaluators again on the inputs that a ledger recorded,
// and compares what they find with what was stated then. It needs no cluster.
package reevaluate

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/census"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// MaxListed is the largest number of differences, and of reasons why something
// cannot be evaluated, that a report lists. It counts all.
const MaxListed = 100

// Options say what to evaluate again.
type Options struct {
	// Controls are ids, or policy/id; none means all.
	Controls []string
	// At limits it to the manifest of the newest collection whose slot is not
	// later, and to the newest state entry of each of its units. Zero means every
	// manifest and every entry.
	At time.Time
	// Progress is told now and then how much was done. May be nil.
	Progress func(Report)
}

// Report says what became of it.
type Report struct {
	// Manifests and Entries are what was looked at: manifests, and entries that
	// state what an evaluator found.
	Manifests int `json:"manifests"`
	Entries   int `json:"entries"`
	// Units is the number of statements about a unit, in rows of manifests and in
	// entries: Same + Different + the sum of Versions + AsRecorded + Unread.
	Units int `json:"units"`
	Same  int `json:"same"`
	// Different is how many states are not the recorded ones.
	Different int `json:"different"`
	// Versions counts what another version of an evaluator judged. It was not compared.
	Versions []Version `json:"versions"`
	// AsRecorded counts statements that are no verdict of an evaluator on inputs:
	// on a scope that changed as often as it was read, on a subject that could not
	// be looked for, by an evaluator that failed its self-test, under a policy that
	// could not be used, or without inputs.
	AsRecorded int `json:"asRecorded"`
	// Unread counts statements whose inputs are missing, or are not known to this version.
	Unread int `json:"unread"`
	// Differences and Reasons list at most MaxListed of what is Different and Unread.
	Differences []Difference `json:"differences"`
	Reasons     []string     `json:"reasons"`
}

// Version counts statements by the evaluator of another version.
type Version struct {
	Type string `json:"type"`
	// Recorded is the version that judged then, Here the one of this program.
	Recorded int `json:"recorded"`
	Here     int `json:"here"`
	Units    int `json:"units"`
}

// Difference is a statement that the evaluator does not make again.
type Difference struct {
	// Where names the manifest, or the entry.
	Where     string          `json:"where"`
	Policy    string          `json:"policy"`
	Control   string          `json:"control"`
	Subject   control.Subject `json:"subject"`
	Recorded  control.State   `json:"recorded"`
	Evaluated control.State   `json:"evaluated"`
}

// Ledger evaluates again what the ledgers of a chain state.
func Ledger(ctx context.Context, src census.Source, opts Options) (*Report, error) {
	r := &run{src: src, opts: opts, report: Report{Differences: []Difference{}, Reasons: []string{}},
		versions: map[Version]int{}, seen: map[string]bool{}, decoded: map[string]any{}}
	if err := r.chain(ctx); err != nil {
		return nil, err
	}
	for _, id := range opts.Controls {
		if !r.seen[id] {
			return nil, fmt.Errorf("no control %q was judged in this ledger; it knows %s", id, known(r.seen))
		}
	}
	for v, units := range r.versions {
		v.Units = units
		r.report.Versions = append(r.report.Versions, v)
	}
	slices.SortFunc(r.report.Versions, func(a, b Version) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Recorded, b.Recorded))
	})
	return &r.report, nil
}

func known(seen map[string]bool) string {
	if len(seen) == 0 {
		return "none"
	}
	return fmt.Sprint(slices.Sorted(maps.Keys(seen)))
}

// run is one reevaluation.
type run struct {
	src      census.Source
	opts     Options
	report   Report
	versions map[Version]int
	// seen are the controls that were found, as id and as policy/id.
	seen map[string]bool
	// decoded are inputs that were read, by role and digest.
	decoded map[string]any
}

// maxDecoded bounds how many inputs are kept decoded.
const maxDecoded = 20_000

// chain goes through all ledgers, or looks for one manifest.
func (r *run) chain(ctx context.Context) error {
	if !r.opts.At.IsZero() {
		return r.at(ctx)
	}
	for _, info := range r.src.Chain() {
		err := r.entries(ctx, info.LedgerID, func(e *ledger.Entry) error {
			switch {
			case e.Kind == ledger.KindCollected && e.Collection.Manifest != "":
				c, err := census.Of(r.src, info.LedgerID, e)
				if err != nil {
					return err
				}
				return r.census(ctx, c)
			case e.Kind == ledger.KindOutcomeChanged, e.Kind == ledger.KindDiscrepancy:
				r.stated(info.LedgerID, e)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// entries calls fn for the critical entries of a ledger: all that state what an
// evaluator found are, and those that this version does not know must not be
// passed over.
func (r *run) entries(ctx context.Context, ledgerID string, fn func(*ledger.Entry) error) error {
	critical := []byte(`"critical":true`) // entries are canonical JSON
	return r.src.Read(ctx, ledger.ReadOptions{LedgerID: ledgerID}, func(seq uint64, data []byte) error {
		if !bytes.Contains(data, critical) {
			return nil
		}
		e, err := census.Decode(seq, data)
		if err != nil {
			return err
		}
		return fn(e)
	})
}

// at evaluates the manifest that was in force at a time, and the newest entries
// of its units.
func (r *run) at(ctx context.Context) error {
	c, err := census.At(ctx, r.src, r.opts.At)
	if err != nil {
		return err
	}
	if err := r.census(ctx, c); err != nil {
		return err
	}
	newest := map[string]bool{}
	err = c.Rows(ctx, func(row census.Row) error {
		newest[row.Unit.Entry] = true
		return nil
	})
	if err != nil {
		return err
	}
	return r.entries(ctx, c.LedgerID, func(e *ledger.Entry) error {
		if newest[e.ID] {
			r.stated(c.LedgerID, e)
		}
		return nil
	})
}

// wants reports whether a control is asked for, and takes note that it is there.
func (r *run) wants(policy, id string) bool {
	full := policy + "/" + id
	r.seen[full], r.seen[id] = true, true
	return len(r.opts.Controls) == 0 || slices.Contains(r.opts.Controls, id) || slices.Contains(r.opts.Controls, full)
}

// tell says how much was done.
func (r *run) tell() {
	if r.opts.Progress != nil {
		r.opts.Progress(r.report)
	}
}

// statement is what was stated of a unit, and by which inputs.
type statement struct {
	where, ledgerID, policy, control string
	subject                          control.Subject
	state                            control.State
	inputs                           []ledger.Input
	// from and to are between when it was judged.
	from, to time.Time
}

// stated evaluates again what an entry states.
func (r *run) stated(ledgerID string, e *ledger.Entry) {
	if e.To == nil || !r.wants(e.Policy.Name, e.Control) {
		return // what a Discrepancy did not find, no evaluator judged
	}
	r.report.Entries++
	r.compare(statement{fmt.Sprintf("entry %d of ledger %s", e.Seq, ledgerID), ledgerID, e.Policy.Name, e.Control,
		*e.Subject, *e.To, e.Inputs, e.ObservedAt.Time, e.ObservedAt.Time})
	if r.report.Entries%1000 == 0 {
		r.tell()
	}
}

// compare evaluates a statement again.
func (r *run) compare(s statement) {
	r.report.Units++
	if asRecorded(&s) {
		r.report.AsRecorded++
		return
	}
	was, snapshot, err := r.restore(&s)
	if err != nil {
		r.report.Unread++
		if len(r.report.Reasons) < MaxListed {
			r.report.Reasons = append(r.report.Reasons, fmt.Sprintf("%s: %v", s.where, err))
		}
		return
	}
	if !was.Comparable() {
		r.versions[Version{Type: was.Control.Type, Recorded: was.EvaluatorVersion, Here: was.Control.Kind.EvaluatorVersion()}]++
		return
	}
	evaluated, ok := evaluate(was, snapshot, &s)
	if ok {
		r.report.Same++
		return
	}
	r.report.Different++
	if len(r.report.Differences) < MaxListed {
		r.report.Differences = append(r.report.Differences, Difference{s.where, s.policy, s.control, s.subject, s.state, evaluated})
	}
}

// asRecorded reports whether a statement is no verdict on inputs. A verdict that
// something was not evaluated names rules, unless the evaluator itself failed.
func asRecorded(s *statement) bool {
	noVerdict := s.state.Outcome == control.NotEvaluated && len(s.state.Rules) == 1 && s.state.Rules[0].Rule == "" &&
		s.state.Rules[0].Reason != control.ReasonFailed
	return noVerdict || !slices.ContainsFunc(s.inputs, func(in ledger.Input) bool { return in.Role == assess.RolePolicies })
}

// evaluate runs the evaluator, and compares. What is in a namespace that is being
// deleted is stated as what it is settled to be, which depends on what was open.
// What time alone changes may have done so while the collection was made.
func evaluate(was *assess.Restored, snapshot *control.Snapshot, s *statement) (control.State, bool) {
	evaluated := control.State{Outcome: control.NotEvaluated}
	for _, at := range []time.Time{s.from, s.to} {
		for _, u := range was.Judge(snapshot, at) {
			if u.Subject != s.subject && !u.Failed {
				continue
			}
			evaluated = u.State
			for _, open := range []bool{true, false} {
				if state := u.Settled(snapshot.Namespace, open); ledger.Bounded(state).Equal(ledger.Bounded(s.state)) {
					return state, true
				}
			}
		}
		if s.from.Equal(s.to) {
			break
		}
	}
	return evaluated, false
}
