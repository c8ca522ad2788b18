package report

import (
	"encoding/json"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// policy is one policy, by name: another object of the same name continues it.
type policy struct {
	name     string
	controls map[string]*statedControl
	// namespaces are those in the policy's scope, others what else is a scope: the
	// cluster.
	namespaces, others subjects
	// specs are the specs in force, in order; the last one is open.
	specs []specInForce
	// held is when first enforcement began to be held back, never while it is not.
	held       int64
	heldReason string
	heldSpans  []Because
	confirmed  int64
	generation int64
	edited     uint64 // the entry of the newest edit
}

type specInForce struct {
	span
	spec v1alpha1.ControlPolicySpec
}

// statedControl is one control: a policy's name and an id.
type statedControl struct {
	policy *policy
	id     string
	typ    string
	spec   v1alpha1.ControlSpec
	// bases are what its states rested on.
	bases map[control.Basis]struct{}
	// introduced and operating are never where it was not introduced.
	introduced int64
	operating  int64
	declared   bool
	// ledger is the number of the ledger that introduced it first.
	ledger int
	// stated are the intervals in which the policy stated it; the last may be open.
	stated []span
	// definitions are those in force, in order; the last may be open.
	definitions []*definition
	units       map[*control.Subject]*unit
	// members are the subjects that entries name the control for, scoped are they by
	// the name of their scope.
	members  subjects
	scoped   map[string][]*control.Subject
	episodes []*episode
	needs    []control.Need
	// everything is whether what it needs is not known: every gap concerns it.
	everything bool
	acts       acts
	// probing are the probes that were made for it, by what they do.
	probing map[string]*probing
	// backedUp are the runs of a backup control, restores the tests of a restoreTest.
	backedUp *backedUp
	restores []restoreTest
	// unitKind is the kind that is judged, atStart and atEnd are the census at the
	// first and at the last collection in the period.
	unitKind       string
	atStart, atEnd *CensusAt
}

// acts are what was done in a control's name within the period.
type acts struct {
	repairs   Repairs
	backOffs  []Because
	contested map[*control.Subject]map[int64]bool // by UTC day
}

// definition is one definition of a control, in force for a time.
type definition struct {
	span
	digest     string
	learned    bool // whether an entry states the digest
	generation int64
	evaluator  int
	mode       v1alpha1.Mode
	correction *int64 // nanoseconds
	newSubject *int64
	setBy      string
	setAt      int64
	spec       string
}

// within is the tolerance for an episode of the origin, nil where none is stated.
func (d *definition) within(origin ledger.Origin) *int64 {
	if origin == ledger.OriginNewSubject && d.newSubject != nil {
		return d.newSubject
	}
	return d.correction
}

func (f *fold) policyOf(name string) *policy {
	p, ok := f.policies[name]
	if !ok {
		p = &policy{name: f.in.text(name), controls: map[string]*statedControl{}, namespaces: subjects{}, others: subjects{}, held: never}
		f.policies[p.name] = p
	}
	return p
}

func (f *fold) controlOf(p *policy, id string) *statedControl {
	c, ok := p.controls[id]
	if !ok {
		c = &statedControl{policy: p, id: f.in.text(id), introduced: never, operating: never, everything: true,
			units: map[*control.Subject]*unit{}, members: subjects{}, scoped: map[string][]*control.Subject{}}
		c.acts.contested = map[*control.Subject]map[int64]bool{}
		p.controls[c.id] = c
	}
	return c
}

// policyChanged puts a spec in force, or ends the policy.
func (f *fold) policyChanged(l *line) error {
	ref, err := f.in.policy(l)
	if err != nil {
		return err
	}
	change, err := decoded[ledger.ChangeBody](l, "change")
	if err != nil {
		return err
	}
	f.change(l, "ControlPolicy "+ref.Name, ref.Generation, &change)
	p := f.policyOf(ref.Name)
	p.brake(l.at, ref.Generation, &change)
	p.generation, p.edited = ref.Generation, l.seq
	switch {
	case change.Type == ledger.ChangeConfirmed:
		return nil
	case change.Type == ledger.ChangeDeleted:
		f.policyDeleted(p, l)
		return nil
	case change.Invalid != "":
		return nil // a gap says so; what was in force is not replaced
	case change.To == "":
		return nil
	}
	return f.adopt(p, ref, change.To, change.Manager, l.at)
}

// brake follows whether first enforcement is held back.
func (p *policy) brake(at, generation int64, change *ledger.ChangeBody) {
	if p.held != never {
		p.heldSpans = append(p.heldSpans, Because{Interval: span{p.held, at}.interval(), Reason: "RolloutHeld", Message: p.heldReason})
		p.held = never
	}
	if change.Confirmed || change.Type == ledger.ChangeConfirmed {
		p.confirmed = generation
	}
	if change.Held > 0 && change.Type != ledger.ChangeConfirmed && change.Type != ledger.ChangeDeleted {
		p.held, p.heldReason = at, fmt.Sprintf("the edit adds %d namespaces; their first enforcement waits until the generation is confirmed", change.Held)
	}
}

func (f *fold) policyDeleted(p *policy, l *line) {
	for _, id := range sortedKeys(p.controls) {
		f.withdraw(p.controls[id], l)
	}
	for _, of := range []subjects{p.namespaces, p.others} {
		for _, s := range sortedSubjects(of) {
			f.leave(p, s, l, ledger.EndingControlWithdrawn)
		}
	}
	p.endSpec(l.at)
}

func (p *policy) endSpec(at int64) {
	if n := len(p.specs); n > 0 && p.specs[n-1].to == forever {
		p.specs[n-1].to = at
	}
}

// adopt puts the spec with that digest in force.
func (f *fold) adopt(p *policy, ref *ledger.PolicyRef, digest, manager string, at int64) error {
	def, err := f.specOf(ref, digest)
	if err != nil {
		return err
	}
	p.endSpec(at)
	p.specs = append(p.specs, specInForce{span{at, forever}, def.Spec})
	for i := range def.Controls {
		dc := &def.Controls[i]
		c := f.controlOf(p, dc.Spec.ID)
		c.spec, c.needs, c.everything = dc.Spec, dc.Needs, false
		c.typ = dc.Type
		c.state(at)
		next := &definition{span: span{at, forever}, digest: dc.Digest, generation: ref.Generation, mode: dc.Spec.Mode,
			setBy: manager, setAt: at, spec: digest}
		if t := dc.Spec.Tolerance; t != nil {
			next.correction, next.newSubject = nanoseconds(t.CorrectionWithin), nanoseconds(t.NewSubjectWithin)
			if next.newSubject == nil {
				next.newSubject = next.correction
			}
		}
		c.define(next)
	}
	return nil
}

func (f *fold) specOf(ref *ledger.PolicyRef, digest string) (*assess.Definition, error) {
	data, err := f.src.Object(f.ledgerID, digest)
	if err != nil {
		return nil, fmt.Errorf("the spec of policy %s, generation %d: %w", ref.Name, ref.Generation, err)
	}
	var spec v1alpha1.ControlPolicySpec
	if err := json.Unmarshal(data, &spec); err != nil {
		return nil, fmt.Errorf("the spec of policy %s, generation %d: %w", ref.Name, ref.Generation, err)
	}
	return assess.Define(&v1alpha1.ControlPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: ref.Name, UID: types.UID(ref.UID), Generation: ref.Generation}, Spec: spec})
}

func nanoseconds(d *metav1.Duration) *int64 {
	if d == nil {
		return nil
	}
	return new(int64(d.Duration))
}

// state says that the policy states the control from at on.
func (c *statedControl) state(at int64) {
	if n := len(c.stated); n == 0 || c.stated[n-1].to != forever {
		c.stated = append(c.stated, span{at, forever})
	}
}

// define puts a definition in force, unless it is the one that is.
func (c *statedControl) define(next *definition) {
	last := c.current()
	if last != nil && last.to == forever && last.digest == next.digest {
		return
	}
	if last != nil {
		last.to = min(last.to, next.from)
		next.evaluator = last.evaluator
	}
	c.definitions = append(c.definitions, next)
}

// current is the newest definition, nil where there is none.
func (c *statedControl) current() *definition {
	if n := len(c.definitions); n > 0 {
		return c.definitions[n-1]
	}
	return nil
}

// learn returns the definition that an entry was judged by. An entry knows its
// digest; where that is not what was expected, the entry is right.
func (c *statedControl) learn(ref *ledger.PolicyRef, evaluator int, at int64) *definition {
	c.state(at)
	last := c.current()
	switch {
	case last == nil || last.to != forever || (last.learned && last.digest != ref.Definition):
		c.define(&definition{span: span{at, forever}, digest: ref.Definition, generation: ref.Generation, setAt: at, learned: true, evaluator: evaluator})
		last = c.current()
		last.learned = true
	case !last.learned:
		last.digest, last.learned = ref.Definition, true
	}
	return c.evaluatedBy(evaluator, at)
}

// evaluatedBy returns the definition in force, split where another version of
// the evaluator judges from now on.
func (c *statedControl) evaluatedBy(evaluator int, at int64) *definition {
	last := c.current()
	switch {
	case last == nil || evaluator == 0 || last.evaluator == evaluator:
	case last.evaluator == 0:
		last.evaluator = evaluator
	default:
		next := *last
		next.from, next.evaluator = at, evaluator
		last.to = min(last.to, at)
		c.definitions = append(c.definitions, &next)
		return &next
	}
	return last
}

func (f *fold) controlIntroduced(l *line) error {
	c, ref, err := f.ofControl(l)
	if err != nil {
		return err
	}
	intro, err := decoded[ledger.IntroBody](l, "introduction")
	if err != nil {
		return err
	}
	c.learn(ref, 0, l.at)
	c.policy.endStale()
	c.endStale()
	operating := micros(intro.OperatingFrom.Time)
	if c.introduced == never {
		c.introduced, c.operating, c.declared, c.ledger = l.at, operating, intro.Declared, f.ledger
	} else if c.operating > l.at && intro.Declared {
		c.operating = operating
	}
	f.change(l, "Control "+c.name(), ref.Generation, &ledger.ChangeBody{Type: "Introduced", To: ref.Definition})
	if intro.Slots != nil || c.backedUp != nil {
		return c.backups().expect(intro.Slots, l.at)
	}
	return nil
}

func (f *fold) controlWithdrawn(l *line) error {
	c, ref, err := f.ofControl(l)
	if err != nil {
		return err
	}
	f.withdraw(c, l)
	f.change(l, "Control "+c.name(), ref.Generation, &ledger.ChangeBody{Type: "Withdrawn"})
	return nil
}

// withdraw ends what a control judged.
func (f *fold) withdraw(c *statedControl, l *line) {
	for _, s := range f.sortedUnits(c) {
		f.endUnit(c.units[s], l, ledger.EndingControlWithdrawn)
	}
	c.members.endStale()
	for _, m := range c.members {
		f.endStay(m, l, ledger.EndingControlWithdrawn, "")
	}
	if n := len(c.stated); n > 0 && c.stated[n-1].to == forever {
		c.stated[n-1].to = l.at
	}
	if last := c.current(); last != nil {
		last.to = min(last.to, l.at)
	}
	if c.backedUp != nil {
		_ = c.backedUp.expect(nil, l.at) // Nothing can be read wrongly.
	}
}

// ofControl are the control and the policy reference that an entry names.
func (f *fold) ofControl(l *line) (*statedControl, *ledger.PolicyRef, error) {
	ref, err := f.in.policy(l)
	if err != nil {
		return nil, nil, err
	}
	id := f.in.part(l, "control")
	if id == "" {
		return nil, nil, fmt.Errorf("it has no control")
	}
	return f.controlOf(f.policyOf(ref.Name), id), ref, nil
}

func (c *statedControl) name() string { return c.policy.name + "/" + c.id }

// operation are the parts of s in which the control was in operation.
func (c *statedControl) operation(s span) spans {
	if c.operating == never {
		return nil
	}
	return union(c.stated).clip(s.clip(span{c.operating, forever}))
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
