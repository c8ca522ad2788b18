package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/test/harness"
)

var _ = Describe("Invariant 8: Do no harm by fighting", func() {
	It("backs off from another process that keeps writing, names it, records what it does, and repairs when it is gone", func() {
		const threshold, backOff = 5, 20 * time.Second
		// Nobody waits here for a minute.
		binary := harness.Build(newTB(), harness.BuildOptions{Patches: []harness.Patch{{
			File: "internal/enforce/contention.go",
			Old:  "minContentionWait = time.Minute",
			New:  fmt.Sprintf("minContentionWait = %d", backOff),
		}}})
		s := onOwn("fought", harness.OperatorOptions{Binary: binary, Args: []string{fmt.Sprintf("--contention-threshold=%d", threshold)}})
		names := s.protected(2)
		seen := s.watchPolicies(names[0])
		mark := s.Mark(s.tb)
		stop := s.inALoop("patch", "networkpolicy", harness.Deny, "--namespace", names[0], "--type", "merge",
			"--field-manager", "other-tool", "--patch", `{"spec":{"ingress":[{}]}}`)
		policy := s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionEnforced, metav1.ConditionFalse, v1alpha1.ReasonContested)
		Expect(enforced(policy).Message).To(ContainSubstring(`field manager "other-tool"`))
		s.settle()
		contested := s.evidence().On(names[0]).Kind(ledger.KindContested)
		Expect(contested[0].Object.Manager).To(Equal("other-tool"))
		Expect(contested[0].Object.Count).To(Equal(threshold + 1))
		writes := s.applies(mark, names[0])
		after := writes.After(contested[0].ObservedAt.Time)
		before := writes[:len(writes)-len(after)]
		Expect(len(before)).To(BeNumerically(">=", threshold), "it does not give up before")
		Expect(len(before)).To(BeNumerically("<=", threshold+1+conflicts(before)))
		if len(after) > 0 { // the back-off is over
			Expect(after[0].RequestReceivedTimestamp.Time).To(BeTemporally(">=", before[len(before)-1].RequestReceivedTimestamp.Add(backOff)))
		}

		// What happens to other objects is repaired as ever.
		s.drift(names[1])
		s.AwaitDenied(s.tb, names[1])
		stop()
		harness.EventuallyWithin(s.tb, 3*harness.Patience, "it is repaired once the back-off is over", func() error {
			return harness.DeniesIngress(s.NetworkPolicy(s.tb, names[0], harness.Deny))
		})
		s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionEnforced, metav1.ConditionTrue, v1alpha1.ReasonEnforced)
		s.AwaitConforming(s.tb, s.name)

		drifts := opened(seen(harness.Deny))
		Expect(drifts).To(BeNumerically(">", threshold))
		episodes := s.episodes().On(names[0]).From(ledger.OriginDrift)
		Expect(episodes.Want(drifts)).To(Succeed(), "each drift that others made is an episode")
		Expect(episodes.Ended(ledger.EndingRepaired).Want(drifts)).To(Succeed())
		s.verify()
	})

	It("backs off from another process that keeps deleting", func() {
		const threshold = 3
		s := onOwn("deleted", harness.OperatorOptions{Args: []string{fmt.Sprintf("--contention-threshold=%d", threshold)}})
		names := s.protected(1)
		mark := s.Mark(s.tb)
		stop := s.inALoop("delete", "networkpolicy", harness.Deny, "--namespace", names[0], "--ignore-not-found", "--wait=false")
		policy := s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionEnforced, metav1.ConditionFalse, v1alpha1.ReasonContested)
		Expect(enforced(policy).Message).To(ContainSubstring("a deletion, which has no field manager"))
		s.settle()
		stop()
		// The first enforcement counts as a repair, too.
		Expect(s.applies(mark, names...).Want(threshold)).To(Succeed())
		Expect(s.evidence().Kind(ledger.KindContested).Want(1)).To(Succeed())
		Expect(s.episodes().From(ledger.OriginDrift).Ended(ledger.EndingRepaired).Want(threshold)).To(Succeed())
		Expect(s.episodes().From(ledger.OriginDrift).Open().Want(1)).To(Succeed())
		s.verify()
	})
})

// inALoop runs kubectl again and again, as a process of its own, until what it
// returns is called, or the spec ends.
func (s *scene) inALoop(args ...string) (stop func()) {
	GinkgoHelper()
	const loop = `while :; do "$@" >/dev/null || exit 1; done`
	kubectl := append([]string{"-c", loop, "loop", s.KubectlPath(), "--kubeconfig", s.Kubeconfig()}, args...)
	cmd := exec.Command("sh", kubectl...)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	Expect(cmd.Start()).To(Succeed())
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		Expect(syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)).To(Succeed(), "it ended by itself: %s", &complaints)
		// It was killed: how it ended is known.
		_ = cmd.Wait()
	}
	DeferCleanup(func(context.Context) { stop() })
	return stop
}

// conflicts is the number of requests that were refused because the object had
// changed meanwhile.
func conflicts(requests harness.Requests) int {
	return len(requests) - len(requests.Succeeded())
}

// opened is how often the NetworkPolicy that denies ingress ceased to deny it.
func opened(events []watch.Event) int {
	n, denied := 0, true
	for _, event := range events {
		denies := event.Type != watch.Deleted && harness.DeniesIngress(event.Object.(*networkingv1.NetworkPolicy)) == nil
		if denied && !denies {
			n++
		}
		denied = denies
	}
	return n
}
