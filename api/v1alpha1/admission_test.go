package v1alpha1_test

import (
	"context"
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
	client := startAPI(t)
	for _, k := range kinds() {
		t.Run(k.singular, func(t *testing.T) {
			api := newAdmission(t, client, k)
			t.Run("rules", func(t *testing.T) { testRules(t, api) })
			t.Run("bounds", func(t *testing.T) { testBounds(t, api) })
		})
	}
	t.Run("defaults", func(t *testing.T) { testDefaults(t, client) })
}

// admission asks the API server what it would do with an object of a kind.
type admission struct {
	kind
	objects dynamic.ResourceInterface
	stored  *unstructured.Unstructured // exists, for updates
}

func startAPI(t *testing.T) dynamic.Interface {
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
	return client
}

// newAdmission stores the kind's example.
func newAdmission(t *testing.T, client dynamic.Interface, k kind) *admission {
	t.Helper()
	objects := client.Resource(v1alpha1.GroupVersion.WithResource(k.plural))
	stored, err := objects.Create(t.Context(), k.full(t), metav1.CreateOptions{})
	if err != nil {
		t.Fatalf("create the full example: %v", err)
	}
	return &admission{k, objects, stored}
}

// create says whether the object could be created.
func (a *admission) create(ctx context.Context, object *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	if object.GetName() == a.stored.GetName() {
		object.SetName("other")
	}
	return a.objects.Create(ctx, object, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
}

// update says whether the stored object could be changed to this one.
func (a *admission) update(ctx context.Context, object *unstructured.Unstructured) error {
	object.SetResourceVersion(a.stored.GetResourceVersion())
	_, err := a.objects.Update(ctx, object, metav1.UpdateOptions{DryRun: []string{metav1.DryRunAll}})
	return err
}

// try says whether the object, with its status, could be stored, and read.
func (a *admission) try(ctx context.Context, object *unstructured.Unstructured) error {
	accepted, err := a.create(ctx, object)
	if err != nil {
		return err
	}
	if a.status {
		withStatus := a.stored.DeepCopy()
		withStatus.Object["status"] = object.Object["status"]
		updated, err := a.objects.UpdateStatus(ctx, withStatus, metav1.UpdateOptions{DryRun: []string{metav1.DryRunAll}})
		if err != nil {
			return err
		}
		accepted.Object["status"] = updated.Object["status"]
	}
	// An object that Go cannot read would stop every list and watch of its kind.
	data, err := accepted.MarshalJSON()
	if err != nil {
		return err
	}
	return a.decode(data)
}

// judge asks for what a rule is about: mostly whether an object may come into being.
func (a *admission) judge(ctx context.Context, r rule, object *unstructured.Unstructured) error {
	if r.onUpdate {
		return a.update(ctx, object)
	}
	return a.try(ctx, object)
}

// selectors returns all label selectors of a spec.
func selectors(spec *v1alpha1.ControlPolicySpec) []*metav1.LabelSelector {
	all := []*metav1.LabelSelector{&spec.Scope.NamespaceSelector}
	for _, control := range spec.Controls {
		if control.NetworkIsolation == nil {
			continue
		}
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
	for _, r := range api.rules() {
		t.Run(r.field+": "+r.message, func(t *testing.T) {
			for _, changes := range r.accept {
				if err := api.judge(t.Context(), r, edited(t, api.full(t), changes)); err != nil {
					t.Errorf("%v is refused: %v", changes, err)
				}
			}
			for _, changes := range r.refuse {
				err := api.judge(t.Context(), r, edited(t, api.full(t), changes))
				if diff := cmp.Diff([]string{refusedAt(r)}, refusals(err, r)); diff != "" {
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
// message is not the rule's.
func refusals(err error, r rule) []string {
	var fields []string
	for _, cause := range causes(err) {
		if r.also != "" && strings.Contains(cause.Message, r.also) {
			continue
		}
		if !strings.Contains(cause.Message, r.message) {
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
	for _, n := range schemaNodes(t, api.kind) {
		base := edited(t, n.base, api.lenient)
		for _, b := range bounds(n) {
			t.Run(b.name, func(t *testing.T) {
				for _, changes := range b.accept {
					if err := api.try(t.Context(), edited(t, base, changes)); err != nil {
						t.Errorf("%v is refused: %v", changes, err)
					}
				}
				err := api.try(t.Context(), edited(t, base, b.refuse))
				if !slices.ContainsFunc(causes(err), func(cause metav1.StatusCause) bool {
					return slices.Equal(tokens(cause.Field), tokens(b.field)) && cause.Type == b.cause
				}) {
					t.Errorf("%v: want a refusal of %s with %s, got: %v", b.refuse, b.field, b.cause, err)
				}
			})
		}
	}
}

func testDefaults(t *testing.T, client dynamic.Interface) {
	control := func() map[string]any {
		return map[string]any{"id": "NET-1", "networkIsolation": map[string]any{"defaultDeny": []any{"Ingress"}}}
	}
	defaulted := control()
	defaulted["priority"] = "Medium"
	defaulted["networkIsolation"] = map[string]any{"defaultDeny": []any{"Ingress"}, "openRules": "Forbid", "exposure": "Record"}
	year := map[string]any{"rolling": "8760h"}
	cases := map[string]struct {
		kind       string
		spec, want map[string]any
	}{
		"a policy": {
			kind: "controlpolicy",
			spec: map[string]any{"scope": map[string]any{"namespaceSelector": map[string]any{}}, "controls": []any{control()}},
			want: map[string]any{"mode": "Observe", "controls": []any{defaulted}, "scope": map[string]any{
				"namespaceSelector": map[string]any{},
				"builtinExclusions": []any{"kube-system", "kube-public", "kube-node-lease", "holdfast-system"}, "cluster": "Excluded",
			}},
		},
		"a schedule": {
			kind: "evidenceschedule",
			spec: map[string]any{"schedule": "0 * * * *", "period": year, "exports": []any{map[string]any{"name": "n", "formats": []any{"HTML"}}}},
			want: map[string]any{"schedule": "0 * * * *", "period": year, "policySelector": map[string]any{}, "timeZone": "Etc/UTC",
				"startingDeadline": "10m", "recordsHistoryLimit": int64(24),
				"exports": []any{map[string]any{"name": "n", "formats": []any{"HTML"}, "when": "PeriodEnd"}}},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			k := kinds()[slices.IndexFunc(kinds(), func(k kind) bool { return k.singular == tc.kind })]
			object := edited(t, k.full(t), edits{"spec": tc.spec, "metadata.name": "small"})
			created, err := client.Resource(v1alpha1.GroupVersion.WithResource(k.plural)).
				Create(t.Context(), object, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
			if err != nil {
				t.Fatalf("create one with the required fields only: %v", err)
			}
			if diff := cmp.Diff(tc.want, created.Object["spec"]); diff != "" {
				t.Errorf("defaulted spec (-want +got):\n%s", diff)
			}
		})
	}
}
