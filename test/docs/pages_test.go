package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestPages executes every command of every page. A page has a reader of its own,
// who knows nothing of the other pages.
func TestPages(t *testing.T) {
	tr := newTree(t)
	tr.build(t)
	used, executed := map[string]int{}, 0
	for _, path := range tr.pages() {
		if skips(executedElsewhere(), used)(path) {
			continue
		}
		p := tr.page(t, path)
		if !p.hasCommands() {
			continue
		}
		t.Run(path, func(t *testing.T) {
			newReader(t, tr).execute(t, p, skips(exceptions(), used))
			executed++
		})
	}
	t.Logf("executed %d pages", executed)
}

// TestExceptions: what is not executed here is still on a page, and executed by a
// test that exists.
func TestExceptions(t *testing.T) {
	tr := newTree(t)
	var texts []string
	for _, path := range tr.pages() {
		texts = append(texts, path)
		for _, b := range tr.page(t, path).blocks {
			if shown := b.directives[directiveShows]; shown != "" && !skips(exceptions(), map[string]int{})(shown) {
				t.Errorf("%s:%d: what %s prints is shown, and not compared", path, b.line, shown)
			}
			texts = append(texts, strings.ReplaceAll(b.text, "$ ", ""))
		}
	}
	all := strings.Join(texts, "\n")
	for _, e := range slices.Concat(exceptions(), executedElsewhere()) {
		if !strings.Contains("\n"+all, "\n"+e.command) {
			t.Errorf("no page has what is not executed any more: %s", e.command)
		}
		if !hasTest(t, filepath.Join(tr.root, e.folder), e.test) {
			t.Errorf("%s: %s has no %s", e.command, e.folder, e.test)
		}
	}
}

// hasTest returns whether a package has a test.
func hasTest(t *testing.T, folder, test string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(content), "func "+test+"(") {
			return true
		}
	}
	return false
}

// TestNothingElseIsACommand: what looks like a command is in a console block, where
// it is executed.
func TestNothingElseIsACommand(t *testing.T) {
	prompt := regexp.MustCompile(`(?m)^\s*\$ `)
	tr := newTree(t)
	for _, path := range tr.pages() {
		for _, b := range tr.page(t, path).blocks {
			if b.language == "sh" && b.directives[directiveFile] == "" && !skips(executedElsewhere(), map[string]int{})(path) {
				t.Errorf("%s:%d: commands in a block that is neither executed nor a file", path, b.line)
			}
			if b.language != "console" && prompt.MatchString(b.text) {
				t.Errorf("%s:%d: a command in a block that is not executed", path, b.line)
			}
		}
	}
}
