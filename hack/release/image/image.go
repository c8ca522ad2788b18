// Package image makes the operator's container image, without a container engine:
// the binary on nothing, as OCI's image format has it.
package image

import (
	"bytes"
	"fmt"
	"io"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/holdfast-dev/holdfast/hack/release/build"
	"github.com/holdfast-dev/holdfast/hack/release/project"
	"github.com/holdfast-dev/holdfast/hack/release/tree"
)

// user is who the operator runs as: the nonroot of distroless images, which
// admission policies know.
const user = "65532:65532"

// The accounts of the image, for what looks a user up by its number.
const (
	passwd = "root:x:0:0:root:/:/nonexistent\nnonroot:x:65532:65532:nonroot:/:/nonexistent\n"
	group  = "root:x:0:\nnonroot:x:65532:\n"
)

// Content is what goes into the image of one platform.
type Content struct {
	Binary *build.Binary
	// License is the project's; ThirdParty are those of what is linked in.
	License, ThirdParty []byte
	// SBOM is the binary's bill of materials.
	SBOM []byte
}

// files are the files of the image.
func files(c Content) *tree.Tree {
	t := &tree.Tree{}
	t.File(c.Binary.Name, 0o755, c.Binary.Content)
	t.File("etc/passwd", 0o644, []byte(passwd))
	t.File("etc/group", 0o644, []byte(group))
	t.File("licenses/LICENSE", 0o644, c.License)
	t.File("licenses/THIRD-PARTY-LICENSES", 0o644, c.ThirdParty)
	return t
}

// New makes the image of one platform.
func New(c Content) (v1.Image, error) {
	var layer bytes.Buffer
	if err := files(c).TarGzip(&layer, c.Binary.Source.Time); err != nil {
		return nil, fmt.Errorf("make the image's layer: %w", err)
	}
	opened := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(layer.Bytes())), nil }
	l, err := tarball.LayerFromOpener(opened, tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, fmt.Errorf("make the image's layer: %w", err)
	}
	created := v1.Time{Time: c.Binary.Source.Time}
	base := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	img, err := mutate.Append(base, mutate.Addendum{Layer: l, History: v1.History{Created: created, CreatedBy: "hack/release"}})
	if err != nil {
		return nil, fmt.Errorf("make the image: %w", err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("make the image: %w", err)
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Created = c.Binary.Platform.OS, c.Binary.Platform.Arch, created
	config.Config = v1.Config{
		User: user, WorkingDir: "/", Entrypoint: []string{"/" + c.Binary.Name},
		Labels: annotations(c.Binary.Source),
	}
	img, err = mutate.ConfigFile(img, config)
	if err != nil {
		return nil, fmt.Errorf("make the image: %w", err)
	}
	return mutate.Annotations(img, annotations(c.Binary.Source)).(v1.Image), nil
}

// annotations say what the image is, in the terms of OCI's image format.
func annotations(s build.Source) map[string]string {
	a := map[string]string{
		"org.opencontainers.image.title":       project.Title,
		"org.opencontainers.image.description": project.Description,
		"org.opencontainers.image.licenses":    project.License,
		"org.opencontainers.image.source":      project.Source,
		"org.opencontainers.image.version":     s.Number(),
		"org.opencontainers.image.created":     s.Time.Format(time.RFC3339),
	}
	if s.Revision != "" {
		a["org.opencontainers.image.revision"] = s.Revision
	}
	return a
}
