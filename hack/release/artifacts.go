package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/holdfast-dev/holdfast/hack/release/build"
	"github.com/holdfast-dev/holdfast/hack/release/image"
	"github.com/holdfast-dev/holdfast/hack/release/krew"
	"github.com/holdfast-dev/holdfast/hack/release/licenses"
	"github.com/holdfast-dev/holdfast/hack/release/project"
	"github.com/holdfast-dev/holdfast/hack/release/sbom"
)

// sumsFile lists the SHA-256 of the archives.
const sumsFile = "SHA256SUMS"

// made is a program with the licences that go with it.
type made struct {
	binary *build.Binary
	// license is the project's, modules are those of what is linked in.
	license []byte
	modules []licenses.Module
}

// program builds a program of the repository.
func program(ctx context.Context, root, folder, name string, platform build.Platform) (*made, error) {
	license, err := os.ReadFile(filepath.Join(root, "LICENSE"))
	if err != nil {
		return nil, fmt.Errorf("read the licence: %w", err)
	}
	binary, err := build.Go(ctx, root, folder, name, platform)
	if err != nil {
		return nil, err
	}
	modules, err := licenses.Collect(ctx, root, binary)
	if err != nil {
		return nil, err
	}
	return &made{binary: binary, license: license, modules: modules}, nil
}

// makeImage makes the operator's image.
func makeImage(ctx context.Context, args []string, stdout io.Writer) error {
	f := newFlags("image", imageDir, imagePlatforms)
	root, err := f.parse(args)
	if err != nil {
		return err
	}
	platforms, err := build.ParsePlatforms(f.platforms)
	if err != nil {
		return err
	}
	name, source, err := writeImage(ctx, root, f.dir, platforms)
	if err != nil {
		return err
	}
	warn(source)
	_, err = fmt.Fprintln(stdout, name)
	return err
}

// warn says on standard error where what was made cannot be made again.
func warn(source build.Source) {
	if doubt := source.Doubt(); doubt != "" {
		fmt.Fprintln(os.Stderr, "release:", doubt)
	}
}

// unchanged refuses to put together what was built of two revisions. before is the
// zero value for the first platform.
func unchanged(before, now build.Source) error {
	if before.Version != "" && before != now {
		return fmt.Errorf("the checkout changed while it was built, from %s to %s: make it again", before.Version, now.Version)
	}
	return nil
}

// writeImage makes the operator's image in a directory, and returns its name and
// what it was made from.
func writeImage(ctx context.Context, root, dir string, platforms []build.Platform) (string, build.Source, error) {
	var source build.Source
	tag, err := chartVersion(root)
	if err != nil {
		return "", source, err
	}
	var contents []image.Content
	for _, platform := range platforms {
		m, err := program(ctx, root, ".", project.Name, platform)
		if err != nil {
			return "", source, err
		}
		if err := errors.Join(agree(m.binary.Source, tag), unchanged(source, m.binary.Source)); err != nil {
			return "", source, err
		}
		materials, err := sbom.Write(m.binary, m.modules)
		if err != nil {
			return "", source, err
		}
		thirdParty := licenses.Text(m.binary.Name, m.modules)
		source = m.binary.Source
		contents = append(contents, image.Content{Binary: m.binary, License: m.license, ThirdParty: thirdParty, SBOM: materials})
	}
	digest, err := image.Write(dir, tag, contents)
	if err != nil {
		return "", source, err
	}
	return fmt.Sprintf("%s:%s@%s", project.Repository, tag, digest), source, nil
}

// makePlugin makes the archives of the kubectl plugin, and krew's manifest.
func makePlugin(ctx context.Context, args []string, stdout io.Writer) error {
	f := newFlags("plugin", pluginDir, pluginPlatforms)
	root, err := f.parse(args)
	if err != nil {
		return err
	}
	platforms, err := build.ParsePlatforms(f.platforms)
	if err != nil {
		return err
	}
	source, err := writePlugin(ctx, root, f.dir, platforms)
	if err != nil {
		return err
	}
	warn(source)
	_, err = fmt.Fprintf(stdout, "%s %s: %s\n", krew.Binary, source.Version, filepath.Join(f.dir, krew.ManifestFile))
	return err
}

// writePlugin makes them in a directory, and returns what they were made from.
func writePlugin(ctx context.Context, root, dir string, platforms []build.Platform) (build.Source, error) {
	var source build.Source
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return source, fmt.Errorf("make the plugin's directory: %w", err)
	}
	var archives []*krew.Archive
	var sums strings.Builder
	for _, platform := range platforms {
		m, err := program(ctx, root, "cmd/kubectl-holdfast", krew.Binary, platform)
		if err != nil {
			return source, err
		}
		if err := unchanged(source, m.binary.Source); err != nil {
			return source, err
		}
		a, err := krew.Pack(m.binary, m.license, licenses.Text(m.binary.Name, m.modules))
		if err != nil {
			return source, err
		}
		if err := os.WriteFile(filepath.Join(dir, a.File), a.Content, 0o644); err != nil {
			return source, fmt.Errorf("write the plugin: %w", err)
		}
		archives, source = append(archives, a), m.binary.Source
		sums.WriteString(a.Sum())
	}
	manifest, err := krew.Manifest(source.Version, archives)
	if err != nil {
		return source, err
	}
	for name, content := range map[string][]byte{krew.ManifestFile: manifest, sumsFile: []byte(sums.String())} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			return source, fmt.Errorf("write the plugin: %w", err)
		}
	}
	return source, nil
}
