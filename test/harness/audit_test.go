package harness

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestReadAudit: a mark is the size of a log that is written to at the same time.
func TestReadAudit(t *testing.T) {
	const first, second, begun = `{"kind":"Event","verb":"get"}` + "\n", `{"kind":"Event","verb":"list"}` + "\n", `{"kind":"Event","verb":"wa`
	for name, tc := range map[string]struct {
		log       string
		offset    int
		wantVerbs []string
	}{
		"from the beginning":                     {log: first + second, wantVerbs: []string{"get", "list"}},
		"between two lines":                      {log: first + second, offset: len(first), wantVerbs: []string{"list"}},
		"within a line":                          {log: first + second, offset: 5, wantVerbs: []string{"list"}},
		"within the last line":                   {log: first + second, offset: len(first) + 5},
		"at the end":                             {log: first + second, offset: len(first + second)},
		"a line that is being written":           {log: first + begun, wantVerbs: []string{"get"}},
		"within a line that is still written":    {log: first + begun, offset: len(first) + 5},
		"before a line that is still written":    {log: first + begun, offset: len(first)},
		"after the first byte of the first line": {log: first + second, offset: 1, wantVerbs: []string{"list"}},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "audit.log")
			if err := os.WriteFile(path, []byte(tc.log), 0o600); err != nil {
				t.Fatal(err)
			}
			requests, err := readAudit(path, int64(tc.offset))
			if err != nil {
				t.Fatal(err)
			}
			var verbs []string
			for i := range requests {
				verbs = append(verbs, requests[i].Verb)
			}
			if diff := cmp.Diff(tc.wantVerbs, verbs); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
