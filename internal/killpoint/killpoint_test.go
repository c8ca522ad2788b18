package killpoint

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestEachPointIsPlacedOnce reads the module's code: a point that is placed
// nowhere tests nothing, and one that is placed twice does not say where.
func TestEachPointIsPlacedOnce(t *testing.T) {
	constants := declared(t)
	placed := map[Point]int{}
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "bin"):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		for _, name := range hitsIn(t, path) {
			point, ok := constants[name]
			if !ok {
				t.Errorf("%s: there is no point %s", path, name)
			}
			placed[point]++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[Point]int{}
	for _, p := range slices.Concat(All(), OfRestoreTests()) {
		want[p] = 1
	}
	if diff := cmp.Diff(want, placed); diff != "" {
		t.Errorf("how often each point is placed (-want +got):\n%s", diff)
	}
	if len(want) != len(constants) {
		t.Errorf("%d points are declared, %d are listed", len(constants), len(want))
	}
}

// declared are the points by the names of their constants.
func declared(t *testing.T) map[string]Point {
	t.Helper()
	points := map[string]Point{}
	ast.Inspect(parse(t, "killpoint.go"), func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if typ, ok := spec.Type.(*ast.Ident); ok && typ.Name == "Point" {
			literal, ok := spec.Values[0].(*ast.BasicLit)
			if !ok {
				t.Fatalf("%s is no literal", spec.Names[0].Name)
			}
			points[spec.Names[0].Name] = Point(strings.Trim(literal.Value, `"`))
		}
		return true
	})
	return points
}

// hitsIn are the names of the points that a file hits.
func hitsIn(t *testing.T, path string) []string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(content), "killpoint.Hit(") {
		return nil
	}
	var names []string
	ast.Inspect(parse(t, path), func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		if isSelector(call.Fun, "Hit") && len(call.Args) == 1 {
			point, ok := call.Args[0].(*ast.SelectorExpr)
			if !ok {
				t.Fatalf("%s hits a point that is no constant", path)
			}
			names = append(names, point.Sel.Name)
		}
		return true
	})
	return names
}

func isSelector(e ast.Expr, name string) bool {
	s, ok := e.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	pkg, ok := s.X.(*ast.Ident)
	return ok && pkg.Name == "killpoint" && s.Sel.Name == name
}

func parse(t *testing.T, path string) *ast.File {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	return file
}
