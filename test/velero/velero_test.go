//go:build velero

package velero_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

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
