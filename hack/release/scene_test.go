package main

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/hack/release/build"
)

// here is this machine's platform.
var here = build.Platform{OS: runtime.GOOS, Arch: runtime.GOARCH}

// root is the repository's.
func root(t *testing.T) string {
	t.Helper()
	dir, err := repository()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// clone is a repository as it is committed, in a directory of its own: in ours
// other tests write, and people.
func clone(t *testing.T, of string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "clone")
	command(t, nil, "git", "clone", "--quiet", of, dir)
	return dir
}

// command runs a program, which has to succeed, and returns what it printed.
func command(t *testing.T, env []string, program string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env = append(os.Environ(), env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	output, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", program, strings.Join(args, " "), err, output, stderr.Bytes())
	}
	return string(output)
}

// contents are the files below a directory, and what is in them.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(filepath.Join(dir, path))
		found[path] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
