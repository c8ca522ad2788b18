//go:build velero

package velero_test

import (
	"context"
	"fmt"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/test/harness"
	"github.com/holdfast-dev/holdfast/test/velero"
)

// specTB is a spec as a testing.TB. Ginkgo's own makes a context, with a clean-up
// of its own, each time it is asked for one.
type specTB struct{ testing.TB }

// Context never ends: what waits has a patience of its own.
func (specTB) Context() context.Context { return context.Background() }

func newTB() testing.TB { return specTB{GinkgoTB()} }

// namespace creates a namespace, with labels given as key, value, …, that is deleted
// with the spec.
func namespace(name string, labels ...string) string {
	GinkgoHelper()
	tb := newTB()
	cluster.Namespace(tb, name, labels...)
	DeferCleanup(func() { cluster.DeleteNamespace(newTB(), name) })
	return name
}

// create creates objects.
func create(objects ...client.Object) {
	GinkgoHelper()
	for _, object := range objects {
		Expect(cluster.Create(context.Background(), object)).To(Succeed())
	}
}

// configMap is a ConfigMap, with labels given as key, value, ….
func configMap(namespace, name string, labels ...string) *corev1.ConfigMap {
	object := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{}}}
	for i := 0; i+1 < len(labels); i += 2 {
		object.Labels[labels[i]] = labels[i+1]
	}
	return object
}

// runBackup runs a backup with the shared Velero, and returns what it holds.
func runBackup(name string, spec map[string]any) velero.Contents {
	GinkgoHelper()
	contents, err := shared.RunBackup(context.Background(), name, spec)
	Expect(err).NotTo(HaveOccurred())
	return contents
}

// awaitLocation waits until the location of an installation is in a phase.
func (i *installation) awaitLocation(phase string) {
	GinkgoHelper()
	harness.Eventually(newTB(), fmt.Sprintf("the location is %s", phase), func() error {
		location := i.New(velero.KindLocation, velero.Location)
		if err := i.Get(context.Background(), client.ObjectKeyFromObject(location), location); err != nil {
			return err
		}
		if got := velero.Phase(location); got != phase {
			return fmt.Errorf("it is %q", got)
		}
		return nil
	})
}
