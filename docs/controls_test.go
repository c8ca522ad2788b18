package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// constants returns the texts of the exported constants of a package whose names
// begin or end with the given word.
func constants(t *testing.T, folder, word string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || len(spec.Values) != 1 || !spec.Names[0].IsExported() {
				return true
			}
			value, ok := spec.Values[0].(*ast.BasicLit)
			constant := spec.Names[0].Name
			if ok && (strings.HasPrefix(constant, word) || strings.HasSuffix(constant, word)) {
				texts[constant] = strings.Trim(value.Value, `"`)
			}
			return true
		})
	}
	if len(texts) == 0 {
		t.Fatalf("no constants with %s in %s", word, folder)
	}
	return texts
}

func TestRulesAndReasonsAreDocumented(t *testing.T) {
	for name, tc := range map[string]struct{ folder, rules, page string }{
		"network isolation":     {"../internal/controls/networkisolation", "NP-", "controls/network-isolation.md"},
		"encryption at rest":    {"../internal/controls/encryptionatrest", "ER-", "controls/encryption-at-rest.md"},
		"encryption in transit": {"../internal/controls/encryptionintransit", "TR-", "controls/encryption-in-transit.md"},
		"backup":                {"../internal/controls/backup", "BK-", "controls/backup.md"},
		"restore tests":         {"../internal/controls/restoretest", "BK-", "controls/restore-test.md"},
	} {
		t.Run(name, func(t *testing.T) {
			page, err := os.ReadFile(tc.page)
			if err != nil {
				t.Fatal(err)
			}
			for name, rule := range constants(t, tc.folder, "Rule") {
				if strings.HasPrefix(rule, tc.rules) && !strings.Contains(string(page), "| "+rule+" |") {
					t.Errorf("no row of the page is on rule %s (%s)", rule, name)
				}
			}
			for name, reason := range constants(t, tc.folder, "Reason") {
				if !strings.Contains(string(page), "`"+reason+"`") {
					t.Errorf("the page does not explain reason %s (%s)", reason, name)
				}
			}
		})
	}
}
