package report_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// epoch is when the ledgers of the tests begin.
var epoch = time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC)

// scribe writes ledgers in memory, as an operator would: what follows from the
// ledger itself it fills in, what the operator would know it is told.
type scribe struct {
	tb      testing.TB
	chain   []ledger.LedgerInfo
	entries map[string][][]byte
	objects map[string][]byte
	known   *ledger.Known
	now     time.Time
	started time.Time
	acts    int
	specs   map[string]*ledger.PolicyRef // by policy, with the spec's digest
	defs    map[string]map[string]string // policy → control → definition
	// check has every entry encoded, decoded and folded as the operator does.
	check bool
}

func newScribe(tb testing.TB) *scribe {
	tb.Helper()
	s := &scribe{tb: tb, entries: map[string][][]byte{}, objects: map[string][]byte{}, now: epoch, check: true,
		specs: map[string]*ledger.PolicyRef{}, defs: map[string]map[string]string{}}
	return s
}

// Chain, Read and Object make a scribe a Source.
func (s *scribe) Chain() []ledger.LedgerInfo { return s.chain }

func (s *scribe) Read(_ context.Context, opts ledger.ReadOptions, fn func(uint64, []byte) error) error {
	for i, data := range s.entries[opts.LedgerID] {
		if data == nil {
			continue // pruned
		}
		if err := fn(uint64(i), data); err != nil {
			return err
		}
	}
	return nil
}

func (s *scribe) Object(_, digest string) ([]byte, error) {
	if data, ok := s.objects[digest]; ok {
		return data, nil
	}
	return nil, fs.ErrNotExist
}

// at sets the clock to a time since the epoch.
func (s *scribe) at(since time.Duration) *scribe {
	s.now = epoch.Add(since)
	return s
}

// begin begins a ledger, and a process that writes it.
func (s *scribe) begin(reason ledger.OpenReason) {
	s.tb.Helper()
	id := fmt.Sprintf("%032x", len(s.chain)+1)
	body := &ledger.LedgerBody{LedgerID: id, Reason: reason, Cluster: ledger.ClusterBody{KubeSystemUID: "cluster"}, VerifierKey: "key"}
	info := ledger.LedgerInfo{LedgerID: id, Reason: reason, Cluster: body.Cluster, VerifierKey: body.VerifierKey, Current: true}
	if n := len(s.chain); n > 0 {
		body.Predecessor = &ledger.PredecessorBody{LedgerID: s.chain[n-1].LedgerID, Lost: "all of it"}
		info.Predecessor = body.Predecessor
		s.chain[n-1].Current = false
	}
	s.chain = append(s.chain, info)
	s.known = ledger.NewKnown()
	s.started = s.now
	s.write(ledger.Entry{Kind: ledger.KindLedgerOpened, Ledger: body})
	s.start()
}

// start begins a process.
func (s *scribe) start() {
	s.started = s.now
	s.write(ledger.Entry{Kind: ledger.KindOperatorStarted, Operator: &ledger.OperatorBody{Process: "process", Version: "v1", StartedAt: ledger.At(s.now)}})
}

func (s *scribe) id() string { return s.chain[len(s.chain)-1].LedgerID }

// write writes an entry, and returns its id.
func (s *scribe) write(e ledger.Entry) string {
	s.tb.Helper()
	e.Schema, e.Seq, e.Run = ledger.Schema, s.known.NextSeq, s.known.Run
	e.Critical = critical(e.Kind)
	if e.Kind == ledger.KindOperatorStarted {
		e.Run = e.Seq
	}
	e.ObservedAt, e.AppendedAt = ledger.At(s.now), ledger.At(s.now)
	if e.AppendedAt.Before(s.known.LastAppended.Time) {
		e.AppendedAt = s.known.LastAppended
	}
	e.MonoMicros = max(0, s.now.Sub(s.started).Microseconds())
	if e.Kind != ledger.KindOutcomeChanged {
		s.acts++
		e.ID = fmt.Sprintf("act-%d", s.acts)
	}
	if err := s.known.Apply(&e); err != nil {
		s.tb.Fatal(err)
	}
	var data []byte
	var err error
	if s.check {
		data, err = e.Encode()
		if err == nil {
			_, err = ledger.Decode(data)
		}
	} else {
		data, err = json.Marshal(&e)
	}
	if err != nil {
		s.tb.Fatal(err)
	}
	s.entries[s.id()] = append(s.entries[s.id()], data)
	return e.ID
}

func critical(kind ledger.Kind) bool {
	switch kind {
	case ledger.KindOperatorStopped, ledger.KindPermissionChanged, ledger.KindHeartbeat, ledger.KindRepairFailed, ledger.KindRecoveredTail,
		ledger.KindAccessObserved, ledger.KindSelfTested, ledger.KindProbed, ledger.KindAnchored, ledger.KindAnchorFailed:
		return false
	default:
		return true
	}
}

// object keeps an object, and returns its digest.
func (s *scribe) object(v any) string {
	s.tb.Helper()
	o, err := ledger.NewObject(v)
	if err != nil {
		s.tb.Fatal(err)
	}
	s.objects[o.Digest] = o.Data
	return o.Digest
}

// isolation is the spec of a policy with the controls.
func isolation(mode v1alpha1.Mode, tolerance *v1alpha1.Tolerance, ids ...string) v1alpha1.ControlPolicySpec {
	spec := v1alpha1.ControlPolicySpec{Mode: mode, Tolerance: tolerance, Scope: v1alpha1.Scope{
		BuiltinExclusions: []string{"kube-system"},
		Exclusions:        []v1alpha1.Exclusion{{Namespaces: []string{"legacy"}, Reason: "RISK-1", ReviewBy: "2026-03-02", ApprovedBy: "ciso"}},
	}}
	for _, id := range ids {
		c := v1alpha1.ControlSpec{ID: id, Statement: "Traffic is denied unless allowed.", Owner: "platform",
			Criteria: []v1alpha1.Criterion{"CC6.6", "CC6.1"}, Priority: v1alpha1.PriorityHigh,
			NetworkIsolation: &v1alpha1.NetworkIsolation{DefaultDeny: []v1alpha1.Direction{v1alpha1.DirectionIngress}}}
		if id == "C" {
			c.NetworkIsolation, c.EncryptionInTransit = nil, &v1alpha1.EncryptionInTransit{Services: &v1alpha1.ServiceEncryption{}}
		}
		spec.Controls = append(spec.Controls, c)
	}
	return spec
}

func within(d time.Duration) *v1alpha1.Tolerance {
	return &v1alpha1.Tolerance{CorrectionWithin: &metav1.Duration{Duration: d}}
}

// policy puts a spec in force.
func (s *scribe) policy(name string, spec v1alpha1.ControlPolicySpec) {
	s.tb.Helper()
	s.policyChange(name, spec, ledger.ChangeBody{})
}

func (s *scribe) policyChange(name string, spec v1alpha1.ControlPolicySpec, change ledger.ChangeBody) {
	s.tb.Helper()
	def := definition(s.tb, name, spec)
	ref := &ledger.PolicyRef{Name: name, UID: "uid-" + name, Generation: 1, Definition: s.object(spec)}
	change.Type, change.To, change.Manager = ledger.ChangeCreated, ref.Definition, "kubectl"
	if k, ok := s.known.Policy(name); ok {
		change.Type, change.From, ref.Generation = ledger.ChangeUpdated, k.Spec, k.Generation+1
	}
	if last := s.specs[name]; last != nil && ref.Generation <= last.Generation {
		ref.Generation = last.Generation + 1
	}
	before := s.defs[name]
	s.specs[name], s.defs[name] = ref, map[string]string{}
	s.write(ledger.Entry{Kind: ledger.KindPolicyChanged, Policy: ref, Change: &change})
	for _, c := range def.Controls {
		s.defs[name][c.Spec.ID] = c.Digest
	}
	for _, id := range sorted(before) {
		if s.defs[name][id] == "" {
			s.write(ledger.Entry{Kind: ledger.KindControlWithdrawn, Policy: ref, Control: id})
		}
	}
}

func (s *scribe) ref(policy, id string) *ledger.PolicyRef {
	ref := *s.specs[policy]
	ref.Definition = s.defs[policy][id]
	return &ref
}

func (s *scribe) introduce(policy, id string) {
	s.write(ledger.Entry{Kind: ledger.KindControlIntroduced, Policy: s.ref(policy, id), Control: id,
		Intro: &ledger.IntroBody{OperatingFrom: ledger.At(s.now), Subjects: 1}})
}

func (s *scribe) enter(policy string, subject control.Subject, added bool) {
	s.enterControl(policy, "", subject, added)
}

// enterControl has a subject come under one control.
func (s *scribe) enterControl(policy, id string, subject control.Subject, added bool) {
	e := ledger.Entry{Kind: ledger.KindScopeEntered, Policy: s.specs[policy], Control: id, Subject: &subject, Scope: &ledger.ScopeBody{Cause: "LabelsChanged"}}
	if added {
		e.Kind, e.Scope.Cause = ledger.KindSubjectAdded, "Created"
		e.SourceTimes = []ledger.SourceTime{{Field: "metadata.creationTimestamp", Value: ledger.At(s.now.Truncate(time.Second)), Resolution: int64(time.Second)}}
	}
	s.write(e)
}

func (s *scribe) leave(policy string, subject control.Subject, deleted bool) {
	s.leaveControl(policy, "", subject, deleted)
}

func (s *scribe) leaveControl(policy, id string, subject control.Subject, deleted bool) {
	e := ledger.Entry{Kind: ledger.KindScopeLeft, Policy: s.specs[policy], Control: id, Subject: &subject, Scope: &ledger.ScopeBody{Cause: "LabelsChanged", Disposition: "NotSelected"}}
	if deleted {
		e.Kind, e.Scope = ledger.KindSubjectDeleted, nil
	}
	s.write(e)
}

// statement is a state, with what the operator knows of how it came about.
type statement struct {
	policy, control string
	subject         control.Subject
	to              control.Outcome
	basis           control.Basis // Configuration where nothing is said
	rules           []string
	origin          ledger.Origin // Drift where an episode opens and nothing is said
	ending          ledger.Ending // Corrected where one ends and nothing is said
	proven          *time.Time
	source          []ledger.SourceTime
	evaluator       int
}

// state states a state. It returns false if that is no news.
func (s *scribe) state(st statement) bool {
	s.tb.Helper()
	to := control.State{Outcome: st.to, Basis: cmp.Or(st.basis, control.BasisConfiguration)}
	for _, r := range st.rules {
		to.Rules = append(to.Rules, control.RuleState{Rule: r, Reason: "Absent"})
	}
	u := ledger.Unit{Policy: st.policy, Control: st.control, Subject: st.subject}
	last, _ := s.known.Unit(u)
	e := ledger.Entry{Kind: ledger.KindOutcomeChanged, Policy: s.ref(st.policy, st.control), Control: st.control, Subject: &st.subject, To: &to,
		EvaluatorVersion: cmp.Or(st.evaluator, 1), SourceTimes: st.source, Message: string(st.to)}
	if st.proven != nil {
		e.ProvenAt = new(ledger.At(*st.proven))
	}
	e.Prev = s.before(u)
	if last != nil {
		if last.State.Equal(to) {
			return false
		}
		from := last.State
		e.From = &from
	}
	e.ID = ledger.StateID(s.id(), u.Policy, u.Control, u.Subject, e.Prev, to)
	switch open := last != nil && last.Episode != ""; {
	case open && (to.Outcome == control.Deviating || to.Outcome == control.NotEvaluated):
		e.Episode, e.Origin = last.Episode, last.Origin
	case open:
		e.Episode, e.Ending = last.Episode, cmp.Or(st.ending, ledger.EndingCorrected)
	case to.Outcome == control.Deviating:
		e.Episode, e.Origin = ledger.EpisodeID(e.ID), cmp.Or(st.origin, ledger.OriginDrift)
	}
	s.write(e)
	return true
}

// before is the id of the entry that a unit's next state follows.
func (s *scribe) before(u ledger.Unit) string {
	if r, ok := s.known.Unit(u); ok {
		return r.ID
	}
	var begin ledger.EntryRef
	if m, ok := s.known.ObjectMember(u); ok {
		begin = m.Entry
	} else if m, ok := s.known.Member(u.Policy, u.Subject); ok {
		begin = m.Entry
	}
	if p, ok := s.known.Policy(u.Policy); ok {
		if w, ok := p.Withdrawals[u.Control]; ok && (begin.ID == "" || w.Seq > begin.Seq) {
			begin = w
		}
	}
	return begin.ID
}

// act states what was done to the subject's object.
func (s *scribe) act(kind ledger.Kind, policy, id string, subject control.Subject, manager string) {
	o := &ledger.ObjectBody{APIVersion: "networking.k8s.io/v1", Kind: "NetworkPolicy", Namespace: subject.Name, Name: "deny", Manager: manager,
		After: &ledger.ObjectVersion{UID: "np", ResourceVersion: "2", Generation: 2}}
	if manager != "" {
		o.Before = &ledger.ObjectVersion{UID: "np", ResourceVersion: "1", Generation: 1}
	}
	if kind == ledger.KindContested {
		o.Count, o.Until = 31, new(ledger.At(s.now.Add(10*time.Minute)))
	}
	e := ledger.Entry{Kind: kind, Policy: s.ref(policy, id), Control: id, Subject: &subject, Object: o}
	if r, ok := s.known.Unit(ledger.Unit{Policy: policy, Control: id, Subject: subject}); ok {
		e.Episode = r.Episode
	}
	s.write(e)
}

func (s *scribe) beat() {
	s.write(ledger.Entry{Kind: ledger.KindHeartbeat, Alive: &ledger.AliveBody{Progress: map[string]ledger.Time{}}})
}

// gap states a gap from since the epoch; to is nil while it lasts.
func (s *scribe) gap(body ledger.GapBody) string {
	return s.write(ledger.Entry{Kind: ledger.KindGap, Reason: body.Cause, Gap: &body})
}

func namespace(name string) control.Subject {
	return control.Subject{Kind: "Namespace", Name: name, UID: "uid-" + name}
}

func moment(since time.Duration) *ledger.Time { return new(ledger.At(epoch.Add(since))) }
