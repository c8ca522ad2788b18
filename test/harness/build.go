package harness

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// BuildOptions say how the operator is built. The zero value is a plain build.
type BuildOptions struct {
	// Tags are build tags.
	Tags string
	// Env is added to the environment of the build, as KEY=value.
	Env []string
}

// Build builds the operator into a directory of its own, which ends with the
// test, and returns the binary's path.
func Build(tb testing.TB, opts BuildOptions) string {
	tb.Helper()
	binary := filepath.Join(tb.TempDir(), "holdfast")
	args := []string{"build", "-o", binary}
	if opts.Tags != "" {
		args = append(args, "-tags", opts.Tags)
	}
	build := exec.Command("go", append(args, ".")...)
	build.Dir = Root(tb)
	build.Env = append(os.Environ(), opts.Env...)
	if output, err := build.CombinedOutput(); err != nil {
		tb.Fatalf("build the operator: %v\n%s", err, output)
	}
	return binary
}

// Root is the repository's root: the closest directory with a go.mod above the
// working directory.
func Root(tb testing.TB) string {
	tb.Helper()
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatalf("find the repository's root: %v", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			tb.Fatal("find the repository's root: no go.mod above the working directory")
		}
		dir = parent
	}
}
