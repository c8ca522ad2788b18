package enforce

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/holdfast-dev/holdfast/internal/control"
)

const deniedSpec = `{"podSelector":{},"policyTypes":["Ingress"]}`

// TestApply runs on a real API server: all of this is decided there.
func TestApply(t *testing.T) {
	env := newEnvironment(t)
	t.Run("reverts drift", func(t *testing.T) { testRevertsDrift(t, env) })
	t.Run("applies again", func(t *testing.T) { testAppliesAgain(t, env) })
	t.Run("leaves what others created", func(t *testing.T) { testLeavesForeign(t, env) })
	t.Run("creates once", func(t *testing.T) { testCreatesOnce(t, env) })
	t.Run("tells failures apart", func(t *testing.T) { testFailures(t, env) })
	t.Run("is forbidden", func(t *testing.T) { testForbidden(t, env) })
	t.Run("is throttled", func(t *testing.T) { testThrottled(t, env) })
	t.Run("reads back", func(t *testing.T) { testReadsBack(t, env) })
	t.Run("finds out what became of a lost answer", func(t *testing.T) { testLostAnswer(t, env) })
}

func testRevertsDrift(t *testing.T, env environment) {
	applier := env.applier(t, env.RESTConfig())
	change := env.namespace(t, "drift")
	uid := mustApply(t, applier, change, "").Object.UID
	for name, drift := range map[string]string{
		"an ingress rule":      `{"spec":{"ingress":[{}]}}`,
		"an egress rule":       `{"spec":{"egress":[{}]}}`,
		"both":                 `{"spec":{"ingress":[{}],"egress":[{}],"policyTypes":["Ingress","Egress"]}}`,
		"a pod selector":       `{"spec":{"podSelector":{"matchLabels":{"app":"web"}}}}`,
		"a pod expression":     `{"spec":{"podSelector":{"matchExpressions":[{"key":"app","operator":"Exists"}]}}}`,
		"another policy type":  `{"spec":{"policyTypes":["Egress"]}}`,
		"a second policy type": `{"spec":{"policyTypes":["Ingress","Egress"]}}`,
	} {
		t.Run(name, func(t *testing.T) {
			drifted, err := env.admin.NetworkingV1().NetworkPolicies(change.Namespace).Patch(t.Context(), change.Name,
				types.MergePatchType, []byte(drift), metav1.PatchOptions{FieldManager: "somebody"})
			if err != nil {
				t.Fatal(err)
			}
			result := mustApply(t, applier, change, uid)
			live := env.get(t, change)
			if got := specJSON(t, live); got != deniedSpec {
				t.Errorf("spec %s, want %s", got, deniedSpec)
			}
			want := control.Identity{UID: uid, ResourceVersion: live.ResourceVersion, Generation: drifted.Generation + 1}
			if result.Object != want {
				t.Errorf("result %+v, want %+v", result.Object, want)
			}
		})
	}
}

// testAppliesAgain: applying what is there already changes nothing that is wanted.
// It is a write nevertheless, so nothing may be applied that did not deviate.
func testAppliesAgain(t *testing.T, env environment) {
	applier := env.applier(t, env.RESTConfig())
	change := env.namespace(t, "again")
	first := mustApply(t, applier, change, "").Object
	second := mustApply(t, applier, change, first.UID).Object
	if want := first.Generation + 1; second.UID != first.UID || second.Generation != want {
		t.Errorf("applied again: %+v, want the same object with generation %d", second, want)
	}
	if got := specJSON(t, env.get(t, change)); got != deniedSpec {
		t.Errorf("spec %s, want %s", got, deniedSpec)
	}
}

// testLeavesForeign: what somebody created since the object was observed is not
// overwritten, neither where it was absent nor where it was another object.
func testLeavesForeign(t *testing.T, env environment) {
	applier := env.applier(t, env.RESTConfig())

	t.Run("created since", func(t *testing.T) {
		change := env.namespace(t, "foreign-created")
		env.create(t, change, allowAll())
		before := env.get(t, change).ResourceVersion
		_, err := applier.Apply(t.Context(), change, "")
		wantFailure(t, err, FailureConflict)
		if after := env.get(t, change).ResourceVersion; after != before {
			t.Errorf("resourceVersion %s, want the foreign object's %s", after, before)
		}
	})
	t.Run("created anew since", func(t *testing.T) {
		change := env.namespace(t, "foreign-recreated")
		uid := mustApply(t, applier, change, "").Object.UID
		env.delete(t, change)
		env.create(t, change, allowAll())
		before := env.get(t, change).ResourceVersion
		_, err := applier.Apply(t.Context(), change, uid)
		wantFailure(t, err, FailureConflict)
		if after := env.get(t, change).ResourceVersion; after != before {
			t.Errorf("resourceVersion %s, want the foreign object's %s", after, before)
		}
	})
	t.Run("deleted since", func(t *testing.T) {
		change := env.namespace(t, "foreign-deleted")
		uid := mustApply(t, applier, change, "").Object.UID
		env.delete(t, change)
		_, err := applier.Apply(t.Context(), change, uid)
		wantFailure(t, err, FailureConflict)
		if live := env.get(t, change); live != nil {
			t.Errorf("created with %s", specJSON(t, live))
		}
	})
}

// testCreatesOnce: of several that apply what none of them saw, one creates it.
func testCreatesOnce(t *testing.T, env environment) {
	applier := env.applier(t, env.RESTConfig())
	change := env.namespace(t, "race")
	var group sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		group.Go(func() { _, errs[i] = applier.Apply(t.Context(), change, "") })
	}
	group.Wait()
	created := 0
	for _, err := range errs {
		if err == nil {
			created++
			continue
		}
		wantFailure(t, err, FailureConflict)
	}
	if created != 1 {
		t.Errorf("%d created it, want 1", created)
	}
	if generation := env.get(t, change).Generation; generation != 1 {
		t.Errorf("generation %d, want 1", generation)
	}
}

func testFailures(t *testing.T, env environment) {
	applier := env.applier(t, env.RESTConfig())
	terminating := env.namespace(t, "terminating")
	env.terminate(t, "terminating")
	rejected := env.namespace(t, "rejected")
	rejected.Spec["policyTypes"] = []any{"Sideways"}
	notServed := denyIngress("rejected")
	notServed.Kind = "NetworkPledge"
	cases := map[string]struct {
		change control.Change
		want   Failure
	}{
		"a terminating namespace": {change: terminating, want: FailureNamespaceTerminating},
		"no such namespace":       {change: denyIngress("nowhere"), want: FailureNamespaceTerminating},
		"an invalid value":        {change: rejected, want: FailureRejected},
		"a kind that is unknown":  {change: notServed, want: FailureNotServed},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := applier.Apply(t.Context(), tc.change, "")
			failed := wantFailure(t, err, tc.want)
			if strings.Contains(failed.Message, "User") || failed.Err == nil {
				t.Errorf("message %q, cause %v", failed.Message, failed.Err)
			}
		})
	}
}

func testForbidden(t *testing.T, env environment) {
	change := env.namespace(t, "forbidden")
	cfg, err := env.RESTConfigForUser("nobody@example.com")
	if err != nil {
		t.Fatal(err)
	}
	applier := env.applier(t, cfg)
	forbidden := func(t *testing.T) {
		t.Helper()
		_, err := applier.Apply(t.Context(), change, "")
		failed := wantFailure(t, err, FailureForbidden)
		const want = "create and patch networkpolicies.networking.k8s.io in namespace forbidden is needed"
		if !strings.Contains(failed.Message, want) || strings.Contains(failed.Message, "example.com") {
			t.Errorf("message %q, want it to say %q and to name no user", failed.Message, want)
		}
		const remedy = "set the chart's value enforce.networkIsolation=true, which grants create and patch of networkpolicies.networking.k8s.io," +
			" or look for an admission rule against it"
		if failed.Remedy != remedy {
			t.Errorf("remedy %q, want %q", failed.Remedy, remedy)
		}
	}
	t.Run("without any permission", forbidden)

	role := &rbacv1.Role{
		ObjectMeta: metav1.ObjectMeta{Name: "patch-only", Namespace: change.Namespace},
		Rules: []rbacv1.PolicyRule{{
			APIGroups: []string{"networking.k8s.io"}, Resources: []string{"networkpolicies"}, Verbs: []string{"patch"},
		}},
	}
	env.grant(t, role, "nobody@example.com")
	t.Run("allowed to patch, not to create", forbidden)

	env.create(t, change, allowAll())
	uid := string(env.get(t, change).UID)
	eventually(t, func() bool {
		_, err := applier.Apply(t.Context(), change, uid)
		return err == nil
	})
}

// testThrottled: the worker is not held up for as long as the API server asks.
func testThrottled(t *testing.T, env environment) {
	change := env.namespace(t, "throttled")
	var requests atomic.Int32
	cfg := env.RESTConfig()
	cfg.Wrap(func(http.RoundTripper) http.RoundTripper {
		return roundTripperFn(func(*http.Request) (*http.Response, error) {
			requests.Add(1)
			return &http.Response{
				StatusCode: http.StatusTooManyRequests,
				Header:     http.Header{"Retry-After": {"7"}},
				Body:       io.NopCloser(strings.NewReader("busy")),
			}, nil
		})
	})
	_, err := env.applier(t, cfg).Apply(t.Context(), change, "")
	failed := wantFailure(t, err, FailureThrottled)
	if failed.RetryAfter != 7*time.Second || requests.Load() != 1 {
		t.Errorf("retry after %s, %d requests; want 7s and 1", failed.RetryAfter, requests.Load())
	}
}

// testReadsBack: an admission plugin that changes what was applied shows.
func testReadsBack(t *testing.T, env environment) {
	change := env.namespace(t, "mutated")
	policy := &admissionregistrationv1.MutatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: "open-egress"},
		Spec: admissionregistrationv1.MutatingAdmissionPolicySpec{
			FailurePolicy:      new(admissionregistrationv1.Fail),
			ReinvocationPolicy: admissionregistrationv1.NeverReinvocationPolicy,
			MatchConstraints: &admissionregistrationv1.MatchResources{
				NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": "mutated"}},
				ResourceRules: []admissionregistrationv1.NamedRuleWithOperations{{
					RuleWithOperations: admissionregistrationv1.RuleWithOperations{
						Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.OperationAll},
						Rule: admissionregistrationv1.Rule{
							APIGroups: []string{"networking.k8s.io"}, APIVersions: []string{"v1"}, Resources: []string{"networkpolicies"},
						},
					},
				}},
			},
			Mutations: []admissionregistrationv1.Mutation{{
				PatchType: admissionregistrationv1.PatchTypeJSONPatch,
				JSONPatch: &admissionregistrationv1.JSONPatch{
					Expression: `[JSONPatch{op: "add", path: "/spec/policyTypes/-", value: "Egress"}]`,
				},
			}},
		},
	}
	binding := &admissionregistrationv1.MutatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "open-egress"},
		Spec:       admissionregistrationv1.MutatingAdmissionPolicyBindingSpec{PolicyName: "open-egress"},
	}
	admission := env.admin.AdmissionregistrationV1()
	if _, err := admission.MutatingAdmissionPolicies().Create(t.Context(), policy, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := admission.MutatingAdmissionPolicyBindings().Create(t.Context(), binding, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	applier := env.applier(t, env.RESTConfig())
	var result Result
	eventually(t, func() bool {
		uid := ""
		if live := env.get(t, change); live != nil {
			uid = string(live.UID)
		}
		var err error
		if result, err = applier.Apply(t.Context(), change, uid); err != nil {
			t.Fatal(err)
		}
		return result.Differs != ""
	})
	if want := "spec.policyTypes: 2 items, wanted 1"; result.Differs != want {
		t.Errorf("differs %q, want %q", result.Differs, want)
	}
}

// eventually waits until a condition holds that an API server's own caches delay.
func eventually(t *testing.T, condition func() bool) {
	t.Helper()
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatal("the condition did not come to hold within a minute")
		}
	}
}

func closed(t *testing.T, c io.Closer) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// BenchmarkApply reverts one drift per iteration; making the drift is not timed.
func BenchmarkApply(b *testing.B) {
	env := newEnvironment(b)
	applier := env.applier(b, env.RESTConfig())
	change := env.namespace(b, "bench")
	uid := mustApply(b, applier, change, "").Object.UID
	drift := []byte(`{"spec":{"ingress":[{}]}}`)
	var took []time.Duration
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		if _, err := env.admin.NetworkingV1().NetworkPolicies(change.Namespace).
			Patch(b.Context(), change.Name, types.MergePatchType, drift, metav1.PatchOptions{}); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		begin := time.Now()
		mustApply(b, applier, change, uid)
		took = append(took, time.Since(begin))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
}
