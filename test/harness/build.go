package harness

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/hack/tools"
)

// BuildOptions say what is built, and how. The zero value is a plain build of the
// operator.
type BuildOptions struct {
	// Package is the program's; empty means the operator's.
	Package string
	// Tags are build tags.
	Tags string
	// Env is added to the environment of the build, as KEY=value.
	Env []string
	// Patches change the source for this build only: a test that needs the
	// operator slow, or dead, at one place needs no hook there.
	Patches []Patch
}

// Patch replaces a text that stands exactly once in a file of the repository.
type Patch struct {
	File, Old, New string
}

// Build builds the program into a directory of its own, which ends with the test,
// and returns the binary's path.
func Build(tb testing.TB, opts BuildOptions) string {
	tb.Helper()
	binary := filepath.Join(tb.TempDir(), "holdfast")
	args := []string{"build", "-o", binary}
	if opts.Tags != "" {
		args = append(args, "-tags", opts.Tags)
	}
	if len(opts.Patches) > 0 {
		args = append(args, "-overlay", overlay(tb, opts.Patches))
	}
	build := exec.Command("go", append(args, cmp.Or(opts.Package, "."))...)
	build.Dir = Root(tb)
	build.Env = append(os.Environ(), opts.Env...)
	if output, err := build.CombinedOutput(); err != nil {
		tb.Fatalf("build %s: %v\n%s", build.Args, err, output)
	}
	return binary
}

// overlay writes the patched files, and the file that has the build use them.
func overlay(tb testing.TB, patches []Patch) string {
	tb.Helper()
	dir, root := tb.TempDir(), Root(tb)
	replace := map[string]string{}
	for i, p := range patches {
		original := filepath.Join(root, p.File)
		patched, again := replace[original]
		if !again {
			patched = original
		}
		source, err := os.ReadFile(patched)
		if err != nil {
			tb.Fatalf("patch %s: %v", p.File, err)
		}
		if n := strings.Count(string(source), p.Old); n != 1 {
			tb.Fatalf("patch %s: it has %d times, not once: %s", p.File, n, p.Old)
		}
		replace[original] = filepath.Join(dir, fmt.Sprintf("%d.go", i))
		source = []byte(strings.Replace(string(source), p.Old, p.New, 1))
		if err := os.WriteFile(replace[original], source, 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	content, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		tb.Fatal(err)
	}
	path := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

// Root is the repository's root.
func Root(tb testing.TB) string {
	tb.Helper()
	root, err := tools.Root()
	if err != nil {
		tb.Fatal(err)
	}
	return root
}
