package image

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// noConfig is the content of a configuration that an artifact has not.
const noConfig = "{}"

// artifact is something that is told of an image: a manifest that names the image
// as its subject, and a file (OCI image format 1.1, "associated artifacts").
type artifact struct {
	descriptor v1.Descriptor
	manifest   []byte
	content    []byte
	config     []byte
}

// about makes an artifact about an image.
func about(subject v1.Descriptor, mediaType string, content []byte, notes map[string]string) (*artifact, error) {
	file, err := describe(types.MediaType(mediaType), content)
	if err != nil {
		return nil, err
	}
	config, err := describe(types.OCIEmptyJSON, []byte(noConfig))
	if err != nil {
		return nil, err
	}
	manifest, err := json.Marshal(v1.Manifest{
		SchemaVersion: 2, MediaType: types.OCIManifestSchema1, ArtifactType: mediaType,
		Config: config, Layers: []v1.Descriptor{file}, Annotations: notes,
		Subject: &v1.Descriptor{MediaType: subject.MediaType, Size: subject.Size, Digest: subject.Digest},
	})
	if err != nil {
		return nil, fmt.Errorf("describe the artifact: %w", err)
	}
	d, err := describe(types.OCIManifestSchema1, manifest)
	if err != nil {
		return nil, err
	}
	d.ArtifactType, d.Annotations = mediaType, notes
	return &artifact{descriptor: d, manifest: manifest, content: content, config: []byte(noConfig)}, nil
}

// blobs are everything that a layout has to hold for the artifact.
func (a *artifact) blobs() [][]byte { return [][]byte{a.content, a.config, a.manifest} }

// describe returns what refers to content.
func describe(mediaType types.MediaType, content []byte) (v1.Descriptor, error) {
	digest, size, err := v1.SHA256(io.NopCloser(bytes.NewReader(content)))
	if err != nil {
		return v1.Descriptor{}, fmt.Errorf("describe a file of type %s: %w", mediaType, err)
	}
	return v1.Descriptor{MediaType: mediaType, Size: size, Digest: digest}, nil
}
