// Package docs_test keeps the reference pages of the user guide complete.
package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// rows returns the given columns of the rows, of a page's tables, that begin
// with a name.
func rows(t *testing.T, page string, columns ...int) []string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("^\\| `[a-z_-]+` \\|")
	var found []string
	for line := range strings.Lines(string(text)) {
		if !named.MatchString(line) {
			continue
		}
		cells := strings.Split(strings.TrimSpace(line), " |")
		var row []string
		for _, c := range columns {
			row = append(row, strings.Trim(strings.ReplaceAll(cells[c], "`", ""), "| "))
		}
		found = append(found, strings.Join(row, " | "))
	}
	return found
}

func TestEveryFlagIsDocumented(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../main.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) != 4 {
			return true
		}
		if method, ok := call.Fun.(*ast.SelectorExpr); ok && strings.HasSuffix(method.Sel.Name, "Var") {
			want = append(want, "--"+literal(t, call.Args[1])+" | "+literal(t, call.Args[3]))
		}
		return true
	})
	if len(want) == 0 {
		t.Fatal("no flags in main.go")
	}
	if diff := cmp.Diff(want, rows(t, "flags.md", 0, 2)); diff != "" {
		t.Errorf("flags.md (-code +page):\n%s", diff)
	}
}

func literal(t *testing.T, e ast.Expr) string {
	t.Helper()
	l, ok := e.(*ast.BasicLit)
	if !ok {
		t.Fatalf("want a literal, got %T", e)
	}
	text, err := strconv.Unquote(l.Value)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
