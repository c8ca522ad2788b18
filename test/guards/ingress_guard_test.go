package guards_test

import (
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/controls/encryptionintransit"
)

const (
	// edge is in the scope of the guard, and inner is not selected.
	edge, sparedEdge, inner = "edge", "spared-edge", "inner"
	ingressPolicy           = "ingress"
	ingressGuard            = "holdfast-guard-ingress-tls-" + ingressPolicy
)

// ingressInput is what the control type is given: a policy over namespaces with a label.
func ingressInput(rollout v1alpha1.GuardRollout) control.Input {
	return control.Input{
		Policy: ingressPolicy,
		Control: v1alpha1.ControlSpec{ID: "ENC-2", Mode: v1alpha1.ModeEnforce, EncryptionInTransit: &v1alpha1.EncryptionInTransit{
			Ingress: &v1alpha1.IngressEncryption{Guard: &v1alpha1.IngressGuard{Rollout: rollout}},
		}},
		Scope: &v1alpha1.Scope{
			NamespaceSelector: metav1.LabelSelector{
				MatchLabels:      map[string]string{"tier": "edge"},
				MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "paused", Operator: metav1.LabelSelectorOpDoesNotExist}},
			},
			BuiltinExclusions: []string{"kube-system"},
			Exclusions:        []v1alpha1.Exclusion{{Namespaces: []string{sparedEdge}, Reason: "RISK-7"}},
		},
		Snapshot: &control.Snapshot{Namespace: control.ClusterNamespace("5a3c6f0e-0000-4000-8000-000000000001", statedAt)},
		Now:      statedAt,
	}
}

// guardIngresses applies the guard, and waits until it works.
func guardIngresses(t *testing.T, rollout v1alpha1.GuardRollout) (*user, control.Input) {
	t.Helper()
	u := admin(t)
	u.namespace(edge, map[string]string{"tier": "edge"})
	u.namespace(sparedEdge, map[string]string{"tier": "edge"})
	u.namespace(inner, nil)
	in := ingressInput(rollout)
	changes, err := encryptionintransit.Control{}.Wants(in)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		free := as(t, shared.RESTConfig())
		free.eventually("nothing guards Ingresses", func() bool { return free.try(ingress(edge, plainIngress)) == nil && len(free.warned) == 0 })
	})
	in.Snapshot.Guards = u.apply(changes)
	for _, target := range (encryptionintransit.Control{}).Targets(in) {
		object := &unstructured.Unstructured{Object: target.Guard.Object}
		object.SetNamespace(edge)
		u.eventually(target.Guard.Policy+" works", func() bool {
			err := u.try(object)
			return err != nil && strings.Contains(err.Error(), target.Guard.Policy) || strings.Contains(strings.Join(u.warned, " "), target.Guard.Policy)
		})
	}
	return u, in
}

// TestIngressGuardIsAdmitted: what an API server makes of the guard is what is
// wanted, so that nothing is left to repair; and it finds no fault in its types.
func TestIngressGuardIsAdmitted(t *testing.T) {
	for _, rollout := range []v1alpha1.GuardRollout{v1alpha1.GuardAudit, v1alpha1.GuardWarn, v1alpha1.GuardDeny} {
		t.Run(string(rollout), func(t *testing.T) {
			u, in := guardIngresses(t, rollout)
			again, err := encryptionintransit.Control{}.Wants(in)
			if err != nil || len(again) != 2 {
				t.Fatalf("%d objects are wanted (%v), want a policy and its binding", len(again), err)
			}
			for _, c := range again {
				if !c.InPlace {
					t.Errorf("%s %s is not as wanted right after it was applied", c.Kind, c.Name)
				}
			}
			if warnings := u.typeWarnings(ingressGuard); len(warnings) > 0 {
				t.Errorf("the API server does not understand all of the guard: %v", warnings)
			}
		})
	}
}

const plainIngress = `rules: [{host: a.example.com, %s}]`

// ingress returns an Ingress of a spec, in which %s stands for paths, and of
// further metadata.
func ingress(namespace, spec string, metadata ...string) *unstructured.Unstructured {
	const paths = `http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}`
	spec = strings.ReplaceAll(spec, "%s", paths)
	object := &unstructured.Unstructured{}
	text := fmt.Sprintf("{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: web, namespace: %s%s}, spec: {%s}}",
		namespace, strings.Join(append([]string{""}, metadata...), ", "), spec)
	if err := yaml.Unmarshal([]byte(text), &object.Object); err != nil {
		panic(err) // the cases of this file are not YAML
	}
	return object
}

// TestIngressGuardDecides: what the guard refuses of new Ingresses is what rule
// TR-01 finds not covered.
func TestIngressGuardDecides(t *testing.T) {
	const backend = `defaultBackend: {service: {name: web, port: {number: 80}}}`
	cases := map[string]struct {
		object  *unstructured.Unstructured
		refused bool
	}{
		"no TLS":                        {ingress(edge, plainIngress), true},
		"covered":                       {ingress(edge, `tls: [{hosts: [a.example.com], secretName: a}], `+plainIngress), false},
		"covered without a Secret":      {ingress(edge, `tls: [{hosts: [a.example.com]}], `+plainIngress), false},
		"covered by the controller":     {ingress(edge, `tls: [{secretName: a}], `+plainIngress), false},
		"an empty entry":                {ingress(edge, `tls: [{}], `+plainIngress), false},
		"another host":                  {ingress(edge, `tls: [{hosts: [b.example.com], secretName: a}], `+plainIngress), true},
		"one label":                     {ingress(edge, `tls: [{hosts: ["*.example.com"], secretName: a}], `+plainIngress), false},
		"two labels":                    {ingress(edge, `tls: [{hosts: ["*.example.com"], secretName: a}], rules: [{host: a.b.example.com, %s}]`), true},
		"the domain itself":             {ingress(edge, `tls: [{hosts: ["*.example.com"], secretName: a}], rules: [{host: example.com, %s}]`), true},
		"a wildcard by itself":          {ingress(edge, `tls: [{hosts: ["*.example.com"], secretName: a}], rules: [{host: "*.example.com", %s}]`), false},
		"a wildcard by one name":        {ingress(edge, `tls: [{hosts: [a.example.com], secretName: a}], rules: [{host: "*.example.com", %s}]`), true},
		"a wildcard by a wider one":     {ingress(edge, `tls: [{hosts: ["*.com"], secretName: a}], rules: [{host: "*.example.com", %s}]`), true},
		"one of two hosts":              {ingress(edge, `tls: [{hosts: [a.example.com], secretName: a}], rules: [{host: a.example.com, %s}, {host: b.example.com, %s}]`), true},
		"two entries":                   {ingress(edge, `tls: [{hosts: [a.example.com], secretName: a}, {hosts: [b.example.com], secretName: b}], rules: [{host: a.example.com, %s}, {host: b.example.com, %s}]`), false},
		"every host":                    {ingress(edge, `tls: [{hosts: [a.example.com], secretName: a}], rules: [{%s}]`), true},
		"every host, by the controller": {ingress(edge, `tls: [{secretName: a}], rules: [{%s}]`), false},
		"a default backend":             {ingress(edge, backend), true},
		"a default backend beside":      {ingress(edge, `tls: [{hosts: [a.example.com], secretName: a}], `+backend+`, `+plainIngress), true},
		"a default backend, covered":    {ingress(edge, `tls: [{secretName: a}], `+backend), false},
		"a single label":                {ingress(edge, `tls: [{hosts: ["*.local"], secretName: a}], rules: [{host: intranet, %s}]`), true},
		"a load balancer's certificate": {ingress(edge, plainIngress, `annotations: {alb.ingress.kubernetes.io/certificate-arn: "arn:aws:acm:::certificate/a"}`), false},
		"a managed certificate":         {ingress(edge, backend, `annotations: {networking.gke.io/managed-certificates: a}`), false},
		"passed through":                {ingress(edge, plainIngress, `annotations: {nginx.ingress.kubernetes.io/ssl-passthrough: "true"}`), false},
		"an ACME challenge":             {ingress(edge, plainIngress, `ownerReferences: [{apiVersion: acme.cert-manager.io/v1, kind: Challenge, name: a, uid: u}]`), false},
		"another owner":                 {ingress(edge, plainIngress, `ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: a, uid: u}]`), true},
		"not selected":                  {ingress(inner, plainIngress), false},
		"excluded":                      {ingress(sparedEdge, plainIngress), false},
	}
	u, _ := guardIngresses(t, v1alpha1.GuardDeny)
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			err := u.try(tc.object)
			if refused := err != nil && strings.Contains(err.Error(), ingressGuard); refused != tc.refused || (err != nil && !refused) {
				t.Errorf("refused %v, want %v: %v", refused, tc.refused, err)
			}
		})
	}
}

// TestIngressGuardWarns: in rollout Warn it says so, and lets through.
func TestIngressGuardWarns(t *testing.T) {
	u, _ := guardIngresses(t, v1alpha1.GuardWarn)
	if err := u.try(ingress(edge, plainIngress)); err != nil || !strings.Contains(strings.Join(u.warned, " "), ingressGuard) {
		t.Errorf("warned %q, refused %v", u.warned, err)
	}
	if err := u.try(ingress(edge, `tls: [{hosts: [a.example.com], secretName: a}], `+plainIngress)); err != nil || len(u.warned) > 0 {
		t.Errorf("of a covered one: warned %q, refused %v", u.warned, err)
	}
}

// TestIngressGuardLetsOldIngressesBe: an Ingress that was there before is not
// refused what has nothing to do with TLS, and is refused to lose it.
func TestIngressGuardLetsOldIngressesBe(t *testing.T) {
	cases := map[string]struct {
		object  *unstructured.Unstructured
		patch   string
		refused bool
	}{
		"a path of a plain one":           {ingress(edge, plainIngress), `{"spec": {"rules": [{"host": "a.example.com", "http": {"paths": [{"path": "/new", "pathType": "Prefix", "backend": {"service": {"name": "web", "port": {"number": 80}}}}]}}]}}`, false},
		"an annotation of a plain one":    {ingress(edge, plainIngress), `{"metadata": {"annotations": {"a": "b"}}}`, false},
		"TLS for a plain one":             {ingress(edge, plainIngress), `{"spec": {"tls": [{"hosts": ["a.example.com"]}]}}`, false},
		"another host of a plain one":     {ingress(edge, plainIngress), `{"spec": {"rules": [{"host": "b.example.com"}]}}`, true},
		"TLS taken away":                  {ingress(edge, `tls: [{hosts: [a.example.com]}], `+plainIngress), `{"spec": {"tls": null}}`, true},
		"a host that is not covered":      {ingress(edge, `tls: [{hosts: [a.example.com]}], `+plainIngress), `{"spec": {"rules": [{"host": "b.example.com"}]}}`, true},
		"a default backend besides":       {ingress(edge, `tls: [{hosts: [a.example.com]}], `+plainIngress), `{"spec": {"defaultBackend": {"service": {"name": "web", "port": {"number": 80}}}}}`, true},
		"the certificate elsewhere taken": {ingress(edge, plainIngress, `annotations: {alb.ingress.kubernetes.io/certificate-arn: a}`), `{"metadata": {"annotations": {"alb.ingress.kubernetes.io/certificate-arn": null}}}`, true},
	}
	old := admin(t)
	old.namespace(edge, map[string]string{"tier": "edge"})
	created := map[string]*unstructured.Unstructured{}
	for name, tc := range cases {
		tc.object.SetName("old-" + strings.ReplaceAll(strings.ToLower(name), " ", "-"))
		created[name] = old.create(tc.object)
	}
	u, _ := guardIngresses(t, v1alpha1.GuardDeny)
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			err := u.patch(created[name], tc.patch, metav1.PatchOptions{DryRun: []string{metav1.DryRunAll}})
			if refused := err != nil && strings.Contains(err.Error(), ingressGuard); refused != tc.refused || (err != nil && !refused) {
				t.Errorf("refused %v, want %v: %v", refused, tc.refused, err)
			}
		})
	}
}

// TestIngressGuardHoldsWithWhatItCosts: the expressions stay within what the API
// server lets them cost, for an Ingress of many hosts.
func TestIngressGuardHoldsWithWhatItCosts(t *testing.T) {
	u, _ := guardIngresses(t, v1alpha1.GuardDeny)
	many := func(covered int) *unstructured.Unstructured {
		var rules, tls []string
		for i := range 200 {
			rules = append(rules, fmt.Sprintf("{host: h%d.example.com, %%s}", i))
			if i < covered {
				tls = append(tls, fmt.Sprintf("{hosts: [h%d.example.com], secretName: s%d}", i, i))
			}
		}
		return ingress(edge, "tls: ["+strings.Join(tls, ", ")+"], rules: ["+strings.Join(rules, ", ")+"]")
	}
	if err := u.try(many(200)); err != nil {
		t.Errorf("200 hosts, all covered: %v", err)
	}
	if err := u.try(many(199)); err == nil || !strings.Contains(err.Error(), "must be covered by spec.tls") {
		t.Errorf("200 hosts, the last not covered: %v", err)
	}
}

// TestIngressGuardGoes: a guard that is not stated any more is removed, the binding
// before the policy, and Ingresses without TLS are let through again.
func TestIngressGuardGoes(t *testing.T) {
	u, in := guardIngresses(t, v1alpha1.GuardDeny)
	in.Control.EncryptionInTransit.Ingress.Guard = nil
	findings := encryptionintransit.Control{}.Evaluate(in)
	if len(findings) != 1 || findings[0].Reason != encryptionintransit.ReasonRevoked || findings[0].Outcome != control.Deviating {
		t.Fatalf("found %+v", findings)
	}
	changes, err := encryptionintransit.Control{}.Wants(in)
	if err != nil || len(changes) != 2 || changes[0].Kind != "ValidatingAdmissionPolicyBinding" || !changes[0].Remove || !changes[1].Remove {
		t.Fatalf("wanted %+v (%v)", changes, err)
	}
	u.apply(changes)
	u.eventually("an Ingress without TLS is let through", func() bool {
		return u.try(ingress(edge, plainIngress)) == nil
	})
}
