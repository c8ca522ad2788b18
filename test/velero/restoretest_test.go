//go:build velero

package velero_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/permissions"
	"github.com/holdfast-dev/holdfast/internal/probe"
	"github.com/holdfast-dev/holdfast/internal/restoretest"
	"github.com/holdfast-dev/holdfast/test/harness"
	"github.com/holdfast-dev/holdfast/test/velero"
)

// The tests of restores, without the operator: what they find out is what the real
// Velero brings back.
var _ = Describe("Restore tests", func() {
	It("restore the sentinel, and tell what was written from what was tampered with", func(ctx context.Context) {
		shop, tests := namespace("tested-shop"), startTester()
		shared.awaitLocation("Available")

		good := tests.restored(ctx, shop, "tested-good", nil)
		Expect(good.Phase).To(Equal("Completed"))
		Expect(good.Errors).To(BeZero())
		Expect(good.Items).To(HaveLen(1))
		Expect(good.Items[0]).To(SatisfyAll(HaveField("Missing", false), HaveField("Differs", false)))
		Expect(good.Left).To(BeEmpty())
		Expect(good.Seconds).To(BeNumerically(">=", 1))
		tests.nothingLeft(ctx)

		tests.advance()
		bad := tests.restored(ctx, shop, "tested-tampered", func(item velero.Item, content []byte) []byte {
			if item.Name != permissions.SentinelName {
				return content
			}
			return bytes.Replace(content, []byte(`"content":"`), []byte(`"content":"x`), 1)
		})
		Expect(bad.Phase).To(Equal("Completed"))
		Expect(bad.Items).To(HaveLen(1))
		Expect(bad.Items[0]).To(SatisfyAll(HaveField("Missing", false), HaveField("Differs", true)))
		tests.nothingLeft(ctx)
	})

	It("say so where the backup does not hold the sentinel, or is gone", func(ctx context.Context) {
		shop, tests := namespace("tested-mall"), startTester()
		shared.awaitLocation("Available")
		tests.want(shop, nil)
		tests.awaitSentinel(ctx, shop)

		runBackup("tested-without", map[string]any{"includedNamespaces": []any{shop},
			"labelSelector": map[string]any{"matchLabels": map[string]any{"app": "none"}}})
		tests.want(shop, tests.candidate(ctx, "tested-without"))
		missing := tests.tested()
		Expect(missing.Phase).To(Equal("Completed"))
		Expect(missing.Items).To(ConsistOf(HaveField("Missing", true)))

		tests.advance()
		tests.awaitSentinel(ctx, shop)
		at := metav1.NewTime(time.Now().Add(time.Hour))
		tests.want(shop, &control.RestoreCandidate{Name: "tested-none", StartedAt: at.Time, CreatedAt: at.Time})
		gone := tests.tested()
		Expect(gone.Phase).To(Equal("FailedValidation"))
		Expect(gone.Failure).To(ContainSubstring("tested-none"))
		tests.nothingLeft(ctx)
	})
})

// restoreTests is a tester, whose clock can be advanced.
type restoreTests struct {
	*restoretest.Tester
	uid string

	mu     sync.Mutex
	offset time.Duration
	runs   []probe.Run
	taken  int
}

const testedEvery = 168 * time.Hour

// startTester starts a tester of the cluster that ends with the spec.
func startTester() *restoreTests {
	GinkgoHelper()
	system := &corev1.Namespace{}
	Expect(cluster.Get(context.Background(), client.ObjectKey{Name: metav1.NamespaceSystem}, system)).To(Succeed())
	ready := make(chan struct{})
	close(ready)
	r := &restoreTests{uid: string(system.UID)}
	tester, err := restoretest.New(restoretest.Options{
		Config: cluster.RESTConfig(), ClusterUID: r.uid, Ready: ready,
		Now:    func() time.Time { r.mu.Lock(); defer r.mu.Unlock(); return time.Now().Add(r.offset) },
		Recall: func(string) ([]control.Observation, bool) { return nil, true },
		Record: func(run probe.Run) { r.mu.Lock(); defer r.mu.Unlock(); r.runs = append(r.runs, run) },
		OnSeen: func(string) {}, Alarm: func(string, string, string) {},
		Pace: restoretest.Pace{Poll: 100 * time.Millisecond, Retry: time.Second},
	})
	Expect(err).NotTo(HaveOccurred())
	r.Tester = tester
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- tester.Start(ctx) }()
	DeferCleanup(func() { cancel(); Expect(<-ended).To(Succeed()) })
	return r
}

// want wants a namespace tested.
func (r *restoreTests) want(namespace string, candidate *control.RestoreCandidate) {
	r.Want(namespace, []probe.Wanted{{Policy: "p", Control: "BCK-2", Target: control.Target{Every: testedEvery, Restore: &control.RestoreTarget{
		Provider: "Velero", VeleroNamespace: shared.Namespace, Namespace: namespace, Timeout: velero.Patience, Candidate: candidate,
	}}}})
}

// advance has the next test be due.
func (r *restoreTests) advance() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.offset += testedEvery
}

// restored backs the sentinel of a namespace up, edits the backup, has it restored, and
// returns what was seen.
func (r *restoreTests) restored(ctx context.Context, namespace, backup string, edit func(velero.Item, []byte) []byte) *control.Restored {
	GinkgoHelper()
	r.want(namespace, nil)
	r.awaitSentinel(ctx, namespace)
	runBackup(backup, map[string]any{"includedNamespaces": []any{namespace}})
	if edit != nil {
		Expect(shared.Rewrite(backup, edit)).To(Succeed())
	}
	r.want(namespace, r.candidate(ctx, backup))
	return r.tested()
}

// awaitSentinel waits for a sentinel, and for the end of the second in which it was
// written.
func (r *restoreTests) awaitSentinel(ctx context.Context, namespace string) {
	GinkgoHelper()
	harness.Eventually(newTB(), "there is a sentinel", func() error {
		sentinel := configMap(namespace, permissions.SentinelName)
		if err := cluster.Get(ctx, client.ObjectKeyFromObject(sentinel), sentinel); err != nil {
			return err
		}
		if !time.Now().Truncate(time.Second).After(sentinel.CreationTimestamp.Time) {
			return errors.New("it was written in this second")
		}
		return nil
	})
}

// candidate is a backup that may be restored.
func (r *restoreTests) candidate(ctx context.Context, name string) *control.RestoreCandidate {
	GinkgoHelper()
	backup := shared.New(velero.KindBackup, name)
	Expect(cluster.Get(ctx, client.ObjectKeyFromObject(backup), backup)).To(Succeed())
	text, _, err := unstructured.NestedString(backup.Object, "status", "startTimestamp")
	Expect(err).NotTo(HaveOccurred())
	started, err := time.Parse(time.RFC3339, text)
	Expect(err).NotTo(HaveOccurred())
	return &control.RestoreCandidate{Name: name, UID: string(backup.GetUID()), StartedAt: started, CreatedAt: backup.GetCreationTimestamp().Time}
}

// tested waits for a further test, and returns what it saw.
func (r *restoreTests) tested() *control.Restored {
	GinkgoHelper()
	var seen *control.Observation
	harness.Eventually(newTB(), "a test is recorded", func() error {
		r.mu.Lock()
		defer r.mu.Unlock()
		if len(r.runs) == r.taken {
			return errors.New("there is none")
		}
		seen = &r.runs[r.taken].Observations[0]
		r.taken++
		return nil
	})
	Expect(seen.Restored).NotTo(BeNil(), "%s: %s", seen.Reason, seen.Message)
	return seen.Restored
}

// nothingLeft waits until no namespace and no Restore of a test is left.
func (r *restoreTests) nothingLeft(ctx context.Context) {
	GinkgoHelper()
	harness.Eventually(newTB(), "nothing is left of a test", func() error {
		var namespaces corev1.NamespaceList
		restores := &unstructured.UnstructuredList{}
		restores.SetAPIVersion("velero.io/v1")
		restores.SetKind("RestoreList")
		if err := errors.Join(cluster.List(ctx, &namespaces, client.HasLabels{control.RestoreTestLabel}),
			cluster.List(ctx, restores, client.HasLabels{control.RestoreTestLabel})); err != nil {
			return err
		}
		if n, m := len(namespaces.Items), len(restores.Items); n+m > 0 {
			return fmt.Errorf("%d namespaces and %d Restores", n, m)
		}
		return nil
	})
}
