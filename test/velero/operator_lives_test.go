//go:build velero

package velero_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/killpoint"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/permissions"
	"github.com/holdfast-dev/holdfast/test/harness"
	"github.com/holdfast-dev/holdfast/test/velero"
)

// lives is a scene whose operator lives more than once.
type lives struct{ *scene }

// newMortal prepares an operator that can be told to kill itself. It is started by
// scenes, one after another.
func newMortal() *harness.Operator {
	GinkgoHelper()
	tb := newTB()
	return cluster.NewOperator(tb, harness.OperatorOptions{
		Name: "holdfast-killed", Values: []string{"probe.restoreTests=true"}, Args: []string{"--leader-elect=false"},
		Binary: harness.Build(tb, harness.BuildOptions{Tags: "killpoints"}),
	})
}

// tested is the scene's policy: the backups of its namespaces, begun by hand, are
// restored.
func (l *lives) tested() *harness.PolicyBuilder {
	return l.stated(v1alpha1.Backup{Schedule: "0 0 1 1 *", RecoveryPointObjective: metav1.Duration{Duration: 12 * time.Hour},
		Velero: &v1alpha1.VeleroBackup{Plan: "by-hand"}}).
		Controls(v1alpha1.ControlSpec{ID: restores, RestoreTest: &v1alpha1.RestoreTest{
			BackupControl: backups, Every: metav1.Duration{Duration: 168 * time.Hour}}})
}

// live starts a process that lives until it is killed by others.
func (l *lives) live() {
	GinkgoHelper()
	l.op.Env = nil
	l.op.Start(newTB())
}

// launch starts a process that is to die, and may before it is ready.
func (l *lives) launch(d death) {
	GinkgoHelper()
	l.op.Env = []string{
		killpoint.EnvPoint + "=" + string(d.point), killpoint.EnvAfter + "=" + strconv.Itoa(d.n), killpoint.EnvMark + "=" + l.mark(),
	}
	l.op.Launch(newTB())
}

// mark is the file in which a process that dies says where.
func (l *lives) mark() string { return filepath.Join(l.op.Dir, "mark") }

// awaitDeath waits until the process has killed itself.
func (l *lives) awaitDeath(d death) {
	GinkgoHelper()
	l.eventually(fmt.Sprintf("the process dies at %s", d.point), func() error {
		if l.op.Running() {
			return fmt.Errorf("it lives; its log ends:\n%s", l.op.Log())
		}
		return nil
	})
	Expect(l.op.Killed()).To(BeTrue(), l.op.Log())
	at, err := os.ReadFile(l.mark())
	Expect(err).NotTo(HaveOccurred())
	Expect(string(at)).To(Equal(string(d.point)))
	Expect(os.Remove(l.mark())).To(Succeed())
}

// end stops the process in order, and verifies what it and those before it wrote.
func (l *lives) end() {
	GinkgoHelper()
	l.op.Stop(newTB())
	report := l.op.Verify(newTB())
	Expect(report.Status).To(Equal(ledger.VerifyValid), "%v %v", report.Problems, report.Missing)
	Expect(report.Problems).To(BeEmpty())
}

// hang has a test of a namespace stop in the middle of its Restore, for the store does
// not answer Velero, and returns the Restore. resume ends that: by the death of Velero,
// which therefore never ends what it is at work on.
func (l *lives) hang(namespace string) *unstructured.Unstructured {
	GinkgoHelper()
	l.awaitSentinels(namespace)
	l.byHand(l.name, namespace, func(b *unstructured.Unstructured) { b.SetLabels(nil) })
	l.awaitPhase(l.name, "Completed")
	DeferCleanup(l.store.Thaw)
	Expect(l.store.Freeze()).To(Succeed())
	l.merge(velero.KindBackup, l.name, fmt.Sprintf(`{"metadata": {"labels": {%q: %q}}}`, control.ClusterLabel, clusterUID()))
	var hung *unstructured.Unstructured
	l.eventually("Velero is at work on a Restore", func() error {
		made := l.restoresOfTests()
		if len(made) != 1 || velero.Phase(&made[0]) != "InProgress" {
			return fmt.Errorf("there are %v", made)
		}
		hung = &made[0]
		return nil
	})
	return hung
}

// resume kills Velero, and starts it again.
func (l *lives) resume(ctx context.Context) {
	GinkgoHelper()
	Expect(l.Kill()).To(Succeed())
	Expect(l.store.Thaw()).To(Succeed())
	Expect(l.Start(ctx)).To(Succeed())
}

// restoresOfTests are the Restores of this cluster's tests.
func (l *lives) restoresOfTests() []unstructured.Unstructured { return l.restores(ofTests()) }

// restores are the Restores that are selected.
func (l *lives) restores(selected ...client.ListOption) []unstructured.Unstructured {
	GinkgoHelper()
	made := &unstructured.UnstructuredList{}
	made.SetAPIVersion("velero.io/v1")
	made.SetKind("RestoreList")
	Expect(l.List(context.Background(), made, append(selected, client.InNamespace(l.Namespace))...)).To(Succeed())
	return made.Items
}

// namespacesOfTests are the namespaces of this cluster's tests.
func (l *lives) namespacesOfTests() []corev1.Namespace {
	GinkgoHelper()
	made := &corev1.NamespaceList{}
	Expect(cluster.List(context.Background(), made, ofTests())).To(Succeed())
	var all []corev1.Namespace
	for i := range made.Items {
		if strings.HasPrefix(made.Items[i].Name, control.ScratchPrefix) {
			all = append(all, made.Items[i])
		}
	}
	return all
}

// ofTests selects what was made for a test of this cluster.
func ofTests() client.ListOption {
	GinkgoHelper()
	return client.MatchingLabels{control.ClusterLabel: clusterUID()}
}

// leftByOne insists that what a dead process left is of one test at most: what those
// before it left it has removed, before it began one.
func (l *lives) leftByOne() {
	GinkgoHelper()
	left := map[string]bool{}
	for _, o := range l.namespacesOfTests() {
		left[o.Name] = left[o.Name] || o.DeletionTimestamp == nil
	}
	for _, o := range l.restoresOfTests() {
		left[o.GetName()] = left[o.GetName()] || o.GetDeletionTimestamp() == nil
	}
	var names []string
	for name, there := range left {
		if there {
			names = append(names, name)
		}
	}
	Expect(len(names)).To(BeNumerically("<=", 1), "%v", names)
}

// awaitGone waits until nothing is left of tests, in the cluster and in the bucket.
func (l *lives) awaitGone() {
	GinkgoHelper()
	l.eventually("the tests have left nothing", func() error {
		namespaces, made := l.namespacesOfTests(), l.restoresOfTests()
		if len(namespaces)+len(made) > 0 {
			return fmt.Errorf("there are %v and %v", namespaces, made)
		}
		kept, err := filepath.Glob(filepath.Join(l.store.BucketDir(), "restores", "*"))
		for _, folder := range kept {
			if name := filepath.Base(folder); name != theirs && name != unlabelled {
				err = errors.Join(err, fmt.Errorf("the bucket has %s", name))
			}
		}
		return err
	})
	volumes := &corev1.PersistentVolumeList{}
	Expect(cluster.List(context.Background(), volumes)).To(Succeed())
	Expect(volumes.Items).To(BeEmpty())
}

// foreign are objects that look like those of tests, and are somebody else's.
type foreign []client.Object

// The namespaces among them: one of another cluster's test, one that has no more than
// the name of a test's, and one that has no more than the labels.
const (
	theirs     = control.ScratchPrefix + "theirs"
	unlabelled = control.ScratchPrefix + "unlabelled"
	renamed    = "renamed"
)

// neighbourhood makes the namespaces, for as long as the caller's specs take; and has
// no Restore outlive them, which only this Velero can end.
func (l *lives) neighbourhood() {
	GinkgoHelper()
	DeferCleanup(func(ctx context.Context) {
		Expect(l.DeleteAllOf(ctx, l.New(velero.KindRestore, ""), client.InNamespace(l.Namespace))).To(Succeed())
		l.eventually("no Restore is left", func() error {
			if left := l.restores(); len(left) > 0 {
				return fmt.Errorf("there are %v", left)
			}
			return nil
		})
	})
	namespace(theirs, testLabels("theirs", "another-cluster")...)
	namespace(unlabelled)
	namespace(renamed, testLabels(renamed, clusterUID())...)
}

// testLabels are the labels of a test of a cluster, as key, value, ….
func testLabels(id, cluster string) []string {
	return []string{control.RestoreTestLabel, id, control.ClusterLabel, cluster, "app.kubernetes.io/managed-by", "holdfast"}
}

// neighbours are the namespaces, what is restored into the first of them from a backup,
// and the Restores: that one of another cluster, and one that has no more than a name.
func (l *lives) neighbours(ctx context.Context, backup, source string) foreign {
	GinkgoHelper()
	restored := l.Spec(velero.KindRestore, theirs, map[string]any{"backupName": backup, "includedNamespaces": []any{source},
		"namespaceMapping": map[string]any{source: theirs}})
	restored.SetLabels(map[string]string{control.RestoreTestLabel: "theirs", control.ClusterLabel: "another-cluster"})
	refused := l.Spec(velero.KindRestore, unlabelled, map[string]any{"backupName": "none"})
	for _, o := range []*unstructured.Unstructured{restored, refused} {
		Expect(l.Create(ctx, o)).To(Succeed())
		_, err := l.AwaitPhase(ctx, velero.KindRestore, o.GetName(), "Completed", "FailedValidation")
		Expect(err).NotTo(HaveOccurred())
	}
	all := foreign{restored, refused, configMap(theirs, permissions.SentinelName)}
	for _, name := range []string{theirs, unlabelled, renamed} {
		all = append(all, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
	}
	for _, o := range all {
		Expect(cluster.Get(ctx, client.ObjectKeyFromObject(o), o)).To(Succeed())
	}
	return all
}

// untouched insists that they are as they were.
func (f foreign) untouched() {
	GinkgoHelper()
	for _, o := range f {
		uid, version := o.GetUID(), o.GetResourceVersion()
		Expect(cluster.Get(context.Background(), client.ObjectKeyFromObject(o), o)).To(Succeed())
		Expect(o.GetUID()).To(Equal(uid), "%T %s", o, o.GetName())
		Expect(o.GetResourceVersion()).To(Equal(version), "%T %s", o, o.GetName())
	}
}
