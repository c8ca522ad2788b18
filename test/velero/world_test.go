//go:build velero

package velero_test

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/metadata"

	"github.com/holdfast-dev/holdfast/test/harness"
	"github.com/holdfast-dev/holdfast/test/velero"
)

// objects are those of a namespace.
//
//go:embed testdata/namespace.yaml
var objects []byte

const (
	// excludeLabel has Velero leave out what bears it.
	excludeLabel = "velero.io/exclude-from-backup"
	// excludedObject is the ConfigMap that bears it in every namespace of a world.
	excludedObject = "left-out"
	// widgets is the resource of the custom kind of a world.
	widgets = "widgets.example.com"
)

// made are the resources of objects that controllers and the like make, and make
// again: no restore needs them.
var made = []string{"endpoints", "endpointslices.discovery.k8s.io", "events", "events.events.k8s.io", "leases.coordination.k8s.io"}

// world are namespaces with an object of every kind.
type world struct {
	namespaces []string
	// excluded are those of them that bear the label to be left out.
	excluded []string
	// needed are the objects that a restore needs, by namespace.
	needed map[string][]velero.Item
	// resources are their resources.
	resources []string
}

// newWorld creates a world.
func newWorld(ctx context.Context, namespaces, excluded []string) *world {
	GinkgoHelper()
	w := &world{namespaces: slices.Concat(namespaces, excluded), excluded: excluded}
	for _, name := range namespaces {
		fill(ctx, namespace(name))
	}
	for _, name := range excluded {
		fill(ctx, namespace(name, excludeLabel, "true"))
	}
	harness.Eventually(newTB(), "the objects of the world are there", func() error {
		before := w.needed
		w.look(ctx)
		if !maps.EqualFunc(before, w.needed, slices.Equal) {
			return errors.New("more keep coming")
		}
		for _, name := range w.namespaces {
			if !slices.Contains(w.needed[name], velero.Item{Resource: "configmaps", Namespace: name, Name: "kube-root-ca.crt"}) {
				return errors.New("the controllers have not seen " + name)
			}
		}
		return nil
	})
	return w
}

// fill creates the objects of a namespace.
func fill(ctx context.Context, namespace string) {
	GinkgoHelper()
	for decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(objects), 4096); ; {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(object)
		if errors.Is(err, io.EOF) {
			break
		}
		Expect(err).NotTo(HaveOccurred())
		object.SetNamespace(namespace)
		harness.Eventually(newTB(), "there is "+object.GetKind()+" "+object.GetName(), func() error {
			return cluster.Create(ctx, object.DeepCopy()) // a pod waits for its service account
		})
	}
	create(configMap(namespace, excludedObject, excludeLabel, "true"))
}

// look lists what is in the world.
func (w *world) look(ctx context.Context) {
	GinkgoHelper()
	w.needed = map[string][]velero.Item{}
	found := map[string]bool{}
	client, err := metadata.NewForConfig(cluster.RESTConfig())
	Expect(err).NotTo(HaveOccurred())
	for _, resource := range namespacedResources() {
		list, err := client.Resource(resource).List(ctx, metav1.ListOptions{})
		Expect(err).NotTo(HaveOccurred(), "%s", resource)
		name := resource.GroupResource().String()
		for i := range list.Items {
			o := &list.Items[i]
			if !slices.Contains(w.namespaces, o.Namespace) || o.Labels[excludeLabel] == "true" {
				continue
			}
			w.needed[o.Namespace] = append(w.needed[o.Namespace], velero.Item{Resource: name, Namespace: o.Namespace, Name: o.Name})
			found[name] = true
		}
	}
	for _, items := range w.needed {
		slices.SortFunc(items, func(a, b velero.Item) int { return strings.Compare(a.String(), b.String()) })
	}
	w.resources = slices.Sorted(maps.Keys(found))
}

// namespacedResources are all that can be listed in namespaces and are not made by
// controllers, each once.
func namespacedResources() []schema.GroupVersionResource {
	GinkgoHelper()
	client, err := discovery.NewDiscoveryClientForConfig(cluster.RESTConfig())
	Expect(err).NotTo(HaveOccurred())
	lists, err := client.ServerPreferredNamespacedResources()
	Expect(err).NotTo(HaveOccurred())
	var all []schema.GroupVersionResource
	for _, list := range lists {
		version, err := schema.ParseGroupVersion(list.GroupVersion)
		Expect(err).NotTo(HaveOccurred())
		for i := range list.APIResources {
			resource := version.WithResource(list.APIResources[i].Name)
			listed := slices.Contains(list.APIResources[i].Verbs, "list")
			if listed && !slices.Contains(made, resource.GroupResource().String()) && !strings.HasSuffix(version.Group, "velero.io") {
				all = append(all, resource)
			}
		}
	}
	return all
}
