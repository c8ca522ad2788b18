// Package licenses collects the licences of what is linked into a binary: most of
// them ask for their text to go with it.
package licenses

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/holdfast-dev/holdfast/hack/release/build"
)

// StandardLibrary is the name under which Go's own licence is listed.
const StandardLibrary = "stdlib"

// Module is a module of which packages are linked into a binary.
type Module struct {
	Path, Version string
	// Files are its licence files and notices, sorted by name: those beside the
	// linked packages, and in the directories above them.
	Files []File
	// Expression is what licences the files hold, in the terms of SPDX; NOASSERTION
	// where one was not recognized.
	Expression string
}

// File is a licence, or a notice.
type File struct {
	// Name is the path within the module.
	Name string
	Text []byte
}

// fileName matches the names of files whose text has to go with a binary.
var fileName = regexp.MustCompile(`(?i)^(un)?(licen[cs]e|copying|notice|patents)`)

// goPackage is what the go command tells of a package.
type goPackage struct {
	Dir      string
	Standard bool
	Module   *struct {
		Path, Version, Dir string
		Main               bool
	}
}

// Collect reads the licences of everything that is linked into a binary, apart
// from its own module's. Modules are sorted by path.
func Collect(ctx context.Context, root string, binary *build.Binary) ([]Module, error) {
	packages, err := list(ctx, root, binary)
	if err != nil {
		return nil, err
	}
	goroot, err := goRoot(ctx)
	if err != nil {
		return nil, err
	}
	found := map[string]*collection{}
	for _, p := range packages {
		switch {
		case p.Standard:
			add(found, StandardLibrary, binary.Info.GoVersion, goroot, goroot)
		case p.Module == nil:
			return nil, fmt.Errorf("collect licences: the package in %s is of no module", filepath.Base(p.Dir))
		case !p.Module.Main:
			add(found, p.Module.Path, p.Module.Version, p.Module.Dir, p.Dir)
		}
	}
	recognizer, err := newRecognizer()
	if err != nil {
		return nil, err
	}
	var modules []Module
	for _, path := range slices.Sorted(maps.Keys(found)) {
		m, err := found[path].module(path)
		if err != nil {
			return nil, err
		}
		m.Expression = recognizer.expression(m.Files)
		modules = append(modules, m)
	}
	return modules, nil
}

// list returns the packages that are linked into a binary.
func list(ctx context.Context, root string, binary *build.Binary) ([]goPackage, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-deps", "-json=Dir,Standard,Module", binary.Package)
	cmd.Dir, cmd.Env = root, build.Env(binary.Platform)
	output, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("list the packages of %s: %w", binary.Name, err)
	}
	var packages []goPackage
	for decoder := json.NewDecoder(bytes.NewReader(output)); ; {
		var p goPackage
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return packages, nil
		} else if err != nil {
			return nil, fmt.Errorf("list the packages of %s: %w", binary.Name, err)
		}
		packages = append(packages, p)
	}
}

// goRoot is where the standard library is.
func goRoot(ctx context.Context) (string, error) {
	output, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return "", fmt.Errorf("find Go's own licence: %w", err)
	}
	return string(bytes.TrimSpace(output)), nil
}

// collection is what is looked through of a module.
type collection struct {
	version, root string
	// dirs are directories of the module.
	dirs map[string]bool
}

// add notes a package of a module, and the directories above it.
func add(found map[string]*collection, path, version, root, dir string) {
	c, ok := found[path]
	if !ok {
		c = &collection{version: version, root: root, dirs: map[string]bool{root: true}}
		found[path] = c
	}
	for ; dir != root && !c.dirs[dir]; dir = filepath.Dir(dir) {
		c.dirs[dir] = true
	}
}

// module reads the files.
func (c *collection) module(path string) (Module, error) {
	m := Module{Path: path, Version: c.version}
	for _, dir := range slices.Sorted(maps.Keys(c.dirs)) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return m, fmt.Errorf("collect the licences of %s: %w", path, err)
		}
		for _, e := range entries {
			if e.IsDir() || !fileName.MatchString(e.Name()) || filepath.Ext(e.Name()) == ".go" {
				continue
			}
			text, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err != nil {
				return m, fmt.Errorf("collect the licences of %s: %w", path, err)
			}
			name, err := filepath.Rel(c.root, filepath.Join(dir, e.Name()))
			if err != nil {
				return m, fmt.Errorf("collect the licences of %s: %w", path, err)
			}
			m.Files = append(m.Files, File{Name: filepath.ToSlash(name), Text: text})
		}
	}
	if len(m.Files) == 0 {
		return m, fmt.Errorf("collect licences: %s has none", path)
	}
	return m, nil
}
