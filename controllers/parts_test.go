package controllers

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// fullSnapshot has something in every field that controls of namespaces look at.
func fullSnapshot() *control.Snapshot {
	dns := control.Port{Protocol: corev1.ProtocolUDP, Port: 53}
	return &control.Snapshot{
		Namespace: production("a"),
		NetworkPolicies: []control.NetworkPolicy{{Name: "allow", Spec: networkingv1.NetworkPolicySpec{
			PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress},
			Ingress: []networkingv1.NetworkPolicyIngressRule{{From: []networkingv1.NetworkPolicyPeer{
				{NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"team": "web"}}}}}}}}},
		Pods:              []control.PodClass{{Labels: map[string]string{"app": "web"}, Count: 2, Ready: 1}},
		Services:          []control.Service{{Name: "web", Type: corev1.ServiceTypeLoadBalancer, Selector: map[string]string{"app": "web"}}},
		Entrances:         []control.Entrance{{Kind: "Ingress", Name: "web", Services: []string{"web"}}},
		Peers:             control.Peers{Namespaces: map[string]bool{"team=web": true}},
		Lifelines:         &control.Lifelines{DNS: &control.DNS{Namespace: "kube-system", Service: "kube-dns", Ports: []control.Port{dns}, Ready: true}},
		AdmissionBackends: []control.AdmissionBackend{{Service: "web"}},
		ClusterPolicies:   []control.ClusterPolicy{{Name: "baseline", Tier: "Baseline"}},
		Unmodelled:        []control.ObjectRef{{Kind: "CiliumNetworkPolicy", Namespace: "a", Name: "l7"}},
		Unavailable:       map[control.Need]string{control.NeedClusterPolicies: control.ReasonForbidden},
		Versions:          map[control.Need]string{control.NeedPods: "9"},
	}
}

// reassemble makes a snapshot of the inputs of an entry, as reevaluating does.
func reassemble(t *testing.T, inputs []ledger.Input, objects []ledger.Object) *control.Snapshot {
	t.Helper()
	fields := map[string]json.RawMessage{}
	for i, in := range inputs {
		if in.Digest != objects[i].Digest {
			t.Errorf("input %s names another object", in.Role)
		}
		if in.Role != "definition" {
			fields[in.Role] = objects[i].Data
		}
	}
	whole, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	snapshot, decoder := &control.Snapshot{}, json.NewDecoder(strings.NewReader(string(whole)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(snapshot); err != nil {
		t.Fatal(err)
	}
	return snapshot
}

func inputsOf(t *testing.T, d *definition, snapshot *control.Snapshot) ([]ledger.Input, []ledger.Object) {
	t.Helper()
	now := noon
	inputs, objects, err := newEngine(t, &now).inputs(&pass{}, &d.Controls[0], snapshot)
	if err != nil {
		t.Fatal(err)
	}
	return inputs, objects
}

// TestInputsAreAllThatAnEvaluationLooksAt: the inputs of an entry are what the control
// needs, and make again what it looked at.
func TestInputsAreAllThatAnEvaluationLooksAt(t *testing.T) {
	inputs, objects := inputsOf(t, defined(t, policy("p")), fullSnapshot())
	got := []string{}
	for _, in := range inputs[1:] {
		got = append(got, in.Role)
	}
	want := []string{"namespace", "networkPolicies", "pods", "services", "entrances", "peers", "lifelines", "admissionBackends",
		"clusterPolicies", "unmodelled", "unavailable"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("roles (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(fullSnapshot(), reassemble(t, inputs, objects),
		cmpopts.IgnoreFields(control.Snapshot{}, "Versions"), cmpopts.IgnoreFields(control.PodClass{}, "Count", "Ready")); diff != "" {
		t.Errorf("the parts make another snapshot (-want +got):\n%s", diff)
	}
}

// TestReevaluation: the inputs of an entry give the findings again, also those
// of entries from before there was more than policies to look at.
func TestReevaluation(t *testing.T) {
	d := defined(t, policy("p", func(p *v1alpha1.ControlPolicy) {
		p.Spec.Controls[0].NetworkIsolation.OpenRules = v1alpha1.JudgementForbid
	}))
	policiesOnly := &control.Snapshot{Namespace: production("a"), NetworkPolicies: fullSnapshot().NetworkPolicies}
	for name, snapshot := range map[string]*control.Snapshot{"everything": fullSnapshot(), "policies only": policiesOnly, "nothing": {Namespace: production("a")}} {
		t.Run(name, func(t *testing.T) {
			inputs, objects := inputsOf(t, d, snapshot)
			again := reassemble(t, inputs, objects)
			want, got := assess.Judge(d.Definition, snapshot, noon), assess.Judge(d.Definition, again, noon)
			if len(want) != 1 || len(got) != 1 {
				t.Fatalf("got %d units and %d, want one", len(want), len(got))
			}
			if diff := cmp.Diff(want[0].Findings, got[0].Findings); diff != "" {
				t.Errorf("findings (-first +again):\n%s", diff)
			}
		})
	}
}

// TestSharedPartsAreEncodedOnce: once per pass, and lifelines once for all.
func TestSharedPartsAreEncodedOnce(t *testing.T) {
	now := noon
	e, d := newEngine(t, &now), defined(t, policy("p"))
	byRole := func(p *pass, snapshot *control.Snapshot) map[string]ledger.Object {
		inputs, objects, err := e.inputs(p, &d.Controls[0], snapshot)
		if err != nil {
			t.Fatal(err)
		}
		roles := map[string]ledger.Object{}
		for i, in := range inputs {
			roles[in.Role] = objects[i]
		}
		return roles
	}
	same := func(a, b ledger.Object) bool { return &a.Data[0] == &b.Data[0] }
	first, p := fullSnapshot(), &pass{}
	before := byRole(p, first)
	after := byRole(p, overlay(first, control.NetworkPolicy{Name: "deny"}))
	for role := range before {
		if shared := same(before[role], after[role]); shared != (role != assess.RolePolicies) {
			t.Errorf("%s: encoded once is %t", role, shared)
		}
	}
	elsewhere := fullSnapshot()
	elsewhere.Lifelines = first.Lifelines
	other := byRole(&pass{}, elsewhere)
	if !same(before["lifelines"], other["lifelines"]) || same(before["pods"], other["pods"]) {
		t.Error("lifelines are encoded anew for each namespace, or pods are not")
	}
	elsewhere.Lifelines = &control.Lifelines{}
	if changed := byRole(&pass{}, elsewhere); changed["lifelines"].Digest == before["lifelines"].Digest {
		t.Error("lifelines that changed have the digest of those before")
	}
}

// TestTheLargestStateEntryFits: with every part, long names and two full states.
func TestTheLargestStateEntryFits(t *testing.T) {
	now := noon
	r := &ScopeReconciler{newEngine(t, &now)}
	long := func(n int) string { return strings.Repeat("x", n) }
	d := defined(t, policy(long(63), func(p *v1alpha1.ControlPolicy) { p.Spec.Controls[0].ID = long(63) }))
	snapshot := fullSnapshot()
	snapshot.Namespace.Name, snapshot.Namespace.UID = long(63), long(36)
	for _, need := range []control.Need{control.NeedNamespaces, control.NeedNetworkPolicies, control.NeedPods, control.NeedServices,
		control.NeedEndpointSlices, control.NeedAdmissionBackends, control.NeedEntrances, control.NeedClusterPolicies} {
		snapshot.Versions[need] = long(20)
	}
	p := &pass{now: noon, snapshot: snapshot, memo: &memo{}}
	for _, culprit := range []string{"a", "b"} {
		state := control.State{Outcome: control.Deviating, Basis: control.BasisConfiguration}
		for range 10 {
			state.Rules = append(state.Rules, control.RuleState{Rule: "NP-01", Reason: long(30), Culprits: []string{culprit + long(250)}})
		}
		p.units = []unit{{assess.Unit{Def: d.Definition, Control: &d.Controls[0], Subject: snapshot.Namespace.Subject(), State: state,
			Findings: []control.Finding{{Outcome: control.Deviating, Message: long(1000)}}}, d}}
		transitions, _ := r.Recorder.Record(r.observations(p)...)
		e := transitions[0].Entry
		if !transitions[0].Changed || len(e.Inputs) != 12 {
			t.Fatalf("got %+v", e)
		}
		if data, err := e.Encode(); err != nil {
			t.Error(err)
		} else if culprit == "b" && e.From == nil {
			t.Errorf("an entry of %d bytes has one state", len(data))
		}
	}
}
