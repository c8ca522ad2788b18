package encryptionatrest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/phrase"
)

// What guards are about. With GuardPrefix before and the policy's name after it
// each is the name of a ValidatingAdmissionPolicy and its binding.
const (
	guardClaims    = "storage-claims"
	guardTemplates = "storage-templates"
	guardClasses   = "storage-classes"
	guardStatic    = "static-volumes"
)

// The kinds that guards are made of.
const (
	admissionVersion = "admissionregistration.k8s.io/v1"
	policyKind       = "ValidatingAdmissionPolicy"
	bindingKind      = "ValidatingAdmissionPolicyBinding"
	paramVersion     = "holdfast.dev/v1alpha1"
	paramKind        = "EncryptedStorageClasses"
)

// guardName is the name of the objects of a guard. There is one for each policy:
// of a policy's controls only one may state a guard.
func guardName(what, policy string) string { return control.GuardPrefix + what + "-" + policy }

// guardNames are the names of all guards that a policy may have.
func guardNames(policy string) []string {
	var names []string
	for _, what := range []string{guardClaims, guardTemplates, guardClasses, guardStatic} {
		names = append(names, guardName(what, policy))
	}
	return names
}

// guardObject is an object that a guard is made of, as it is wanted.
type guardObject struct {
	apiVersion, kind, name string
	spec                   map[string]any
	// remove is true where it must not be: the control allows what it refuses.
	remove bool
}

// guards is what a control wants of its guards.
type guards struct {
	in     control.Input
	volume *v1alpha1.VolumeEncryption
	// until is when the objects change by time alone: they hold what is attested.
	until time.Time
}

func guardsOf(in control.Input) *guards {
	g := &guards{in: in, volume: in.Control.EncryptionAtRest.Volumes}
	for _, a := range holding(g.volume, in.Now) {
		g.until = control.Earlier(g.until, a.ValidUntil.Time)
	}
	return g
}

// objects are all that the guards consist of, parameters first.
func (g *guards) objects() []guardObject {
	objects := []guardObject{{apiVersion: paramVersion, kind: paramKind, name: g.name(guardClaims), spec: g.parameters()}}
	for _, one := range []struct {
		what            string
		policy, binding map[string]any
		remove          bool
	}{
		{guardClaims, g.claimsPolicy(), g.binding(guardClaims, g.actions(), g.parametersRef(g.rollout()), g.namespaces()), false},
		{guardTemplates, g.templatesPolicy(), g.binding(guardTemplates, g.mildActions(), g.parametersRef(v1alpha1.GuardWarn), g.namespaces()), false},
		{guardClasses, g.classesPolicy(), g.binding(guardClasses, g.actions(), nil, map[string]any{}), false},
		{guardStatic, g.staticPolicy(), g.binding(guardStatic, g.actions(), nil, map[string]any{}), g.allowStatic()},
	} {
		objects = append(objects,
			guardObject{apiVersion: admissionVersion, kind: policyKind, name: g.name(one.what), spec: one.policy, remove: one.remove},
			guardObject{apiVersion: admissionVersion, kind: bindingKind, name: g.name(one.what), spec: one.binding, remove: one.remove})
	}
	return objects
}

func (g *guards) name(what string) string { return guardName(what, g.in.Policy) }

func (g *guards) allowStatic() bool { return g.volume.Guard.StaticVolumes == staticAllowed }

// staticAllowed is the value of staticVolumes that lets them through.
const staticAllowed = "Allow"

// rollout is what the guards do with what they would refuse.
func (g *guards) rollout() v1alpha1.GuardRollout {
	return cmp.Or(g.volume.Guard.Rollout, v1alpha1.GuardAudit)
}

func (g *guards) actions() []any {
	switch g.rollout() {
	case v1alpha1.GuardDeny:
		return []any{"Deny", "Audit"}
	case v1alpha1.GuardWarn:
		return []any{"Warn", "Audit"}
	default:
		return []any{"Audit"}
	}
}

// mildActions are those of a guard that never refuses: it tells beforehand what
// the one that does is going to refuse to a controller.
func (g *guards) mildActions() []any {
	if g.rollout() == v1alpha1.GuardAudit {
		return []any{"Audit"}
	}
	return []any{"Warn", "Audit"}
}

// maxAllowed is the number of classes that a parameter object may list. Claims of
// those beyond are refused.
const maxAllowed = 1024

// parameters list the classes whose claims are let through.
func (g *guards) parameters() map[string]any {
	allowed := []any{}
	for _, c := range classesByName(g.in.Snapshot) {
		if len(allowed) < maxAllowed && accepted(g.in, c) {
			allowed = append(allowed, c.Name)
		}
	}
	return map[string]any{"allowed": allowed, "allowStatic": g.allowStatic()}
}

// parametersRef refers to the list of classes. While there is none, everything is
// refused, in whichever rollout: so this is only asked of a guard that refuses.
func (g *guards) parametersRef(rollout v1alpha1.GuardRollout) map[string]any {
	action := "Allow"
	if rollout == v1alpha1.GuardDeny {
		action = "Deny"
	}
	return map[string]any{"name": g.name(guardClaims), "parameterNotFoundAction": action}
}

// binding returns the spec of a binding, complete: what the API server would fill in is stated.
func (g *guards) binding(what string, actions []any, params, namespaces map[string]any) map[string]any {
	spec := map[string]any{
		"policyName":        g.name(what),
		"validationActions": actions,
		"matchResources": map[string]any{
			"matchPolicy": "Equivalent", "namespaceSelector": namespaces, "objectSelector": map[string]any{},
			"resourceRules": []any{}, "excludeResourceRules": []any{},
		},
	}
	if params != nil {
		spec["paramRef"] = params
	}
	return spec
}

// namespaces selects the namespaces in the policy's scope.
func (g *guards) namespaces() map[string]any {
	selector := g.in.Scope.NamespaceSelector.DeepCopy()
	excluded := slices.Clone(g.in.Scope.BuiltinExclusions)
	for _, e := range g.in.Scope.Exclusions {
		excluded = append(excluded, e.Namespaces...)
	}
	if len(excluded) > 0 {
		selector.MatchExpressions = append(selector.MatchExpressions, metav1.LabelSelectorRequirement{
			Key: "kubernetes.io/metadata.name", Operator: metav1.LabelSelectorOpNotIn, Values: phrase.Sorted(excluded),
		})
	}
	return plain(selector)
}

// plain returns a selector as the plain data that JSON makes of it.
func plain(selector *metav1.LabelSelector) map[string]any {
	var data map[string]any
	encoded, err := json.Marshal(selector)
	if err == nil {
		err = json.Unmarshal(encoded, &data)
	}
	if err != nil {
		// It is plain data: maps, lists and texts.
		panic(fmt.Sprintf("a label selector as JSON: %v", err))
	}
	return data
}
