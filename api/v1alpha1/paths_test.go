package v1alpha1_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// Paths are written as the API server writes them: spec.controls[0].id,
// spec.scope.namespaceSelector.matchLabels[tier].

// edits sets the values at paths; nil deletes.
type edits map[string]any

// each returns one edit of path per value.
func each(path string, values ...any) []edits {
	all := make([]edits, 0, len(values))
	for _, value := range values {
		all = append(all, edits{path: value})
	}
	return all
}

// edited returns a copy of object after all edits, in the order of their paths.
func edited(t *testing.T, object *unstructured.Unstructured, changes edits) *unstructured.Unstructured {
	t.Helper()
	out := object.DeepCopy()
	for _, path := range slices.Sorted(maps.Keys(changes)) {
		if err := set(out.Object, tokens(path), runtime.DeepCopyJSONValue(changes[path])); err != nil {
			t.Fatalf("edit %s: %v", path, err)
		}
	}
	return out
}

// tokens splits a path: "a.b[0]" becomes "a", "b", "0".
func tokens(path string) []string {
	return regexp.MustCompile(`[^].[]+`).FindAllString(path, -1)
}

// field returns the name of the field that a path ends in.
func field(path string) string {
	path = strings.TrimRight(generic(path), "[]")
	return path[strings.LastIndex(path, ".")+1:]
}

// generic replaces the indices and keys of a path by [], as a schema has them.
func generic(path string) string {
	return regexp.MustCompile(`\[[^]]*]`).ReplaceAllString(path, "[]")
}

// get returns the value at a path, nil where there is none.
func get(value any, path []string) any {
	for _, token := range path {
		switch in := value.(type) {
		case map[string]any:
			value = in[token]
		case []any:
			value = in[index(token)]
		default:
			return nil
		}
	}
	return value
}

// set sets the value at a path whose parent exists.
func set(root map[string]any, path []string, value any) error {
	last := path[len(path)-1]
	switch parent := get(root, path[:len(path)-1]).(type) {
	case map[string]any:
		if value == nil {
			delete(parent, last)
			return nil
		}
		parent[last] = value
		return nil
	case []any:
		parent[index(last)] = value
		return nil
	default:
		return fmt.Errorf("the parent is a %T", parent)
	}
}

// index returns the number of an item.
func index(token string) int {
	i, err := strconv.Atoi(token)
	if err != nil {
		panic(err)
	}
	return i
}
