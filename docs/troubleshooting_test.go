package docs_test

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestTroubleshootingExplainsEveryReason: a reason that somebody reads in a
// condition, a finding, an entry or a record is on the page, under the heading
// that says where it is read, and no other reason is.
func TestTroubleshootingExplainsEveryReason(t *testing.T) {
	cases := map[string]struct {
		// folder and word say which constants there are.
		folder, word string
		// headings are those of the tables.
		headings []string
	}{
		"conditions":    {"../api/v1alpha1", "Reason", []string{"## Conditions of a ControlPolicy", "## Conditions of an EvidenceSchedule"}},
		"findings":      {"../internal/control", "Reason", []string{"## Not evaluated"}},
		"repairs":       {"../internal/enforce", "Failure", []string{"## Repairs that fail"}},
		"gaps":          {"../internal/ledger", "Cause", []string{"## Gaps"}},
		"observed gaps": {"../internal/observe", "Cause", nil},
		"collections":   {"../internal/collect", "Reason", []string{"## Collections and discrepancies"}},
	}
	page, err := os.ReadFile("troubleshooting.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := strings.SplitAfter(string(page), "\n## ")
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			want := slices.Sorted(maps.Values(constants(t, tc.folder, tc.word)))
			want = slices.Compact(want)
			if tc.headings == nil { // a part of the causes that the ledger has
				all := slices.Collect(maps.Values(constants(t, "../internal/ledger", "Cause")))
				for _, cause := range want {
					if !slices.Contains(all, cause) {
						t.Errorf("the ledger has no cause %s", cause)
					}
				}
				return
			}
			if diff := cmp.Diff(want, reasons(t, sections, tc.headings)); diff != "" {
				t.Errorf("reasons (-code +page):\n%s", diff)
			}
		})
	}
}

// reasons are the first columns of the tables under the headings, in order.
func reasons(t *testing.T, sections, headings []string) []string {
	t.Helper()
	row := regexp.MustCompile("(?m)^\\| `([A-Za-z]+)` \\|")
	var found []string
	for _, heading := range headings {
		i := slices.IndexFunc(sections, func(section string) bool {
			title, _, _ := strings.Cut(section, "\n")
			return "## "+title == heading
		})
		if i < 0 {
			t.Fatalf("the page has no heading %q", heading)
		}
		for _, match := range row.FindAllStringSubmatch(sections[i], -1) {
			found = append(found, match[1])
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}
