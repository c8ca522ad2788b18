package e2e

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/internal/ledger/clusterstore"
	"github.com/holdfast-dev/holdfast/test/harness"
)

var _ = Describe("Invariant 9: Secrets stay secret", func() {
	It("reads no Secret but its own key, and writes that nowhere", func() {
		s := prepareOwn("secretive", harness.OperatorOptions{KeyInSecret: true})
		names := s.namespaces(1)
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: names[0], Name: "password"}, StringData: map[string]string{"password": "correct-horse-battery-staple"}}
		Expect(s.Create(s.tb.Context(), secret)).To(Succeed())
		mark := s.Mark(s.tb)
		s.Apply(s.tb, s.policy("").Enforce())
		s.op.Start(s.tb)
		s.AwaitDenied(s.tb, names...)
		s.AwaitConforming(s.tb, s.name)
		s.op.Stop(s.tb)

		requests := s.Since(s.tb, mark).By(s.op.User).On("secrets")
		Expect(requests).NotTo(BeEmpty())
		for _, r := range requests {
			Expect(r.Verb).To(BeElementOf("get", "create"), requests.String())
			Expect(r.ObjectRef.Namespace).To(Equal(s.op.Namespace))
			Expect(r.ObjectRef.Name).To(BeElementOf(clusterstore.KeyName, ""), requests.String())
		}
		key := &corev1.Secret{}
		Expect(s.Get(s.tb.Context(), client.ObjectKey{Namespace: s.op.Namespace, Name: clusterstore.KeyName}, key)).To(Succeed())
		Expect(key.Data).NotTo(BeEmpty())
		for _, value := range key.Data {
			secrets := append(bytes.Split(bytes.TrimSpace(value), []byte("\n"))[1:2], []byte("correct-horse-battery-staple"))
			Expect(filesWith(s.op.Dir, secrets...)).To(BeEmpty())
		}
	})
})

// filesWith are the files below dir that hold one of the texts.
func filesWith(dir string, texts ...[]byte) []string {
	var found []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "kubeconfig" {
			return err
		}
		content, err := os.ReadFile(path)
		for _, text := range texts {
			if bytes.Contains(content, text) {
				found = append(found, path)
			}
		}
		return err
	})
	Expect(err).NotTo(HaveOccurred())
	return found
}
