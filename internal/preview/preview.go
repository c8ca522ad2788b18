// Package preview says what policies would do to a cluster before they are in
// force: which objects would change, asked of the API server by dry run, what
// that would cut off, and what would hold it back. It judges, merges and orders
// with the same code as the operator, and changes nothing.
package preview

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/enforce"
)

// atOnce is how many namespaces are looked at side by side: a dry run is mostly
// waiting for the API server.
const atOnce = 8

// Cluster is what was observed.
type Cluster interface {
	// Namespaces calls fn with each namespace until it returns false.
	Namespaces(fn func(control.Namespace) bool)
	// Snapshot returns what was observed of a namespace.
	Snapshot(namespace string) (*control.Snapshot, error)
}

// DryRunner asks the API server what a change would do.
type DryRunner interface {
	DryRun(ctx context.Context, change control.Change, uid string) (enforce.Preview, error)
}

// Options say what to preview.
type Options struct {
	Cluster Cluster
	DryRun  DryRunner
	// Live are the policies in the cluster, Edits those that would be put in
	// force: one of the same name replaces the live one.
	Live, Edits []v1alpha1.ControlPolicy
	// Now is the time of the preview.
	Now time.Time
	// Progress is told how many namespaces are done; nil means nobody is.
	Progress func(done, total int)
}

// Plan is what the edits would do.
type Plan struct {
	// Policies are the edits, by name.
	Policies []Policy `json:"policies"`
	// Namespaces are those in which something would change, be held back or be
	// cut off, by name.
	Namespaces []Namespace `json:"namespaces"`
}

// Changes returns the number of objects that would change.
func (p *Plan) Changes() int {
	n := 0
	for i := range p.Namespaces {
		n += len(p.Namespaces[i].Objects)
	}
	return n
}

// Namespace is what would become of one namespace, or of the cluster.
type Namespace struct {
	// Name is empty for the cluster.
	Name string `json:"name"`
	// Objects would change, in the order in which they would be sent.
	Objects []Object `json:"objects,omitempty"`
	// Held would change once the pause of their policies ends.
	Held []Held `json:"held,omitempty"`
	// Problems are refusals and contradictions between policies.
	Problems []Problem `json:"problems,omitempty"`
	// Deviating is what would go on to deviate, for it is not Holdfast's to repair,
	// or something holds the repair back.
	Deviating []Deviating `json:"deviating,omitempty"`
	// Impact is what would be cut off.
	Impact Impact `json:"impact,omitzero"`
	// Unobserved are the kinds that could not be observed, and why: what hangs on
	// them is not in the preview.
	Unobserved map[control.Need]string `json:"unobserved,omitempty"`
}

// Held is an object that a pause would hold back.
type Held struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
	// WantedBy are the controls that want it, as policy/control.
	WantedBy []string `json:"wantedBy"`
}

// Problem is a refusal, or a contradiction between policies.
type Problem struct {
	// Reason is a reason constant of the Enforced condition.
	Reason  string `json:"reason"`
	Message string `json:"message"`
	// Controls are those that it concerns, as policy/control.
	Controls []string `json:"controls,omitempty"`
}

// Deviating is a control that a subject would go on to deviate from.
type Deviating struct {
	// Control is policy/control.
	Control string `json:"control"`
	// Subject names the object, where it is one in the namespace.
	Subject string `json:"subject,omitempty"`
	// Rules are those that would fail.
	Rules   []string `json:"rules"`
	Message string   `json:"message"`
}

// preview is a preview under way.
type preview struct {
	Options
	before, after []*assess.Definition
	edits         map[string]bool
}

// Make makes the plan of the edits.
func Make(ctx context.Context, opts Options) (*Plan, error) {
	p := &preview{Options: opts, edits: map[string]bool{}}
	if err := p.define(); err != nil {
		return nil, err
	}
	concerned := p.concerned()
	done := make([]*Namespace, len(concerned))
	var finished atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i, ns := range concerned {
		group.Go(func() error {
			var err error
			if done[i], err = p.namespace(ctx, ns); err != nil {
				return fmt.Errorf("%s: %w", scopeText(ns), err)
			}
			if p.Progress != nil {
				p.Progress(int(finished.Add(1)), len(concerned))
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	plan := &Plan{Namespaces: []Namespace{}}
	for _, n := range done {
		if n.worthSaying() {
			plan.Namespaces = append(plan.Namespaces, *n)
		}
	}
	plan.Policies = p.policies()
	return plan, nil
}

func (n *Namespace) worthSaying() bool {
	return len(n.Objects)+len(n.Held)+len(n.Problems)+len(n.Deviating) > 0 || !n.Impact.empty()
}

// define makes the definitions in force before and after the edits.
func (p *preview) define() error {
	after := map[string]*assess.Definition{}
	for i := range p.Live {
		def, err := assess.Define(&p.Live[i])
		if err != nil {
			return err
		}
		p.before = append(p.before, def)
		after[def.Name] = def
	}
	for i := range p.Edits {
		def, err := assess.Define(&p.Edits[i])
		if err != nil {
			return err
		}
		if def.Invalid != "" {
			return fmt.Errorf("ControlPolicy %s: %s", def.Name, def.Invalid)
		}
		p.edits[def.Name] = true
		after[def.Name] = def
	}
	for _, def := range after {
		p.after = append(p.after, def)
	}
	slices.SortFunc(p.after, func(a, b *assess.Definition) int { return cmp.Compare(a.Name, b.Name) })
	return nil
}

// concerned are the scopes that an edit has in scope, or takes out of it, by name: what
// one policy no longer withholds others may apply. The cluster comes first.
func (p *preview) concerned() []control.Namespace {
	var found []control.Namespace
	concerns := func(ns control.Namespace) bool {
		return slices.ContainsFunc(slices.Concat(p.before, p.after), func(def *assess.Definition) bool {
			return p.edits[def.Name] && def.Invalid == "" && def.Dispose(ns) == assess.InScope
		})
	}
	if concerns(control.Namespace{Name: control.Cluster}) {
		if snapshot, err := p.Cluster.Snapshot(control.Cluster); err == nil {
			found = append(found, snapshot.Namespace)
		}
	}
	p.Cluster.Namespaces(func(ns control.Namespace) bool {
		if concerns(ns) {
			found = append(found, ns)
		}
		return true
	})
	slices.SortFunc(found, func(a, b control.Namespace) int { return cmp.Compare(a.Name, b.Name) })
	return found
}

// over are the valid definitions after the edits that have a namespace in scope.
func (p *preview) over(ns control.Namespace) []*assess.Definition {
	var over []*assess.Definition
	for _, def := range p.after {
		if def.Invalid == "" && def.Dispose(ns) == assess.InScope {
			over = append(over, def)
		}
	}
	return over
}

// namespace previews one namespace.
func (p *preview) namespace(ctx context.Context, ns control.Namespace) (*Namespace, error) {
	snapshot, err := p.Cluster.Snapshot(ns.Name)
	if err != nil {
		return nil, err
	}
	settled, err := p.settle(snapshot)
	if err != nil {
		return nil, err
	}
	n := &Namespace{Name: ns.Name, Unobserved: snapshot.Unavailable}
	for _, change := range settled.changes {
		object, err := p.object(ctx, snapshot, change)
		if err != nil {
			return nil, err
		}
		if object.changes() {
			n.Objects = append(n.Objects, object)
		}
	}
	for _, change := range settled.plan.Held {
		if settled.contradicted(change) {
			continue // a problem says so
		}
		n.Held = append(n.Held, Held{Kind: change.Kind, Name: change.Name, WantedBy: names(change.WantedBy)})
	}
	n.Problems, n.Deviating = settled.problems, settled.deviating
	n.Impact = impactOf(snapshot, settled.snapshot)
	return n, nil
}

// settled is a namespace in which everything planned was done.
type settled struct {
	snapshot *control.Snapshot
	changes  []enforce.Change
	// The others are those of the last round.
	plan      enforce.Plan
	problems  []Problem
	deviating []Deviating
}

// maxRounds bounds how often a namespace is judged again: what is applied may
// make something else due. The second round usually finds nothing.
const maxRounds = 8

// errUnsettled says that each round of repairs makes another one due.
var errUnsettled = errors.New("the policies never come to rest: each repair makes another one due")

// settle carries out, on paper, what the policies want, until nothing is due.
func (p *preview) settle(snapshot *control.Snapshot) (*settled, error) {
	s := &settled{snapshot: snapshot}
	for range maxRounds {
		s.plan = enforce.Merge(p.judge(s))
		for _, c := range s.plan.Conflicts {
			s.problems = append(s.problems, Problem{Reason: c.Reason, Message: c.Message, Controls: names(c.Between)})
		}
		due := slices.DeleteFunc(slices.Clone(s.plan.Changes), s.carried)
		if len(due) == 0 {
			return s, nil
		}
		for _, change := range due {
			next, err := carriedOut(s.snapshot, change.Change)
			if err != nil {
				return nil, err
			}
			s.snapshot = next
			s.add(change)
		}
	}
	return nil, errUnsettled
}

// contradicted reports whether a change is held by a contradiction, and not only
// by the pause of its policy.
func (s *settled) contradicted(change enforce.Change) bool {
	return slices.ContainsFunc(s.plan.Conflicts, func(c enforce.Conflict) bool { return c.Object == enforce.ObjectOf(change.Change) })
}

// carried reports whether a change was carried out in an earlier round, and what follows
// from it cannot be told here.
func (s *settled) carried(change enforce.Change) bool {
	return change.Kind != networkPolicyKind && slices.ContainsFunc(s.changes, func(c enforce.Change) bool {
		return enforce.ObjectOf(c.Change) == enforce.ObjectOf(change.Change)
	})
}

// add notes a change. One of an object that was changed before replaces it.
func (s *settled) add(change enforce.Change) {
	object := enforce.ObjectOf(change.Change)
	s.changes = slices.DeleteFunc(s.changes, func(c enforce.Change) bool { return enforce.ObjectOf(c.Change) == object })
	s.changes = append(s.changes, change)
}

// judge returns what the enforcing controls over a namespace want as it stands,
// and notes what they refuse, and what deviates.
func (p *preview) judge(s *settled) []enforce.Wish {
	var wishes []enforce.Wish
	s.problems, s.deviating = nil, nil
	for _, def := range p.over(s.snapshot.Namespace) {
		for u, others := range assess.ByControl(assess.Judge(def, s.snapshot, p.Now)) {
			wish, enforces, err := u.Wish(s.snapshot, p.Now, others...)
			if !enforces {
				continue
			}
			wishes = append(wishes, wish)
			for _, e := range parts(err) {
				s.problems = append(s.problems, problemOf(e, wish.Source))
			}
			for _, judged := range append([]*assess.Unit{u}, others...) {
				if failing := s.left(judged, wish.Source); len(failing) > 0 {
					d := Deviating{Control: wish.Source.String(), Rules: failing, Message: judged.Messages()}
					if judged.Subject != s.snapshot.Namespace.Subject() {
						d.Subject = judged.Subject.String()
					}
					s.deviating = append(s.deviating, d)
				}
			}
		}
	}
	return wishes
}

// left are the rules that fail on a unit, but for those that a change of another kind
// than NetworkPolicies was carried out for.
func (s *settled) left(u *assess.Unit, source enforce.Source) []string {
	return slices.DeleteFunc(u.Failing(), func(rule string) bool {
		return slices.ContainsFunc(s.changes, func(c enforce.Change) bool {
			return c.Kind != networkPolicyKind && slices.Contains(c.WantedBy, source) && slices.Contains(c.Rules, rule) &&
				(c.Subject == nil || *c.Subject == u.Subject)
		})
	})
}

func problemOf(err error, source enforce.Source) Problem {
	problem := Problem{Reason: v1alpha1.ReasonRepairFailed, Message: err.Error(), Controls: names([]enforce.Source{source})}
	var refusal *control.Refusal
	if errors.As(err, &refusal) {
		problem.Reason = refusal.Reason
	}
	return problem
}

// parts returns the parts of a joined error.
func parts(err error) []error {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}

func names(sources []enforce.Source) []string {
	all := make([]string, 0, len(sources))
	for _, source := range sources {
		all = append(all, source.String())
	}
	return all
}

// scopeText names a scope as people do.
func scopeText(ns control.Namespace) string {
	if ns.IsCluster() {
		return "the cluster"
	}
	return "namespace " + ns.Name
}
