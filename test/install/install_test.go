package install

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/test/harness"
)

const (
	policy = "baseline"
	shop   = "shop"
	// heldFile is a checkpoint that the auditor took before the first upgrade.
	heldFile = "held.checkpoint"
)

// TestInstallation is one story, on one cluster: each step begins with what the
// one before left.
func TestInstallation(t *testing.T) {
	s := newScene(t)
	// The plugin keeps its copy of the ledger here; Go's builds are done.
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	for _, step := range []struct {
		name string
		do   func(*testing.T, *scene)
	}{
		{"the version before is installed", installed},
		{"a policy observes", observed},
		{"a repair needs a right", enforced},
		{"an auditor reads the ledger", audited},
		{"an upgrade keeps everything", upgraded},
		{"a rollback keeps everything", rolledBack},
		{"an uninstallation leaves what it says", uninstalled},
		{"an installation takes up what was left", reinstalled},
		{"without a volume", withoutVolume},
		{"without a storage class", withoutStorageClass},
		{"on a volume of somebody else", onForeignVolume},
		{"on a volume that is read-only, and full", onFailingVolume},
		{"beside CRDs of another version", besideOtherCRDs},
	} {
		if !t.Run(step.name, func(t *testing.T) { step.do(t, s) }) {
			t.FailNow()
		}
	}
}

func installed(t *testing.T, s *scene) {
	notes := s.install(t, s.previous)
	wantText(t, "helm's output", notes,
		"Holdfast 0.0.9 is installed in namespace holdfast-system",
		"kubectl -n holdfast-system rollout status deployment/holdfast",
		"To uninstall, stop Holdfast first", "kubectl -n holdfast-system wait --for=delete pod --selector="+own+" --timeout=2m",
		"What stays then:", "PersistentVolumeClaim holdfast-ledger", "NetworkPolicies that Holdfast applied")
	wantText(t, "the rollout", s.kubectl(t, "rollout", "status", "deployment/holdfast", "--watch=false"), "successfully rolled out")
	pod := s.pod(t)
	if image := pod.Spec.Containers[0].Image; image != "holdfast-dev/holdfast:0.0.9" {
		t.Errorf("the pod runs %s", image)
	}
	s.awaitLog(t, `"reason":"FirstInstall"`)
}

func observed(t *testing.T, s *scene) {
	s.Namespace(t, shop, "tier", "production")
	s.Apply(t, baseline())
	s.awaitCondition(t, policy, "Conforming", "False/Deviating")
	s.awaitCondition(t, policy, "EvidenceRecorded", "True/Recorded")
	s.awaitCondition(t, policy, "Ready", "True/")
	if np := s.NetworkPolicy(t, shop, harness.Deny); np != nil {
		t.Errorf("mode Observe applied %v", np)
	}
}

// baseline is the policy, in mode Observe.
func baseline() *harness.PolicyBuilder {
	return harness.Policy(policy).Select("tier", "production").Deny("Ingress")
}

func enforced(t *testing.T, s *scene) {
	s.Apply(t, baseline().Enforce())
	wantText(t, "Enforced", s.awaitCondition(t, policy, "Enforced", "False/RepairFailed"), "enforce.networkIsolation=true")

	s.Helm(t, "upgrade", release, s.previous, keepValues, "--set", "enforce.networkIsolation=true", "--wait", patience)
	s.AwaitDenied(t, shop)
	s.awaitCondition(t, policy, "Enforced", "True/Enforced")
	s.awaitCondition(t, policy, "Conforming", "True/AllConforming")
	s.drift(t, 1)
}

// drift has an object of Holdfast's edited, and waits for its repair, which is the
// n-th in the ledger.
func (s *scene) drift(t *testing.T, n int) {
	t.Helper()
	s.EditNetworkPolicy(t, shop, harness.Deny, func(np *networkingv1.NetworkPolicy) {
		np.Spec.Ingress = []networkingv1.NetworkPolicyIngressRule{{}}
	})
	s.AwaitDenied(t, shop)
	harness.Eventually(t, "the repair is recorded", func() error {
		return s.evidence(t).Episodes().Of(policy).From(ledger.OriginDrift).Ended(ledger.EndingRepaired).Want(n)
	})
}

func audited(t *testing.T, s *scene) {
	s.appoint(t)
	s.asAuditor(t, 0, "checkpoint", "--save", s.auditors(heldFile))
	s.verify(t)
	wantText(t, "the record", s.asAuditor(t, 0, "report"), "Control operation record for", "NET-1", "Repaired")
	wantText(t, "the episodes", s.asAuditor(t, 0, "episodes"), policy+"/NET-1", shop, "Repaired")
	if out, err := s.try(s.KubectlPath(), "--kubeconfig", s.auditors("kubeconfig"), "--namespace", system, "get", "secrets"); err == nil {
		t.Errorf("the auditor reads Secrets:\n%s", out)
	}
}

// auditors is the path of a file that the auditor keeps.
func (s *scene) auditors(name string) string { return filepath.Join(s.Dir(), "auditor-"+name) }

// appoint makes an auditor, who has a token and the two roles, and takes the
// verifier key along.
func (s *scene) appoint(t *testing.T) {
	t.Helper()
	s.kubectl(t, "create", "serviceaccount", "auditor")
	s.kubectl(t, "create", "clusterrolebinding", "auditor", "--clusterrole=holdfast-auditor", "--serviceaccount="+system+":auditor")
	s.kubectl(t, "create", "rolebinding", "auditor", "--role=holdfast-auditor", "--serviceaccount="+system+":auditor")
	token := strings.TrimSpace(s.kubectl(t, "create", "token", "auditor"))
	admin, err := os.ReadFile(s.Kubeconfig())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.auditors("kubeconfig"), admin, 0o600); err != nil {
		t.Fatal(err)
	}
	s.kubectl(t, "--kubeconfig", s.auditors("kubeconfig"), "config", "set-credentials", "auditor", "--token", token)
	s.kubectl(t, "--kubeconfig", s.auditors("kubeconfig"), "config", "set-context", "--current", "--user=auditor")
	s.kubectl(t, "--kubeconfig", s.auditors("kubeconfig"), "config", "unset", "users.admin")
	key := s.kubectl(t, "--kubeconfig", s.auditors("kubeconfig"), "get", "configmap", "holdfast-ledger-head", "-o", "jsonpath={.data.verifier\\.key}")
	if err := os.WriteFile(s.auditors("key"), []byte(key), 0o600); err != nil {
		t.Fatal(err)
	}
}

// asAuditor runs kubectl holdfast as the auditor, by the API server's service
// proxy, and returns what it printed.
func (s *scene) asAuditor(t *testing.T, wantStatus int, args ...string) string {
	t.Helper()
	output, status := s.plugin.As(s.auditors("kubeconfig")).Run(t, args...)
	if status != wantStatus {
		t.Fatalf("kubectl holdfast %v ends with %d, want %d:\n%s", args, status, wantStatus, output)
	}
	return string(output)
}

// verify has the auditor verify the running operator's ledger against the
// checkpoint and the key that they kept from the beginning.
func (s *scene) verify(t *testing.T) {
	t.Helper()
	key, err := os.ReadFile(s.auditors("key"))
	if err != nil {
		t.Fatal(err)
	}
	s.asAuditor(t, 0, "verify", "--key", string(key), "--held", s.auditors(heldFile))
}

func upgraded(t *testing.T, s *scene) {
	s.keeps(t, func() {
		s.Helm(t, "upgrade", release, s.Chart(), keepValues, "--wait", patience)
	})
	if image := s.pod(t).Spec.Containers[0].Image; image != "holdfast-dev/holdfast:0.1.0" {
		t.Errorf("the pod runs %s", image)
	}
	s.drift(t, 2)
	s.verify(t)
}

func rolledBack(t *testing.T, s *scene) {
	s.keeps(t, func() { s.Helm(t, "rollback", release, "2", "--wait", patience) })
	if image := s.pod(t).Spec.Containers[0].Image; image != "holdfast-dev/holdfast:0.0.9" {
		t.Errorf("the pod runs %s", image)
	}
	s.drift(t, 3)
	s.verify(t)
}

// keeps does something in which the operator is down once, and checks that
// afterwards its ledger goes on, with one gap, and that nothing else is lost.
func (s *scene) keeps(t *testing.T, do func()) {
	t.Helper()
	before, evidence := s.kept(t), s.evidence(t)
	do()
	s.AwaitDenied(t, shop)
	s.awaitCondition(t, policy, "Conforming", "True/AllConforming")
	harness.Eventually(t, "the ledger goes on with one gap more", func() error {
		after := s.evidence(t)
		for i, entry := range evidence {
			if i >= len(after) || entry.ID != after[i].ID {
				return fmt.Errorf("entry %d is another, or lost", i)
			}
		}
		return after.After(len(evidence)).Gaps(ledger.CauseNotRunning).Want(1)
	})
	if diff := cmp.Diff(before, s.kept(t)); diff != "" {
		t.Errorf("not kept (-before +after):\n%s", diff)
	}
}

func uninstalled(t *testing.T, s *scene) {
	s.keeps(t, func() {
		pod := s.pod(t).Name
		s.Helm(t, "upgrade", release, s.previous, keepValues, "--set", "replicas=0")
		s.kubectl(t, "wait", "--for=delete", "pod", "--selector="+own, "--timeout=4m") // helm does not wait for the pod's end
		wantText(t, "the pod's log", s.node.Logs(t, system, pod), "Holdfast has stopped")
		output := s.Helm(t, "uninstall", release, "--wait", patience)
		wantText(t, "helm's output", output, "kept due to the resource policy", "holdfast-ledger", "controlpolicies.holdfast.dev")
		s.left(t)
		// What changes while Holdfast is not there is found when it is back.
		s.DeleteNetworkPolicy(t, shop, harness.Deny)
		s.install(t, s.Chart(), "--set", "enforce.networkIsolation=true")
	})
}

// left checks what is left of an installation.
func (s *scene) left(t *testing.T) {
	t.Helper()
	for _, args := range [][]string{
		{"persistentvolumeclaim", claim}, {"secret", "holdfast-ledger-key"}, {"configmap", "holdfast-ledger-head"},
		{"customresourcedefinition", "controlpolicies.holdfast.dev"}, {"controlpolicy", policy},
		{"--namespace", shop, "networkpolicy", harness.Deny},
	} {
		s.kubectl(t, append([]string{"get"}, args...)...)
	}
	harness.Eventually(t, "all else is gone", func() error {
		there := s.kubectl(t, "get", "deployments,pods,services,networkpolicies,serviceaccounts,roles,rolebindings", "--selector="+own, "-o", "name") +
			s.kubectl(t, "get", "clusterroles,clusterrolebindings,validatingadmissionpolicies,validatingadmissionpolicybindings", "--selector="+own, "-o", "name")
		if there != "" {
			return fmt.Errorf("there are\n%s", there)
		}
		return nil
	})
}

func reinstalled(t *testing.T, s *scene) {
	harness.Eventually(t, "the drift in between is an episode", func() error {
		return s.evidence(t).Episodes().Of(policy).From(ledger.OriginAfterGap).Ended(ledger.EndingRepaired).Want(1)
	})
	if err := s.evidence(t).Kind(ledger.KindLedgerOpened).Want(1); err != nil {
		t.Error(err)
	}
	s.drift(t, 4)
	s.verify(t)
}

// wantText checks that a text has parts.
func wantText(t *testing.T, what, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%s has no %q:\n%s", what, part, text)
		}
	}
}
