package preflight

import (
	"net/http"
	"strings"
	"testing"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/test/harness"
)

// obstacle is something in the operator's way.
type obstacle struct {
	// put puts it there, before the operator starts, and mend takes it away.
	put, mend func(*scene)
	// want is the sentence that says what to do.
	want []string
}

var obstacles = map[string]obstacle{
	"no CRDs": {
		put:  func(s *scene) { s.deleteCRDs() },
		mend: func(s *scene) { s.installCRDs() },
		want: []string{"the CustomResourceDefinition controlpolicies.holdfast.dev is not installed: ", "helm upgrade", "kubectl apply --server-side -k config/crd"},
	},
	"CRDs of an older release": {
		put: func(s *scene) {
			s.editCRD(func(spec *apiextensionsv1.JSONSchemaProps) {
				enforcement := spec.Properties["enforcement"]
				delete(enforcement.Properties, "rollout")
				enforcement.XValidations = nil
				spec.Properties["enforcement"] = enforcement
			})
		},
		mend: func(s *scene) { s.installCRDs() },
		want: []string{"controlpolicies.holdfast.dev is of an older release: it lacks spec.enforcement.rollout, which the API server would drop without a word: ", "helm upgrade"},
	},
	"an older API server": {
		put:  func(s *scene) { s.goThroughProxy("v1.31.9") },
		mend: func(s *scene) { s.version.Store("v1.32.0") },
		want: []string{"the API server is of Kubernetes v1.31.9, and Holdfast needs 1.32 or newer: upgrade the cluster"},
	},
	"an API server that is not there": {
		put:  func(s *scene) { s.goThroughProxy(""); s.refuses.Store(http.StatusServiceUnavailable) },
		mend: func(s *scene) { s.refuses.Store(0) },
		want: []string{"the API server at http://127.0.0.1:", "does not answer (", "check that it runs"},
	},
	"credentials that are not accepted": {
		put:  func(s *scene) { s.goThroughProxy(""); s.refuses.Store(http.StatusUnauthorized) },
		mend: func(s *scene) { s.refuses.Store(0) },
		want: []string{"does not accept the operator's credentials (", "check the pod's service account token, or the kubeconfig"},
	},
	"no right to read the policies": {
		put:  func(s *scene) { s.op.Rights.Revoke(s.t, "controlpolicies", "get", "list", "watch") },
		mend: func(s *scene) { s.op.Rights.Restore(s.t) },
		want: []string{"the operator may not list controlpolicies.holdfast.dev (", `User "system:serviceaccount:preflight-`, "bind the roles of this release"},
	},
	"no right to read the CRDs, and none there": {
		put: func(s *scene) {
			s.deleteCRDs()
			s.op.Rights.Revoke(s.t, "customresourcedefinitions", "get", "list", "watch")
		},
		mend: func(s *scene) { s.installCRDs(); s.op.Rights.Restore(s.t) },
		want: []string{"the API server does not serve controlpolicies.holdfast.dev: install those of this release"},
	},
	"no namespace of its own": {
		put:  func(s *scene) { s.op.Args = append(s.op.Args, "--namespace", "nowhere") },
		mend: func(s *scene) { s.Namespace(s.t, "nowhere"); s.grantIn("nowhere") },
		want: []string{"there is no namespace nowhere: create it, or have --namespace name the one that the operator runs in"},
	},
	"no right to its lease": {
		put: func(s *scene) {
			s.op.Args = append(s.op.Args, "--namespace", "elsewhere")
			s.Namespace(s.t, "elsewhere")
		},
		mend: func(s *scene) { s.grantIn("elsewhere") },
		want: []string{"the operator may not get the lease holdfast.dev in namespace elsewhere (", "bind the roles of this release"},
	},
	"no right to make its lease": {
		put:  func(s *scene) { s.op.Rights.Revoke(s.t, "leases", "create") },
		mend: func(s *scene) { s.op.Rights.Restore(s.t) },
		want: []string{"the operator may not create the lease holdfast.dev in namespace ", "bind the roles of this release"},
	},
	"no right to hold its lease": {
		put:  func(s *scene) { s.op.Rights.Revoke(s.t, "leases", "update") },
		mend: func(s *scene) { s.op.Rights.Restore(s.t) },
		want: []string{"the operator may not update the lease holdfast.dev in namespace ", "bind the roles of this release"},
	},
}

// TestPreflight starts one control plane for all that is tested here.
func TestPreflight(t *testing.T) {
	cluster := startCluster(t)
	for name, o := range obstacles {
		t.Run("with "+name, func(t *testing.T) { testObstacle(newScene(t, cluster), o) })
	}
	t.Run("with CRDs of a newer release", func(t *testing.T) { testNewerCRDs(newScene(t, cluster)) })
	t.Run("with a file in the place of the ledger's directory", func(t *testing.T) { testInTheWay(newScene(t, cluster)) })
	t.Run("with a volume that takes nothing more for a while", func(t *testing.T) { testUnwritable(newScene(t, cluster)) })
	t.Run("with no right to list namespaces", func(t *testing.T) { testNoCensus(newScene(t, cluster)) })
	t.Run("stopped before it could start", func(t *testing.T) { testStopped(newScene(t, cluster)) })
}

// testObstacle: the process stays up, says what to do, and goes on once that is done.
func testObstacle(s *scene, o obstacle) {
	o.put(s)
	launched := time.Now()
	s.op.Launch(s.t)
	harness.Eventually(s.t, "/readyz says what to do", func() error { return s.says(o.want...) })
	s.wantAlive()
	o.mend(s)
	s.awaitReady()
	s.wantLoggedOnceSince(launched)
	s.wantWork()
}

// wantLoggedOnceSince: what is in the way is logged when it comes to be, and once a
// minute, not at each attempt. To mend it may take two steps: a CRD is there before it
// is established.
func (s *scene) wantLoggedOnceSince(launched time.Time) {
	s.t.Helper()
	times, most := map[string]int{}, 1+int(time.Since(launched)/time.Minute)
	for line := range strings.Lines(s.op.Log()) {
		if strings.Contains(line, "Holdfast cannot start yet") {
			_, why, _ := strings.Cut(line, `"error":`)
			times[why]++
		}
	}
	for why, n := range times {
		if n > most {
			s.t.Errorf("it is logged %d times, want %d at most: %s", n, most, why)
		}
	}
	if len(times) == 0 {
		s.t.Errorf("nothing is logged that is in the way:\n%s", s.op.Log())
	}
}

// testNewerCRDs: what a newer release added keeps nobody from working.
func testNewerCRDs(s *scene) {
	s.editCRD(func(spec *apiextensionsv1.JSONSchemaProps) {
		spec.Properties["horizon"] = apiextensionsv1.JSONSchemaProps{Type: "string"}
	})
	s.op.Launch(s.t)
	s.awaitReady()
	if log := s.op.Log(); !strings.Contains(log, "of a newer release") || !strings.Contains(log, `"beyond":"spec.horizon"`) {
		s.t.Errorf("the log does not name what is newer:\n%s", log)
	}
	s.wantWork()
}

// testNoCensus: while nobody knows what is in scope, nothing is claimed to be done.
func testNoCensus(s *scene) {
	s.op.Rights.Revoke(s.t, "namespaces", "list", "watch")
	s.op.Launch(s.t)
	s.awaitReady()
	s.Namespace(s.t, s.subject(), "scene", s.op.Name)
	s.Apply(s.t, harness.Policy(s.op.Name).Select("scene", s.op.Name).Deny(v1alpha1.DirectionIngress).Enforce())
	s.AwaitCondition(s.t, s.op.Name, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonNewGeneration)
	s.AwaitCondition(s.t, s.op.Name, v1alpha1.ConditionEnforced, metav1.ConditionFalse, v1alpha1.ReasonPending)
	s.op.Rights.Restore(s.t)
	s.AwaitDenied(s.t, s.subject())
	s.AwaitCondition(s.t, s.op.Name, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonEvaluating)
}

// testStopped: what waits for a person ends in order when it is told to.
func testStopped(s *scene) {
	s.goThroughProxy("v1.0.0")
	s.op.Launch(s.t)
	harness.Eventually(s.t, "/readyz says what to do", func() error { return s.says("upgrade the cluster") })
	s.op.Stop(s.t)
}
