package e2e

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/test/harness"
)

// label is the label by which policies select a scene's namespaces.
const label = "e2e"

// specTB is a spec as a testing.TB. Ginkgo's own makes a context, with a clean-up
// of its own, each time it is asked for one.
type specTB struct{ testing.TB }

// Context never ends: what waits has a patience of its own.
func (specTB) Context() context.Context { return context.Background() }

func newTB() testing.TB { return specTB{GinkgoTB()} }

// scene is what one spec works with: an operator, and policies and namespaces of
// its own, whose names begin with the scene's.
type scene struct {
	*harness.Cluster
	op   *harness.Operator
	tb   testing.TB
	name string
}

// onShared returns a scene with the shared operator.
func onShared(name string) *scene {
	return newScene(common, shared, name)
}

// onOwn returns a scene with an operator of its own, which runs.
func onOwn(name string, opts harness.OperatorOptions) *scene {
	s := prepareOwn(name, opts)
	s.op.Start(s.tb)
	return s
}

// prepareOwn is onOwn, before the operator starts.
func prepareOwn(name string, opts harness.OperatorOptions) *scene {
	opts.Name = name
	s := newScene(apart, nil, name)
	s.op = apart.NewOperator(s.tb, opts)
	return s
}

// preparePublished is prepareOwn on the cluster whose API server can be probed.
func preparePublished(name string, opts harness.OperatorOptions) *scene {
	opts.Name = name
	s := newScene(published, nil, name)
	s.op = published.NewOperator(s.tb, opts)
	return s
}

func newScene(cluster *harness.Cluster, op *harness.Operator, name string) *scene {
	s := &scene{Cluster: cluster, op: op, tb: newTB(), name: name}
	DeferCleanup(s.clear)
	return s
}

// clear deletes what the scene made, and does not wait for the namespaces' end.
func (s *scene) clear(ctx context.Context) {
	policies := &v1alpha1.ControlPolicyList{}
	Expect(s.List(ctx, policies)).To(Succeed())
	for i := range policies.Items {
		if strings.HasPrefix(policies.Items[i].Name, s.name) {
			Expect(client.IgnoreNotFound(s.Delete(ctx, &policies.Items[i]))).To(Succeed())
		}
	}
	schedules := &v1alpha1.EvidenceScheduleList{}
	Expect(s.List(ctx, schedules)).To(Succeed())
	for i := range schedules.Items {
		if strings.HasPrefix(schedules.Items[i].Name, s.name) {
			Expect(client.IgnoreNotFound(s.Delete(ctx, &schedules.Items[i]))).To(Succeed())
		}
	}
	// Records are the cluster's: what the next operator opens is proven against them.
	Expect(s.DeleteAllOf(ctx, &v1alpha1.EvidenceRecord{})).To(Succeed())
	namespaces := &corev1.NamespaceList{}
	Expect(s.List(ctx, namespaces)).To(Succeed())
	for i := range namespaces.Items {
		if strings.HasPrefix(namespaces.Items[i].Name, s.name+"-") {
			Expect(client.IgnoreNotFound(s.Delete(ctx, &namespaces.Items[i]))).To(Succeed())
		}
	}
}

// rest stops the scene's own operator, which would make again what is cleared away.
func (s *scene) rest() {
	if s.op.Running() {
		s.op.Stop(s.tb)
	}
}

// policy begins a policy of the scene that denies ingress in its namespaces. The
// suffix is part of its name; it may be empty.
func (s *scene) policy(suffix string) *harness.PolicyBuilder {
	return harness.Policy(s.name+suffix).Select(label, s.name).Deny(v1alpha1.DirectionIngress)
}

// policyOnEverything is the scene's policy with controls of all types, so that
// every kind is observed that Holdfast knows.
func (s *scene) policyOnEverything() *harness.PolicyBuilder {
	return s.policy("").IncludeCluster().Controls(
		v1alpha1.ControlSpec{ID: "ENC-1", EncryptionAtRest: &v1alpha1.EncryptionAtRest{Volumes: &v1alpha1.VolumeEncryption{Guard: &v1alpha1.VolumeGuard{}}}},
		v1alpha1.ControlSpec{ID: "ENC-2", EncryptionInTransit: &v1alpha1.EncryptionInTransit{
			Ingress: &v1alpha1.IngressEncryption{Certificates: "Ignore"}, Gateway: &v1alpha1.GatewayEncryption{},
			Mesh: &v1alpha1.MeshEncryption{Provider: "Istio"}, Certificates: &v1alpha1.CertificateHealth{},
		}},
		backedUp(backups, v1alpha1.Backup{}),
		backedUp("BCK-2", v1alpha1.Backup{Provider: v1alpha1.BackupByVolumeSnapshot}),
	)
}

// namespace creates a namespace that the scene's policies select.
func (s *scene) namespace(suffix string) string {
	name := s.name + "-" + suffix
	s.Namespace(s.tb, name, label, s.name)
	return name
}

// namespaces creates n namespaces that the scene's policies select.
func (s *scene) namespaces(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("%s-%03d", s.name, i)
	}
	harness.Each(s.tb, names, func(name string) error {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{label: s.name}}}
		return s.Create(context.Background(), ns)
	})
	return names
}

// observed returns once the operator has seen the namespaces that there are, which
// then existed before a policy that is made later: one more is made, and judged.
// Policies and namespaces are watched side by side.
func (s *scene) observed() {
	GinkgoHelper()
	const key = "e2e-fence"
	fence := s.name + "-fence"
	s.Apply(s.tb, harness.Policy(fence).Select(key, s.name).Deny(v1alpha1.DirectionIngress))
	s.Namespace(s.tb, fence, key, s.name)
	s.eventually("the last namespace is judged", func() error {
		if len(s.op.Evidence(s.tb).Of(fence).On(fence)) == 0 {
			return errors.New("it is not")
		}
		return nil
	})
}

// protected creates n namespaces and an enforcing policy, and returns once they
// all conform.
func (s *scene) protected(n int) []string {
	names := s.namespaces(n)
	s.Apply(s.tb, s.policy("").Enforce())
	s.AwaitDenied(s.tb, names...)
	s.AwaitConforming(s.tb, s.name)
	return names
}

// drift deletes the deny of each namespace, many at once.
func (s *scene) drift(namespaces ...string) {
	harness.Each(s.tb, namespaces, func(namespace string) error {
		return s.Delete(context.Background(), deny(namespace))
	})
}

// episodes are those of the scene's policy.
func (s *scene) episodes() harness.Episodes { return s.op.Evidence(s.tb).Episodes().Of(s.name) }

// evidence is about the scene's policy.
func (s *scene) evidence() harness.Evidence { return s.op.Evidence(s.tb).Of(s.name) }

// eventually waits for a condition.
func (s *scene) eventually(what string, condition func() error) {
	GinkgoHelper()
	harness.Eventually(s.tb, what, condition)
}

// awaitEpisodes waits until the scene's policy has so many episodes of an origin
// that ended so.
func (s *scene) awaitEpisodes(n int, origin ledger.Origin, ending ledger.Ending) harness.Episodes {
	GinkgoHelper()
	var got harness.Episodes
	s.eventually(fmt.Sprintf("%d episodes of origin %s end as %q", n, origin, ending), func() error {
		all := s.episodes()
		if got = all.From(origin).Ended(ending); len(got) != n {
			return fmt.Errorf("%d of all these:\n%s", len(got), all)
		}
		return nil
	})
	return got
}

// applies are the repairs that the API server was asked for since the mark.
func (s *scene) applies(mark harness.AuditMark, namespaces ...string) harness.Requests {
	return s.Since(s.tb, mark).By(s.op.User).Writes().On("networkpolicies").In(namespaces...)
}

// deny is the NetworkPolicy that Holdfast applies.
func deny(namespace string) *networkingv1.NetworkPolicy {
	return &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: harness.Deny}}
}

// gone returns nil once a namespace is gone.
func (s *scene) gone(namespace string) error {
	err := s.Get(s.tb.Context(), client.ObjectKey{Name: namespace}, &corev1.Namespace{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return fmt.Errorf("namespace %s exists", namespace)
}

func namespaceOf(name string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
}
