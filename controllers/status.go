package controllers

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/killpoint"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// maxOpen is the number of open episodes that a status lists.
const maxOpen = 10

// unavailableLimit is how long the ledger may be unavailable before nothing is
// claimed about conformity any more.
const unavailableLimit = 30 * time.Second

// publish patches the policy's status, once what it says is durable.
func (r *PolicyReconciler) publish(ctx context.Context, policy *v1alpha1.ControlPolicy) (ctrl.Result, error) {
	wait, due := r.statusDue.take(policy.Name, r.Now())
	if !due {
		return ctrl.Result{RequeueAfter: wait}, nil
	}
	def := r.registry.load().byName[policy.Name]
	if def == nil { // A resynchronisation took it out; it is adopted again at once.
		r.statusDue.now(policy.Name)
		return ctrl.Result{}, nil
	}
	s := r.summarise(def)
	s.durable = r.Recorder.Flushed().Wait(ctx, journalWait)
	if !s.durable && s.health.Available {
		r.statusDue.soon(policy.Name)
		return ctrl.Result{RequeueAfter: statusEvery}, nil
	}
	next := policy.DeepCopy()
	s.fill(&next.Status, policy.Generation)
	if !equality.Semantic.DeepEqual(policy.Status, next.Status) {
		killpoint.Hit(killpoint.StatusDue)
		patch := client.MergeFromWithOptions(policy, client.MergeFromWithOptimisticLock{})
		if err := r.Client.Status().Patch(ctx, next, patch); err != nil {
			r.statusDue.soon(policy.Name)
			if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
				return ctrl.Result{RequeueAfter: statusEvery}, nil
			}
			return ctrl.Result{}, fmt.Errorf("patch the status of ControlPolicy %s: %w", policy.Name, err)
		}
	}
	killpoint.Hit(killpoint.StatusPatched)
	if !r.statusDue.covered(policy.Name, s.published, s.entries) {
		s.due(s.now.Add(statusEvery))
	}
	if !s.again.IsZero() {
		r.statusDue.at(policy.Name, s.again)
		return ctrl.Result{RequeueAfter: max(time.Millisecond, s.again.Sub(r.Now()))}, nil
	}
	return ctrl.Result{}, nil
}

// summary is everything that a status says, taken at one moment.
type summary struct {
	now     time.Time
	def     *definition
	census  v1alpha1.ScopeStatus
	counts  []v1alpha1.ControlStatus
	open    []v1alpha1.OpenEpisode
	opened  int
	pending bool
	// settles is whether repairs may be under way.
	settles bool
	issue   issue
	issues  int
	blind   string
	// unseen is the first of the subjects that are not evaluated.
	unseen unseen
	// durable is whether everything that the summary says is.
	durable bool
	health  ledger.Health
	// ephemeral is whether the ledger ends with the pod.
	ephemeral bool
	point     *v1alpha1.CheckpointStatus
	// entries is how many entries the ledger had, and published how many of them
	// the checkpoint covers: both are 0 while it is unavailable.
	entries, published uint64
	// again is when the summary changes by the mere passing of time.
	again time.Time
}

// summarise takes the summary of a policy.
func (r *Engine) summarise(def *definition) *summary {
	s := r.tallies(def)
	s.pending, s.settles = r.intros.pending(def.Name) || !r.counted(), r.settling.of(def.Name)
	s.health, s.ephemeral = r.Recorder.Health(), r.LedgerEphemeral
	s.issue, s.issues = r.issues.worst(def.Name)
	s.census = r.count(def, s)
	s.order()
	s.unseen.message = r.whole(s.unseen)
	s.checkpoint(r.Recorder.Log())
	if until := def.PausedUntil(s.now); !until.IsZero() {
		s.due(until)
	}
	if !s.health.Available {
		s.due(s.health.Since.Add(unavailableLimit))
	}
	return s
}

// tallies takes the counts of each control and the open episodes, and no more.
func (r *Engine) tallies(def *definition) *summary {
	s := &summary{now: r.Now(), def: def, blind: r.blindness(def)}
	r.Recorder.View(func(k *ledger.Known) {
		policy, _ := k.Policy(def.Name)
		for i := range def.Controls {
			s.tally(&def.Controls[i], k.Tally(def.Name, def.Controls[i].Spec.ID), policy)
		}
		if def.Invalid != "" {
			s.counts = nil
			s.open = nil
		}
	})
	return s
}

// checkpoint takes the newest published checkpoint, if there is one.
func (s *summary) checkpoint(log *ledger.Log) {
	if log == nil {
		return
	}
	status := log.Status()
	s.entries, s.published = status.Next, status.Published
	if status.Checkpoint != nil && status.Published > 0 {
		s.point = &v1alpha1.CheckpointStatus{
			Size: int64(status.Published), RootHash: base64.StdEncoding.EncodeToString(status.Checkpoint.Root),
		}
	}
}

// due notes that the summary changes at t, if that lies ahead.
func (s *summary) due(t time.Time) {
	if t.After(s.now) && (s.again.IsZero() || t.Before(s.again)) {
		s.again = t
	}
}

// counts keep each policy's count of namespaces for as long as no namespace changes.
type counts struct {
	mu sync.Mutex
	by map[*definition]counted
}

type counted struct {
	version string
	census  v1alpha1.ScopeStatus
}

// namespaces counts every namespace of the cluster by its disposition.
func (r *Engine) namespaces(def *definition) v1alpha1.ScopeStatus {
	version := r.Observer.Progress()[control.NeedNamespaces].Version
	r.counts.mu.Lock()
	defer r.counts.mu.Unlock()
	if last, ok := r.counts.by[def]; ok && last.version == version {
		return last.census
	}
	var c v1alpha1.ScopeStatus
	r.Observer.Namespaces(func(ns control.Namespace) bool {
		c.Total++
		switch def.Dispose(ns) {
		case assess.InScope:
			c.InScope++
		case assess.Excluded:
			c.Excluded++
		case assess.NotSelected:
			c.NotSelected++
		}
		return true
	})
	for other := range r.counts.by {
		if r.registry.load().byName[other.Name] != other {
			delete(r.counts.by, other)
		}
	}
	r.counts.by[def] = counted{version, c}
	return c
}

// counted is whether the namespaces were ever counted: before that nobody knows what
// is in scope, and so whether anything is left to be done.
func (r *Engine) counted() bool {
	return r.Observer.Progress()[control.NeedNamespaces].Version != ""
}

// count takes the census of namespaces, and of exclusions to be reviewed.
func (r *Engine) count(def *definition, s *summary) v1alpha1.ScopeStatus {
	c := r.namespaces(def)
	for _, e := range def.Spec.Scope.Exclusions {
		by, err := time.Parse(time.DateOnly, e.ReviewBy)
		if err != nil {
			continue
		}
		if by = by.AddDate(0, 0, 1); by.After(s.now) {
			s.due(by)
		} else {
			c.OverdueExclusions++
		}
	}
	return c
}

// tally counts one control.
func (s *summary) tally(c *assess.Control, t *ledger.Tally, policy *ledger.PolicyRecord) {
	count := v1alpha1.ControlStatus{ID: c.Spec.ID, Mode: c.Spec.Mode}
	if policy != nil && policy.Controls[c.Spec.ID] != nil {
		count.OperatingFrom = &metav1.Time{Time: policy.Controls[c.Spec.ID].OperatingFrom.Truncate(time.Second)}
	}
	if t != nil {
		count.Conforming, count.NotApplicable, count.NotEvaluated = int32(t.Conforming), int32(t.NotApplicable), int32(len(t.NotEvaluated))
		for _, rec := range t.Open {
			if s.within(c, rec) {
				count.Correcting++
			} else {
				count.Deviating++
			}
			s.open = append(s.open, openEpisode(rec))
		}
		for _, rec := range t.NotEvaluated {
			s.unseen.note(c, rec)
		}
	}
	if s.blind != "" {
		count.NotEvaluated += count.Conforming + count.NotApplicable + count.Correcting + count.Deviating
		count.Conforming, count.NotApplicable, count.Correcting, count.Deviating = 0, 0, 0, 0
	}
	s.counts = append(s.counts, count)
}

// within is whether an open episode is within the control's stated tolerance so far.
func (s *summary) within(c *assess.Control, rec *ledger.Record) bool {
	t := c.Spec.Tolerance
	if t == nil {
		return false
	}
	limit := t.CorrectionWithin
	if rec.Origin == ledger.OriginNewSubject && t.NewSubjectWithin != nil {
		limit = t.NewSubjectWithin
	}
	if limit == nil {
		return false
	}
	end := rec.Since.Add(limit.Duration)
	s.due(end)
	return s.now.Before(end)
}

func openEpisode(rec *ledger.Record) v1alpha1.OpenEpisode {
	return v1alpha1.OpenEpisode{Control: rec.Unit.Control, Subject: rec.Unit.Subject.String(),
		Since: metav1.Time{Time: rec.Since.Truncate(time.Second)}, Origin: string(rec.Origin), Rules: rec.State.RuleIDs(), Message: rec.Message}
}

// order sorts the open episodes: the highest priority, then the longest open,
// and keeps those that a status lists.
func (s *summary) order() {
	s.opened = len(s.open)
	urgency := map[string]int{}
	for i := range s.def.Controls {
		urgency[s.def.Controls[i].Spec.ID] = urgencyOf(s.def.Controls[i].Spec.Priority)
	}
	slices.SortFunc(s.open, func(a, b v1alpha1.OpenEpisode) int {
		return cmp.Or(urgency[a.Control]-urgency[b.Control], a.Since.Compare(b.Since.Time),
			strings.Compare(a.Subject, b.Subject), strings.Compare(a.Control, b.Control))
	})
	s.open = s.open[:min(len(s.open), maxOpen)]
}

func urgencyOf(p v1alpha1.Priority) int {
	p = cmp.Or(p, v1alpha1.PriorityMedium)
	return slices.Index([]v1alpha1.Priority{v1alpha1.PriorityHigh, v1alpha1.PriorityMedium, v1alpha1.PriorityLow}, p)
}

// fill writes the summary into a status. What is said of subjects stays as it
// was while it is not durable: only statements about Holdfast itself go out,
// and, after a while, that nothing is claimed.
func (s *summary) fill(status *v1alpha1.ControlPolicyStatus, generation int64) {
	status.ObservedGeneration = s.def.Generation
	conditions := []metav1.Condition{s.ready(), s.evidence()}
	if s.durable {
		census := s.census
		status.Scope = &census
		status.Controls = s.counts
		status.OpenEpisodes = &v1alpha1.OpenEpisodes{Total: int32(s.opened), Longest: s.open}
		status.Evidence = &v1alpha1.EvidenceStatus{LedgerID: s.health.LedgerID, Checkpoint: s.point}
		conditions = append(conditions, s.enforced())
	}
	if s.durable || s.unclaimed() {
		conditions = append(conditions, s.conforming())
	}
	for _, c := range conditions {
		c.ObservedGeneration = s.def.Generation
		meta.SetStatusCondition(&status.Conditions, c)
	}
	s.transient(status, v1alpha1.ConditionReconciling, s.pending || generation != s.def.Generation,
		v1alpha1.ReasonNewGeneration, s.awaited())
	s.transient(status, v1alpha1.ConditionStalled, s.def.Invalid != "", s.def.Stalled, s.def.Invalid)
}

// transient sets a condition that is only ever True or absent.
func (s *summary) transient(status *v1alpha1.ControlPolicyStatus, typ string, on bool, reason, message string) {
	if !on {
		meta.RemoveStatusCondition(&status.Conditions, typ)
		return
	}
	meta.SetStatusCondition(&status.Conditions, metav1.Condition{Type: typ, Status: metav1.ConditionTrue,
		Reason: reason, Message: message, ObservedGeneration: s.def.Generation})
}
