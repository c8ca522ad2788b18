package controllers

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/enforce"
	"github.com/holdfast-dev/holdfast/internal/killpoint"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// podsRetry is when a namespace is looked at again whose pods are not known yet,
// and that no event came for.
const podsRetry = 15 * time.Second

// rollouts are what this process knows of brakes that the ledger may not.
type rollouts struct {
	mu sync.Mutex
	// confirmed is the generation that was confirmed, and stopped the one that
	// pods broke under since, by policy.
	confirmed, stopped map[string]int64
}

func newRollouts() rollouts {
	return rollouts{confirmed: map[string]int64{}, stopped: map[string]int64{}}
}

func (r *rollouts) confirm(def *definition) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.confirmed[def.Name] = def.Generation
	delete(r.stopped, def.Name)
}

func (r *rollouts) stop(def *definition) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopped[def.Name] = def.Generation
}

// of reports whether a generation was confirmed, and whether pods broke under it
// since.
func (r *rollouts) of(def *definition) (confirmed, stopped bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.confirmed[def.Name] == def.Generation, r.stopped[def.Name] == def.Generation
}

func (r *rollouts) forget(policy string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.confirmed, policy)
	delete(r.stopped, policy)
}

// gate takes out of a plan what has to wait: what would be enforced for the
// first time in a namespace with pods, until its turn has come, and what an edit
// adds, until the generation is confirmed. What conformed before is restored at
// once.
func (r *ScopeReconciler) gate(p *pass, plan enforce.Plan, found issueSet) enforce.Plan {
	if len(plan.Changes) == 0 {
		return plan
	}
	first := r.first(p, plan.Changes)
	if len(first) == 0 {
		return plan
	}
	if r.admit(p, first, found) {
		r.beginWatch(p, first, plan.Changes)
		return plan
	}
	plan.Changes = slices.DeleteFunc(slices.Clone(plan.Changes), func(c enforce.Change) bool {
		_, waits := first[enforce.ObjectOf(c.Change)]
		return waits
	})
	return plan
}

// first are the changes that restrict for the first time, by object, and the
// permissions that go before them, with who wants them.
func (r *ScopeReconciler) first(p *pass, changes []enforce.Change) map[enforce.Object][]enforce.Source {
	created := r.created(p.name)
	first, aspects, definitions := map[enforce.Object][]enforce.Source{}, map[string]bool{}, p.definitions()
	for _, c := range changes {
		if c.Effect == control.Restricts && !c.Remove && !created[kindAndName{c.Kind, c.Name}] && !p.memo.restores(c, definitions) {
			first[enforce.ObjectOf(c.Change)] = c.WantedBy
			for _, aspect := range c.Aspects {
				aspects[aspect] = true
			}
		}
	}
	for _, c := range changes {
		if c.Effect == control.Permits && !c.Remove && slices.ContainsFunc(c.Aspects, func(a string) bool { return aspects[a] }) {
			first[enforce.ObjectOf(c.Change)] = c.WantedBy
		}
	}
	return first
}

// kindAndName tell the objects of a scope apart.
type kindAndName struct{ kind, name string }

// created are the objects in a scope that Holdfast applied, as the ledger knows.
func (r *Engine) created(namespace string) map[kindAndName]bool {
	created := map[kindAndName]bool{}
	r.Recorder.View(func(k *ledger.Known) {
		for _, o := range k.Created(namespace) {
			created[kindAndName{o.Kind, o.Name}] = true
		}
	})
	return created
}

// definitions are the digests of the definitions of the pass's controls.
func (p *pass) definitions() map[enforce.Source]string {
	digests := map[enforce.Source]string{}
	for i := range p.units {
		u := &p.units[i]
		digests[enforce.Source{Policy: u.def.Name, Control: u.Control.Spec.ID}] = u.Control.Digest
	}
	return digests
}

// admit reports whether first enforcement may begin in the namespace, in the
// name of any of the policies that want it. Otherwise it says why not.
func (r *ScopeReconciler) admit(p *pass, first map[enforce.Object][]enforce.Source, found issueSet) bool {
	held := issueSet{}
	for _, def := range p.wanting(first) {
		if wait := r.braked(p, def); wait.reason != "" {
			held.add(def.Name, wait.reason, wait.message)
			continue
		}
		wait := r.paced(p, def)
		if wait.reason == "" {
			return true
		}
		held.add(def.Name, wait.reason, wait.message)
	}
	for policy, waits := range held {
		for _, w := range waits {
			found.add(policy, w.reason, w.message)
		}
	}
	return false
}

// wanting are the pinned definitions that want any of the changes.
func (p *pass) wanting(changes map[enforce.Object][]enforce.Source) []*definition {
	var wanting []*definition
	for _, def := range p.pinned {
		for _, sources := range changes {
			if slices.ContainsFunc(sources, func(s enforce.Source) bool { return s.Policy == def.Name }) {
				wanting = append(wanting, def)
				break
			}
		}
	}
	return wanting
}

// braked says why a policy's first enforcement is held back until a person
// confirms it; no reason where it is not.
func (r *ScopeReconciler) braked(p *pass, def *definition) issue {
	confirmed, stopped := r.rollouts.of(def)
	brake, spent := r.brakeOf(def)
	confirm := fmt.Sprintf("to go on, set the annotation %s to %d", v1alpha1.AnnotationConfirmedGeneration, def.Generation)
	if spent || confirmed {
		confirm = fmt.Sprintf("generation %d was confirmed before; to go on, edit the policy", def.Generation)
	}
	switch {
	case confirmed && !stopped:
		return issue{}
	case stopped || brake != nil && brake.Namespace != "":
		where := p.name
		if brake != nil {
			where = cmp.Or(brake.Namespace, where)
		}
		return issue{v1alpha1.ReasonRolledBack, fmt.Sprintf(
			"%s waits to be enforced: pods of namespace %s were ready before, and were not after, so that was rolled back; %s", scopeText(p.name), where, confirm)}
	case brake != nil && !p.snapshot.Namespace.CreatedAt.After(brake.Since.Time):
		return issue{v1alpha1.ReasonRolloutHeld, fmt.Sprintf(
			"%s waits to be enforced: the edit adds %d namespaces; %s", scopeText(p.name), brake.Added, confirm)}
	default:
		return issue{}
	}
}

// brakeOf is the brake that the ledger has on a definition, or nil, and whether
// its generation was confirmed: each is confirmed once.
func (r *Engine) brakeOf(def *definition) (brake *ledger.Brake, confirmed bool) {
	r.Recorder.View(func(k *ledger.Known) {
		if known, ok := k.Policy(def.Name); ok && known.Generation == def.Generation {
			brake, confirmed = known.Brake, known.Confirmed == def.Generation
		}
	})
	return brake, confirmed
}

// paced says that the namespace runs pods, and that it is not its turn yet; no
// reason where first enforcement may begin.
func (r *ScopeReconciler) paced(p *pass, def *definition) issue {
	if p.name == control.Cluster {
		return issue{} // What is enforced there restricts what comes, and no pod that runs.
	}
	if _, unknown := p.snapshot.Unavailable[control.NeedPods]; unknown {
		p.again(podsRetry)
		return issue{v1alpha1.ReasonRollingOut, fmt.Sprintf("namespace %s waits to be enforced: it is not known yet whether it runs pods", p.name)}
	}
	if len(p.snapshot.Pods) == 0 {
		return issue{}
	}
	most, interval := def.Rollout()
	ok, retry := r.pace.Admit(def.Name, p.name, most, interval, r.Now())
	if ok {
		return issue{}
	}
	p.again(retry)
	return issue{v1alpha1.ReasonRollingOut, fmt.Sprintf(
		"namespace %s runs pods and waits for its turn: %d such namespaces begin to be enforced in %s", p.name, most, interval)}
}

// added is the number of namespaces that an edit brings under enforcement, if
// those are so many that a person has to confirm it, and else 0.
func (r *PolicyReconciler) added(next *definition, reached []string, confirmed bool) int {
	if next.Invalid != "" || !next.Enforces() || confirmed {
		return 0
	}
	edit, before := false, map[string]bool{}
	r.Recorder.View(func(k *ledger.Known) {
		known, ok := k.Policy(next.Name)
		edit = ok && !known.Deleted
		if edit && known.Enforces {
			for _, m := range k.Members(next.Name) {
				before[ledger.ScopeOf(m.Subject)] = true
			}
		}
	})
	if !edit {
		return 0
	}
	added := 0
	for _, namespace := range reached {
		if !before[namespace] && namespace != control.Cluster {
			added++
		}
	}
	if added <= assess.MostAdded(len(before)) {
		return 0
	}
	return added
}

// confirms reports whether a policy's annotation confirms its generation.
func confirms(policy *v1alpha1.ControlPolicy) bool {
	return policy.Annotations[v1alpha1.AnnotationConfirmedGeneration] == strconv.FormatInt(policy.Generation, 10)
}

// confirm takes the brake off a generation that a person confirmed.
func (r *PolicyReconciler) confirm(policy *v1alpha1.ControlPolicy) {
	def := r.registry.load().byName[policy.Name]
	if def == nil || def.Generation != policy.Generation || !confirms(policy) {
		return
	}
	confirmed, stopped := r.rollouts.of(def)
	brake, spent := r.brakeOf(def)
	if confirmed || spent || !stopped && brake == nil {
		return
	}
	r.rollouts.confirm(def)
	transitions, ticket := r.Recorder.Record(ledger.Draft{At: r.Now(), Entry: ledger.Entry{
		Kind: ledger.KindPolicyChanged, Policy: def.Ref(nil), Change: &ledger.ChangeBody{
			Type: ledger.ChangeConfirmed, To: def.SpecObject.Digest, Enforces: true,
			ChangeRef: clip(policy.Annotations[v1alpha1.AnnotationChangeRef]),
		}}})
	killpoint.Hit(killpoint.RolloutConfirmed)
	r.announce(transitions, ticket)
	r.statusDue.now(def.Name)
	r.reconsider(def.Name, r.reach(def))
}
