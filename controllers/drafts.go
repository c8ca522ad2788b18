package controllers

import (
	"time"

	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// census drafts how the scope came into, or left, the policies' scopes, and then how
// the objects in it did.
func (r *ScopeReconciler) census(p *pass) []ledger.Draft {
	ns := p.snapshot.Namespace
	p.proof = r.Recorder.LastProof()
	var drafts []ledger.Draft
	inside := map[string]*ledger.Member{}
	r.Recorder.View(func(k *ledger.Known) {
		for _, m := range k.MembersOf(p.name) {
			def, stated := p.all.byName[m.Policy]
			switch {
			case m.Subject.UID != ns.UID:
				drafts = append(drafts, r.member(p, k, ledger.KindSubjectDeleted, m, ""))
			case !stated || def.Invalid != "" || def.Dispose(ns) == assess.InScope:
				inside[m.Policy] = m
			default:
				drafts = append(drafts, r.member(p, k, ledger.KindScopeLeft, m, def.Dispose(ns)))
			}
		}
		for _, def := range p.pinned {
			if inside[def.Name] == nil {
				entering := r.entering(p, def, k)
				inside[def.Name] = &ledger.Member{Entered: entering.Kind, Since: ledger.At(p.now)}
				drafts = append(drafts, entering)
			}
		}
		drafts = append(drafts, r.objects(p, k, inside)...)
	})
	return drafts
}

// member drafts that a scope's own subject left a policy's scope, or ceased to be.
func (r *ScopeReconciler) member(p *pass, k *ledger.Known, kind ledger.Kind, m *ledger.Member, d assess.Disposition) ledger.Draft {
	subject := m.Subject
	e := ledger.Entry{Kind: kind, Subject: &subject, Policy: r.refIn(k, m.Policy)}
	if kind == ledger.KindScopeLeft {
		e.Scope = &ledger.ScopeBody{Cause: r.cause(p, m.Policy), Disposition: string(d), Labels: labelsDigest(p.snapshot.Namespace)}
	}
	if p.exists && p.snapshot.Namespace.UID == subject.UID {
		e.SourceTimes = terminatingTime(p.snapshot.Namespace)
	}
	return ledger.Draft{At: p.now, Entry: e}
}

// entering drafts that the namespace came into a scope: as a new subject, or
// one that was there before.
func (r *ScopeReconciler) entering(p *pass, def *definition, k *ledger.Known) ledger.Draft {
	ns := p.snapshot.Namespace
	subject := ns.Subject()
	e := ledger.Entry{Kind: ledger.KindScopeEntered, Subject: &subject, Policy: def.Ref(nil),
		Scope:       &ledger.ScopeBody{Cause: r.cause(p, def.Name), Labels: labelsDigest(ns)},
		SourceTimes: []ledger.SourceTime{{Field: "metadata.creationTimestamp", Value: ledger.At(ns.CreatedAt), Resolution: int64(time.Second)}},
	}
	if policy, ok := k.Policy(def.Name); ok && !p.memo.knew(def.Name, policy.Since.Time) && !ns.CreatedAt.Before(newSince(policy, p.proof)) {
		e.Kind, e.Scope.Cause = ledger.KindSubjectAdded, causeCreated
	}
	return ledger.Draft{At: p.now, Entry: e}
}

// newSince is the creation time from which on a namespace that this process
// never saw is a new subject: it was there neither before the policy, nor when
// an earlier process last looked. Creation times are rounded down to the second.
func newSince(policy *ledger.PolicyRecord, proof time.Time) time.Time {
	return later(policy.Since.Time, proof).Truncate(time.Second)
}

// The causes of a ScopeBody.
const (
	causeCreated       = "Created"
	causePolicyChanged = "PolicyChanged"
	causeLabelsChanged = "LabelsChanged"
	// causeObjectChanged: the object itself changed, so that the control judges it
	// now, or does no more.
	causeObjectChanged = "ObjectChanged"
)

// cause says why a namespace entered or left the scope of a policy: the policy
// changed if this pass is one of those that its new generation asked for.
func (r *ScopeReconciler) cause(p *pass, policy string) string {
	def := p.all.byName[policy]
	if def == nil || !def.fresh || p.memo.generations[policy] == def.Generation {
		return causeLabelsChanged
	}
	if def.Dispose(p.snapshot.Namespace) == assess.InScope && !r.intros.waits(def, p.name) {
		return causeLabelsChanged
	}
	return causePolicyChanged
}

// observations draft the state of each unit.
func (r *ScopeReconciler) observations(p *pass) []ledger.Draft {
	drafts := make([]ledger.Draft, 0, len(p.units))
	for i := range p.units {
		if u := &p.units[i]; !u.Blind(p.snapshot) {
			drafts = append(drafts, r.observation(p, u))
		}
	}
	return drafts
}

func (r *ScopeReconciler) observation(p *pass, u *unit) ledger.Draft {
	snapshot, state, subject := p.snapshot, r.settled(p, u), u.Subject
	var proven *ledger.Time
	if !p.unchanged.IsZero() {
		proven = new(ledger.At(p.unchanged))
	}
	return ledger.Draft{
		At: p.now, Epoch: r.Observer.Epoch(u.Control.Needs...) + u.def.epoch, RepairedByUs: p.memo.ours(u),
		Entry: ledger.Entry{
			Kind: ledger.KindOutcomeChanged, Policy: u.def.Ref(u.Control), Control: u.Control.Spec.ID,
			EvaluatorVersion: u.Control.Kind.EvaluatorVersion(), Subject: &subject, To: &state,
			Message: clip(u.Messages()), Versions: versionsOf(snapshot), SourceTimes: terminatingTime(snapshot.Namespace),
			ProvenAt: proven,
		},
		Payload: func() ([]ledger.Input, []ledger.Object, error) { return r.inputs(p, u.Control, snapshot) },
	}
}

// settled is the unit's state, given the one that is recorded.
func (r *ScopeReconciler) settled(p *pass, u *unit) control.State {
	open := false
	if p.snapshot.Namespace.Terminating && u.State.Outcome == control.Deviating {
		r.Recorder.View(func(k *ledger.Known) {
			last, ok := k.Unit(u.key())
			open = ok && last.State.Outcome == control.Deviating
		})
	}
	return u.Settled(p.snapshot.Namespace, open)
}

// unobserved drafts that states of objects were skipped between two passes.
func (r *ScopeReconciler) unobserved(p *pass) []ledger.Draft {
	skips := p.memo.skipped(p.snapshot)
	if len(p.pinned) == 0 {
		return nil
	}
	drafts := make([]ledger.Draft, 0, len(skips))
	subject := p.snapshot.Namespace.Subject()
	for _, s := range skips {
		drafts = append(drafts, ledger.Draft{At: p.now, Entry: ledger.Entry{
			Kind: ledger.KindUnobservedChange, Subject: &subject, Versions: versionsOf(p.snapshot),
			Object: &ledger.ObjectBody{APIVersion: networkPolicyAPI, Kind: networkPolicyKind, Namespace: p.name, Name: s.name,
				Before:  &ledger.ObjectVersion{UID: s.before.uid, Generation: s.before.generation},
				After:   versionOf(s.after),
				Manager: s.after.Manager},
		}})
	}
	return drafts
}

const (
	networkPolicyAPI  = "networking.k8s.io/v1"
	networkPolicyKind = "NetworkPolicy"
)

func versionOf(id control.Identity) *ledger.ObjectVersion {
	if id.UID == "" {
		return nil
	}
	return &ledger.ObjectVersion{UID: id.UID, ResourceVersion: id.ResourceVersion, Generation: id.Generation}
}

func versionsOf(snapshot *control.Snapshot) map[string]string {
	versions := make(map[string]string, len(snapshot.Versions))
	for need, v := range snapshot.Versions {
		if v != "" {
			versions[string(need)] = v
		}
	}
	return versions
}

func terminatingTime(ns control.Namespace) []ledger.SourceTime {
	if ns.TerminatingSince.IsZero() {
		return nil
	}
	return []ledger.SourceTime{{Field: "metadata.deletionTimestamp", Value: ledger.At(ns.TerminatingSince), Resolution: int64(time.Second)}}
}

func labelsDigest(ns control.Namespace) string {
	o, err := ledger.NewObject(ns.Labels)
	if err != nil {
		return ""
	}
	return o.Digest
}

// refIn is how an entry refers to a policy that may be gone.
func (r *Engine) refIn(k *ledger.Known, policy string) *ledger.PolicyRef {
	if def, ok := r.registry.load().byName[policy]; ok {
		return def.Ref(nil)
	}
	ref := &ledger.PolicyRef{Name: policy}
	if p, ok := k.Policy(policy); ok {
		ref.UID, ref.Generation, ref.Definition = p.UID, p.Generation, p.Spec
	}
	return ref
}
