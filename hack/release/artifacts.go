package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/holdfast-dev/holdfast/hack/release/build"
	"github.com/holdfast-dev/holdfast/hack/release/image"
	"github.com/holdfast-dev/holdfast/hack/release/licenses"
	"github.com/holdfast-dev/holdfast/hack/release/project"
	"github.com/holdfast-dev/holdfast/hack/release/sbom"
)

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
	license, err := os.ReadFile(filepath.Join(root, "LICENSE"))
	if err != nil {
		return fmt.Errorf("read the licence: %w", err)
	}
	var contents []image.Content
	for _, platform := range platforms {
		c, err := content(ctx, root, platform, license)
		if err != nil {
			return err
		}
		contents = append(contents, c)
	}
	digest, err := image.Write(f.dir, contents)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "%s:%s@%s\n", project.Repository, contents[0].Binary.Source.Tag(), digest)
	return err
}

// content makes what goes into the image of a platform.
func content(ctx context.Context, root string, platform build.Platform, license []byte) (image.Content, error) {
	binary, err := build.Go(ctx, root, ".", project.Name, platform)
	if err != nil {
		return image.Content{}, err
	}
	modules, err := licenses.Collect(ctx, root, binary)
	if err != nil {
		return image.Content{}, err
	}
	materials, err := sbom.Write(binary, modules)
	if err != nil {
		return image.Content{}, err
	}
	return image.Content{Binary: binary, License: license, ThirdParty: licenses.Text(binary.Name, modules), SBOM: materials}, nil
}
