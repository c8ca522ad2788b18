package kill

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/holdfast-dev/holdfast/test/harness"
)

// label is the label by which policies select namespaces.
const label = "kill"

// otherID is the id of the control that takes the first one's place.
const otherID = "NET-2"

// tbOf is the test for use in its clean-up, when its context is over.
func tbOf(t *testing.T) testing.TB { return lasting{t} }

type lasting struct{ testing.TB }

// Context does not end with the test.
func (lasting) Context() context.Context { return context.Background() }

func (r *run) namespace() string { return "kill-" + r.Name + "-1" }

// second is the name of a second policy, and of a second namespace.
func (r *run) second() string { return "kill-" + r.Name + "-2" }

func (r *run) policy() *harness.PolicyBuilder {
	return harness.Policy(r.Name).Enforce().Select(label, r.Name).Deny("Ingress")
}

// protected are the namespaces that a policy protects in the end.
func (r *run) protected() []string {
	var names []string
	for _, name := range []string{r.namespace(), r.second()} {
		if r.leftAlone[name] {
			continue
		}
		if name == r.namespace() || r.hasSecond {
			names = append(names, name)
		}
	}
	if r.wide {
		names = append(names, r.fleet...)
	}
	return names
}

// deleted deletes what protects the namespace.
func deleted(r *run) { r.cluster.DeleteNetworkPolicy(r.t, r.namespace(), harness.Deny) }

// opened makes a hole in it.
func opened(r *run) {
	r.cluster.EditNetworkPolicy(r.t, r.namespace(), harness.Deny, func(np *networkingv1.NetworkPolicy) {
		np.Spec.Ingress = []networkingv1.NetworkPolicyIngressRule{{}}
	})
}

// again deletes it while nobody looks, if it is there.
func again(r *run) {
	if r.cluster.NetworkPolicy(r.t, r.namespace(), harness.Deny) == nil {
		return
	}
	r.again = true
	deleted(r)
}

// deletedUntilDead deletes it again whenever the episode before has ended.
func deletedUntilDead(r *run) {
	done := len(r.op.Evidence(r.t).Episodes())
	for made := 1; r.op.Running(); made++ {
		if made > 20 {
			r.t.Fatal("the process outlived 20 drifts")
		}
		deleted(r)
		harness.Eventually(r.t, "the drift is repaired, or the process is dead", func() error {
			episodes := r.op.Evidence(r.t).Episodes()
			if r.op.Running() && (len(episodes) < done+made || len(episodes.Open()) > 0) {
				return errors.New("neither")
			}
			return nil
		})
	}
}

// lostVolume loses the volume, and deletes what protects the namespace.
func lostVolume(r *run) {
	r.lostID = r.op.Evidence(r.t)[0].Ledger.LedgerID
	entries, err := os.ReadDir(r.op.LedgerDir)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(r.op.LedgerDir, e.Name())); err != nil {
			r.t.Fatal(err)
		}
	}
	again(r)
}

// secondPolicy puts a second policy in force, over the bystander.
func secondPolicy(r *run) {
	r.hasSecond = true
	r.cluster.Apply(r.t, harness.Policy(r.second()).Enforce().Select(label, r.second()).Deny("Ingress"))
}

// otherControl replaces the policy's control by another.
func otherControl(r *run) {
	policy := r.policy().Build()
	policy.Spec.Controls[0].ID = otherID
	stored := r.cluster.GetPolicy(r.t, r.Name)
	stored.Spec.Controls = policy.Spec.Controls
	if err := r.cluster.Update(r.t.Context(), stored); err != nil {
		r.t.Fatal(err)
	}
}

// noPolicy deletes the policy.
func noPolicy(r *run) {
	r.leftAlone = map[string]bool{r.namespace(): true}
	r.cluster.DeletePolicy(r.t, r.Name)
}

// labelled takes the bystander into the policy's scope.
func labelled(r *run) {
	r.hasSecond = true
	r.cluster.Label(r.t, r.second(), label, r.Name)
}

// newcomer creates a namespace in the policy's scope.
func newcomer(r *run) {
	r.hasSecond = true
	r.cluster.Namespace(r.t, r.second(), label, r.Name)
}

// unlabelled takes the namespace out of the policy's scope.
func unlabelled(r *run) {
	r.leftAlone = map[string]bool{r.namespace(): true}
	r.cluster.Label(r.t, r.namespace(), label, "nothing")
}

// terminated asks the process to stop.
func terminated(r *run) {
	if err := syscall.Kill(r.op.PID(), syscall.SIGTERM); err != nil {
		r.t.Fatal(err)
	}
}
