package image

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/holdfast-dev/holdfast/hack/release/build"
)

// Layout is an image that Write wrote.
type Layout struct {
	// Index is the image, of all platforms.
	Index v1.ImageIndex
	// artifacts are what is told of it.
	artifacts []v1.Image
}

// Read reads the image that Write wrote into a directory.
func Read(dir string) (*Layout, error) {
	all, err := layout.ImageIndexFromPath(filepath.Join(dir, layoutDir))
	if err != nil {
		return nil, fmt.Errorf("read the image in %s: %w (make image makes one)", dir, err)
	}
	manifest, err := all.IndexManifest()
	if err != nil {
		return nil, fmt.Errorf("read the image in %s: %w", dir, err)
	}
	l := &Layout{}
	for _, d := range manifest.Manifests {
		if d.MediaType.IsIndex() {
			if l.Index, err = all.ImageIndex(d.Digest); err != nil {
				return nil, fmt.Errorf("read the image in %s: %w", dir, err)
			}
			continue
		}
		a, err := all.Image(d.Digest)
		if err != nil {
			return nil, fmt.Errorf("read what is told of the image in %s: %w", dir, err)
		}
		l.artifacts = append(l.artifacts, a)
	}
	if l.Index == nil {
		return nil, fmt.Errorf("read the image in %s: there is none", dir)
	}
	return l, nil
}

// Image is the image of one platform.
func (l *Layout) Image(platform build.Platform) (v1.Image, error) {
	manifest, err := l.Index.IndexManifest()
	if err != nil {
		return nil, fmt.Errorf("read the image: %w", err)
	}
	for _, d := range manifest.Manifests {
		if d.Platform != nil && d.Platform.OS == platform.OS && d.Platform.Architecture == platform.Arch {
			return l.Index.Image(d.Digest)
		}
	}
	return nil, fmt.Errorf("read the image: it is not for %s", platform)
}

// Push sends the image and what is told of it to a registry.
func (l *Layout) Push(tag name.Tag, options ...remote.Option) (v1.Hash, error) {
	digest, err := l.Index.Digest()
	if err != nil {
		return v1.Hash{}, fmt.Errorf("read the image's digest: %w", err)
	}
	if err := remote.WriteIndex(tag, l.Index, options...); err != nil {
		return v1.Hash{}, fmt.Errorf("push to %s: %w", tag, err)
	}
	for _, a := range l.artifacts {
		d, err := a.Digest()
		if err != nil {
			return v1.Hash{}, fmt.Errorf("read a digest: %w", err)
		}
		if err := remote.Write(tag.Digest(d.String()), a, options...); err != nil {
			return v1.Hash{}, fmt.Errorf("push what is told of the image to %s: %w", tag.Context(), err)
		}
	}
	return digest, nil
}

// Unpack writes the files of an image into a directory.
func Unpack(img v1.Image, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("unpack the image: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("unpack the image: %w", err)
	}
	defer func() { _ = root.Close() }()
	content := mutate.Extract(img)
	defer func() { _ = content.Close() }()
	for archive := tar.NewReader(content); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("unpack the image: %w", err)
		}
		if err := unpack(root, header, archive); err != nil {
			return fmt.Errorf("unpack %s: %w", header.Name, err)
		}
	}
}

// unpack writes a file or a directory.
func unpack(root *os.Root, header *tar.Header, content io.Reader) error {
	name := filepath.Clean(header.Name)
	if header.Typeflag == tar.TypeDir {
		return root.MkdirAll(name, header.FileInfo().Mode().Perm())
	}
	if header.Typeflag != tar.TypeReg {
		return fmt.Errorf("it is neither a file nor a directory")
	}
	file, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, header.FileInfo().Mode().Perm())
	if err != nil {
		return err
	}
	_, err = io.Copy(file, content)
	return errors.Join(err, file.Close())
}
