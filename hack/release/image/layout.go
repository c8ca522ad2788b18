package image

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/holdfast-dev/holdfast/hack/release/project"
	"github.com/holdfast-dev/holdfast/hack/release/sbom"
)

// refName annotates the image in a layout's index with its tag.
const refName = "org.opencontainers.image.ref.name"

// layoutDir is the folder of the layout.
const layoutDir = "oci"

// Write makes the image of all platforms, and writes into a directory, in the
// stead of what it wrote before: the image as an OCI layout (oci), each platform's
// as an archive that container runtimes load, under the tag, each platform's bill
// of materials, and the image's digest, which it returns.
func Write(dir, tag string, contents []Content) (v1.Hash, error) {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	var artifacts []*artifact
	source := contents[0].Binary.Source
	if err := os.RemoveAll(filepath.Join(dir, layoutDir)); err != nil {
		return v1.Hash{}, fmt.Errorf("remove the image that was made before: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return v1.Hash{}, fmt.Errorf("make the image's directory: %w", err)
	}
	for _, c := range contents {
		img, err := New(c)
		if err != nil {
			return v1.Hash{}, err
		}
		manifest, err := img.RawManifest()
		if err != nil {
			return v1.Hash{}, fmt.Errorf("describe the image of %s: %w", c.Binary.Platform, err)
		}
		descriptor, err := describe(types.OCIManifestSchema1, manifest)
		if err != nil {
			return v1.Hash{}, err
		}
		descriptor.Platform = &v1.Platform{OS: c.Binary.Platform.OS, Architecture: c.Binary.Platform.Arch}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: img, Descriptor: descriptor})
		a, err := about(descriptor, sbom.MediaType, c.SBOM, annotations(source))
		if err != nil {
			return v1.Hash{}, err
		}
		artifacts = append(artifacts, a)
		if err := writeFiles(dir, tag, c, img); err != nil {
			return v1.Hash{}, err
		}
	}
	index = mutate.Annotations(index, annotations(source)).(v1.ImageIndex)
	if err := writeLayout(filepath.Join(dir, layoutDir), tag, index, artifacts); err != nil {
		return v1.Hash{}, err
	}
	digest, err := index.Digest()
	if err != nil {
		return v1.Hash{}, fmt.Errorf("read the image's digest: %w", err)
	}
	return digest, write(filepath.Join(dir, "digest"), []byte(digest.String()+"\n"))
}

// writeFiles writes what stands beside the layout for a platform.
func writeFiles(dir, tag string, c Content, img v1.Image) error {
	ref, err := name.NewTag(project.Repository + ":" + tag)
	if err != nil {
		return fmt.Errorf("name the image: %w", err)
	}
	file := filepath.Join(dir, c.Binary.Name+"-"+c.Binary.Platform.Dashed())
	if err := tarball.WriteToFile(file+".tar", ref, img); err != nil {
		return fmt.Errorf("write the image's archive: %w", err)
	}
	return write(file+".spdx.json", c.SBOM)
}

// writeLayout writes an OCI layout with the image and what is told of it.
func writeLayout(dir, tag string, index v1.ImageIndex, artifacts []*artifact) error {
	path, err := layout.Write(dir, mutate.IndexMediaType(empty.Index, types.OCIImageIndex))
	if err != nil {
		return fmt.Errorf("write the layout: %w", err)
	}
	if err := path.AppendIndex(index, layout.WithAnnotations(map[string]string{refName: tag})); err != nil {
		return fmt.Errorf("write the layout: %w", err)
	}
	for _, a := range artifacts {
		for _, blob := range a.blobs() {
			digest, _, err := v1.SHA256(bytes.NewReader(blob))
			if err != nil {
				return fmt.Errorf("write the layout: %w", err)
			}
			if err := path.WriteBlob(digest, io.NopCloser(bytes.NewReader(blob))); err != nil {
				return fmt.Errorf("write the layout: %w", err)
			}
		}
		if err := path.AppendDescriptor(a.descriptor); err != nil {
			return fmt.Errorf("write the layout: %w", err)
		}
	}
	return nil
}

func write(file string, content []byte) error {
	if err := os.WriteFile(file, content, 0o644); err != nil {
		return fmt.Errorf("write what belongs to the image: %w", err)
	}
	return nil
}
