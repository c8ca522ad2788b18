package enforce

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/holdfast-dev/holdfast/internal/control"
)

const defaultClass = "storageclass.kubernetes.io/is-default-class"

// TestOtherKinds runs on a real API server: what is repaired of objects that are no
// NetworkPolicies.
func TestOtherKinds(t *testing.T) {
	env := newEnvironment(t)
	t.Run("guards", func(t *testing.T) { testGuards(t, env) })
	t.Run("fields without a spec", func(t *testing.T) { testFields(t, env) })
	t.Run("somebody else's objects", func(t *testing.T) { testTakesOver(t, env) })
	t.Run("are shown", func(t *testing.T) { testShowsOtherKinds(t, env) })
}

// guard is an admission policy that refuses nothing.
func guard(name string) control.Change {
	return control.Change{APIVersion: "admissionregistration.k8s.io/v1", Kind: "ValidatingAdmissionPolicy", Name: name, Spec: map[string]any{
		"failurePolicy": "Fail",
		"matchConstraints": map[string]any{
			"matchPolicy": "Equivalent", "namespaceSelector": map[string]any{}, "objectSelector": map[string]any{},
			"resourceRules": []any{map[string]any{"apiGroups": []any{"storage.k8s.io"}, "apiVersions": []any{"v1"},
				"operations": []any{"CREATE"}, "resources": []any{"storageclasses"}, "scope": "*"}},
		},
		"matchConditions": []any{map[string]any{"name": "ours", "expression": "true"}},
		"validations":     []any{map[string]any{"expression": "true", "message": "never"}},
	}}
}

// testGuards: whatever somebody adds to a guard, the next repair takes it away; what
// somebody puts in its stead is left alone.
func testGuards(t *testing.T, env environment) {
	applier, change := env.applier(t, env.RESTConfig()), guard("holdfast-guard-a")
	uid := mustApply(t, applier, change, "").Object.UID
	policies := env.admin.AdmissionregistrationV1().ValidatingAdmissionPolicies()
	for name, drift := range map[string]string{
		"a field of ours":        `{"spec":{"failurePolicy":"Ignore"}}`,
		"a condition beside":     `{"spec":{"matchConditions":[{"name":"ours","expression":"true"},{"name":"never","expression":"false"}]}}`,
		"a variable beside":      `{"spec":{"variables":[{"name":"x","expression":"1"}]}}`,
		"an operation beside":    `{"spec":{"matchConstraints":{"resourceRules":[{"apiGroups":["*"],"apiVersions":["*"],"operations":["*"],"resources":["*"]}]}}}`,
		"an annotation for more": `{"spec":{"auditAnnotations":[{"key":"a","valueExpression":"'b'"}]}}`,
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := policies.Patch(t.Context(), change.Name, types.MergePatchType, []byte(drift), metav1.PatchOptions{FieldManager: "somebody"}); err != nil {
				t.Fatal(err)
			}
			result := mustApply(t, applier, change, uid)
			live, err := policies.Get(t.Context(), change.Name, metav1.GetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if len(live.Spec.MatchConditions) != 1 || len(live.Spec.Variables)+len(live.Spec.AuditAnnotations) > 0 || *live.Spec.FailurePolicy != "Fail" {
				t.Errorf("got %+v", live.Spec)
			}
			if result.Object.UID != uid || result.Object.ResourceVersion != live.ResourceVersion || len(result.Taken) > 0 {
				t.Errorf("result %+v", result)
			}
		})
	}
	t.Run("created anew since", func(t *testing.T) {
		if err := policies.Delete(t.Context(), change.Name, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		other := &admissionregistrationv1.ValidatingAdmissionPolicy{ObjectMeta: metav1.ObjectMeta{Name: change.Name}}
		other.Spec.Validations = []admissionregistrationv1.Validation{{Expression: "1 == 1"}}
		other.Spec.MatchConstraints = &admissionregistrationv1.MatchResources{ResourceRules: []admissionregistrationv1.NamedRuleWithOperations{{RuleWithOperations: admissionregistrationv1.RuleWithOperations{
			Operations: []admissionregistrationv1.OperationType{"CREATE"}, Rule: admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}}}}}}
		if _, err := policies.Create(t.Context(), other, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		_, err := applier.Apply(t.Context(), change, uid)
		wantFailure(t, err, FailureConflict)
		live, err := policies.Get(t.Context(), change.Name, metav1.GetOptions{})
		if err != nil || live.Spec.Validations[0].Expression != "1 == 1" {
			t.Errorf("got %+v, %v", live.Spec, err)
		}
	})
}

func class(name string) control.Change {
	return control.Change{APIVersion: "storage.k8s.io/v1", Kind: "StorageClass", Name: name, Fields: map[string]any{
		"provisioner": "ebs.csi.aws.com", "parameters": map[string]any{"encrypted": "true"}, "reclaimPolicy": "Delete", "allowVolumeExpansion": true,
	}}
}

// testFields: an object is as wanted where each field that is named is, whatever else
// it has.
func testFields(t *testing.T, env environment) {
	applier, change := env.applier(t, env.RESTConfig()), class("made")
	uid := mustApply(t, applier, change, "").Object.UID
	again, err := applier.Read(t.Context(), change, uid)
	if err != nil || again.Differs != "" || again.Object.UID != uid {
		t.Errorf("read %+v, %v", again, err)
	}
	other := change
	other.Fields = map[string]any{"allowVolumeExpansion": false}
	differs, err := applier.Read(t.Context(), other, uid)
	if err != nil || differs.Differs != "allowVolumeExpansion: not the wanted value" {
		t.Errorf("read %+v, %v", differs, err)
	}
	other.Name = "nowhere"
	absent, err := applier.Read(t.Context(), other, "")
	if err != nil || absent.Object.UID != "" || absent.Differs == "" {
		t.Errorf("read %+v, %v", absent, err)
	}
}

// testTakesOver: fields of somebody else's object are taken over, with what they were,
// and nothing else of it; and no such object is ever made.
func testTakesOver(t *testing.T, env environment) {
	applier := env.applier(t, env.RESTConfig())
	classes := env.admin.StorageV1().StorageClasses()
	created, err := classes.Create(t.Context(), &storagev1.StorageClass{Provisioner: "ebs.csi.aws.com", Parameters: map[string]string{"type": "gp3"},
		ObjectMeta: metav1.ObjectMeta{Name: "theirs", Annotations: map[string]string{defaultClass: "false", "example.com/note": "kept"}}}, metav1.CreateOptions{FieldManager: "somebody"})
	if err != nil {
		t.Fatal(err)
	}
	mark := control.Change{APIVersion: "storage.k8s.io/v1", Kind: "StorageClass", Name: "theirs", Foreign: true,
		Annotations: map[string]string{defaultClass: "true", "holdfast.dev/why": "stated"}}
	want := []Taken{{"metadata.annotations.holdfast.dev/why", ""}, {"metadata.annotations." + defaultClass, `"false"`}}
	result := mustApply(t, applier, mark, string(created.UID))
	if diff := cmp.Diff(want, result.Taken); diff != "" {
		t.Errorf("taken (-want +got):\n%s", diff)
	}
	live, err := classes.Get(t.Context(), "theirs", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if live.Annotations[defaultClass] != "true" || live.Annotations["example.com/note"] != "kept" || live.Parameters["type"] != "gp3" {
		t.Errorf("got %+v, %v", live.Annotations, live.Parameters)
	}
	if slices.ContainsFunc(live.ManagedFields, func(f metav1.ManagedFieldsEntry) bool { return f.Manager == FieldManager }) {
		t.Error("it is taken for one of Holdfast's own")
	}

	// An object of Holdfast's own keeps its fields when a mark is applied to it.
	own := class("ours")
	uid := mustApply(t, applier, own, "").Object.UID
	mark.Name = "ours"
	mustApply(t, applier, mark, uid)
	if again, err := applier.Read(t.Context(), own, uid); err != nil || again.Differs != "" {
		t.Errorf("its own fields: %+v, %v", again, err)
	}

	for name, uid := range map[string]string{"never there": "", "gone since": "11111111-2222-3333-4444-555555555555"} {
		t.Run(name, func(t *testing.T) {
			mark.Name = "nowhere"
			_, err := applier.Apply(t.Context(), mark, uid)
			wantFailure(t, err, FailureConflict)
			if _, err := classes.Get(t.Context(), "nowhere", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
				t.Errorf("it was made, or: %v", err)
			}
		})
	}
}

// testShowsOtherKinds: a dry run shows of an object what a change is about.
func testShowsOtherKinds(t *testing.T, env environment) {
	applier := env.applier(t, env.RESTConfig())
	made, err := applier.DryRun(t.Context(), class("shown"), "")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"provisioner": "ebs.csi.aws.com", "parameters": map[string]any{"encrypted": "true"}, "reclaimPolicy": "Delete", "allowVolumeExpansion": true}
	if diff := cmp.Diff(want, made.After); diff != "" || made.Before != nil {
		t.Errorf("before %v (-want +got):\n%s", made.Before, diff)
	}
	uid := mustApply(t, applier, class("shown"), "").Object.UID
	mark := control.Change{APIVersion: "storage.k8s.io/v1", Kind: "StorageClass", Name: "shown", Foreign: true, Annotations: map[string]string{defaultClass: "true"}}
	marked, err := applier.DryRun(t.Context(), mark, uid)
	if err != nil {
		t.Fatal(err)
	}
	want = map[string]any{"metadata": map[string]any{"annotations": map[string]any{defaultClass: "true"}}}
	if diff := cmp.Diff(want, marked.After); diff != "" || len(marked.Before) > 0 {
		t.Errorf("before %v (-want +got):\n%s", marked.Before, diff)
	}

	change := guard("holdfast-guard-shown")
	uid = mustApply(t, applier, change, "").Object.UID
	drift := `{"spec":{"matchConditions":[{"name":"ours","expression":"true"},{"name":"never","expression":"false"}]}}`
	if _, err := env.admin.AdmissionregistrationV1().ValidatingAdmissionPolicies().Patch(t.Context(), change.Name, types.MergePatchType,
		[]byte(drift), metav1.PatchOptions{FieldManager: "somebody"}); err != nil {
		t.Fatal(err)
	}
	repaired, err := applier.DryRun(t.Context(), change, uid)
	if err != nil || repaired.Differs != "" || len(repaired.Before["matchConditions"].([]any)) != 2 || len(repaired.After["matchConditions"].([]any)) != 1 {
		t.Errorf("got %+v, %v", repaired, err)
	}
}

// TestChangesOfOneSubject are due where a rule of theirs fails on that subject.
func TestChangesOfOneSubject(t *testing.T) {
	shop, api := control.Subject{Kind: "Ingress", Name: "shop"}, control.Subject{Kind: "Ingress", Name: "api"}
	change := func(name string, subject *control.Subject) control.Change {
		return control.Change{Kind: "Ingress", Name: name, Foreign: true, Rules: []string{"TR-03"}, Subject: subject,
			Annotations: map[string]string{"redirect": "true"}}
	}
	wish := Wish{Source: Source{"p", "c"}, Failing: []string{"TR-01", "TR-03"},
		FailingOn: map[control.Subject][]string{shop: {"TR-03"}, api: {"TR-01"}},
		Changes:   []control.Change{change("shop", &shop), change("api", &api), change("any", nil)}}
	var got []string
	for _, c := range Merge([]Wish{wish}).Changes {
		got = append(got, c.Name)
	}
	if diff := cmp.Diff([]string{"any", "shop"}, got); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}

// TestEqualChangesOfOtherKindsAreOne, and different ones are a conflict.
func TestEqualChangesOfOtherKindsAreOne(t *testing.T) {
	wish := func(policy, value string, fields map[string]any) Wish {
		return Wish{Source: Source{policy, "c"}, Failing: []string{"ER-02"}, Changes: []control.Change{{Kind: "StorageClass", Name: "fast",
			Foreign: true, Rules: []string{"ER-02"}, Effect: control.Restricts, Annotations: map[string]string{defaultClass: value}, Fields: fields}}}
	}
	cases := map[string]struct {
		other                       Wish
		wantWantedBy, wantConflicts int
	}{
		"equal":              {wish("q", "true", nil), 2, 0},
		"another annotation": {wish("q", "false", nil), 1, 1},
		"another field, too": {wish("q", "true", map[string]any{"allowVolumeExpansion": true}), 1, 1},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			plan := Merge([]Wish{wish("p", "true", nil), tc.other})
			if len(plan.Changes) != 1 || len(plan.Changes[0].WantedBy) != tc.wantWantedBy || len(plan.Conflicts) != tc.wantConflicts {
				t.Errorf("got %+v", plan)
			}
		})
	}
}
