package e2e

import (
	"context"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/test/harness"
)

var _ = Describe("Invariant 3: Repair never erases an episode", func() {
	It("records ten episodes and ten repairs of a NetworkPolicy deleted ten times", func() {
		s := onShared("tentimes")
		names := s.protected(1)
		mark := s.Mark(s.tb)
		for range 10 {
			s.drift(names...)
			s.AwaitDenied(s.tb, names...)
		}
		episodes := s.awaitEpisodes(10, ledger.OriginDrift, ledger.EndingRepaired)
		for _, e := range episodes {
			Expect(e.Repairs).To(HaveLen(1), "episode %s", e.ID)
			Expect(e.Closed.ObservedAt.After(e.Opened.ObservedAt.Time)).To(BeTrue(), "episode %s lasts", e.ID)
			Expect(e.Opened.To.RuleIDs()).To(Equal([]string{"NP-01"}))
		}
		Expect(s.applies(mark, names...).Want(10)).To(Succeed())
		Expect(s.op.Metric(s.tb, "holdfast_episodes_total", "policy", s.name, "origin", "Drift")).To(BeEquivalentTo(10))
	})

	DescribeTable("reverts and records an edit of the NetworkPolicy", func(name, reason string, edit func(*networkingv1.NetworkPolicy)) {
		s := onShared(name)
		names := s.protected(1)
		mark := s.Mark(s.tb)
		s.EditNetworkPolicy(s.tb, names[0], harness.Deny, edit)
		s.AwaitDenied(s.tb, names...)
		episodes := s.awaitEpisodes(1, ledger.OriginDrift, ledger.EndingRepaired)
		opened := episodes[0].Opened.To
		Expect(opened.Rules).To(HaveLen(1))
		Expect(opened.Rules[0].Reason).To(Equal(reason))
		Expect(opened.Rules[0].Culprits).To(Equal([]string{harness.Deny}))
		Expect(episodes[0].Repairs).To(HaveLen(1))
		Expect(episodes[0].Repairs[0].Object.Manager).To(Equal("harness"), "who changed it")
		Expect(s.applies(mark, names...).Want(1)).To(Succeed())
	},
		Entry("ingress: [{}]", "ingressopened", "Opened", func(np *networkingv1.NetworkPolicy) {
			np.Spec.Ingress = []networkingv1.NetworkPolicyIngressRule{{}}
		}),
		Entry("egress: [{}]", "egressopened", "Altered", func(np *networkingv1.NetworkPolicy) {
			np.Spec.Egress = []networkingv1.NetworkPolicyEgressRule{{}}
		}),
		Entry("podSelector", "narrowed", "Narrowed", func(np *networkingv1.NetworkPolicy) {
			np.Spec.PodSelector.MatchLabels = map[string]string{"app": "web"}
		}),
		Entry("policyTypes", "untyped", "Untyped", func(np *networkingv1.NetworkPolicy) {
			np.Spec.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeEgress}
		}),
	)

	It("records and repairs each drift once in a storm of events", func() {
		const rounds = 8
		s := onShared("storm")
		names := s.protected(2)
		ctx, cancel := context.WithCancel(context.Background())
		var storms errgroup.Group
		for _, name := range names {
			storms.Go(func() error { return s.storm(ctx, name) })
			storms.Go(func() error { return s.relabel(ctx, name) })
		}
		mark := s.Mark(s.tb)
		for range rounds {
			s.drift(names...)
			s.AwaitDenied(s.tb, names...)
		}
		cancel()
		Expect(storms.Wait()).To(Succeed())
		episodes := s.awaitEpisodes(rounds*len(names), ledger.OriginDrift, ledger.EndingRepaired)
		Expect(episodes.Repairs()).To(Equal(rounds * len(names)))
		Expect(s.applies(mark, names...).Want(rounds * len(names))).To(Succeed())
	})

	It("classifies an episode by the tolerance, and hides it nowhere", func() {
		s := onShared("tolerance")
		names := s.namespaces(1)
		s.Apply(s.tb, s.policy("").Tolerate(time.Hour))
		got := s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionConforming, metav1.ConditionFalse, v1alpha1.ReasonCorrecting)
		Expect(got.Status.Controls[0].Correcting).To(BeEquivalentTo(1))
		Expect(got.Status.OpenEpisodes.Total).To(BeEquivalentTo(1))
		// The tolerance ends some time after it was stated.
		lasts := time.Since(got.Status.OpenEpisodes.Longest[0].Since.Time)
		policy := s.policy("").Tolerate((lasts + 3*time.Second).Truncate(time.Second))
		s.Apply(s.tb, policy)
		got = s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionConforming, metav1.ConditionFalse, v1alpha1.ReasonDeviating)
		Expect(got.Status.Controls[0].Deviating).To(BeEquivalentTo(1))
		Expect(got.Status.Controls[0].Correcting).To(BeZero())
		Expect(s.episodes().On(names[0]).Open().Want(1)).To(Succeed())

		s.Apply(s.tb, policy.Enforce())
		s.AwaitConforming(s.tb, s.name)
		s.drift(names...)
		s.AwaitDenied(s.tb, names...)
		s.awaitEpisodes(1, ledger.OriginDrift, ledger.EndingRepaired)
	})
})

// storm creates, relabels and deletes pods until ctx ends.
func (s *scene) storm(ctx context.Context, namespace string) error {
	if err := s.stormAccount(namespace); err != nil {
		return err
	}
	for i := 0; ctx.Err() == nil; i++ {
		pod := stormPod(namespace, fmt.Sprintf("storm-%d", i), i%2 == 0)
		pod.Labels = map[string]string{"app": fmt.Sprint(i % 3)}
		if err := s.Create(context.Background(), pod); err != nil {
			return err
		}
		before := pod.DeepCopy()
		pod.Labels["app"] = "relabelled"
		if err := s.Patch(context.Background(), pod, client.MergeFrom(before)); err != nil {
			return err
		}
		if err := s.Delete(context.Background(), pod); err != nil {
			return err
		}
	}
	return nil
}

// stormAccount makes the service account of a storm's pods.
func (s *scene) stormAccount(namespace string) error {
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "storm"}}
	return client.IgnoreAlreadyExists(s.Create(context.Background(), account))
}

// stormPod is a pod of a storm, or one that stays while others come and go.
func stormPod(namespace, name string, hostNetwork bool) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: corev1.PodSpec{
			ServiceAccountName: "storm", AutomountServiceAccountToken: new(false), HostNetwork: hostNetwork,
			TerminationGracePeriodSeconds: new(int64(0)),
			Containers:                    []corev1.Container{{Name: "c", Image: "registry.example/c"}},
		},
	}
}

// relabel changes a label of a namespace, of which no policy speaks, until ctx
// ends: each change has the namespace judged anew.
func (s *scene) relabel(ctx context.Context, namespace string) error {
	for i := 0; ctx.Err() == nil; i++ {
		patch := fmt.Appendf(nil, `{"metadata":{"labels":{"storm":"%d"}}}`, i)
		if err := s.Patch(context.Background(), namespaceOf(namespace), client.RawPatch(types.MergePatchType, patch)); err != nil {
			return err
		}
	}
	return nil
}
