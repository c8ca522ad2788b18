package permissions_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// What a refusal says.
const (
	notYoursToConfirm = "confirms a rollout, which takes the verb approve on controlpolicies: ask somebody with the role holdfast-approver"
	notYoursToChange  = "and change nothing else: ask somebody with the role holdfast-policy-admin"
	onlyDryRuns       = "the service account everything-system/holdfast-prober tries what admission refuses, in dry runs only: use another account"
	notYoursToState   = "are written by Holdfast's own service account, holdfast-system/holdfast, and by nobody else while the chart's value records.protect is true"
)

// testAdmission: what the chart's admission policies let through, and refuse.
func (s *suite) testAdmission(t *testing.T) {
	s.inForce(t)
	t.Run("approvals", s.testApprovals)
	t.Run("statements", s.testStatements)
	t.Run("the prober", s.testProber)
	t.Run("restore tests", s.testRestoreTests)
	t.Run("garbage collection", s.testGarbage)
}

// inForce waits until the admission policies are, and checks their types.
func (s *suite) inForce(t *testing.T) {
	admin := s.as(t, "")
	for _, name := range []string{"holdfast-approvals", "holdfast-records", "holdfast-prober", "everything-prober", "everything-restore-tests"} {
		eventually(t, func(ctx context.Context) error {
			policy := &admissionregistrationv1.ValidatingAdmissionPolicy{}
			if err := admin.Get(ctx, client.ObjectKey{Name: name}, policy); err != nil {
				return err
			}
			if policy.Status.TypeChecking == nil || policy.Status.ObservedGeneration != policy.Generation {
				return fmt.Errorf("the types of %s are not checked yet", name)
			}
			for _, warning := range policy.Status.TypeChecking.ExpressionWarnings {
				t.Errorf("%s: %s: %s", name, warning.FieldRef, warning.Warning)
			}
			return nil
		})
	}
	unwanted := map[string]client.Object{"approvals": s.policy(t, "probe", "1"), "records": s.record(t, "probe")}
	for name, object := range unwanted {
		as := s.as(t, map[string]string{"approvals": "policy-admin", "records": ""}[name])
		eventually(t, func(ctx context.Context) error {
			if err := as.Create(ctx, object, client.DryRunAll); !apierrors.IsForbidden(err) {
				return fmt.Errorf("the policy %s is not in force: %w", name, errors.Join(err, errors.New("not forbidden")))
			}
			return nil
		})
	}
}

// policy is a ControlPolicy; confirmed is its annotation, "" for none.
func (s *suite) policy(t *testing.T, name, confirmed string) *v1alpha1.ControlPolicy {
	policy := &v1alpha1.ControlPolicy{}
	read(t, filepath.Join(root, "config", "samples", "observe.yaml"), policy)
	policy.ObjectMeta = metav1.ObjectMeta{Name: name, Labels: map[string]string{"team": "platform"},
		Annotations: map[string]string{"note": "first", v1alpha1.AnnotationConfirmedGeneration: confirmed}}
	if confirmed == "" {
		delete(policy.Annotations, v1alpha1.AnnotationConfirmedGeneration)
	}
	return policy
}

// record is an EvidenceRecord.
func (s *suite) record(t *testing.T, name string) *v1alpha1.EvidenceRecord {
	record := &v1alpha1.EvidenceRecord{}
	read(t, filepath.Join(root, "api", "v1alpha1", "testdata", "evidencerecord.yaml"), record)
	record.ObjectMeta = named(name)
	return record
}

func read(t *testing.T, path string, into any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(data, into); err != nil {
		t.Fatal(err)
	}
}

// testApprovals: who states controls does not confirm, and the other way round.
func (s *suite) testApprovals(t *testing.T) {
	const key = v1alpha1.AnnotationConfirmedGeneration
	confirm := func(p *v1alpha1.ControlPolicy) { p.Annotations[key] = "1" }
	confirmAnew := func(p *v1alpha1.ControlPolicy) { p.Annotations[key] = "2" }
	withdraw := func(p *v1alpha1.ControlPolicy) { delete(p.Annotations, key) }
	respecify := func(p *v1alpha1.ControlPolicy) { p.Spec.Description = "another" }
	annotate := func(p *v1alpha1.ControlPolicy) { p.Annotations["note"] = "second" }
	strip := func(p *v1alpha1.ControlPolicy) { delete(p.Annotations, "note") }
	both := func(p *v1alpha1.ControlPolicy) { confirm(p); respecify(p) }
	const stater, approver, admin = "policy-admin", "approver", ""
	cases := map[string]struct {
		as     string
		was    string // the annotation before
		change func(*v1alpha1.ControlPolicy)
		want   string // what the refusal says
	}{
		"an approver confirms":                    {approver, "", confirm, ""},
		"an approver confirms anew":               {approver, "1", confirmAnew, ""},
		"an approver withdraws":                   {approver, "1", withdraw, ""},
		"an approver changes the spec":            {approver, "", respecify, notYoursToChange},
		"an approver confirms and changes":        {approver, "", both, notYoursToChange},
		"an approver changes another annotation":  {approver, "1", annotate, notYoursToChange},
		"an approver removes another annotation":  {approver, "1", strip, notYoursToChange},
		"an approver changes labels":              {approver, "", func(p *v1alpha1.ControlPolicy) { p.Labels["team"] = "other" }, notYoursToChange},
		"an approver adds a finalizer":            {approver, "", func(p *v1alpha1.ControlPolicy) { p.Finalizers = []string{"example.com/keep"} }, notYoursToChange},
		"a policy-admin changes the spec":         {stater, "", respecify, ""},
		"a policy-admin changes what is approved": {stater, "1", respecify, ""},
		"a policy-admin changes annotations":      {stater, "1", annotate, ""},
		"a policy-admin withdraws":                {stater, "1", withdraw, ""},
		"a policy-admin confirms":                 {stater, "", confirm, notYoursToConfirm},
		"a policy-admin confirms anew":            {stater, "1", confirmAnew, notYoursToConfirm},
		"a policy-admin confirms and changes":     {stater, "", both, notYoursToConfirm},
		"a cluster admin does both":               {admin, "", both, ""},
	}
	creator := s.as(t, "")
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			policy := s.policy(t, "p-"+strings.ReplaceAll(name, " ", "-"), tc.was)
			if err := creator.Create(t.Context(), policy); err != nil {
				t.Fatal(err)
			}
			before := policy.DeepCopy()
			tc.change(policy)
			wantRefusal(t, s.as(t, tc.as).Patch(t.Context(), policy, client.MergeFrom(before)), tc.want)
		})
	}
	t.Run("a policy-admin creates", func(t *testing.T) {
		wantRefusal(t, s.as(t, stater).Create(t.Context(), s.policy(t, "created", "")), "")
	})
	t.Run("a policy-admin creates what is confirmed", func(t *testing.T) {
		wantRefusal(t, s.as(t, stater).Create(t.Context(), s.policy(t, "confirmed", "1")), notYoursToConfirm)
	})
	t.Run("without annotations", func(t *testing.T) {
		policy := s.policy(t, "bare", "")
		policy.Annotations, policy.Labels = nil, nil
		if err := creator.Create(t.Context(), policy); err != nil {
			t.Fatal(err)
		}
		for user, want := range map[string]string{stater: notYoursToConfirm, approver: ""} {
			patch := client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"metadata":{"annotations":{%q:"1"}}}`, key))
			wantRefusal(t, s.as(t, user).Patch(t.Context(), policy.DeepCopy(), patch, client.DryRunAll), want)
		}
	})
}

// wantRefusal checks what became of a request. want is what the refusal says,
// "" for none.
func wantRefusal(t *testing.T, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("refused: %v", err)
	case want != "" && err == nil:
		t.Errorf("accepted, want a refusal that says %q", want)
	case want != "" && (!apierrors.IsForbidden(err) || !strings.Contains(err.Error(), want)):
		t.Errorf("%v, want a refusal that says %q", err, want)
	}
}

// testStatements: what Holdfast states, nobody else does.
func (s *suite) testStatements(t *testing.T) {
	holdfast, admin := s.as(t, operator("holdfast", byDefault)), s.as(t, "")
	policy := s.policy(t, "stated", "")
	if err := admin.Create(t.Context(), policy); err != nil {
		t.Fatal(err)
	}
	schedule := &v1alpha1.EvidenceSchedule{}
	read(t, filepath.Join(root, "config", "samples", "schedule.yaml"), schedule)
	if err := admin.Create(t.Context(), schedule); err != nil {
		t.Fatal(err)
	}
	status := client.RawPatch(types.MergePatchType, []byte(`{"status":{"observedGeneration":1}}`))
	requests := map[string]func(ctx context.Context, c client.Client) error{
		"create a record": func(ctx context.Context, c client.Client) error {
			return c.Create(ctx, s.record(t, "stated"), client.DryRunAll)
		},
		"the status of a policy": func(ctx context.Context, c client.Client) error {
			return c.Status().Patch(ctx, policy.DeepCopy(), status)
		},
		"the status of a schedule": func(ctx context.Context, c client.Client) error {
			return c.Status().Patch(ctx, schedule.DeepCopy(), status)
		},
	}
	for name, request := range requests {
		t.Run("Holdfast: "+name, func(t *testing.T) { wantRefusal(t, request(t.Context(), holdfast), "") })
		t.Run("a cluster admin: "+name, func(t *testing.T) { wantRefusal(t, request(t.Context(), admin), notYoursToState) })
	}
	t.Run("a cluster admin changes and deletes a record", func(t *testing.T) {
		record := s.record(t, "kept")
		if err := holdfast.Create(t.Context(), record); err != nil {
			t.Fatal(err)
		}
		label := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"labels":{"a":"b"}}}`))
		wantRefusal(t, admin.Patch(t.Context(), record, label), "")
		wantRefusal(t, admin.Delete(t.Context(), record), "")
	})
}

// testGarbage: the cluster's own controllers change and delete what they have to.
func (s *suite) testGarbage(t *testing.T) {
	holdfast, admin := s.as(t, operator("holdfast", byDefault)), s.as(t, "")
	owner := s.policy(t, "owner", "1")
	if err := admin.Create(t.Context(), owner); err != nil {
		t.Fatal(err)
	}
	ref := metav1.OwnerReference{APIVersion: v1alpha1.GroupVersion.String(), Kind: "ControlPolicy", Name: owner.Name, UID: owner.UID, BlockOwnerDeletion: new(true)}
	record := s.record(t, "owned")
	record.OwnerReferences = []metav1.OwnerReference{ref}
	if err := holdfast.Create(t.Context(), record); err != nil {
		t.Fatal(err)
	}
	orphan := s.policy(t, "orphan", "1")
	gone := ref
	gone.UID, gone.Name = "5c1e5a80-0000-4000-8000-000000000000", "gone"
	orphan.OwnerReferences = []metav1.OwnerReference{ref, gone} // the collector takes the one out that is gone
	if err := admin.Create(t.Context(), orphan); err != nil {
		t.Fatal(err)
	}
	eventually(t, func(ctx context.Context) error {
		got := &v1alpha1.ControlPolicy{}
		if err := admin.Get(ctx, client.ObjectKeyFromObject(orphan), got); err != nil {
			return err
		}
		if len(got.OwnerReferences) != 1 {
			return fmt.Errorf("owners %v", got.OwnerReferences)
		}
		return nil
	})
	if err := admin.Delete(t.Context(), owner, client.PropagationPolicy(metav1.DeletePropagationForeground)); err != nil {
		t.Fatal(err)
	}
	objects := map[string]client.Object{"owner": owner, "record": record, "orphan": orphan}
	eventually(t, func(ctx context.Context) error {
		left := maps.Clone(objects)
		maps.DeleteFunc(left, func(_ string, o client.Object) bool {
			return apierrors.IsNotFound(admin.Get(ctx, client.ObjectKeyFromObject(o), o.DeepCopyObject().(client.Object)))
		})
		if len(left) > 0 {
			return fmt.Errorf("%d objects are left", len(left))
		}
		return nil
	})
	// With its definition goes everything of a kind.
	if err := holdfast.Create(t.Context(), s.record(t, "last")); err != nil {
		t.Fatal(err)
	}
	s.kubectl(t, "delete", "crd", "evidencerecords.holdfast.dev", "--wait", "--timeout=5m")
}
