package docs

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/robfig/cron/v3"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/holdfast-dev/holdfast/test/harness"
)

// TestObjects sends every object in the YAML of every page to an API server, as a
// dry run: it is accepted, down to the last field.
func TestObjects(t *testing.T) {
	tr := newTree(t)
	cluster := harness.StartCluster(t, harness.ClusterOptions{Binary: "none"})
	used := map[string]int{}
	for _, path := range tr.pages() {
		p := tr.page(t, path)
		for i := range p.blocks {
			b := &p.blocks[i]
			if b.language != "yaml" || skips(exceptions(), used)(b.text) {
				continue
			}
			t.Run(fmt.Sprintf("%s:%d", path, b.line), func(t *testing.T) {
				if b.directives[directiveFile] != "" && !strings.Contains(b.text, "apiVersion:") {
					p.wantUsed(t, b.directives[directiveFile])
					return
				}
				for document := range strings.SplitSeq(b.text, "\n---\n") {
					checkObject(t, cluster, document, b.directives[directiveWith])
				}
			})
		}
	}
}

// wantUsed wants a file that is no object in a command of the page.
func (p *page) wantUsed(t *testing.T, file string) {
	t.Helper()
	for i := range p.blocks {
		if p.blocks[i].language == "console" && strings.Contains(p.blocks[i].text, file) {
			return
		}
	}
	t.Errorf("no command of the page has the file %s", file)
}

// checkObject has the API server check an object. What the page leaves out of it
// is in the rest.
func checkObject(t *testing.T, cluster *harness.Cluster, text, rest string) {
	t.Helper()
	o := &unstructured.Unstructured{}
	for _, part := range []string{rest, text} {
		var fields map[string]any
		if err := yaml.UnmarshalStrict([]byte(part), &fields); err != nil {
			t.Fatal(err)
		}
		o.Object = merge(o.Object, fields)
	}
	if o.GetKind() == "" || o.GetAPIVersion() == "" {
		t.Fatalf("this is no object: have a command use it as a file, or say what is left out:\n%s", text)
	}
	if schedule, found, _ := unstructured.NestedString(o.Object, "spec", "schedule"); found && o.GetKind() == "EvidenceSchedule" {
		if _, err := cron.ParseStandard(schedule); err != nil {
			t.Error(err)
		}
	}
	if mapping, err := cluster.RESTMapper().RESTMapping(o.GroupVersionKind().GroupKind(), o.GroupVersionKind().Version); err != nil {
		t.Fatal(err)
	} else if mapping.Scope.Name() == "namespace" {
		if o.GetNamespace() == "" {
			o.SetNamespace(corev1.NamespaceDefault)
		}
		if err := cluster.Get(t.Context(), client.ObjectKey{Name: o.GetNamespace()}, &corev1.Namespace{}); err != nil {
			cluster.Namespace(t, o.GetNamespace())
		}
	}
	if err := cluster.Create(t.Context(), o, client.DryRunAll, client.FieldValidation(metav1.FieldValidationStrict)); err != nil {
		t.Errorf("%v in\n%s", err, text)
	}
}

// merge returns an object with the fields of both; what is in over wins.
func merge(base, over map[string]any) map[string]any {
	merged := maps.Clone(base)
	if merged == nil {
		merged = map[string]any{}
	}
	for name, value := range over {
		inner, isMap := value.(map[string]any)
		below, wasMap := merged[name].(map[string]any)
		if isMap && wasMap {
			value = merge(below, inner)
		}
		merged[name] = value
	}
	return merged
}
