package v1alpha1_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/test/controlplane"
)

// TestAdmission shows on a real API server what is accepted and what is refused.
func TestAdmission(t *testing.T) {
	api := startAPI(t)
	t.Run("rules", func(t *testing.T) { testRules(t, api) })
	t.Run("bounds", func(t *testing.T) { testBounds(t, api) })
	t.Run("defaults", func(t *testing.T) { testDefaults(t, api) })
}

// admission asks the API server what it would do with an object.
type admission struct {
	policies dynamic.ResourceInterface
	stored   *unstructured.Unstructured // exists, for updates of status
}

func startAPI(t *testing.T) *admission {
	t.Helper()
	cp, err := controlplane.Start(t.Context(), controlplane.Options{NoControllerManager: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cp.Stop(); err != nil {
			t.Error(err)
		}
	})
	if err := controlplane.InstallCRDs(t.Context(), cp.RESTConfig(), "../../config/crd/bases"); err != nil {
		t.Fatal(err)
	}
	client, err := dynamic.NewForConfig(cp.RESTConfig())
	if err != nil {
		t.Fatal(err)
	}
	policies := client.Resource(v1alpha1.GroupVersion.WithResource("controlpolicies"))
	stored, err := policies.Create(t.Context(), full(t), metav1.CreateOptions{})
	if err != nil {
		t.Fatalf("create the full example: %v", err)
	}
	return &admission{policies: policies, stored: stored}
}

// create says whether the object could be created.
func (a *admission) create(ctx context.Context, object *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	if object.GetName() == a.stored.GetName() {
		object.SetName("other")
	}
	return a.policies.Create(ctx, object, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
}

// try says whether the object, with its status, could be stored.
func (a *admission) try(ctx context.Context, object *unstructured.Unstructured) error {
	created, err := a.create(ctx, object)
	if err != nil {
		return err
	}
	withStatus := a.stored.DeepCopy()
	withStatus.Object["status"] = object.Object["status"]
	updated, err := a.policies.UpdateStatus(ctx, withStatus, metav1.UpdateOptions{DryRun: []string{metav1.DryRunAll}})
	if err != nil {
		return err
	}
	created.Object["status"] = updated.Object["status"]
	return decodes(created)
}

// decodes says whether Go can read what the API server accepted. An object
// that it cannot read would stop every list and watch of its kind.
func decodes(object *unstructured.Unstructured) error {
	data, err := object.MarshalJSON()
	if err != nil {
		return err
	}
	var policy v1alpha1.ControlPolicy
	if err := json.Unmarshal(data, &policy); err != nil {
		return err
	}
	for _, selector := range selectors(&policy.Spec) {
		if _, err := metav1.LabelSelectorAsSelector(selector); err != nil {
			return err
		}
	}
	return nil
}

// selectors returns all label selectors of a spec.
func selectors(spec *v1alpha1.ControlPolicySpec) []*metav1.LabelSelector {
	all := []*metav1.LabelSelector{&spec.Scope.NamespaceSelector}
	for _, control := range spec.Controls {
		for _, allowance := range control.NetworkIsolation.Allow {
			if allowance.Rule == nil {
				continue
			}
			all = append(all, &allowance.Rule.PodSelector)
			for _, peer := range allowance.Rule.Peers {
				all = append(all, peer.NamespaceSelector, peer.PodSelector)
			}
		}
	}
	return all
}

func testRules(t *testing.T, api *admission) {
	for _, r := range rules() {
		t.Run(r.field+": "+r.message, func(t *testing.T) {
			for _, changes := range r.accept {
				if err := api.try(t.Context(), edited(t, full(t), changes)); err != nil {
					t.Errorf("%v is refused: %v", changes, err)
				}
			}
			for _, changes := range r.refuse {
				err := api.try(t.Context(), edited(t, full(t), changes))
				if diff := cmp.Diff([]string{refusedAt(r)}, refusals(err, r.message)); diff != "" {
					t.Errorf("%v: refused fields (-want +got):\n%s\nerror: %v", changes, diff, err)
				}
			}
		})
	}
}

// refusedAt is the field that a refusal by the rule gives as its own.
func refusedAt(r rule) string {
	if r.field == "" {
		return "<nil>" // the API server's name of the root; the message names the field
	}
	return r.field
}

// refusals returns the field of each cause of a refusal, marked where its
// message is not the given one.
func refusals(err error, message string) []string {
	var fields []string
	for _, cause := range causes(err) {
		if !strings.Contains(cause.Message, message) {
			cause.Field += " for another reason: " + cause.Message
		}
		fields = append(fields, cause.Field)
	}
	return fields
}

func causes(err error) []metav1.StatusCause {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil {
		return nil
	}
	return status.Status().Details.Causes
}

func testBounds(t *testing.T, api *admission) {
	// Some enumerated values are accepted only where nothing is enforced.
	observing := edited(t, full(t), edits{"spec.mode": "Observe", "spec.controls[0].mode": "Observe"})
	for _, n := range schemaNodes(t) {
		for _, b := range bounds(n) {
			t.Run(b.name, func(t *testing.T) {
				for _, changes := range b.accept {
					if err := api.try(t.Context(), edited(t, observing, changes)); err != nil {
						t.Errorf("%v is refused: %v", changes, err)
					}
				}
				err := api.try(t.Context(), edited(t, observing, b.refuse))
				if !slices.ContainsFunc(causes(err), func(cause metav1.StatusCause) bool {
					return slices.Equal(tokens(cause.Field), tokens(b.field)) && cause.Type == b.cause
				}) {
					t.Errorf("%v: want a refusal of %s with %s, got: %v", b.refuse, b.field, b.cause, err)
				}
			})
		}
	}
}

func testDefaults(t *testing.T, api *admission) {
	selector := map[string]any{"namespaceSelector": map[string]any{}}
	control := map[string]any{"id": "NET-1", "networkIsolation": map[string]any{"defaultDeny": []any{"Ingress"}}}
	object := edited(t, full(t), edits{"spec": map[string]any{"scope": selector, "controls": []any{control}}})

	created, err := api.create(t.Context(), object)
	if err != nil {
		t.Fatalf("create a policy with the required fields only: %v", err)
	}
	selector["builtinExclusions"] = []any{"kube-system", "kube-public", "kube-node-lease", "holdfast-system"}
	control["priority"] = "Medium"
	control["networkIsolation"] = map[string]any{"defaultDeny": []any{"Ingress"}, "openRules": "Forbid", "exposure": "Record"}
	want := map[string]any{"mode": "Observe", "scope": selector, "controls": []any{control}}
	if diff := cmp.Diff(want, created.Object["spec"]); diff != "" {
		t.Errorf("defaulted spec (-want +got):\n%s", diff)
	}
}
