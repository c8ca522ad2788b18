package docs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/holdfast-dev/holdfast/hack/tools"
	"github.com/holdfast-dev/holdfast/test/controlplane"
	"github.com/holdfast-dev/holdfast/test/tool"
)

// tree is the repository as a reader clones it.
type tree struct {
	// root is the repository, dir the copy.
	root, dir string
	// files are the paths of its files.
	files []string
	// env is what a reader's shell inherits, but for HOME.
	env []string
	// quarter generates a quarter, once.
	quarter func() *quarter
}

// newTree copies the repository's files, those that are not committed yet
// included.
func newTree(tb testing.TB) *tree {
	tb.Helper()
	root, err := tools.Root()
	if err != nil {
		tb.Fatal(err)
	}
	tr := &tree{root: root, dir: tb.TempDir(), quarter: sync.OnceValue(func() *quarter { return generate(tb) })}
	output := capture(tb, root, "git", "ls-files", "--cached", "--others", "--exclude-standard", "-z")
	for name := range strings.SplitSeq(strings.TrimRight(string(output), "\x00"), "\x00") {
		err := copyFile(filepath.Join(root, name), filepath.Join(tr.dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue // deleted, and not committed
		}
		if err != nil {
			tb.Fatalf("copy %s: %v", name, err)
		}
		tr.files = append(tr.files, name)
	}
	return tr
}

// build builds the binaries, as make build does for a reader.
func (tr *tree) build(tb testing.TB) {
	tb.Helper()
	tr.env = tr.inherited(tb)
	build := exec.Command("make", "build")
	build.Dir, build.Env = tr.dir, append(tr.env, "HOME="+tr.dir)
	if output, err := build.CombinedOutput(); err != nil {
		tb.Fatalf("make build: %v\n%s", err, output)
	}
}

// inherited is the environment of the test, with kubectl, helm and the plugin
// in the PATH, and without what would tell kubectl and helm where to look. The
// Go settings that depend on HOME keep their values: a reader's caches are warm.
func (tr *tree) inherited(tb testing.TB) []string {
	tb.Helper()
	kubectl, err := controlplane.AssetsDir()
	if err != nil {
		tb.Fatal(err)
	}
	helm := filepath.Dir(tool.Path(tb, tools.Helm()))
	path := []string{filepath.Join(tr.dir, "bin"), kubectl, helm, os.Getenv("PATH")}
	var env []string
	for _, setting := range os.Environ() {
		name, _, _ := strings.Cut(setting, "=")
		if name != "KUBECONFIG" && name != "HOME" && name != "PATH" && !strings.HasPrefix(name, "HELM_") && !strings.HasPrefix(name, "XDG_") {
			env = append(env, setting)
		}
	}
	settings := map[string]string{}
	if err := json.Unmarshal(capture(tb, tr.root, "go", "env", "-json", "GOCACHE", "GOMODCACHE", "GOPATH", "GOENV"), &settings); err != nil {
		tb.Fatalf("read go env: %v", err)
	}
	for name, value := range settings {
		env = append(env, name+"="+value)
	}
	return append(env, "PATH="+strings.Join(path, string(filepath.ListSeparator)), "LC_ALL=C.UTF-8", "NO_COLOR=1")
}

// clone copies the tree for one reader. The binaries are links: make build finds
// them current.
func (tr *tree) clone(tb testing.TB, dir string) {
	tb.Helper()
	if err := os.MkdirAll(filepath.Join(dir, "bin"), 0o755); err != nil {
		tb.Fatal(err)
	}
	for _, name := range []string{"bin/holdfast", "bin/kubectl-holdfast"} {
		if err := os.Link(filepath.Join(tr.dir, name), filepath.Join(dir, name)); err != nil {
			tb.Fatal(err)
		}
	}
	for _, name := range tr.files {
		if err := copyFile(filepath.Join(tr.dir, name), filepath.Join(dir, name)); err != nil {
			tb.Fatalf("copy %s: %v", name, err)
		}
	}
}

// pages are the paths of the pages to execute: all of the user guide.
func (tr *tree) pages() []string {
	var pages []string
	for _, name := range tr.files {
		if name == "README.md" || strings.HasPrefix(name, "docs/") && strings.HasSuffix(name, ".md") {
			pages = append(pages, name)
		}
	}
	return pages
}

// page reads a page.
func (tr *tree) page(tb testing.TB, path string) *page {
	tb.Helper()
	text, err := os.ReadFile(filepath.Join(tr.dir, path))
	if err != nil {
		tb.Fatal(err)
	}
	p, err := parse(path, string(text))
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func copyFile(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, content, info.Mode())
}

// capture runs a program and returns what it printed.
func capture(tb testing.TB, dir, name string, args ...string) []byte {
	tb.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	var errs bytes.Buffer
	cmd.Stderr = &errs
	output, err := cmd.Output()
	if err != nil {
		tb.Fatal(fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, errs.String()))
	}
	return output
}
