package preview

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/control"
)

// Policy is one edit, and what would hold back its first enforcement.
type Policy struct {
	Name string `json:"name"`
	// Exists is whether the cluster has a policy of that name.
	Exists bool `json:"exists"`
	// Mode is the policy's own mode; controls may override it.
	Mode v1alpha1.Mode `json:"mode"`
	// Enforces is whether any control is in mode Enforce.
	Enforces bool `json:"enforces"`
	// InScope, Excluded and NotSelected count every namespace of the cluster.
	InScope     int `json:"inScope"`
	Excluded    int `json:"excluded"`
	NotSelected int `json:"notSelected"`
	// Added and Left are the namespaces that the edit brings into scope, and takes
	// out of it. What was applied there stays.
	Added []string `json:"added,omitempty"`
	Left  []string `json:"left,omitempty"`
	// PausedUntil is when repairs resume.
	PausedUntil *metav1.Time `json:"pausedUntil,omitempty"`
	// Rollout is how the first enforcement would go; nil without any.
	Rollout *Rollout `json:"rollout,omitempty"`
}

// Rollout is how the first enforcement of a policy would go.
type Rollout struct {
	// Before is the number of namespaces enforced before the edit, Begin those that
	// would begin to be, WithPods those of them that run pods.
	Before   int `json:"before"`
	Begin    int `json:"begin"`
	WithPods int `json:"withPods"`
	// Limit is how many may begin without a confirmation of the generation, Held
	// whether they would wait for it (RolloutHeld).
	Limit int  `json:"limit"`
	Held  bool `json:"held"`
	// MaxNamespaces with pods begin in one Interval; Takes is from the first to the last.
	MaxNamespaces int             `json:"maxNamespaces"`
	Interval      metav1.Duration `json:"interval"`
	Takes         metav1.Duration `json:"takes"`
}

// policies describes the edits.
func (p *preview) policies() []Policy {
	var all []Policy
	for _, def := range p.after {
		if p.edits[def.Name] {
			all = append(all, p.policy(def))
		}
	}
	return all
}

func (p *preview) policy(def *assess.Definition) Policy {
	var live *assess.Definition
	if i := slices.IndexFunc(p.before, func(d *assess.Definition) bool { return d.Name == def.Name && d.Invalid == "" }); i >= 0 {
		live = p.before[i]
	}
	policy := Policy{Name: def.Name, Exists: live != nil, Mode: cmp.Or(def.Spec.Mode, v1alpha1.ModeObserve), Enforces: def.Enforces()}
	if until := def.PausedUntil(p.Now); !until.IsZero() {
		policy.PausedUntil = &metav1.Time{Time: until}
	}
	rollout := Rollout{}
	p.Cluster.Namespaces(func(ns control.Namespace) bool {
		policy.count(def, live, ns)
		p.begins(&rollout, def, live, ns)
		return true
	})
	slices.Sort(policy.Added)
	slices.Sort(policy.Left)
	if rollout.Begin > 0 {
		rollout.pace(def, live != nil, live != nil && p.confirmed(def.Name, live.Generation+1))
		policy.Rollout = &rollout
	}
	return policy
}

// confirmed reports whether an edit brings the confirmation of its own generation.
func (p *preview) confirmed(name string, generation int64) bool {
	return slices.ContainsFunc(p.Edits, func(e v1alpha1.ControlPolicy) bool {
		return e.Name == name && e.Annotations[v1alpha1.AnnotationConfirmedGeneration] == strconv.FormatInt(generation, 10)
	})
}

// count counts one namespace.
func (p *Policy) count(def, live *assess.Definition, ns control.Namespace) {
	was := live != nil && live.Dispose(ns) == assess.InScope
	switch def.Dispose(ns) {
	case assess.InScope:
		p.InScope++
		if !was {
			p.Added = append(p.Added, ns.Name)
		}
		return
	case assess.Excluded:
		p.Excluded++
	default:
		p.NotSelected++
	}
	if was {
		p.Left = append(p.Left, ns.Name)
	}
}

// begins counts one namespace's first enforcement.
func (p *preview) begins(r *Rollout, def, live *assess.Definition, ns control.Namespace) {
	if live != nil && live.Enforces() && live.Dispose(ns) == assess.InScope {
		r.Before++
		return
	}
	if !def.Enforces() || def.Dispose(ns) != assess.InScope {
		return
	}
	r.Begin++
	snapshot, err := p.Cluster.Snapshot(ns.Name)
	// Where pods could not be observed nobody knows that there are none.
	if err != nil || len(snapshot.Pods) > 0 || snapshot.Unavailable[control.NeedPods] != "" {
		r.WithPods++
	}
}

// pace fills in how long the rollout of a policy would take, and whether it would
// be held: only an edit is, for a new policy is applied on purpose.
func (r *Rollout) pace(def *assess.Definition, exists, confirmed bool) {
	most, interval := def.Rollout()
	r.Limit = assess.MostAdded(r.Before)
	r.Held = exists && !confirmed && r.Begin > r.Limit
	r.MaxNamespaces, r.Interval.Duration = most, interval
	if r.WithPods > 0 {
		r.Takes.Duration = time.Duration((r.WithPods-1)/most) * interval
	}
}
