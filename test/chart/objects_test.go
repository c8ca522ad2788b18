package chart_test

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/util/jsonpath"
)

// objects are rendered objects, by kind/name.
type objects map[string]*unstructured.Unstructured

// render returns what the chart has with the values given, in no cluster.
func render(t *testing.T, values ...string) objects {
	t.Helper()
	stdout, err := run(helm(t, append([]string{"template", "holdfast", chart, "--namespace", namespace}, flagsOf(values)...)...))
	if err != nil {
		t.Fatal(err)
	}
	return decode(t, stdout)
}

// decode reads objects in YAML, by kind and name. Of those that share both, all but
// the first have their namespace between. No two may be one object.
func decode(t *testing.T, documents string) objects {
	t.Helper()
	decoder := utilyaml.NewYAMLOrJSONDecoder(strings.NewReader(documents), 4096)
	all := objects{}
	for {
		o := &unstructured.Unstructured{}
		err := decoder.Decode(&o.Object)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("decode: %v\n%s", err, documents)
		}
		if len(o.Object) == 0 {
			continue
		}
		id := o.GetKind() + "/" + o.GetName()
		if all[id] != nil && all[id].GetNamespace() != o.GetNamespace() {
			id = o.GetKind() + "/" + o.GetNamespace() + "/" + o.GetName()
		}
		if all[id] != nil {
			t.Fatalf("%s is there twice", id)
		}
		all[id] = o
	}
}

// at returns what a JSONPath finds in an object, as text; empty where the object
// or the field is not there.
func (all objects) at(t *testing.T, id, path string) string {
	t.Helper()
	o := all[id]
	if o == nil {
		return ""
	}
	expression := jsonpath.New(id).AllowMissingKeys(true)
	if err := expression.Parse("{" + path + "}"); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := expression.Execute(&out, o.Object); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// monitoringKinds is a folder of the Prometheus operator's
// CustomResourceDefinitions that the chart has objects of.
func monitoringKinds(t *testing.T) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", "mod", "download", "-json", "github.com/prometheus-operator/prometheus-operator")
	command.Dir = "../../hack/tools/prometheus-operator"
	stdout, err := run(command)
	if err != nil {
		t.Fatal(err)
	}
	var module struct{ Dir string }
	if err := json.Unmarshal([]byte(stdout), &module); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, file := range []string{"monitoring.coreos.com_prometheusrules.yaml", "monitoring.coreos.com_servicemonitors.yaml"} {
		if err := os.Symlink(filepath.Join(module.Dir, "example", "prometheus-operator-crd", file), filepath.Join(dir, file)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
