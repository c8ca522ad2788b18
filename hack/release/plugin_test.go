package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/mod/semver"
	"sigs.k8s.io/yaml"

	"github.com/holdfast-dev/holdfast/hack/release/build"
	"github.com/holdfast-dev/holdfast/hack/release/krew"
)

// plugin is a manifest, by krew's documentation rather than by what wrote it.
type plugin struct {
	APIVersion, Kind string
	Metadata         struct{ Name string }
	Spec             struct {
		Version, Homepage, ShortDescription, Description, Caveats string
		Platforms                                                 []struct {
			Selector         struct{ MatchLabels map[string]string }
			URI, SHA256, Bin string
			Files            []struct{ From, To string }
		}
	}
}

// parse reads a manifest, which has to follow krew's rules.
func parse(t *testing.T, manifest []byte) plugin {
	t.Helper()
	var p plugin
	if err := yaml.UnmarshalStrict(manifest, &p); err != nil {
		t.Fatal(err)
	}
	if p.APIVersion != "krew.googlecontainertools.github.com/v1alpha2" || p.Kind != "Plugin" || p.Metadata.Name != "holdfast" {
		t.Errorf("it is a %s %s of %s", p.APIVersion, p.Kind, p.Metadata.Name)
	}
	if !semver.IsValid(p.Spec.Version) {
		t.Errorf("%q is no version", p.Spec.Version)
	}
	if s := p.Spec.ShortDescription; s == "" || len(s) > 50 || strings.ContainsAny(s, "\r\n") || strings.HasSuffix(s, ".") {
		t.Errorf("%q is no short description", s)
	}
	if p.Spec.Homepage == "" || p.Spec.Description == "" || p.Spec.Caveats == "" {
		t.Error("it does not say what it is")
	}
	return p
}

// install installs the plugin as krew does: it picks the platform, checks the
// archive's sum, takes out the files that are named, and links the program. It
// returns the directory that is to be in the PATH.
func install(t *testing.T, dir string, p plugin, platform build.Platform) string {
	t.Helper()
	for _, s := range p.Spec.Platforms {
		if s.Selector.MatchLabels["os"] != platform.OS || s.Selector.MatchLabels["arch"] != platform.Arch {
			continue
		}
		file := path.Base(s.URI)
		if want := "https://github.com/holdfast-dev/holdfast/releases/download/" + p.Spec.Version + "/" + file; s.URI != want {
			t.Errorf("it is downloaded from %s, not %s", s.URI, want)
		}
		content, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(content); hex.EncodeToString(sum[:]) != s.SHA256 {
			t.Errorf("the sum of %s is %x, not %s", file, sum, s.SHA256)
		}
		packed, to := extract(t, file, content), t.TempDir()
		for _, f := range s.Files {
			entry, ok := packed[f.From]
			if !ok {
				t.Fatalf("the archive has no %s", f.From)
			}
			if err := os.WriteFile(filepath.Join(to, f.To, path.Base(f.From)), entry.content, entry.mode); err != nil {
				t.Fatal(err)
			}
			delete(packed, f.From)
		}
		if len(packed) > 0 {
			t.Errorf("the archive also has %v", packed)
		}
		if _, err := os.Stat(filepath.Join(to, "LICENSE")); err != nil {
			t.Error(err)
		}
		linked := t.TempDir()
		if err := os.Symlink(filepath.Join(to, s.Bin), filepath.Join(linked, "kubectl-holdfast"+path.Ext(s.Bin))); err != nil {
			t.Fatal(err)
		}
		return linked
	}
	t.Fatalf("the manifest is not for %s", platform)
	return ""
}

// packed is a file in an archive.
type packed struct {
	mode    os.FileMode
	content []byte
}

// extract reads an archive.
func extract(t *testing.T, name string, content []byte) map[string]packed {
	t.Helper()
	files := map[string]packed{}
	if strings.HasSuffix(name, ".zip") {
		archive, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range archive.File {
			r, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			content, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			files[f.Name] = packed{f.Mode(), content}
		}
		return files
	}
	compressed, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	for archive := tar.NewReader(compressed); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		files[header.Name] = packed{header.FileInfo().Mode(), content}
	}
}

// TestPlugin installs the plugin of this platform, and has kubectl run it.
func TestPlugin(t *testing.T) {
	dir := t.TempDir()
	source, err := writePlugin(t.Context(), clone(t, root(t)), dir, []build.Platform{here})
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := os.ReadFile(filepath.Join(dir, "holdfast.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	bin := install(t, dir, parse(t, manifest), here)
	kubectl := filepath.Join(cmp.Or(os.Getenv("CONTROLPLANE_ASSETS"), filepath.Join(root(t), "bin", "controlplane")), "kubectl")
	said := command(t, []string{"PATH=" + bin}, kubectl, "holdfast", "version")
	if want := regexp.MustCompile(`^kubectl-holdfast ` + regexp.QuoteMeta(source.Version) + ` [0-9a-f]{40} go\S+ ` + here.String() + `\n$`); !want.MatchString(said) {
		t.Errorf("kubectl holdfast version says %q, not %s", said, want)
	}
	sums, err := os.ReadFile(filepath.Join(dir, "SHA256SUMS"))
	if err != nil {
		t.Fatal(err)
	}
	if want := parse(t, manifest).Spec.Platforms[0].SHA256 + "  kubectl-holdfast-" + here.Dashed() + ".tar.gz\n"; string(sums) != want {
		t.Errorf("SHA256SUMS is %q, not %q", sums, want)
	}
}

// TestManifestOfAllPlatforms packs what stands for the program of each platform.
func TestManifestOfAllPlatforms(t *testing.T) {
	platforms, err := build.ParsePlatforms(pluginPlatforms)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var archives []*krew.Archive
	var want, got []string
	for _, platform := range platforms {
		binary := &build.Binary{
			Name: krew.Binary, Platform: platform, Content: []byte("a program for " + platform.String()),
			Source: build.Source{Version: "v0.1.0", Time: time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC)},
		}
		a, err := krew.Pack(binary, []byte("ours"), []byte("theirs"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, a.File), a.Content, 0o600); err != nil {
			t.Fatal(err)
		}
		archives, want = append(archives, a), append(want, string(binary.Content))
	}
	manifest, err := krew.Manifest("v0.1.0", archives)
	if err != nil {
		t.Fatal(err)
	}
	p := parse(t, manifest)
	for _, platform := range platforms {
		program := "kubectl-holdfast"
		if platform.OS == "windows" {
			program += ".exe"
		}
		file := filepath.Join(install(t, dir, p, platform), program)
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(content))
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o755 {
			t.Errorf("the mode of %s is %v (%v)", file, info.Mode(), err)
		}
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
