package controlplane

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"k8s.io/apiextensions-apiserver/pkg/apihelpers"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"
)

const (
	crdFieldManager = "controlplane"
	crdPoll         = 50 * time.Millisecond
	crdTimeout      = 3 * time.Minute
)

// InstallCRDs applies every CustomResourceDefinition in the .yaml files of dir
// (not of its subdirectories; other kinds are ignored) and waits, up to three minutes
// each, until the API server serves every version that they say is served. A
// directory without any is an error.
func InstallCRDs(ctx context.Context, cfg *rest.Config, dir string) error {
	client, err := clientset.NewForConfig(cfg)
	if err != nil {
		return fmt.Errorf("install CRDs: %w", err)
	}
	crds, err := readCRDs(dir)
	if err != nil {
		return fmt.Errorf("install CRDs: %w", err)
	}
	for name, document := range crds {
		options := metav1.PatchOptions{FieldManager: crdFieldManager, Force: new(true)}
		if _, err := client.ApiextensionsV1().CustomResourceDefinitions().
			Patch(ctx, name, types.ApplyPatchType, document, options); err != nil {
			return fmt.Errorf("apply CRD %s: %w", name, err)
		}
	}
	return awaitCRDs(ctx, client, slices.Sorted(maps.Keys(crds)))
}

// AwaitCRDs waits, up to three minutes each, until the API server serves every version
// of CustomResourceDefinitions that they say is served. That they are established is
// a moment too early: clients find kinds by discovery.
func AwaitCRDs(ctx context.Context, cfg *rest.Config, names ...string) error {
	client, err := clientset.NewForConfig(cfg)
	if err != nil {
		return fmt.Errorf("await CRDs: %w", err)
	}
	return awaitCRDs(ctx, client, names)
}

func awaitCRDs(ctx context.Context, client clientset.Interface, names []string) error {
	for _, name := range names {
		if err := awaitServed(ctx, client, name); err != nil {
			return fmt.Errorf("await that CRD %s is served: %w", name, err)
		}
	}
	return nil
}

// readCRDs returns the CRD documents of a directory by name.
func readCRDs(dir string) (map[string][]byte, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return nil, err
	}
	crds := map[string][]byte{}
	for _, path := range paths {
		if err := readCRDFile(path, crds); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	if len(crds) == 0 {
		return nil, fmt.Errorf("no CustomResourceDefinition in %s", dir)
	}
	return crds, nil
}

// readCRDFile adds the CRD documents of one file to crds.
func readCRDFile(path string, crds map[string][]byte) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(content)))
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var object metav1.PartialObjectMetadata
		if err := yaml.Unmarshal(document, &object); err != nil {
			return err
		}
		if object.Kind == "CustomResourceDefinition" {
			crds[object.Name] = document
		}
	}
}

// awaitServed waits until a definition is established, and in discovery.
func awaitServed(ctx context.Context, client clientset.Interface, name string) error {
	return wait.PollUntilContextTimeout(ctx, crdPoll, crdTimeout, true, func(ctx context.Context) (bool, error) {
		crd, err := client.ApiextensionsV1().CustomResourceDefinitions().Get(ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return false, nil // another API server's cache may be behind
		}
		if err != nil || !apihelpers.IsCRDConditionTrue(crd, apiextensionsv1.Established) {
			return false, err
		}
		return isServed(client, crd)
	})
}

// isServed is whether discovery lists the kind in every version that is to be served.
func isServed(client clientset.Interface, crd *apiextensionsv1.CustomResourceDefinition) (bool, error) {
	for _, version := range crd.Spec.Versions {
		if !version.Served {
			continue
		}
		groupVersion := metav1.GroupVersion{Group: crd.Spec.Group, Version: version.Name}.String()
		found, err := client.Discovery().ServerResourcesForGroupVersion(groupVersion)
		if apierrors.IsNotFound(err) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		if !slices.ContainsFunc(found.APIResources, func(r metav1.APIResource) bool { return r.Name == crd.Spec.Names.Plural }) {
			return false, nil
		}
	}
	return true, nil
}
