package image

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/holdfast-dev/holdfast/hack/release/build"
	"github.com/holdfast-dev/holdfast/hack/release/sbom"
)

var (
	amd64 = build.Platform{OS: "linux", Arch: "amd64"}
	arm64 = build.Platform{OS: "linux", Arch: "arm64"}
)

func content(p build.Platform) Content {
	source := build.Source{Version: "v0.1.0", Revision: "0c51", Time: time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC)}
	return Content{
		Binary:  &build.Binary{Name: "holdfast", Platform: p, Content: []byte("a program for " + p.String()), Source: source},
		License: []byte("the licence"), ThirdParty: []byte("their licences"), SBOM: []byte(`{"of":"` + p.String() + `"}`),
	}
}

// wrote writes the image of both platforms.
func wrote(t *testing.T) (string, v1.Hash) {
	t.Helper()
	dir := t.TempDir()
	digest, err := Write(dir, "0.1.0", []Content{content(amd64), content(arm64)})
	if err != nil {
		t.Fatal(err)
	}
	return dir, digest
}

func read(t *testing.T, dir string) *Layout {
	t.Helper()
	l, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestWriteIsAFunction(t *testing.T) {
	one, digest := wrote(t)
	other, again := wrote(t)
	// What is there already must not matter.
	if _, err := Write(other, "0.1.0", []Content{content(arm64)}); err != nil {
		t.Fatal(err)
	}
	if _, err := Write(other, "0.1.0", []Content{content(amd64), content(arm64)}); err != nil {
		t.Fatal(err)
	}
	if digest != again {
		t.Errorf("the digest is %s, and then %s", digest, again)
	}
	if diff := cmp.Diff(contents(t, one), contents(t, other)); diff != "" {
		t.Errorf("the second time the files are others:\n%s", diff)
	}
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

func TestIndex(t *testing.T) {
	dir, digest := wrote(t)
	l := read(t, dir)
	if err := validate.Index(l.Index); err != nil {
		t.Error(err)
	}
	manifest, err := l.Index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range manifest.Manifests {
		got = append(got, fmt.Sprint(d.Platform, " ", d.MediaType))
	}
	want := []string{"linux/amd64 application/vnd.oci.image.manifest.v1+json", "linux/arm64 application/vnd.oci.image.manifest.v1+json"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	file, err := os.ReadFile(filepath.Join(dir, "digest"))
	if err != nil || string(file) != digest.String()+"\n" {
		t.Errorf("the file digest holds %q (%v), not %s", file, err, digest)
	}
}

func TestImage(t *testing.T) {
	dir, _ := wrote(t)
	for _, platform := range []build.Platform{amd64, arm64} {
		t.Run(platform.Arch, func(t *testing.T) {
			img, err := read(t, dir).Image(platform)
			if err != nil {
				t.Fatal(err)
			}
			if err := validate.Image(img); err != nil {
				t.Error(err)
			}
			config, err := img.ConfigFile()
			if err != nil {
				t.Fatal(err)
			}
			labels := map[string]string{
				"org.opencontainers.image.title":       "Holdfast",
				"org.opencontainers.image.description": "Controls that hold, and the evidence that they held",
				"org.opencontainers.image.licenses":    "Apache-2.0",
				"org.opencontainers.image.source":      "https://github.com/holdfast-dev/holdfast",
				"org.opencontainers.image.version":     "0.1.0",
				"org.opencontainers.image.revision":    "0c51",
				"org.opencontainers.image.created":     "2026-03-01T06:00:00Z",
			}
			want := v1.Config{User: "65532:65532", WorkingDir: "/", Entrypoint: []string{"/holdfast"}, Labels: labels}
			if diff := cmp.Diff(want, config.Config); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got := config.OS + "/" + config.Architecture; got != platform.String() {
				t.Errorf("it is for %s", got)
			}
			manifest, err := img.Manifest()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(labels, manifest.Annotations); diff != "" {
				t.Errorf("annotations (-want +got):\n%s", diff)
			}
		})
	}
	if _, err := read(t, dir).Image(build.Platform{OS: "linux", Arch: "s390x"}); err == nil || err.Error() != "read the image: it is not for linux/s390x" {
		t.Errorf("an image of another platform: %v", err)
	}
}

func TestUnpack(t *testing.T) {
	dir, _ := wrote(t)
	img, err := read(t, dir).Image(arm64)
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(t.TempDir(), "root")
	if err := Unpack(img, root); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"holdfast":                      "a program for linux/arm64",
		"etc/passwd":                    passwd,
		"etc/group":                     group,
		"licenses/LICENSE":              "the licence",
		"licenses/THIRD-PARTY-LICENSES": "their licences",
	}
	if diff := cmp.Diff(want, contents(t, root)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	info, err := os.Stat(filepath.Join(root, "holdfast"))
	if err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("the program's mode is %v (%v)", info.Mode(), err)
	}
	if err := Unpack(img, root); !errors.Is(err, fs.ErrExist) {
		t.Errorf("unpacked over another: %v", err)
	}
}

// TestArchive: what container runtimes load is the image, under the name that the
// chart has by default.
func TestArchive(t *testing.T) {
	dir, _ := wrote(t)
	want, err := read(t, dir).Image(amd64)
	if err != nil {
		t.Fatal(err)
	}
	tag, err := name.NewTag("holdfast-dev/holdfast:0.1.0")
	if err != nil {
		t.Fatal(err)
	}
	got, err := tarball.ImageFromPath(filepath.Join(dir, "holdfast-linux-amd64.tar"), &tag)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(configName(t, want), configName(t, got)); diff != "" {
		t.Errorf("it is another image:\n%s", diff)
	}
	if err := validate.Image(got); err != nil {
		t.Error(err)
	}
}

func configName(t *testing.T, img v1.Image) string {
	t.Helper()
	h, err := img.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	return h.String()
}

// TestPush: what is pulled by the digest that was printed is the image, and the
// registry knows each platform's bill of materials.
func TestPush(t *testing.T) {
	for name, options := range map[string][]registry.Option{
		"a registry that lists referrers":       {registry.WithReferrersSupport(true)},
		"a registry that knows nothing of them": {registry.WithReferrersSupport(false)},
	} {
		t.Run(name, func(t *testing.T) { pushed(t, options...) })
	}
}

func pushed(t *testing.T, options ...registry.Option) {
	server := httptest.NewServer(registry.New(append(options, registry.Logger(log.New(io.Discard, "", 0)))...))
	t.Cleanup(server.Close)
	dir, want := wrote(t)
	tag, err := name.NewTag(strings.TrimPrefix(server.URL, "http://")+"/team/holdfast:0.1.0", name.StrictValidation)
	if err != nil {
		t.Fatal(err)
	}
	digest, err := read(t, dir).Push(tag)
	if err != nil {
		t.Fatal(err)
	}
	if digest != want {
		t.Errorf("pushed %s, not %s", digest, want)
	}
	index, err := remote.Index(tag.Context().Digest(digest.String()))
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(index); err != nil {
		t.Error(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	for i, platform := range []build.Platform{amd64, arm64} {
		got := materials(t, tag.Context().Digest(manifest.Manifests[i].Digest.String()))
		if diff := cmp.Diff([]string{string(content(platform).SBOM)}, got); diff != "" {
			t.Errorf("bills of materials of %s (-want +got):\n%s", platform, diff)
		}
	}
}

// materials are the bills of materials that a registry has for an image.
func materials(t *testing.T, image name.Digest) []string {
	t.Helper()
	referrers, err := remote.Referrers(image)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := referrers.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, d := range manifest.Manifests {
		artifact, err := remote.Get(image.Context().Digest(d.Digest.String()))
		if err != nil {
			t.Fatal(err)
		}
		var m v1.Manifest
		if err := json.Unmarshal(artifact.Manifest, &m); err != nil {
			t.Fatal(err)
		}
		if m.ArtifactType != sbom.MediaType {
			t.Errorf("what is told of the image is of type %q", m.ArtifactType)
		}
		layer, err := remote.Layer(image.Context().Digest(m.Layers[0].Digest.String()))
		if err != nil {
			t.Fatal(err)
		}
		r, err := layer.Compressed()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err := errors.Join(err, r.Close()); err != nil {
			t.Fatal(err)
		}
		found = append(found, string(content))
	}
	return found
}

func TestReadWhereNothingWasMade(t *testing.T) {
	_, err := Read(t.TempDir())
	if !errors.Is(err, fs.ErrNotExist) || !strings.HasSuffix(err.Error(), "(make image makes one)") {
		t.Errorf("error %v", err)
	}
}
