// Package config_test shows that what is in this folder installs, and gives
// Holdfast the rights it needs and no others.
package config_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/holdfast-dev/holdfast/test/controlplane"
)

func TestConfig(t *testing.T) {
	cp, err := controlplane.Start(t.Context(), controlplane.Options{NoControllerManager: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cp.Stop(); err != nil {
			t.Error(err)
		}
	})
	kubectl(t, cp, "apply", "--kustomize", ".")
	kubectl(t, cp, "wait", "--for=condition=Established",
		"crd/controlpolicies.holdfast.dev", "crd/evidenceschedules.holdfast.dev", "crd/evidencerecords.holdfast.dev")

	t.Run("samples", func(t *testing.T) {
		kubectl(t, cp, "apply", "--filename", "samples")
		want := "first-look Observe\nproduction-baseline Enforce\nrestricted-isolation Enforce\nsoc2-2027 \n"
		got := kubectl(t, cp, "get", "holdfast", "--output", `jsonpath={range .items[*]}{.metadata.name} {.spec.mode}{"\n"}{end}`)
		if got != want {
			t.Errorf("objects after applying the samples: %q, want %q", got, want)
		}
	})
	t.Run("schedules of the guide", func(t *testing.T) {
		page, err := os.ReadFile("../docs/evidence.md")
		if err != nil {
			t.Fatal(err)
		}
		schedules := regexp.MustCompile("(?ms)^```yaml\n(.*?)^```").FindAllSubmatch(page, -1)
		if len(schedules) == 0 {
			t.Fatal("there is no schedule in docs/evidence.md")
		}
		for _, schedule := range schedules {
			path := filepath.Join(t.TempDir(), "schedule.yaml")
			if err := os.WriteFile(path, schedule[1], 0o600); err != nil {
				t.Fatal(err)
			}
			kubectl(t, cp, "apply", "--dry-run=server", "--filename", path)
		}
	})
	for kind, want := range tables() {
		t.Run("columns of "+kind, func(t *testing.T) { testColumns(t, cp, kind, want) })
	}
	t.Run("permissions", func(t *testing.T) {
		client, err := kubernetes.NewForConfig(cp.RESTConfig())
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range permissions() {
			t.Run(p.String(), func(t *testing.T) { p.check(t, client, operator) })
		}
	})
	t.Run("E40: an auditor reads, and reveals no Secret", func(t *testing.T) {
		client, err := kubernetes.NewForConfig(cp.RESTConfig())
		if err != nil {
			t.Fatal(err)
		}
		kubectl(t, cp, "create", "clusterrolebinding", "auditor", "--clusterrole=holdfast-auditor", "--user=auditor")
		kubectl(t, cp, "create", "clusterrolebinding", "reperformer", "--clusterrole=holdfast-auditor-reperform", "--user=auditor")
		kubectl(t, cp, "create", "rolebinding", "auditor", "--namespace=holdfast-system", "--role=holdfast-auditor", "--user=auditor")
		for _, p := range auditorPermissions() {
			t.Run(p.String(), func(t *testing.T) { p.check(t, client, user{name: "auditor"}) })
		}
	})
}

// table is what kubectl get prints of an example, but for its age.
type table struct{ short, narrow, wide string }

func tables() map[string]table {
	return map[string]table{
		"controlpolicy": {
			short: "ctlp",
			narrow: "NAME MODE CONFORMING REASON IN SCOPE OPEN ENFORCED EVIDENCE AGE\n" +
				"full Enforce False Correcting 4 1 Pending True",
			wide: "NAME MODE CONFORMING REASON IN SCOPE OPEN ENFORCED EVIDENCE READY EXCLUDED ENTRIES AGE\n" +
				"full Enforce False Correcting 4 1 Pending True True 1 42",
		},
		"evidenceschedule": {
			short: "evs",
			narrow: "NAME SCHEDULE SUSPENDED LAST SLOT STATE NEXT SLOT COLLECTED OPEN GAPS ANCHORED READY AGE\n" +
				"full 0 * * * * true 2026-03-01T06:00:00Z Completed 2026-03-01T07:00:00Z 1420 of 1423 (99.78 %) 2 1 True True",
			wide: "NAME SCHEDULE SUSPENDED LAST SLOT STATE NEXT SLOT COLLECTED OPEN GAPS ANCHORED READY TIME ZONE PERIOD START PERIOD END ENTRIES AGE\n" +
				"full 0 * * * * true 2026-03-01T06:00:00Z Completed 2026-03-01T07:00:00Z 1420 of 1423 (99.78 %) 2 1 True True" +
				" Etc/UTC 2026-01-01T00:00:00Z 2027-01-01T00:00:00Z 42",
		},
		"evidencerecord": {
			short: "evr",
			narrow: "NAME SCHEDULE SLOT RESULT SUBJECTS DEVIATING DISCREPANCIES ANCHORED AGE\n" +
				"full soc2-2026 2026-03-01T06:00:00Z Partial 4 1 0 Some",
			wide: "NAME SCHEDULE SLOT RESULT SUBJECTS DEVIATING DISCREPANCIES ANCHORED ENTRIES AGE\n" +
				"full soc2-2026 2026-03-01T06:00:00Z Partial 4 1 0 Some 42",
		},
	}
}

func testColumns(t *testing.T, cp *controlplane.ControlPlane, kind string, want table) {
	example := "../api/v1alpha1/testdata/" + kind + ".yaml"
	kubectl(t, cp, "apply", "--filename", example)
	if kind != "evidencerecord" { // it has no status
		kubectl(t, cp, "replace", "--subresource", "status", "--filename", example)
	}
	for output, want := range map[string]string{"": want.narrow, "wide": want.wide} {
		got := columns(kubectl(t, cp, "get", tables()[kind].short, "full", "--output", output))
		if !strings.HasPrefix(got, want) {
			t.Errorf("kubectl get --output=%q prints %q, want %q and the age", output, got, want)
		}
	}
}

// kubectl runs the command and returns its output.
func kubectl(t *testing.T, cp *controlplane.ControlPlane, args ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), cp.KubectlPath(), append([]string{"--kubeconfig", cp.Kubeconfig()}, args...)...)
	var stderr strings.Builder
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("kubectl %s: %v\n%s%s", strings.Join(args, " "), err, out, stderr.String())
	}
	return string(out)
}

// columns returns a table with one space between its columns.
func columns(table string) string {
	lines := strings.Split(table, "\n")
	for i, line := range lines {
		lines[i] = strings.Join(strings.Fields(line), " ")
	}
	return strings.Join(lines, "\n")
}

// permission is a question about what Holdfast's service account may do.
type permission struct {
	verb, group, resource, subresource, namespace, name string

	want bool
}

func permissions() []permission {
	const own = "holdfast-system"
	return []permission{
		{verb: "watch", group: "holdfast.dev", resource: "controlpolicies", want: true},
		{verb: "patch", group: "holdfast.dev", resource: "controlpolicies", subresource: "status", want: true},
		{verb: "patch", group: "holdfast.dev", resource: "controlpolicies"},
		{verb: "delete", group: "holdfast.dev", resource: "controlpolicies"},

		{verb: "watch", group: "holdfast.dev", resource: "evidenceschedules", want: true},
		{verb: "patch", group: "holdfast.dev", resource: "evidenceschedules", subresource: "status", want: true},
		{verb: "patch", group: "holdfast.dev", resource: "evidenceschedules"},
		{verb: "create", group: "holdfast.dev", resource: "evidencerecords", want: true},
		{verb: "list", group: "holdfast.dev", resource: "evidencerecords", want: true},
		{verb: "delete", group: "holdfast.dev", resource: "evidencerecords", want: true},
		{verb: "patch", group: "holdfast.dev", resource: "evidencerecords"},
		{verb: "update", group: "holdfast.dev", resource: "evidencerecords"},
		{verb: "deletecollection", group: "holdfast.dev", resource: "evidencerecords"},

		{verb: "list", group: "rbac.authorization.k8s.io", resource: "clusterroles", want: true},
		{verb: "list", group: "rbac.authorization.k8s.io", resource: "clusterrolebindings", want: true},
		{verb: "list", group: "rbac.authorization.k8s.io", resource: "rolebindings", namespace: own, want: true},
		{verb: "list", group: "rbac.authorization.k8s.io", resource: "rolebindings", namespace: "default"},
		{verb: "bind", group: "rbac.authorization.k8s.io", resource: "clusterroles"},

		{verb: "watch", resource: "namespaces", want: true},
		{verb: "patch", resource: "namespaces"},
		{verb: "delete", resource: "namespaces"},
		{verb: "watch", resource: "pods", want: true},
		{verb: "create", resource: "pods", subresource: "exec"},
		{verb: "get", resource: "pods", subresource: "log"},
		{verb: "delete", resource: "pods"},

		{verb: "watch", group: "networking.k8s.io", resource: "networkpolicies", want: true},
		{verb: "create", group: "networking.k8s.io", resource: "networkpolicies", namespace: "default", want: true},
		{verb: "patch", group: "networking.k8s.io", resource: "networkpolicies", namespace: "default", want: true},
		{verb: "delete", group: "networking.k8s.io", resource: "networkpolicies", namespace: "default", want: true},
		{verb: "update", group: "networking.k8s.io", resource: "networkpolicies", namespace: "default"},
		{verb: "deletecollection", group: "networking.k8s.io", resource: "networkpolicies", namespace: "default"},

		{verb: "watch", resource: "services", want: true},
		{verb: "patch", resource: "services", namespace: "default"},
		{verb: "watch", group: "discovery.k8s.io", resource: "endpointslices", want: true},
		{verb: "watch", group: "networking.k8s.io", resource: "ingresses", want: true},
		{verb: "watch", group: "gateway.networking.k8s.io", resource: "httproutes", want: true},
		{verb: "watch", group: "admissionregistration.k8s.io", resource: "mutatingwebhookconfigurations", want: true},
		{verb: "patch", group: "admissionregistration.k8s.io", resource: "mutatingwebhookconfigurations"},
		{verb: "watch", group: "apiextensions.k8s.io", resource: "customresourcedefinitions", want: true},
		{verb: "patch", group: "apiextensions.k8s.io", resource: "customresourcedefinitions"},
		{verb: "watch", group: "apiregistration.k8s.io", resource: "apiservices", want: true},
		{verb: "watch", group: "policy.networking.k8s.io", resource: "clusternetworkpolicies", want: true},
		{verb: "watch", group: "cilium.io", resource: "ciliumnetworkpolicies", want: true},
		{verb: "watch", group: "crd.projectcalico.org", resource: "globalnetworkpolicies", want: true},

		{verb: "create", group: "events.k8s.io", resource: "events", namespace: "default", want: true},
		{verb: "create", resource: "events", namespace: own, want: true},
		{verb: "create", resource: "events", namespace: "default"},
		{verb: "create", group: "authorization.k8s.io", resource: "selfsubjectrulesreviews", want: true},
		{verb: "create", group: "authorization.k8s.io", resource: "subjectaccessreviews", want: true},
		{verb: "create", group: "authentication.k8s.io", resource: "tokenreviews", want: true},

		{verb: "create", group: "coordination.k8s.io", resource: "leases", namespace: own, want: true},
		{verb: "update", group: "coordination.k8s.io", resource: "leases", namespace: own, name: "holdfast.dev", want: true},
		{verb: "update", group: "coordination.k8s.io", resource: "leases", namespace: own, name: "other"},
		{verb: "update", group: "coordination.k8s.io", resource: "leases", namespace: "kube-node-lease", name: "holdfast.dev"},

		{verb: "get", resource: "configmaps", namespace: own, name: "holdfast-ledger-head", want: true},
		{verb: "update", resource: "configmaps", namespace: own, name: "holdfast-ledger-head", want: true},
		{verb: "get", resource: "configmaps", namespace: own, name: "kube-root-ca.crt"},
		{verb: "list", resource: "configmaps", namespace: own},

		{verb: "create", resource: "secrets", namespace: own, want: true},
		{verb: "get", resource: "secrets", namespace: own, name: "holdfast-ledger-key", want: true},
		{verb: "update", resource: "secrets", namespace: own, name: "holdfast-ledger-key"},
		{verb: "delete", resource: "secrets", namespace: own, name: "holdfast-ledger-key"},
		{verb: "get", resource: "secrets", namespace: own, name: "other"},
		{verb: "list", resource: "secrets", namespace: own},
		{verb: "get", resource: "secrets", namespace: "default", name: "holdfast-ledger-key"},

		{verb: "escalate", group: "rbac.authorization.k8s.io", resource: "clusterroles"},
		{verb: "impersonate", resource: "users"},
	}
}

// auditorPermissions are what the roles for an auditor give, and do not.
func auditorPermissions() []permission {
	const own = "holdfast-system"
	return []permission{
		{verb: "list", group: "holdfast.dev", resource: "controlpolicies", want: true},
		{verb: "list", group: "holdfast.dev", resource: "evidenceschedules", want: true},
		{verb: "get", group: "holdfast.dev", resource: "evidencerecords", want: true},
		{verb: "delete", group: "holdfast.dev", resource: "evidencerecords"},
		{verb: "create", group: "holdfast.dev", resource: "evidencerecords"},
		{verb: "patch", group: "holdfast.dev", resource: "evidenceschedules"},
		{verb: "get", resource: "services", subresource: "proxy", namespace: own, name: "holdfast-ledger", want: true},
		{verb: "get", resource: "services", subresource: "proxy", namespace: own, name: "other"},
		{verb: "get", resource: "services", subresource: "proxy", namespace: "default", name: "holdfast-ledger"},
		{verb: "create", resource: "services", subresource: "proxy", namespace: own, name: "holdfast-ledger"},
		{verb: "get", resource: "configmaps", namespace: own, name: "holdfast-ledger-head", want: true},
		{verb: "update", resource: "configmaps", namespace: own, name: "holdfast-ledger-head"},
		{verb: "list", resource: "namespaces", want: true},
		{verb: "list", group: "networking.k8s.io", resource: "networkpolicies", want: true},
		{verb: "patch", group: "networking.k8s.io", resource: "networkpolicies", namespace: "default"},
		{verb: "list", resource: "secrets"},
		{verb: "get", resource: "secrets", namespace: own, name: "holdfast-ledger-key"},
		{verb: "create", resource: "pods", subresource: "exec", namespace: own},
	}
}

// String names the permission as kubectl auth can-i does.
func (p permission) String() string {
	resource := strings.TrimSuffix(p.resource+"."+p.group, ".")
	return strings.Join([]string{p.verb, resource, p.subresource, p.namespace, p.name}, " ")
}

// user is whose permissions are asked for.
type user struct {
	name   string
	groups []string
}

// operator is Holdfast's service account.
var operator = user{"system:serviceaccount:holdfast-system:holdfast",
	[]string{"system:serviceaccounts", "system:serviceaccounts:holdfast-system", "system:authenticated"}}

func (p permission) check(t *testing.T, client kubernetes.Interface, as user) {
	t.Helper()
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: as.name, Groups: as.groups,
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Verb: p.verb, Group: p.group, Resource: p.resource, Subresource: p.subresource, Namespace: p.namespace, Name: p.name,
		},
	}}
	review, err := client.AuthorizationV1().SubjectAccessReviews().Create(t.Context(), review, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if review.Status.Allowed != p.want {
		t.Errorf("allowed: %t (%s), want %t", review.Status.Allowed, review.Status.Reason, p.want)
	}
}
