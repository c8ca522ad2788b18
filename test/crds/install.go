package crds

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apiextensions-apiserver/pkg/apihelpers"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset"
	apiextensionsclient "k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset/typed/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/holdfast-dev/holdfast/test/controlplane"
)

const (
	// within is how long an API server may take to let go of what was removed.
	within = 5 * time.Minute
	// poll is how often it is asked.
	poll = 100 * time.Millisecond
	// nudge is how often a definition is looked at that is to go, and changed where that
	// does not go on.
	nudge = time.Second
	// cleaning is the reason of the condition Terminating while an API server cleans up
	// after a definition.
	cleaning = "InstanceDeletionInProgress"
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

// RemoveFolder is Remove for the definitions in the .yaml files of a folder, which
// holds some.
func RemoveFolder(tb testing.TB, server Server, folder string) {
	tb.Helper()
	definitions, err := readFolder(folder)
	if err == nil && len(definitions) == 0 {
		err = errors.New("there are none")
	}
	if err == nil {
		err = remove(tb.Context(), newClients(tb, server), definitions)
	}
	if err != nil {
		tb.Fatalf("remove the CustomResourceDefinitions in %s: %v", folder, err)
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

// awaitGone returns once discovery lists none of the kinds.
func awaitGone(ctx context.Context, clients clientset.Interface, definitions []*apiextensionsv1.CustomResourceDefinition) error {
	var served []string
	err := wait.PollUntilContextTimeout(ctx, poll, within, true, func(context.Context) (bool, error) {
		var err error
		served, err = discover(clients, definitions)
		return len(served) == 0, err
	})
	if err != nil {
		return fmt.Errorf("still served: %s: %w", strings.Join(served, ", "), err)
	}
	return nil
}

// discover tells the kinds, with their versions, that discovery lists.
func discover(clients clientset.Interface, definitions []*apiextensionsv1.CustomResourceDefinition) (served []string, err error) {
	for _, definition := range definitions {
		for _, version := range definition.Spec.Versions {
			groupVersion := metav1.GroupVersion{Group: definition.Spec.Group, Version: version.Name}.String()
			resources, err := clients.Discovery().ServerResourcesForGroupVersion(groupVersion)
			if apierrors.IsNotFound(err) {
				continue
			}
			if err != nil {
				return nil, err
			}
			if slices.ContainsFunc(resources.APIResources, func(r metav1.APIResource) bool { return r.Name == definition.Spec.Names.Plural }) {
				served = append(served, definition.Name+"/"+version.Name)
			}
		}
	}
	return served, nil
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
		if err := awaitRemoved(ctx, api, definition.Name); err != nil {
			return fmt.Errorf("%s is not gone: %w", definition.Name, err)
		}
	}
	return awaitGone(ctx, clients, definitions)
}

// awaitRemoved returns once a definition that was deleted is gone. An API server that
// could not clean up after it, because it was still beginning to serve it, tries again
// later and later; a change has it try at once. It begins anew on a change while it is
// at it, so that it is left alone then.
func awaitRemoved(ctx context.Context, api apiextensionsclient.CustomResourceDefinitionInterface, name string) error {
	return wait.PollUntilContextTimeout(ctx, nudge, within, true, func(ctx context.Context) (bool, error) {
		definition, err := api.Get(ctx, name, metav1.GetOptions{})
		if err == nil && gaveUp(definition) {
			change := fmt.Appendf(nil, `{"metadata":{"annotations":{"nudged-at":%q}}}`, time.Now().Format(time.RFC3339Nano))
			_, err = api.Patch(ctx, name, types.MergePatchType, change, metav1.PatchOptions{})
		}
		if apierrors.IsNotFound(err) {
			return true, nil
		}
		return false, err
	})
}

// gaveUp is whether an API server could not clean up after a definition, for now.
func gaveUp(definition *apiextensionsv1.CustomResourceDefinition) bool {
	terminating := apihelpers.FindCRDCondition(definition, apiextensionsv1.Terminating)
	return terminating != nil && terminating.Status == apiextensionsv1.ConditionTrue && terminating.Reason != cleaning
}
