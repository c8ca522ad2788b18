package encryptionintransit

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/phrase"
)

const (
	admissionVersion = "admissionregistration.k8s.io/v1"
	policyKind       = "ValidatingAdmissionPolicy"
	bindingKind      = "ValidatingAdmissionPolicyBinding"
	namespaceNameKey = "kubernetes.io/metadata.name"
)

// elsewhere are the annotations by which a load balancer brings a certificate of
// its own, or the pods do.
func elsewhere() []string {
	return []string{albCertificate, gkeShared, gkeManaged, gatewayCertificate, nginxPassthrough, routeTermination}
}

// The expressions of the guard: they say of an Ingress what rule TR-01 says of it.
const (
	// guardCovered: each host is a name of spec.tls, or one label below a wildcard of
	// it; an entry without hosts stands for what the controller makes of it.
	guardCovered = "variables.elsewhere || " +
		"variables.tls.exists(t, size(t.?hosts.orValue([])) == 0) || " +
		"(!has(object.spec.defaultBackend) && object.spec.?rules.orValue([]).all(r, r.?host.orValue('') != '' && " +
		"variables.tls.exists(t, t.?hosts.orValue([]).exists(n, n == r.host || " +
		"(n.startsWith('*.') && !r.host.startsWith('*.') && r.host.contains('.') && " +
		"n.substring(2) == r.host.substring(r.host.indexOf('.') + 1))))))"
	// guardChanged keeps unrelated updates of older Ingresses possible.
	guardChanged = "request.operation == 'CREATE' || " +
		"object.spec.?tls.orValue([]) != oldObject.spec.?tls.orValue([]) || " +
		"object.spec.?rules.orValue([]).map(r, r.?host.orValue('')) != oldObject.spec.?rules.orValue([]).map(r, r.?host.orValue('')) || " +
		"has(object.spec.defaultBackend) != has(oldObject.spec.defaultBackend) || " +
		"%s.exists(a, a in oldObject.metadata.?annotations.orValue({}) && !(a in object.metadata.?annotations.orValue({})))"
	// guardSolver lets through what cert-manager makes to answer a challenge.
	guardSolver = "!object.metadata.?ownerReferences.orValue([]).exists(o, o.kind == 'Challenge' && o.apiVersion.startsWith('acme.cert-manager.io/'))"
	guardTLS    = "object.spec.?tls.orValue([])"
)

// guardObjects returns the objects of the guard, in the order in which they are
// applied: the API server takes a binding only of a policy that exists. Every
// field that it would default is stated. None is returned where the policy's
// scope is not known.
func (r *reading) guardObjects(stated *v1alpha1.IngressGuard) []control.Change {
	if r.in.Scope == nil {
		return nil
	}
	selector, err := scopeSelector(r.in.Scope)
	if err != nil {
		return nil
	}
	actions := []any{"Audit"}
	if rollout := cmp.Or(stated.Rollout, v1alpha1.GuardAudit); rollout != v1alpha1.GuardAudit {
		actions = []any{string(rollout), "Audit"}
	}
	return []control.Change{
		r.guardChange(policyKind, r.guardPolicySpec()),
		r.guardChange(bindingKind, map[string]any{
			"policyName":        r.guardName(),
			"validationActions": actions,
			"matchResources": map[string]any{
				"matchPolicy": "Equivalent", "namespaceSelector": selector, "objectSelector": map[string]any{},
			},
		}),
	}
}

func (r *reading) guardChange(kind string, spec map[string]any) control.Change {
	have := r.guardObject(kind, r.guardName())
	return control.Change{
		APIVersion: admissionVersion, Kind: kind, Name: r.guardName(), Spec: spec,
		Rules: []string{RuleGuard}, Effect: control.Restricts,
		InPlace: have != nil && sameSpec(have.Spec, spec),
	}
}

func (r *reading) guardPolicySpec() map[string]any {
	list := quoted(elsewhere())
	return map[string]any{
		"failurePolicy": "Fail",
		"matchConstraints": map[string]any{
			"matchPolicy": "Equivalent", "namespaceSelector": map[string]any{}, "objectSelector": map[string]any{},
			"resourceRules": []any{map[string]any{
				"apiGroups": []any{networkingGroup}, "apiVersions": []any{"v1"}, "operations": []any{"CREATE", "UPDATE"},
				"resources": []any{"ingresses"}, "scope": "*",
			}},
		},
		"matchConditions": []any{
			map[string]any{"name": "tls-may-have-changed", "expression": fmt.Sprintf(guardChanged, list)},
			map[string]any{"name": "not-of-an-acme-challenge", "expression": guardSolver},
		},
		"variables": []any{
			map[string]any{"name": "tls", "expression": guardTLS},
			map[string]any{"name": "elsewhere", "expression": list + ".exists(a, a in object.metadata.?annotations.orValue({}))"},
		},
		"validations": []any{map[string]any{
			"expression": guardCovered,
			"message":    "every host of an Ingress must be covered by spec.tls, as ControlPolicy " + r.in.Policy + " says",
			"reason":     "Forbidden",
		}},
	}
}

// quoted writes a list as CEL does.
func quoted(names []string) string { return "['" + strings.Join(names, "', '") + "']" }

// scopeSelector returns the namespaces of a policy's scope as a selector.
func scopeSelector(scope *v1alpha1.Scope) (map[string]any, error) {
	selector := scope.NamespaceSelector.DeepCopy()
	var out []string
	out = append(out, scope.BuiltinExclusions...)
	for _, e := range scope.Exclusions {
		out = append(out, e.Namespaces...)
	}
	if out = phrase.Sorted(out); len(out) > 0 {
		selector.MatchExpressions = append(selector.MatchExpressions, metav1.LabelSelectorRequirement{
			Key: namespaceNameKey, Operator: metav1.LabelSelectorOpNotIn, Values: out,
		})
	}
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(selector)
	if err != nil {
		return nil, fmt.Errorf("encode the namespaces of a guard: %w", err)
	}
	return fields, nil
}

// guardTargets returns the dry run of an Ingress without TLS, where the guard is
// to do something about it that a client sees.
func (r *reading) guardTargets() []control.Target {
	stated := r.guardStated()
	if stated == nil || cmp.Or(stated.Rollout, v1alpha1.GuardAudit) == v1alpha1.GuardAudit {
		return nil
	}
	return []control.Target{{Every: guardEvery, Revision: r.guardRevision(stated), Guard: &control.GuardTarget{
		Policy: r.guardName(), Object: dryRunIngress(),
	}}}
}

// dryRunIngress is an Ingress without TLS.
func dryRunIngress() map[string]any {
	backend := map[string]any{"service": map[string]any{"name": "none", "port": map[string]any{"number": int64(httpPort)}}}
	return map[string]any{
		"apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
		"metadata": map[string]any{"name": "holdfast-guard-dry-run"},
		"spec": map[string]any{"rules": []any{map[string]any{
			"host": "guard.holdfast.invalid",
			"http": map[string]any{"paths": []any{map[string]any{"path": "/", "pathType": "Prefix", "backend": backend}}},
		}}},
	}
}

// guardRevision stands for what the guard's objects are: with them, what it does
// may change.
func (r *reading) guardRevision(stated *v1alpha1.IngressGuard) string {
	said := []any{stated.Rollout}
	for _, g := range r.in.Snapshot.Guards {
		if g.Name == r.guardName() {
			said = append(said, g.Kind, g.UID, g.Spec)
		}
	}
	text, err := json.Marshal(slices.Clip(said))
	if err != nil { // what the API server served is JSON
		return ""
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}
