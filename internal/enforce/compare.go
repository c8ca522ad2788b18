package enforce

import (
	"fmt"
	"maps"
	"reflect"
	"slices"

	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// difference returns the path of the first field in which a spec is not as
// wanted, with what is wrong there, or nothing. Empty and absent are the same, for
// an API server drops empty lists; anything else that was not wanted, or not
// kept, is a difference.
func difference(want, got map[string]any) (string, error) {
	wanted, err := plain(want)
	if err != nil {
		return "", err
	}
	return differ("spec", wanted, got), nil
}

// plain is what is wanted, of the types that decoding yields.
func plain(want map[string]any) (map[string]any, error) {
	encoded, err := utiljson.Marshal(want)
	if err != nil {
		return nil, fmt.Errorf("encode what is wanted: %w", err)
	}
	var wanted map[string]any
	if err := utiljson.Unmarshal(encoded, &wanted); err != nil {
		return nil, fmt.Errorf("decode what is wanted: %w", err)
	}
	return wanted, nil
}

func differ(path string, want, got any) string {
	switch {
	case control.SaysNothing(want) && control.SaysNothing(got):
		return ""
	case control.SaysNothing(want):
		return path + ": set, but not wanted"
	case control.SaysNothing(got):
		return path + ": wanted, but not set"
	}
	switch want := want.(type) {
	case map[string]any:
		if got, isMap := got.(map[string]any); isMap {
			return differMaps(path, want, got)
		}
	case []any:
		if got, isList := got.([]any); isList {
			return differLists(path, want, got)
		}
	}
	if !reflect.DeepEqual(want, got) {
		return path + ": not the wanted value"
	}
	return ""
}

func differMaps(path string, want, got map[string]any) string {
	keys := slices.AppendSeq(slices.Collect(maps.Keys(want)), maps.Keys(got))
	slices.Sort(keys)
	for _, key := range slices.Compact(keys) {
		if difference := differ(path+"."+key, want[key], got[key]); difference != "" {
			return difference
		}
	}
	return ""
}

func differLists(path string, want, got []any) string {
	if len(want) != len(got) {
		return fmt.Sprintf("%s: %d items, wanted %d", path, len(got), len(want))
	}
	for i := range want {
		if difference := differ(fmt.Sprintf("%s[%d]", path, i), want[i], got[i]); difference != "" {
			return difference
		}
	}
	return ""
}
