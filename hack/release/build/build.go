// Package build compiles the programs of a release so that whoever does it, from
// the same revision and with the same version of Go, gets the same bytes.
package build

import (
	"context"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
)

// Binary is a program that was built.
type Binary struct {
	// Name is the program's.
	Name string
	// Package is the import path of its main package.
	Package string
	// Platform is what it runs on.
	Platform Platform
	// Content is the file.
	Content []byte
	// Info is what the go command stamped into it: the modules, and the revision.
	Info *debug.BuildInfo
	// Source is what it was built from.
	Source Source
}

// Digest is the SHA-256 of the file, in hexadecimal.
func (b *Binary) Digest() string {
	sum := sha256.Sum256(b.Content)
	return hex.EncodeToString(sum[:])
}

// Go builds the program in the folder, below the repository's root, for a
// platform.
func Go(ctx context.Context, root, folder, name string, platform Platform) (*Binary, error) {
	dir, err := os.MkdirTemp("", "holdfast-build-")
	if err != nil {
		return nil, fmt.Errorf("build %s for %s: %w", name, platform, err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	file := filepath.Join(dir, name)
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", file, "./"+filepath.ToSlash(folder))
	cmd.Dir, cmd.Env = root, Env(platform)
	if output, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build %s for %s: %w\n%s", name, platform, err, output)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("build %s for %s: %w", name, platform, err)
	}
	info, err := buildinfo.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read what %s for %s was built from: %w", name, platform, err)
	}
	source, err := sourceOf(info, os.Getenv("SOURCE_DATE_EPOCH"))
	if err != nil {
		return nil, err
	}
	return &Binary{Name: name, Package: info.Path, Platform: platform, Content: content, Info: info, Source: source}, nil
}

// Env is the environment in which the go command builds for a platform. What the
// caller has set must not change what is built: neither C libraries nor flags,
// nor the instructions that a processor must have.
func Env(platform Platform) []string {
	return append(os.Environ(),
		"GOOS="+platform.OS, "GOARCH="+platform.Arch, "GOAMD64=v1", "GOARM64=v8.0",
		"CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=-mod=readonly", "GOEXPERIMENT=", "GOFIPS140=off")
}
