package synthetic

import (
	"time"

	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

func inScope(def *assess.Definition, n *namespace) bool {
	return def.Dispose(n.Namespace) == assess.InScope
}

func deviating(state control.State) bool { return state.Outcome == control.Deviating }

// changed is called after a namespace changed: where the operator observes, it
// makes a pass a moment later.
func (s *simulation) changed(n *namespace) error {
	if err := s.noticeOne(n, s.now); err != nil {
		return err
	}
	if n.gone {
		s.graves = append(s.graves, n)
	}
	if !s.op.observes() {
		return nil
	}
	// Bookmarks come every minute, events of other namespaces more often.
	n.proven = s.now.Add(-s.op.dice.between(time.Millisecond, 40*time.Second))
	if n.proven.Before(s.op.since) {
		n.proven = s.op.since
	}
	_, err := s.pass(n, s.now.Add(s.dice.between(300*time.Microsecond, 25*time.Millisecond)), "")
	n.proven = time.Time{}
	return err
}

// passAll makes a pass over every namespace, one after another, and returns when
// that is done. edited is the policy whose new generation asks for it, or empty.
func (s *simulation) passAll(at time.Time, edited string) (time.Time, error) {
	for _, n := range append(s.graves, s.namespaces...) {
		at = at.Add(s.dice.between(100*time.Microsecond, 2*time.Millisecond))
		done, err := s.pass(n, at, edited)
		if err != nil {
			return at, err
		}
		at = done
	}
	return at, nil
}

// pass is one pass of the operator over one namespace. It returns when it is done.
func (s *simulation) pass(n *namespace, at time.Time, edited string) (time.Time, error) {
	n.dirty = true
	drafts := s.scopes(n, at, edited)
	if n.gone {
		s.bury(n)
		return at, s.write(drafts...)
	}
	n.known = true
	found, err := s.observations(n, at, false)
	if err != nil {
		return at, err
	}
	if err := s.write(append(drafts, found...)...); err != nil {
		return at, err
	}
	return s.repair(n, at)
}

func (s *simulation) bury(n *namespace) {
	for i, grave := range s.graves {
		if grave == n {
			s.graves = append(s.graves[:i:i], s.graves[i+1:]...)
			return
		}
	}
}

// scopes drafts how a namespace came into, or left, the policies' scopes.
func (s *simulation) scopes(n *namespace, at time.Time, edited string) []ledger.Draft {
	var drafts []ledger.Draft
	known := s.op.known()
	for _, p := range s.policies {
		subject := n.Subject()
		e := ledger.Entry{Subject: &subject, Policy: p.def.Ref(nil)}
		_, member := known.Member(p.def.Name, subject)
		scope := &ledger.ScopeBody{Cause: "LabelsChanged", Labels: labelsOf(n)}
		if edited == p.def.Name {
			scope.Cause = "PolicyChanged"
		}
		switch within := !n.gone && inScope(p.def, n); {
		case member && n.gone:
			e.Kind = ledger.KindSubjectDeleted
			e.SourceTimes = []ledger.SourceTime{{Field: "metadata.deletionTimestamp", Value: ledger.At(at.Truncate(time.Second)), Resolution: int64(time.Second)}}
		case member && !within:
			scope.Disposition = string(p.def.Dispose(n.Namespace))
			e.Kind, e.Scope = ledger.KindScopeLeft, scope
		case !member && within:
			e.Kind, e.Scope = ledger.KindScopeEntered, scope
			e.SourceTimes = []ledger.SourceTime{{Field: "metadata.creationTimestamp", Value: ledger.At(n.CreatedAt), Resolution: int64(time.Second)}}
			if record, ok := known.Policy(p.def.Name); ok && !n.known && !n.CreatedAt.Before(record.Since.Truncate(time.Second)) {
				e.Kind, scope.Cause = ledger.KindSubjectAdded, "Created"
			}
		default:
			continue
		}
		drafts = append(drafts, ledger.Draft{At: at, Entry: e})
	}
	return drafts
}

func labelsOf(n *namespace) string {
	o, err := ledger.NewObject(n.Labels)
	if err != nil {
		return ""
	}
	return o.Digest
}

// observations draft the state of each unit of a namespace.
func (s *simulation) observations(n *namespace, at time.Time, byUs bool) ([]ledger.Draft, error) {
	var drafts []ledger.Draft
	for _, p := range s.policies {
		if !inScope(p.def, n) {
			continue
		}
		verdicts, err := s.judge.judge(p.def, n, false)
		if err != nil {
			return nil, err
		}
		if ofObjects(p.def) {
			_, member := s.op.known().Member(p.def.Name, n.Subject())
			drafts = append(drafts, s.objects(n, p, verdicts, at, !member)...)
		}
		for _, v := range verdicts {
			drafts = append(drafts, s.observation(n, p, v, at, byUs))
		}
	}
	return drafts, nil
}

func (s *simulation) observation(n *namespace, p *policy, v verdict, at time.Time, byUs bool) ledger.Draft {
	subject, state := v.subjectIn(n), v.state
	var proven *ledger.Time
	if !n.proven.IsZero() {
		at := ledger.At(n.proven)
		proven = &at
	}
	return ledger.Draft{
		At: at, Epoch: s.op.epoch, RepairedByUs: byUs,
		Entry: ledger.Entry{
			Kind: ledger.KindOutcomeChanged, Policy: p.def.Ref(v.control), Control: v.control.Spec.ID,
			EvaluatorVersion: v.control.Kind.EvaluatorVersion(), Subject: &subject, To: &state, Message: v.message,
			ProvenAt: proven,
			Versions: map[string]string{
				string(control.NeedNamespaces): s.newest(), string(control.NeedNetworkPolicies): s.newest(), string(control.NeedPods): s.newest(),
			},
		},
		Payload: func() ([]ledger.Input, []ledger.Object, error) { return s.judge.inputs(n, v.control) },
	}
}
