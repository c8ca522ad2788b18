//go:build velero

package velero_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
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
	"github.com/holdfast-dev/holdfast/internal/controls/restoretest"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/permissions"
	"github.com/holdfast-dev/holdfast/test/harness"
	"github.com/holdfast-dev/holdfast/test/velero"
)

// testsRestores is the spec on restore tests. The backup that they restore counts only
// once the store was tampered with: until then it is not labelled as this cluster's.
func testsRestores(beside func() (*installation, *harness.Operator)) {
	It("restores what the store holds, tells what differs from what was written, and leaves nothing", func() {
		own, op := beside()
		s := newScene(own, op, "restored")
		good, forged, short := s.namespace("good"), s.namespace("forged"), s.namespace("short")
		s.apply(s.stated(v1alpha1.Backup{Schedule: "0 0 1 1 *", RecoveryPointObjective: metav1.Duration{Duration: 12 * time.Hour},
			Velero: &v1alpha1.VeleroBackup{Plan: "by-hand"}}).
			Controls(v1alpha1.ControlSpec{ID: restores, RestoreTest: &v1alpha1.RestoreTest{
				BackupControl: backups, Every: metav1.Duration{Duration: 168 * time.Hour}}}))
		sentinels := s.awaitSentinels(good, forged, short)

		s.byHand("restored", s.name+"-*", func(b *unstructured.Unstructured) { b.SetLabels(nil) })
		s.awaitPhase("restored", "Completed")
		Expect(s.Rewrite("restored", func(item velero.Item, content []byte) []byte {
			switch {
			case item.Resource != "configmaps" || item.Name != permissions.SentinelName:
				return content
			case item.Namespace == forged:
				return bytes.Replace(content, []byte(`"content":"`), []byte(`"content":"AAAA`), 1)
			case item.Namespace == short:
				return bytes.ReplaceAll(content, []byte(`"name":"`+permissions.SentinelName+`"`), []byte(`"name":"another"`))
			}
			return content
		})).To(Succeed())
		By("the backup is labelled as one of this cluster")
		s.merge(velero.KindBackup, "restored", fmt.Sprintf(`{"metadata": {"labels": {%q: %q}}}`, control.ClusterLabel, clusterUID()))

		Expect(s.awaitState(restores, good, control.Conforming, "").To.Basis).To(Equal(control.BasisBehaviour))
		s.awaitState(restores, forged, control.Deviating, restoretest.ReasonDataDiffers)
		s.awaitState(restores, short, control.Deviating, restoretest.ReasonDataMissing)

		seen := s.restored()
		Expect(seen).To(HaveLen(3))
		started := timeIn(s.awaitPhase("restored", "Completed"), "startTimestamp")
		var oldest int64
		for namespace, r := range seen {
			Expect(r.Backup).To(Equal("restored"), namespace)
			Expect(r.BackupAt).To(BeTemporally("==", started), namespace)
			Expect(r.Seconds).To(BeNumerically(">", 0), "how long it took in %s", namespace)
			oldest = max(oldest, r.DataAge)
		}
		Expect(oldest).To(BeNumerically(">", 0), "how old the data was of the last of the tests, one at a time")
		s.awaitNothingLeft()
		s.awaitRewritten(sentinels)
	})
}

// awaitSentinels waits until the namespaces have their sentinels, and a backup that is
// begun now is one that began after they were written.
func (s *scene) awaitSentinels(namespaces ...string) map[string]*corev1.ConfigMap {
	GinkgoHelper()
	all := map[string]*corev1.ConfigMap{}
	for _, namespace := range namespaces {
		sentinel := &corev1.ConfigMap{}
		s.eventually(namespace+" has a sentinel, a second ago", func() error {
			if err := cluster.Get(context.Background(), client.ObjectKey{Namespace: namespace, Name: permissions.SentinelName}, sentinel); err != nil {
				return err
			}
			if !time.Now().Truncate(time.Second).After(sentinel.CreationTimestamp.Time) {
				return errors.New("it was written right now")
			}
			return nil
		})
		all[namespace] = sentinel
	}
	return all
}

// restored is what restore tests saw, by namespace, as the ledger keeps it.
func (s *scene) restored() map[string]*control.Restored {
	GinkgoHelper()
	all := map[string]*control.Restored{}
	for _, o := range s.results() {
		all[o.Target.Restore.Namespace] = o.Restored
	}
	return all
}

// results are what the ledger says that restore tests of the scene's namespaces saw.
func (s *scene) results() []control.Observation {
	GinkgoHelper()
	var all []control.Observation
	for _, e := range s.op.Evidence(newTB()).Kind(ledger.KindProbed) {
		if e.Probe.Of != control.ProbeRestore {
			continue
		}
		var observations []control.Observation
		Expect(json.Unmarshal(s.object(e.Probe.Observations), &observations)).To(Succeed())
		for _, o := range observations {
			if o.Restored != nil && strings.HasPrefix(o.Target.Restore.Namespace, s.name+"-") {
				all = append(all, o)
			}
		}
	}
	return all
}

// object reads an object of the operator's ledger. It lies beside the log a moment
// after the entry that names it, and until then in the journal.
func (s *scene) object(digest string) []byte {
	GinkgoHelper()
	reader, err := ledger.NewReader(s.op.LedgerDir)
	Expect(err).NotTo(HaveOccurred())
	ledgers, err := os.ReadDir(filepath.Join(s.op.LedgerDir, "ledgers"))
	Expect(err).NotTo(HaveOccurred())
	Expect(ledgers).To(HaveLen(1))
	var content []byte
	s.eventually("the object lies beside the log", func() error {
		content, err = reader.Object(ledgers[0].Name(), digest)
		return err
	})
	return content
}

// awaitNothingLeft waits until nothing is there that restore tests made.
func (s *scene) awaitNothingLeft() {
	GinkgoHelper()
	made := &unstructured.UnstructuredList{}
	made.SetAPIVersion("velero.io/v1")
	made.SetKind("RestoreList")
	namespaces := &corev1.NamespaceList{}
	s.eventually("the tests have left nothing", func() error {
		err := errors.Join(
			cluster.List(context.Background(), namespaces, client.HasLabels{control.RestoreTestLabel}),
			s.List(context.Background(), made, client.InNamespace(s.Namespace)))
		if left := len(namespaces.Items) + len(made.Items); left > 0 {
			return errors.Join(err, fmt.Errorf("%d objects are there", left))
		}
		return err
	})
	files, err := filepath.Glob(filepath.Join(s.store.BucketDir(), "restores", "*"))
	Expect(err).NotTo(HaveOccurred())
	Expect(files).To(BeEmpty())
}

// awaitRewritten waits until sentinels are written anew, for the next test.
func (s *scene) awaitRewritten(sentinels map[string]*corev1.ConfigMap) {
	GinkgoHelper()
	for namespace, sentinel := range sentinels {
		found := &corev1.ConfigMap{}
		s.eventually("the sentinel in "+namespace+" is written anew", func() error {
			err := cluster.Get(context.Background(), client.ObjectKeyFromObject(sentinel), found)
			if err == nil && found.UID == sentinel.UID {
				return errors.New("it is the old one")
			}
			return err
		})
	}
}
