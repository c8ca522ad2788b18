package synthetic

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// The policies.
const (
	baseline  = "production-baseline"
	isolation = "restricted-isolation"
)

// edit is a change that somebody made to a policy.
type edit struct {
	policy    string
	paths     []string
	manager   string
	changeRef string
	change    func(*v1alpha1.ControlPolicySpec)
}

// policy is a policy in force.
type policy struct {
	object *v1alpha1.ControlPolicy
	def    *assess.Definition
}

func tolerance(d time.Duration) *v1alpha1.Tolerance {
	return &v1alpha1.Tolerance{CorrectionWithin: &metav1.Duration{Duration: d}, NewSubjectWithin: &metav1.Duration{Duration: d}}
}

func selecting(tier string) metav1.LabelSelector {
	return metav1.LabelSelector{MatchLabels: map[string]string{tierLabel: tier}}
}

func builtinExclusions() []string {
	return []string{"kube-system", "kube-public", "kube-node-lease", "holdfast-system"}
}

// baselineSpec is the policy over production as it begins.
func baselineSpec() v1alpha1.ControlPolicySpec {
	criteria := []v1alpha1.Criterion{"CC6.1", "CC6.6"}
	return v1alpha1.ControlPolicySpec{
		Description: "Baseline for namespaces that hold customer data",
		Mode:        v1alpha1.ModeEnforce,
		Tolerance:   tolerance(5 * time.Minute),
		Scope: v1alpha1.Scope{
			NamespaceSelector: selecting(production), BuiltinExclusions: builtinExclusions(),
			Exclusions: []v1alpha1.Exclusion{{Namespaces: []string{"legacy-batch"}, Reason: "RISK-112, moves to the new cluster",
				ReviewBy: "2026-12-31", ApprovedBy: "ciso"}},
		},
		Controls: []v1alpha1.ControlSpec{
			isolating("NET-1", "Production namespaces deny ingress that is not explicitly allowed.", criteria, v1alpha1.NetworkIsolation{
				DefaultDeny: []v1alpha1.Direction{v1alpha1.DirectionIngress},
				Allow:       []v1alpha1.Allowance{{Type: v1alpha1.AllowSameNamespace}, {Type: v1alpha1.AllowAdmissionBackends}},
			}),
			observing(isolating("NET-2", "Production namespaces deny egress that is not explicitly allowed.", criteria, v1alpha1.NetworkIsolation{
				DefaultDeny: []v1alpha1.Direction{v1alpha1.DirectionEgress},
			}), tolerance(8*time.Hour)),
		},
	}
}

// isolationSpec is the policy over restricted namespaces.
func isolationSpec() v1alpha1.ControlPolicySpec {
	return v1alpha1.ControlPolicySpec{
		Description: "Namespaces that hold card data are isolated in both directions",
		Mode:        v1alpha1.ModeEnforce,
		Tolerance:   tolerance(time.Minute),
		Scope:       v1alpha1.Scope{NamespaceSelector: selecting(restricted), BuiltinExclusions: builtinExclusions()},
		Controls: []v1alpha1.ControlSpec{
			isolating("NET-1", "Restricted namespaces deny network traffic, in and out, that is not explicitly allowed.",
				[]v1alpha1.Criterion{"CC6.1", "CC6.6"}, bothWays()),
		},
	}
}

// bothWays denies both directions, but for DNS and the namespace itself.
func bothWays() v1alpha1.NetworkIsolation {
	return v1alpha1.NetworkIsolation{
		DefaultDeny: []v1alpha1.Direction{v1alpha1.DirectionIngress, v1alpha1.DirectionEgress},
		Allow:       []v1alpha1.Allowance{{Type: v1alpha1.AllowDNS}, {Type: v1alpha1.AllowSameNamespace}},
	}
}

// late is the control that is introduced late.
func late() v1alpha1.ControlSpec {
	return observing(isolating("NET-3", "No NetworkPolicy of a production namespace lets everybody in.",
		[]v1alpha1.Criterion{"CC6.6"}, v1alpha1.NetworkIsolation{
			DefaultDeny: []v1alpha1.Direction{v1alpha1.DirectionIngress}, OpenRules: v1alpha1.JudgementForbid,
		}), nil)
}

func isolating(id, statement string, criteria []v1alpha1.Criterion, n v1alpha1.NetworkIsolation) v1alpha1.ControlSpec {
	return v1alpha1.ControlSpec{ID: id, Statement: statement, Owner: "platform-team", Criteria: criteria,
		Priority: v1alpha1.PriorityHigh, NetworkIsolation: &n}
}

func observing(c v1alpha1.ControlSpec, t *v1alpha1.Tolerance) v1alpha1.ControlSpec {
	c.Mode, c.Tolerance = v1alpha1.ModeObserve, t
	return c
}

// control returns the control of a spec with an id.
func controlOf(spec *v1alpha1.ControlPolicySpec, id string) *v1alpha1.ControlSpec {
	for i := range spec.Controls {
		if spec.Controls[i].ID == id {
			return &spec.Controls[i]
		}
	}
	return &v1alpha1.ControlSpec{}
}

// declare puts a policy in force.
func (s *simulation) declare(name string, spec v1alpha1.ControlPolicySpec, changeRef string) error {
	object := &v1alpha1.ControlPolicy{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(s.cluster.dice.uid())}}
	s.policies = append(s.policies, &policy{object: object})
	return s.edit(edit{policy: name, manager: "argocd-controller", changeRef: changeRef,
		change: func(of *v1alpha1.ControlPolicySpec) { *of = spec }})
}

// edit changes a policy: every namespace is held against its new generation.
// Nobody edits policies while the operator sees nothing.
func (s *simulation) edit(e edit) error {
	if !s.op.observes() {
		s.agenda.put(s.now.Add(time.Hour), func() error { return s.edit(e) })
		return nil
	}
	p := s.policyOf(e.policy)
	object := p.object.DeepCopy()
	object.Generation++
	e.change(&object.Spec)
	def, err := assess.Define(object)
	if err != nil {
		return err
	}
	last := p.def
	p.object, p.def = object, def
	if err := s.notice(s.now); err != nil {
		return err
	}
	return s.adopt(p, last, e)
}

// adopt records a policy's new generation, and holds the namespaces against it.
func (s *simulation) adopt(p *policy, last *assess.Definition, e edit) error {
	at := s.now
	change := &ledger.ChangeBody{Type: ledger.ChangeCreated, To: p.def.SpecObject.Digest, Paths: e.paths,
		Manager: e.manager, ChangeRef: e.changeRef, Enforces: p.def.Enforces()}
	if last != nil {
		change.Type, change.From = ledger.ChangeUpdated, last.SpecObject.Digest
	}
	object := p.def.SpecObject
	drafts := []ledger.Draft{{At: at, Entry: ledger.Entry{Kind: ledger.KindPolicyChanged, Policy: p.def.Ref(nil), Change: change},
		Payload: func() ([]ledger.Input, []ledger.Object, error) { return nil, []ledger.Object{object}, nil }}}
	if last != nil {
		for i := range last.Controls {
			if _, stated := p.def.Control(last.Controls[i].Spec.ID); !stated {
				drafts = append(drafts, ledger.Draft{At: at, Entry: ledger.Entry{Kind: ledger.KindControlWithdrawn,
					Policy: p.def.Ref(nil), Control: last.Controls[i].Spec.ID}})
			}
		}
	}
	if err := s.write(drafts...); err != nil {
		return err
	}
	s.census.members++
	at, err := s.passAll(at, p.def.Name)
	if err != nil {
		return err
	}
	return s.introduce(p, at)
}

// introduce records that every namespace was held against a policy.
func (s *simulation) introduce(p *policy, at time.Time) error {
	subjects := len(s.op.known().Members(p.def.Name))
	for i := range p.def.Controls {
		c := &p.def.Controls[i]
		if err := s.write(ledger.Draft{At: at, Entry: ledger.Entry{Kind: ledger.KindControlIntroduced, Policy: p.def.Ref(c), Control: c.Spec.ID,
			Intro: &ledger.IntroBody{OperatingFrom: ledger.At(at), Subjects: subjects}}}); err != nil {
			return err
		}
	}
	return nil
}

func (s *simulation) policyOf(name string) *policy {
	for _, p := range s.policies {
		if p.object.Name == name {
			return p
		}
	}
	return nil
}
