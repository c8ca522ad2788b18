package synthetic

import (
	"fmt"
	"slices"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// judge judges namespaces by the product's evaluators. Namespaces that differ in
// nothing but their names are judged once.
type judge struct {
	ours      map[string]networkingv1.NetworkPolicySpec
	lifelines *control.Lifelines
	encoder   assess.Encoder
	now       time.Time
	verdicts  map[verdictKey][]verdict
	parts     map[partsKey][]assess.Part
}

type partsKey struct {
	shape shape
	blind bool
}

type verdictKey struct {
	def   *assess.Definition
	shape shape
	blind bool
}

// verdict is one control's verdict on a namespace.
type verdict struct {
	control *assess.Control
	// subject is what was judged, where it is not the namespace, and born when that
	// came to be.
	subject control.Subject
	born    time.Time
	state   control.State
	message string
	// due are the objects that the control would apply now, in order.
	due []string
}

// subjectIn is what was judged in a namespace.
func (v *verdict) subjectIn(n *namespace) control.Subject {
	if v.subject.Kind == "" {
		return n.Subject()
	}
	return v.subject
}

// newJudge returns a judge. Holdfast applies what def wants in an empty namespace.
func newJudge(def *assess.Definition, now time.Time) (*judge, error) {
	j := &judge{
		ours: map[string]networkingv1.NetworkPolicySpec{}, lifelines: lifelines(), now: now,
		verdicts: map[verdictKey][]verdict{}, parts: map[partsKey][]assess.Part{},
	}
	empty := j.snapshot(&namespace{Namespace: control.Namespace{Name: "empty"}}, shape{}, false)
	for _, u := range assess.Judge(def, empty, now) {
		wish, _, err := u.Wish(empty, now)
		if err != nil {
			return nil, fmt.Errorf("what %s wants in an empty namespace: %w", def.Name, err)
		}
		for _, change := range wish.Changes {
			var spec networkingv1.NetworkPolicySpec
			if err := runtime.DefaultUnstructuredConverter.FromUnstructured(change.Spec, &spec); err != nil {
				return nil, fmt.Errorf("decode %s: %w", change.Name, err)
			}
			j.ours[change.Name] = spec
		}
	}
	if len(j.ours) == 0 {
		return nil, fmt.Errorf("%s wants nothing in an empty namespace: no drift would be repaired", def.Name)
	}
	return j, nil
}

// snapshot is what is observed of a namespace in a shape.
func (j *judge) snapshot(n *namespace, s shape, blind bool) *control.Snapshot {
	snapshot := &control.Snapshot{Namespace: n.Namespace, Pods: podClasses(s.pods), Lifelines: j.lifelines}
	if blind {
		snapshot.Unavailable = map[control.Need]string{control.NeedNetworkPolicies: control.ReasonForbidden}
		return snapshot
	}
	snapshot.NetworkPolicies = s.policies(j.ours)
	snapshot.Peers = peersOf(snapshot.NetworkPolicies)
	return snapshot
}

// judge returns the verdicts of a definition's controls on a namespace as it
// is; with blind, as somebody sees it who may not read NetworkPolicies.
func (j *judge) judge(def *assess.Definition, n *namespace, blind bool) ([]verdict, error) {
	if ofObjects(def) {
		return j.judgeObjects(def, n), nil
	}
	key := verdictKey{def, n.shape, blind}
	if known, ok := j.verdicts[key]; ok {
		return known, nil
	}
	snapshot := j.snapshot(n, n.shape, blind)
	var verdicts []verdict
	for _, u := range assess.Judge(def, snapshot, j.now) {
		v := verdict{control: u.Control, state: u.State, message: u.Messages()}
		if u.State.Outcome == control.Deviating {
			wish, _, err := u.Wish(snapshot, j.now)
			if err != nil {
				return nil, fmt.Errorf("what %s wants in %s: %w", def.Name, n.Name, err)
			}
			for _, change := range wish.Changes {
				if !change.InPlace && slices.ContainsFunc(change.Rules, func(rule string) bool { return slices.Contains(wish.Failing, rule) }) {
					v.due = append(v.due, change.Name)
				}
			}
		}
		verdicts = append(verdicts, v)
	}
	j.verdicts[key] = verdicts
	return verdicts, nil
}

// partsOf are the parts of what is observed of a namespace; with blind, by
// somebody who may not read NetworkPolicies.
func (j *judge) partsOf(n *namespace, blind bool) ([]assess.Part, error) {
	key := partsKey{n.shape, blind}
	shared, ok := j.parts[key]
	if !ok {
		var err error
		if shared, err = j.encoder.Parts(j.snapshot(n, n.shape, blind)); err != nil {
			return nil, err
		}
		j.parts[key] = shared
	}
	if n.part.Digest == "" {
		var err error
		if n.part, err = assess.NamespacePart(n.Namespace); err != nil {
			return nil, err
		}
	}
	parts := slices.Clone(shared)
	parts[0] = n.part
	if len(n.ingresses) == 0 {
		return parts, nil
	}
	own := &control.Snapshot{Namespace: n.Namespace}
	withIngresses(own, n)
	added, err := j.encoder.Parts(own)
	return append(parts, added[len(added)-1]), err
}

// inputs are the exact inputs of a verdict on a namespace.
func (j *judge) inputs(n *namespace, c *assess.Control) ([]ledger.Input, []ledger.Object, error) {
	parts, err := j.partsOf(n, false)
	if err != nil {
		return nil, nil, err
	}
	return c.Payload(parts, &control.Snapshot{})
}
