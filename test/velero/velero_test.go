//go:build velero

package velero_test

import (
	"bytes"
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/test/velero"
)

var _ = Describe("The harness", func() {
	It("backs up what is in the cluster", func() {
		shop, other := namespace("harness-shop"), namespace("harness-other")
		create(configMap(shop, "prices"), configMap(other, "prices"))

		contents := runBackup("harness", map[string]any{"includedNamespaces": []any{shop}})
		Expect(contents.In(shop)).To(ContainElement("configmaps harness-shop/prices"))
		Expect(contents.In(other)).To(BeEmpty())
		Expect(contents.Has("namespaces", "", shop)).To(BeTrue())
		Expect(contents.Has("namespaces", "", other)).To(BeFalse())
		Expect(contents[velero.Item{Resource: "configmaps", Namespace: shop, Name: "prices"}]).To(ContainSubstring(`"kind":"ConfigMap"`))
	})

	It("restores what the store holds, tampered with or not", func(ctx context.Context) {
		shop, scratch, tampered := namespace("harness-sold"), namespace("harness-scratch"), namespace("harness-tampered")
		prices := configMap(shop, "prices")
		prices.Data = map[string]string{"apple": "one"}
		create(prices)
		runBackup("harness-sold", map[string]any{"includedNamespaces": []any{shop}})
		Expect(restored(ctx, "harness-sold", shop, scratch).Data).To(HaveKeyWithValue("apple", "one"))

		Expect(shared.Rewrite("harness-sold", func(_ velero.Item, content []byte) []byte {
			return bytes.ReplaceAll(content, []byte(`"apple":"one"`), []byte(`"apple":"two"`))
		})).To(Succeed())
		Expect(restored(ctx, "harness-sold", shop, tampered).Data).To(HaveKeyWithValue("apple", "two"))
	})

	It("stops the store and the server, and starts them again", func(ctx context.Context) {
		own := install(newTB(), velero.Options{Namespace: "velero-harness"})
		own.awaitLocation("Available")
		_, err := own.RunBackup(ctx, "before", map[string]any{"includedNamespaces": []any{"default"}})
		Expect(err).NotTo(HaveOccurred())

		Expect(own.store.Stop()).To(Succeed())
		own.awaitLocation("Unavailable")
		Expect(own.store.Start(ctx)).To(Succeed())
		own.awaitLocation("Available")

		Expect(own.Kill()).To(Succeed())
		Expect(own.Running()).To(BeFalse())
		Expect(own.Start(ctx)).To(Succeed())
		Expect(own.Running()).To(BeTrue())
		contents, err := own.RunBackup(ctx, "after", map[string]any{"includedNamespaces": []any{"default"}})
		Expect(err).NotTo(HaveOccurred())
		before, err := own.Contents("before")
		Expect(err).NotTo(HaveOccurred())
		Expect(contents.In("default")).To(Equal(before.In("default")))
	})
})

// restored restores a namespace into another one, and returns the ConfigMap prices there.
func restored(ctx context.Context, backup, from, to string) *corev1.ConfigMap {
	GinkgoHelper()
	create(shared.Spec(velero.KindRestore, to, map[string]any{
		"backupName": backup, "includedNamespaces": []any{from}, "namespaceMapping": map[string]any{from: to}}))
	_, err := shared.AwaitPhase(ctx, velero.KindRestore, to, "Completed")
	Expect(err).NotTo(HaveOccurred())
	prices := configMap(to, "prices")
	Expect(cluster.Get(ctx, client.ObjectKeyFromObject(prices), prices)).To(Succeed())
	return prices
}
