// Package crds installs the CustomResourceDefinitions of other projects, as they
// publish them, in an API server. They are read from the projects' Go modules,
// which hack/crds pins, and those of Velero from the module that its server is built
// from.
package crds

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/rest"

	"github.com/holdfast-dev/holdfast/hack/tools"
)

// Set is the CustomResourceDefinitions of one project.
type Set string

// The sets, by the module that each is read from.
const (
	// GatewayAPI is the standard channel of Gateway API: Gateways, ListenerSets,
	// ReferenceGrants and all routes.
	GatewayAPI Set = "sigs.k8s.io/gateway-api"
	// Istio is all kinds of Istio.
	Istio Set = "istio.io/api"
	// CertManager is all kinds of cert-manager.
	CertManager Set = "github.com/cert-manager/cert-manager"
	// Snapshots is the kinds of volume snapshots and of groups of them.
	Snapshots Set = "github.com/kubernetes-csi/external-snapshotter/client/v8"
	// Velero is all kinds of Velero.
	Velero Set = "github.com/vmware-tanzu/velero"
)

// folders are where, in each module, the definitions are.
var folders = map[Set][]string{
	GatewayAPI:  {"config/crd/standard"},
	Istio:       {"kubernetes"},
	CertManager: {"deploy/crds"},
	Snapshots:   {"config/crd"},
	Velero:      {"config/crd/v1/bases", "config/crd/v2alpha1/bases"},
}

// pins are the folders under hack of the modules that pin those of sets.
var pins = map[string][]Set{
	"crds":          {GatewayAPI, Istio, CertManager, Snapshots},
	"velero/velero": {Velero},
}

// Server is an API server.
type Server interface {
	// RESTConfig is the configuration of an admin's clients.
	RESTConfig() *rest.Config
}

// Folders are the folders with the set's definitions. What else is in them is of
// other kinds.
func (s Set) Folders(tb testing.TB) []string {
	tb.Helper()
	all, err := s.Find()
	if err != nil {
		tb.Fatal(err)
	}
	return all
}

// Find returns what Folders does, for programs that are no tests.
func (s Set) Find() ([]string, error) {
	dirs, err := modules()
	if err != nil {
		return nil, fmt.Errorf("find the CustomResourceDefinitions of %s: %w", s, err)
	}
	all := slices.Clone(folders[s])
	for i := range all {
		all[i] = filepath.Join(dirs[s], filepath.FromSlash(all[i]))
	}
	return all, nil
}

// Definitions are the definitions of the set, by name.
func (s Set) Definitions(tb testing.TB) []*apiextensionsv1.CustomResourceDefinition {
	tb.Helper()
	var all []*apiextensionsv1.CustomResourceDefinition
	for _, folder := range s.Folders(tb) {
		found, err := readFolder(folder)
		if err != nil {
			tb.Fatalf("read the CustomResourceDefinitions of %s: %v", s, err)
		}
		all = append(all, found...)
	}
	slices.SortFunc(all, func(a, b *apiextensionsv1.CustomResourceDefinition) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// readFolder reads the definitions in the .yaml files of a folder.
func readFolder(folder string) ([]*apiextensionsv1.CustomResourceDefinition, error) {
	paths, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	if err != nil {
		return nil, err
	}
	var all []*apiextensionsv1.CustomResourceDefinition
	for _, path := range paths {
		found, err := readFile(path)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// readFile reads the definitions in a file of YAML documents.
func readFile(path string) ([]*apiextensionsv1.CustomResourceDefinition, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var all []*apiextensionsv1.CustomResourceDefinition
	for decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(content), 4096); ; {
		definition := &apiextensionsv1.CustomResourceDefinition{}
		err := decoder.Decode(definition)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if definition.Kind == "CustomResourceDefinition" {
			all = append(all, definition)
		}
	}
}

// modules are the folders of the modules. They are asked for once.
var modules = sync.OnceValues(download)

// download has go download the modules, unless it has them already.
func download() (map[Set]string, error) {
	root, err := tools.Root()
	if err != nil {
		return nil, err
	}
	dirs := map[Set]string{}
	for pin, sets := range pins {
		if err := downloadPinned(filepath.Join(root, "hack", filepath.FromSlash(pin)), sets, dirs); err != nil {
			return nil, err
		}
	}
	return dirs, nil
}

// downloadPinned adds to dirs where the modules are that the one in dir pins.
func downloadPinned(dir string, sets []Set, dirs map[Set]string) error {
	args := []string{"mod", "download", "-json"}
	for _, set := range sets {
		args = append(args, string(set))
	}
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	// The settings of the caller must not change what is read.
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	output, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("go %s: %w\n%s%s", strings.Join(args, " "), err, output, stderr.String())
	}
	return readModules(strings.NewReader(string(output)), dirs)
}

// readModules adds to dirs what go says of each module.
func readModules(from io.Reader, dirs map[Set]string) error {
	for decoder := json.NewDecoder(from); ; {
		var module struct{ Path, Dir string }
		err := decoder.Decode(&module)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read what go says of the modules: %w", err)
		}
		dirs[Set(module.Path)] = module.Dir
	}
}
