package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/policyfile"
	"github.com/holdfast-dev/holdfast/test/controlplane"
)

// environment is a real API server, with an admin's client.
type environment struct {
	*controlplane.ControlPlane
	client.Client
	kubeconfig string
}

// TestCluster runs the commands that need a cluster, on one API server: each
// subtest begins without policies.
func TestCluster(t *testing.T) {
	cp, err := controlplane.Start(t.Context(), controlplane.Options{NoControllerManager: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cp.Stop(); err != nil {
			t.Error(err)
		}
	})
	e := &environment{ControlPlane: cp, kubeconfig: cp.Kubeconfig()}
	t.Run("not installed", e.notInstalled)
	if err := controlplane.InstallCRDs(t.Context(), cp.RESTConfig(), filepath.Join("..", "..", "config", "crd", "bases")); err != nil {
		t.Fatal(err)
	}
	to := newConnection()
	to.rules.ExplicitPath = e.kubeconfig
	admin, err := to.open()
	if err != nil {
		t.Fatal(err)
	}
	e.Client = admin.Client
	e.apply(t, "scene.yaml")
	for i := range 12 {
		e.create(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("team-%d", i), Labels: map[string]string{"tier": "team"}}})
	}
	for name, test := range map[string]func(*testing.T){
		"status": e.status, "status in JSON": e.statusJSON, "status without rights": e.statusWithoutRights,
		"explain": e.explain, "explain one": e.explainOne, "explain what is not judged": e.explainNotJudged,
		"explain without rights": e.explainWithoutRights, "explain nothing": e.explainNothing,
		"diff": e.diff, "diff comes true": e.diffComesTrue, "diff of two documents": e.diffTwo, "diff as enforced": e.diffEnforced,
		"diff of an edit": e.diffEdit, "diff without rights": e.diffWithoutRights, "diff refuses": e.diffRefuses,
		"reperform": e.reperform, "reperform refuses": e.reperformRefuses,
		"completion": e.completion,
	} {
		t.Run(name, func(t *testing.T) {
			err := errors.Join(e.DeleteAllOf(t.Context(), &v1alpha1.ControlPolicy{}),
				e.DeleteAllOf(t.Context(), &eventsv1.Event{}, client.InNamespace(metav1.NamespaceDefault)))
			if err != nil {
				t.Fatal(err)
			}
			test(t)
		})
	}
}

// run runs a command as the admin.
func (e *environment) run(t *testing.T, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	return holdfast(t, append(args, "--kubeconfig", e.kubeconfig)...)
}

// anonymous replaces what differs from run to run: the API server's address.
func (e *environment) anonymous(text string) string {
	return strings.ReplaceAll(text, e.RESTConfig().Host, "HOST")
}

// apply applies the objects of a file in testdata.
func (e *environment) apply(t *testing.T, file string) {
	t.Helper()
	content, err := os.Open(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := content.Close(); err != nil {
			t.Error(err)
		}
	}()
	documents, err := policyfile.Documents(content)
	if err != nil {
		t.Fatal(err)
	}
	for _, document := range documents {
		var object unstructured.Unstructured
		data, err := yaml.YAMLToJSON(document)
		if err != nil {
			t.Fatal(err)
		}
		if err := utiljson.Unmarshal(data, &object.Object); err != nil {
			t.Fatal(err)
		}
		e.create(t, &object)
	}
}

func (e *environment) create(t *testing.T, object client.Object) {
	t.Helper()
	if err := e.Create(t.Context(), object); err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatalf("create %T %s: %v", object, object.GetName(), err)
	}
}

// policy creates the policy of a file in testdata.
func (e *environment) policy(t *testing.T, file string) *v1alpha1.ControlPolicy {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	policy := &v1alpha1.ControlPolicy{}
	if err := yaml.UnmarshalStrict(content, policy); err != nil {
		t.Fatal(err)
	}
	if err := e.Create(t.Context(), policy); err != nil {
		t.Fatal(err)
	}
	return policy
}

// publish writes a policy's status, as the operator would: one open episode.
func (e *environment) publish(t *testing.T, policy *v1alpha1.ControlPolicy, since time.Time) {
	t.Helper()
	now := metav1.NewTime(since)
	policy.Status = v1alpha1.ControlPolicyStatus{
		ObservedGeneration: policy.Generation,
		Conditions: []metav1.Condition{
			{Type: "Conforming", Status: "False", Reason: "Deviating", Message: "1 open episode, 0 of them within tolerance", LastTransitionTime: now},
			{Type: "Enforced", Status: "False", Reason: "ObserveOnly", Message: "no control is in Enforce mode", LastTransitionTime: now},
			{Type: "EvidenceRecorded", Status: "True", Reason: "Recorded", Message: "every observation is durable in the ledger", LastTransitionTime: now},
		},
		Scope:    &v1alpha1.ScopeStatus{Total: 8, InScope: 3, Excluded: 1, NotSelected: 4},
		Controls: []v1alpha1.ControlStatus{{ID: "NET-1", Mode: "Observe", OperatingFrom: &now, Conforming: 2, Deviating: 1}},
		OpenEpisodes: &v1alpha1.OpenEpisodes{Total: 1, Longest: []v1alpha1.OpenEpisode{{Control: "NET-1", Subject: "Namespace shop", Since: now,
			Origin: "Drift", Rules: []string{"NP-01", "NP-05"}, Message: "Ingress is not denied by default. Open to anybody: every pod ingress."}}},
		Evidence: &v1alpha1.EvidenceStatus{LedgerID: strings.Repeat("ab", 16), Checkpoint: &v1alpha1.CheckpointStatus{Size: 42, RootHash: "x"}},
	}
	if err := e.Status().Update(t.Context(), policy); err != nil {
		t.Fatal(err)
	}
}

// event publishes an event about a policy and a namespace, as the operator would.
func (e *environment) event(t *testing.T, policy *v1alpha1.ControlPolicy, namespace, reason, note string, at time.Time) {
	t.Helper()
	e.create(t, &eventsv1.Event{
		ObjectMeta: metav1.ObjectMeta{GenerateName: policy.Name, Namespace: metav1.NamespaceDefault},
		EventTime:  metav1.NewMicroTime(at), ReportingController: "holdfast", ReportingInstance: "holdfast-0",
		Action: "Evaluate", Reason: reason, Type: corev1.EventTypeWarning, Note: note,
		Regarding: corev1.ObjectReference{Kind: "ControlPolicy", Name: policy.Name, APIVersion: v1alpha1.GroupVersion.String()},
		Related:   &corev1.ObjectReference{Kind: "Namespace", Name: namespace, APIVersion: "v1"},
	})
}

// as returns the arguments that make a command be another user's, who may do
// what the rules say.
func (e *environment) as(t *testing.T, user string, rules ...rbacv1.PolicyRule) []string {
	t.Helper()
	e.create(t, &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: user}, Rules: rules})
	e.create(t, &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: user},
		RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: user},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}}})
	e.awaitRights(t, user, rules)
	content, err := e.KubeconfigFor(user)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"--kubeconfig", path}
}

// awaitRights waits until a user may do what rules say: the API server goes by its
// own copy of roles and bindings.
func (e *environment) awaitRights(t *testing.T, user string, rules []rbacv1.PolicyRule) {
	t.Helper()
	for _, rule := range rules {
		review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{User: user, ResourceAttributes: &authorizationv1.ResourceAttributes{
			Verb: rule.Verbs[0], Group: rule.APIGroups[0], Resource: rule.Resources[0]}}}
		err := wait.PollUntilContextTimeout(t.Context(), 10*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
			err := e.Create(ctx, review)
			return review.Status.Allowed, err
		})
		if err != nil {
			t.Fatalf("await that %s may %s: %v (%s)", user, rule.String(), err, review.Status.Reason)
		}
	}
}

// reading is the permission to list resources of groups.
func reading(groups []string, resources ...string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{APIGroups: groups, Resources: resources, Verbs: []string{"get", "list", "watch"}}
}

func (e *environment) notInstalled(t *testing.T) {
	for _, args := range [][]string{{"status"}, {"explain", "NET-1"}, {"diff", "-f", "testdata/observe.yaml"}} {
		out, errs, status := e.run(t, args...)
		want := "Error: the cluster at HOST does not serve ControlPolicies (holdfast.dev/v1alpha1): Holdfast is not installed there; " +
			"install it with kubectl apply -k config, or name another cluster with --context\n"
		if got := e.anonymous(errs); status != statusFailed || out != "" || got != want {
			t.Errorf("%s: status %d, %q, want %d, %q", args[0], status, got, statusFailed, want)
		}
	}
}

func TestNoCluster(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	dir := t.TempDir()
	unreachable := filepath.Join(dir, "unreachable")
	content := "apiVersion: v1\nkind: Config\ncurrent-context: x\ncontexts: [{name: x, context: {cluster: x, user: x}}]\n" +
		"clusters: [{name: x, cluster: {server: 'https://127.0.0.1:1'}}]\nusers: [{name: x, user: {}}]\n"
	if err := os.WriteFile(unreachable, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		args []string
		want string
	}{
		"no such file":    {[]string{"status", "--kubeconfig", filepath.Join(dir, "none")}, "Error: read the kubeconfig: "},
		"no such context": {[]string{"status", "--kubeconfig", unreachable, "--context", "y"}, `context "y" does not exist`},
		"nobody answers": {[]string{"status", "--kubeconfig", unreachable},
			"Error: the cluster at https://127.0.0.1:1 cannot be reached: dial tcp 127.0.0.1:1: connect: connection refused; is it the right --context?\n"},
		"nothing configured": {[]string{"status"}, "Error: no cluster is configured: name a kubeconfig file with --kubeconfig or in KUBECONFIG\n"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Setenv("KUBECONFIG", filepath.Join(dir, "empty"))
			out, errs, status := holdfast(t, c.args...)
			if status != statusFailed || out != "" || !strings.Contains(errs, c.want) {
				t.Errorf("status %d, %q, want %d, %q", status, errs, statusFailed, c.want)
			}
		})
	}
}
