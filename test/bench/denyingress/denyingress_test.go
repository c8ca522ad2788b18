package denyingress_test

import (
	"encoding/json"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/test/bench/denyingress"
)

func TestBodyIsGood(t *testing.T) {
	var policy networkingv1.NetworkPolicy
	if err := json.Unmarshal(denyingress.Body("web"), &policy); err != nil {
		t.Fatal(err)
	}
	if policy.Namespace != "web" || policy.Name != denyingress.Name {
		t.Errorf("the object is %s/%s, want web/%s", policy.Namespace, policy.Name, denyingress.Name)
	}
	if !denyingress.Good(&policy.Spec) {
		t.Errorf("what is applied is not good: %+v", policy.Spec)
	}
}

func TestGood(t *testing.T) {
	ingress := []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}
	for name, spec := range map[string]networkingv1.NetworkPolicySpec{
		"allows all ingress": {PolicyTypes: ingress, Ingress: []networkingv1.NetworkPolicyIngressRule{{}}},
		"allows all egress":  {PolicyTypes: ingress, Egress: []networkingv1.NetworkPolicyEgressRule{{}}},
		"selects some pods":  {PolicyTypes: ingress, PodSelector: metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"}}},
		"denies egress too":  {PolicyTypes: append(ingress, networkingv1.PolicyTypeEgress)},
		"denies egress only": {PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeEgress}},
	} {
		t.Run(name, func(t *testing.T) {
			if denyingress.Good(&spec) {
				t.Errorf("Good(%+v) = true", spec)
			}
		})
	}
}
