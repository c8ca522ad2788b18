package permissions_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// updateVariable has the golden files written anew.
const updateVariable = "UPDATE_GOLDEN"

// testLists compares what kubectl auth can-i --list says of each role with the
// golden files.
func (s *suite) testLists(t *testing.T) {
	type list struct{ user, namespace string }
	lists := map[string]list{
		"operator":               {operator("holdfast", byDefault), byDefault},
		"operator-elsewhere":     {operator("holdfast", byDefault), "default"},
		"operator-of-everything": {operator("everything", everything), everything},
		"prober":                 {prober(byDefault), byDefault},
		"prober-of-everything":   {prober(everything), everything},
		"view":                   {"view", byDefault},
	}
	for _, role := range people() {
		lists[role] = list{role, byDefault}
	}
	for name, l := range lists {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join("testdata", name+".txt")
			got := normal(s.kubectl(t, "auth", "can-i", "--list", "--as="+l.user, "--namespace="+l.namespace), name == "view")
			if os.Getenv(updateVariable) != "" {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("%s (-want +got); %s=1 writes it anew:\n%s", path, updateVariable, diff)
			}
		})
	}
}

// normal is a list in an order of its own, that of verbs included, with one space
// between its columns. Of Kubernetes' own roles only what is Holdfast's is kept.
func normal(list string, own bool) string {
	header, rest, _ := strings.Cut(list, "\n")
	var lines []string
	for line := range strings.Lines(rest) {
		if !own || strings.Contains(line, "holdfast.dev") {
			line = strings.Join(strings.Fields(line), " ")
			what, verbs := cutLast(strings.TrimSuffix(line, "]"), "[")
			sorted := strings.Fields(verbs)
			slices.Sort(sorted)
			lines = append(lines, what+"["+strings.Join(sorted, " ")+"]")
		}
	}
	slices.Sort(lines)
	return strings.Join(strings.Fields(header), " ") + "\n" + strings.Join(slices.Compact(lines), "\n") + "\n"
}

// cutLast cuts a text at the last separator, which it has.
func cutLast(text, separator string) (before, after string) {
	i := strings.LastIndex(text, separator)
	return text[:i], text[i+len(separator):]
}
