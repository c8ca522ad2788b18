package probe_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/permissions"
	"github.com/holdfast-dev/holdfast/internal/probe/dryrun"
	"github.com/holdfast-dev/holdfast/internal/probe/unseen"
)

// guard creates a policy that an Ingress needs TLS, bound with an action where there
// is one.
func (c *cluster) guard(t *testing.T, name string, action admissionregistrationv1.ValidationAction) {
	t.Helper()
	named := func(values ...string) *metav1.LabelSelector {
		return &metav1.LabelSelector{MatchLabels: map[string]string{"tried-by": values[0]}}
	}
	policy := &admissionregistrationv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: admissionregistrationv1.ValidatingAdmissionPolicySpec{
			FailurePolicy: new(admissionregistrationv1.Fail),
			MatchConstraints: &admissionregistrationv1.MatchResources{
				ObjectSelector: named(name),
				ResourceRules: []admissionregistrationv1.NamedRuleWithOperations{{RuleWithOperations: admissionregistrationv1.RuleWithOperations{
					Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
					Rule:       admissionregistrationv1.Rule{APIGroups: []string{"networking.k8s.io"}, APIVersions: []string{"v1"}, Resources: []string{"ingresses"}},
				}}},
			},
			Validations: []admissionregistrationv1.Validation{{Expression: "has(object.spec.tls)", Message: "an Ingress needs TLS"}},
		},
	}
	c.create(t, policy)
	if action == "" {
		return
	}
	c.create(t, &admissionregistrationv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       admissionregistrationv1.ValidatingAdmissionPolicyBindingSpec{PolicyName: name, ValidationActions: []admissionregistrationv1.ValidationAction{action}},
	})
}

// ingress is an Ingress that a guard is tried with.
func ingress(guard, host string) map[string]any {
	return map[string]any{
		"apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
		"metadata": map[string]any{"name": "tried", "labels": map[string]string{"tried-by": guard}},
		"spec": map[string]any{"rules": []map[string]any{{"host": host, "http": map[string]any{"paths": []map[string]any{{
			"path": "/", "pathType": "Prefix", "backend": map[string]any{"service": map[string]any{"name": "web", "port": map[string]int{"number": 80}}},
		}}}}}},
	}
}

func (c *cluster) testGuards(t *testing.T) {
	t.Parallel()
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: permissions.ProberName, Namespace: namespace}}
	c.create(t, account.DeepCopy())
	c.grant(t, "prober", rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: permissions.ProberName},
		func(r permissions.Rule) bool { return r.Role == permissions.Prober })
	c.guard(t, "denies", admissionregistrationv1.Deny)
	c.guard(t, "warns", admissionregistrationv1.Warn)
	c.guard(t, "unbound", "")

	identity := dryrun.Identity{Namespace: namespace, Name: permissions.ProberName}
	prober, err := dryrun.New(c.config, identity, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	in := []string{"default"}
	tests := map[string]struct {
		object      map[string]any
		namespaces  []string
		want        *control.Refused
		wantReason  string
		wantMessage string
	}{
		"a guard denies":       {ingress("denies", "a.example.com"), in, &control.Refused{Denied: []string{"denies"}}, "", ""},
		"a guard warns":        {ingress("warns", "a.example.com"), in, &control.Refused{Warned: []string{"warns"}}, "", ""},
		"a guard is not bound": {ingress("unbound", "a.example.com"), in, &control.Refused{}, "", ""},
		"the first namespace is gone": {ingress("denies", "a.example.com"), []string{"gone", "default"},
			&control.Refused{Denied: []string{"denies"}}, "", ""},
		"no namespace is there": {ingress("denies", "a.example.com"), []string{"gone"},
			&control.Refused{Otherwise: "the API server: 404 NotFound"}, "", ""},
		"no namespace is in scope": {ingress("denies", "a.example.com"), nil, nil, control.ReasonInconclusive, "no namespace is in the policy's scope"},
		"the object is not valid": {ingress("unbound", "not a host"), in,
			&control.Refused{Otherwise: "the API server: 422 Invalid"}, "", ""},
		"the prober may not": {map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "tried"}}, in, nil,
			control.ReasonForbidden, "may not try to create configmaps: set the chart's values probe.enabled=true"},
		"a kind that is cluster-wide": {map[string]any{"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "provisioner": "example.com",
			"metadata": map[string]any{"name": "tried"}}, nil, &control.Refused{}, "", ""},
		"a kind that is not served":  {map[string]any{"apiVersion": "v1", "kind": "Gone"}, in, nil, control.ReasonNotInstalled, "Gone of v1 are not served"},
		"a group that is not served": {map[string]any{"apiVersion": "gone.example.com/v1", "kind": "Gone"}, in, nil, control.ReasonNotInstalled, "are not served"},
		"no object":                  {map[string]any{}, in, nil, control.ReasonInconclusive, "is none"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			eventually(t, "the API server does so", func(ctx context.Context) error {
				got, err := prober.Probe(ctx, control.GuardTarget{Policy: "p", Object: test.object}, test.namespaces)
				if diff := cmp.Diff(test.want, got); diff != "" {
					return fmt.Errorf("%w\n%s", errors.Join(err), diff)
				}
				if test.wantReason == "" {
					return err
				}
				if why := unseen.Of(err); why.Reason != test.wantReason || !strings.Contains(why.Message, test.wantMessage) {
					return fmt.Errorf("got %s: %w", why.Reason, why)
				}
				return nil
			})
		})
	}
	t.Run("the account is made anew", func(t *testing.T) {
		if err := c.client.Delete(t.Context(), account.DeepCopy()); err != nil {
			t.Fatal(err)
		}
		c.create(t, account)
		eventually(t, "the guard denies", func(ctx context.Context) error {
			got, err := prober.Probe(ctx, control.GuardTarget{Policy: "denies", Object: ingress("denies", "a.example.com")}, in)
			if diff := cmp.Diff(&control.Refused{Denied: []string{"denies"}}, got); diff != "" {
				return fmt.Errorf("%w\n%s", err, diff)
			}
			return err
		})
	})
	t.Run("there is no account", func(t *testing.T) {
		lost, err := dryrun.New(c.config, dryrun.Identity{Namespace: "default", Name: permissions.ProberName}, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		_, err = lost.Probe(t.Context(), control.GuardTarget{Policy: "denies", Object: ingress("denies", "a.example.com")}, in)
		if why := unseen.Of(err); why.Reason != control.ReasonForbidden || !strings.Contains(why.Message, "gets no token of the service account default/holdfast-prober") {
			t.Errorf("got %+v", why)
		}
	})
	t.Run("nothing was made", func(t *testing.T) {
		var list networkingv1.IngressList
		if err := c.client.List(t.Context(), &list); err != nil || len(list.Items) != 0 {
			t.Errorf("got %d Ingresses, %v", len(list.Items), err)
		}
	})
}
