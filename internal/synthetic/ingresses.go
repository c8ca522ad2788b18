package synthetic

import (
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// encryption is the policy over the Ingresses of production.
const encryption = "encryption-in-transit"

// encryptionSpec is the policy over Ingresses.
func encryptionSpec() v1alpha1.ControlPolicySpec {
	return v1alpha1.ControlPolicySpec{
		Description: "What production serves is encrypted on its way",
		Mode:        v1alpha1.ModeObserve,
		Tolerance:   tolerance(time.Hour),
		Scope:       v1alpha1.Scope{NamespaceSelector: selecting(production), BuiltinExclusions: builtinExclusions()},
		Controls: []v1alpha1.ControlSpec{{ID: "ENC-1", Statement: "Ingresses of production serve every host with TLS.", Owner: "platform-team",
			Criteria: []v1alpha1.Criterion{"CC6.7"}, Priority: v1alpha1.PriorityHigh,
			EncryptionInTransit: &v1alpha1.EncryptionInTransit{Ingress: &v1alpha1.IngressEncryption{MinimumTLSVersion: v1alpha1.TLS12,
				ExpiryThreshold: &metav1.Duration{Duration: 30 * day}, PlainHTTP: v1alpha1.JudgementRecord, Certificates: "Ignore"}}}},
	}
}

// ofObjects reports whether a definition's controls judge what they find, and not
// each namespace.
func ofObjects(def *assess.Definition) bool {
	return len(def.Controls) > 0 && !def.Controls[0].JudgesNamespaces()
}

// ingressDice decide about Ingresses: without any, nothing else is decided otherwise.
func (s *simulation) ingressDice() dice {
	if s.ingresses.Rand == nil {
		s.ingresses = newDice(s.opts.Seed, "ingresses")
	}
	return s.ingresses
}

// serve declares the policy over Ingresses, has namespaces have some, and puts down
// what happens to them.
func (s *simulation) serve() error {
	if s.opts.Ingresses == 0 {
		return nil
	}
	for _, n := range s.namespaces {
		for range s.opts.Ingresses {
			s.addIngress(n, n.CreatedAt.Add(time.Hour))
		}
	}
	s.agenda.put(s.now.Add(time.Hour), s.ingressDrift)
	s.now = s.now.Add(5 * time.Second)
	return s.declare(encryption, encryptionSpec(), "CHG-1040")
}

// addIngress creates an Ingress, which serves its host with TLS.
func (s *simulation) addIngress(n *namespace, at time.Time) {
	s.served++
	name := fmt.Sprintf("web-%03d", s.served)
	n.ingresses = append(n.ingresses, &control.Ingress{Meta: control.Meta{Name: name, UID: s.ingressDice().uid(), CreatedAt: at.Truncate(time.Second)}, Class: "nginx",
		Controller: "k8s.io/ingress-nginx", Hosts: []string{name + ".example.com"},
		Annotations: map[string]string{"nginx.ingress.kubernetes.io/force-ssl-redirect": "true"},
		TLS:         []control.IngressTLS{{Hosts: []string{name + ".example.com"}, Secret: name}}})
}

// ingressDrift has something happen to an Ingress, while the operator observes.
func (s *simulation) ingressDrift() error {
	dice := s.ingressDice()
	s.agenda.put(s.now.Add(dice.after(8*time.Hour)), s.ingressDrift)
	n := s.namespaces[dice.IntN(len(s.namespaces))]
	if !s.op.observes() || !n.known || n.busy.After(s.now) {
		return nil
	}
	at := dice.IntN(max(len(n.ingresses), 1))
	switch p := dice.IntN(10); {
	case p == 0 || len(n.ingresses) == 0:
		s.addIngress(n, s.now)
	case p == 1:
		gone := n.ingresses[at]
		n.ingresses = slices.Delete(slices.Clone(n.ingresses), at, at+1)
		for _, policy := range s.policies {
			for i := range policy.def.Controls {
				s.history.end(ledger.Unit{Policy: policy.def.Name, Control: policy.def.Controls[i].Spec.ID, Subject: ingressSubject(n, gone)}, s.now)
			}
		}
	case n.ingresses[at].TLS == nil:
		n.ingresses[at].TLS = []control.IngressTLS{{Hosts: n.ingresses[at].Hosts, Secret: n.ingresses[at].Name}}
	default:
		i := n.ingresses[at]
		i.TLS = nil
		s.agenda.put(s.now.Add(dice.between(time.Minute, 5*time.Hour)), func() error { return s.encryptAgain(n, i) })
	}
	s.cluster.next()
	s.census.members++
	return s.changed(n)
}

// encryptAgain has somebody restore what an Ingress said about TLS.
func (s *simulation) encryptAgain(n *namespace, i *control.Ingress) error {
	if !s.op.observes() || n.gone || n.busy.After(s.now) || i.TLS != nil || !slices.Contains(n.ingresses, i) {
		return nil
	}
	i.TLS = []control.IngressTLS{{Hosts: i.Hosts, Secret: i.Name}}
	return s.changed(n)
}

func ingressSubject(n *namespace, i *control.Ingress) control.Subject {
	return control.Subject{Group: "networking.k8s.io", Kind: "Ingress", Namespace: n.Name, Name: i.Name, UID: i.UID}
}

// withIngresses puts those of a namespace into a snapshot.
func withIngresses(snapshot *control.Snapshot, n *namespace) {
	for _, i := range n.ingresses {
		snapshot.Ingresses = append(snapshot.Ingresses, *i)
	}
	slices.SortFunc(snapshot.Ingresses, func(a, b control.Ingress) int { return compareNames(a.Name, b.Name) })
}

func compareNames(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	default:
		return 0
	}
}

// judgeObjects returns the verdicts on what controls find in a namespace.
func (j *judge) judgeObjects(def *assess.Definition, n *namespace) []verdict {
	snapshot := &control.Snapshot{Namespace: n.Namespace}
	withIngresses(snapshot, n)
	var verdicts []verdict
	for _, u := range assess.Judge(def, snapshot, j.now) {
		verdicts = append(verdicts, verdict{control: u.Control, subject: u.Subject, state: u.State, message: u.Messages(), born: u.Born})
	}
	return verdicts
}

// objects drafts which objects of a namespace came under a policy's controls, and
// which went. fresh is whether the namespace came into scope just now.
func (s *simulation) objects(n *namespace, p *policy, verdicts []verdict, at time.Time, fresh bool) []ledger.Draft {
	var drafts []ledger.Draft
	draft := func(kind ledger.Kind, id string, subject control.Subject, e ledger.Entry) {
		e.Kind, e.Policy, e.Control, e.Subject = kind, p.def.Ref(nil), id, &subject
		drafts = append(drafts, ledger.Draft{At: at, Entry: e})
	}
	known := s.op.known().ObjectMembersOf(n.Name)
	found := map[ledger.Unit]bool{}
	for _, v := range verdicts {
		u := ledger.Unit{Policy: p.def.Name, Control: v.control.Spec.ID, Subject: v.subject}
		found[u] = true
		if _, there := known[u]; there {
			continue
		}
		created := []ledger.SourceTime{{Field: "metadata.creationTimestamp", Value: ledger.At(v.born), Resolution: int64(time.Second)}}
		kind, cause := ledger.KindScopeEntered, "LabelsChanged"
		if !fresh && !v.born.Before(s.op.since.Truncate(time.Second)) {
			kind, cause = ledger.KindSubjectAdded, "Created"
		}
		draft(kind, u.Control, u.Subject, ledger.Entry{Scope: &ledger.ScopeBody{Cause: cause}, SourceTimes: created})
	}
	var gone []ledger.Unit
	for u := range known {
		if u.Policy == p.def.Name && !found[u] {
			gone = append(gone, u)
		}
	}
	slices.SortFunc(gone, func(a, b ledger.Unit) int { return compareNames(ledger.UnitID(a.Subject), ledger.UnitID(b.Subject)) })
	for _, u := range gone {
		draft(ledger.KindSubjectDeleted, u.Control, u.Subject, ledger.Entry{})
	}
	return drafts
}
