package controls

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// TestEveryUnionMemberIsAControlType fails when a union member of the API has
// no line in All, or the reverse.
func TestEveryUnionMemberIsAControlType(t *testing.T) {
	if diff := cmp.Diff(unionMembers(t), names()); diff != "" {
		t.Errorf("control types differ from the union members of ControlSpec (-want +got):\n%s", diff)
	}
}

// TestEveryFolderIsAControlType fails when a folder here has no line in All, or
// the reverse. A folder is named as its union member, in lower case.
func TestEveryFolderIsAControlType(t *testing.T) {
	var want []string
	for _, name := range names() {
		want = append(want, strings.ToLower(name))
	}
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, entry := range entries {
		if entry.IsDir() {
			got = append(got, entry.Name())
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("folders differ from the control types (-want +got):\n%s", diff)
	}
}

func TestOf(t *testing.T) {
	fields := pointerFields()
	for _, want := range names() {
		t.Run(want, func(t *testing.T) {
			var spec v1alpha1.ControlSpec
			field := reflect.ValueOf(&spec).Elem().FieldByIndex(fields[want].Index)
			field.Set(reflect.New(field.Type().Elem()))

			got, found := Of(spec)
			if !found || got.Name != want || got.Control == nil {
				t.Errorf("Of(a spec with %s) = %q, %v", want, got.Name, found)
			}
		})
	}
	t.Run("none", func(t *testing.T) {
		if got, found := Of(v1alpha1.ControlSpec{ID: "NET-1"}); found {
			t.Errorf("Of(a spec without a control type) = %q", got.Name)
		}
	})
}

// TestJudgesNamespaces: a type whose subjects are objects would have each namespace
// counted that holds none, if it were said to judge namespaces.
func TestJudgesNamespaces(t *testing.T) {
	got := map[string]bool{}
	for _, name := range names() {
		got[name] = JudgesNamespaces(name)
	}
	want := map[string]bool{"backup": false, "restoreTest": false, "encryptionAtRest": false, "encryptionInTransit": false, "networkIsolation": true}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func names() []string {
	var names []string
	for _, t := range All() {
		names = append(names, t.Name)
	}
	return names
}

// unionMembers returns the members of the union, sorted, as the message of its
// rule in the CRD lists them. Each is a field of ControlSpec.
func unionMembers(t *testing.T) []string {
	t.Helper()
	crd, err := os.ReadFile("../../config/crd/bases/holdfast.dev_controlpolicies.yaml")
	if err != nil {
		t.Fatal(err)
	}
	fields := pointerFields()
	var members []string
	unions := regexp.MustCompile(`exactly\s+one\s+of\s+the\s+fields\s+in\s+\[([^]]*)\]\s+must\s+be\s+set`).FindAllSubmatch(crd, -1)
	for _, union := range unions {
		// Other unions of the CRD have members that ControlSpec does not.
		if of := strings.Fields(string(union[1])); slices.ContainsFunc(of, func(m string) bool { return fields[m].Name != "" }) {
			members = append(members, of...)
		}
	}
	for _, member := range members {
		if _, found := fields[member]; !found {
			t.Errorf("union member %s is no pointer field of ControlSpec", member)
		}
	}
	slices.Sort(members)
	return members
}

// pointerFields returns the pointer fields of ControlSpec by JSON name.
func pointerFields() map[string]reflect.StructField {
	fields := map[string]reflect.StructField{}
	for field := range reflect.TypeFor[v1alpha1.ControlSpec]().Fields() {
		if field.Type.Kind() == reflect.Pointer {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			fields[name] = field
		}
	}
	return fields
}
