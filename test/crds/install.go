package crds

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/holdfast-dev/holdfast/test/controlplane"
)

const (
	// within is how long an API server may take to serve what was installed, or to
	// let go of what was removed.
	within = 3 * time.Minute
	// poll is how often it is asked.
	poll = 100 * time.Millisecond
	// nudge is how often a definition that is to go is changed. An API server that
	// could not clean up after one, because it was still beginning to serve it, tries
	// again later and later; a change has it try at once.
	nudge = time.Second
)

// Install installs the definitions of the sets, and returns once the API server
// serves every version that they say is served. Installing again changes nothing.
func Install(tb testing.TB, server Server, sets ...Set) {
	tb.Helper()
	for _, set := range sets {
		for _, folder := range set.Folders(tb) {
			if err := controlplane.InstallCRDs(tb.Context(), server.RESTConfig(), folder); err != nil {
				tb.Fatalf("%s: %v", set, err)
			}
		}
		if err := awaitServed(tb.Context(), newClients(tb, server), set.Definitions(tb)); err != nil {
			tb.Fatalf("%s: %v", set, err)
		}
	}
}

// Remove removes the definitions of the sets, and with them every object of their
// kinds, and returns once they are gone. Those that are not there are no error.
func Remove(tb testing.TB, server Server, sets ...Set) {
	tb.Helper()
	clients := newClients(tb, server)
	for _, set := range sets {
		if err := remove(tb.Context(), clients, set.Definitions(tb)); err != nil {
			tb.Fatalf("%s: %v", set, err)
		}
	}
}

func newClients(tb testing.TB, server Server) clientset.Interface {
	tb.Helper()
	clients, err := clientset.NewForConfig(server.RESTConfig())
	if err != nil {
		tb.Fatal(err)
	}
	return clients
}

// awaitServed returns once discovery lists every version that is to be served.
func awaitServed(ctx context.Context, clients clientset.Interface, definitions []*apiextensionsv1.CustomResourceDefinition) error {
	var missing []string
	err := wait.PollUntilContextTimeout(ctx, poll, within, true, func(context.Context) (bool, error) {
		var err error
		_, missing, err = discover(clients, definitions)
		return len(missing) == 0, err
	})
	if err != nil {
		return fmt.Errorf("not served: %s: %w", strings.Join(missing, ", "), err)
	}
	return nil
}

// awaitGone returns once discovery lists none of the kinds.
func awaitGone(ctx context.Context, clients clientset.Interface, definitions []*apiextensionsv1.CustomResourceDefinition) error {
	var served []string
	err := wait.PollUntilContextTimeout(ctx, poll, within, true, func(context.Context) (bool, error) {
		var err error
		served, _, err = discover(clients, definitions)
		return len(served) == 0, err
	})
	if err != nil {
		return fmt.Errorf("still served: %s: %w", strings.Join(served, ", "), err)
	}
	return nil
}

// discover tells the kinds, with their versions, that discovery lists from those
// that it ought to and does not.
func discover(clients clientset.Interface, definitions []*apiextensionsv1.CustomResourceDefinition) (served, missing []string, err error) {
	for _, definition := range definitions {
		for _, version := range definition.Spec.Versions {
			groupVersion := metav1.GroupVersion{Group: definition.Spec.Group, Version: version.Name}.String()
			resources, err := clients.Discovery().ServerResourcesForGroupVersion(groupVersion)
			if err != nil && !apierrors.IsNotFound(err) {
				return nil, nil, err
			}
			isNamed := func(r metav1.APIResource) bool { return r.Name == definition.Spec.Names.Plural }
			switch {
			case err == nil && slices.ContainsFunc(resources.APIResources, isNamed):
				served = append(served, definition.Name+"/"+version.Name)
			case version.Served:
				missing = append(missing, definition.Name+"/"+version.Name)
			}
		}
	}
	return served, missing, nil
}

// remove deletes the definitions, and returns once they are gone.
func remove(ctx context.Context, clients clientset.Interface, definitions []*apiextensionsv1.CustomResourceDefinition) error {
	api := clients.ApiextensionsV1().CustomResourceDefinitions()
	for _, definition := range definitions {
		if err := api.Delete(ctx, definition.Name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			return err
		}
	}
	for _, definition := range definitions {
		err := wait.PollUntilContextTimeout(ctx, nudge, within, true, func(ctx context.Context) (bool, error) {
			change := fmt.Appendf(nil, `{"metadata":{"annotations":{"nudged-at":%q}}}`, time.Now().Format(time.RFC3339Nano))
			_, err := api.Patch(ctx, definition.Name, types.MergePatchType, change, metav1.PatchOptions{})
			if apierrors.IsNotFound(err) {
				return true, nil
			}
			return false, err
		})
		if err != nil {
			return fmt.Errorf("%s is not gone: %w", definition.Name, err)
		}
	}
	return awaitGone(ctx, clients, definitions)
}
