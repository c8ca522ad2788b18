package main

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdxlib"

	"github.com/holdfast-dev/holdfast/hack/release/build"
	"github.com/holdfast-dev/holdfast/hack/release/image"
)

// accepted are the licences that what is linked into the operator may have. Of
// MPL-2.0 is what we use unchanged: its source is where its module's is.
var accepted = []string{"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MPL-2.0"}

// TestImageIsReproducible: whoever makes the image of a commit gets the same bytes,
// wherever the checkout is.
func TestImageIsReproducible(t *testing.T) {
	platform := build.Platform{OS: "linux", Arch: here.Arch}
	var made []map[string]string
	var names []string
	dir, from := t.TempDir(), root(t)
	for _, each := range []string{"one", "other"} {
		// The second is made of the first one's: ours may be committed to meanwhile.
		from = clone(t, from)
		to := filepath.Join(dir, each)
		name, _, err := writeImage(t.Context(), from, to, []build.Platform{platform})
		if err != nil {
			t.Fatal(err)
		}
		made, names = append(made, contents(t, to)), append(names, name)
	}
	if names[0] != names[1] {
		t.Errorf("one is %s, the other %s", names[0], names[1])
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(made[0])), slices.Sorted(maps.Keys(made[1]))); diff != "" {
		t.Fatalf("the files are others (-one +other):\n%s", diff)
	}
	for file, content := range made[0] {
		if content != made[1][file] {
			t.Errorf("%s has %d bytes with hash %x, and then %d with %x", file, len(content), sha256.Sum256([]byte(content)), len(made[1][file]), sha256.Sum256([]byte(made[1][file])))
		}
	}
	materials(t, filepath.Join(dir, "one"), platform)
}

// materials compares the bill of materials with what the binary in the image says
// of itself.
func materials(t *testing.T, dir string, platform build.Platform) {
	layout, err := image.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	img, err := layout.Image(platform)
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(dir, "root")
	if err := image.Unpack(img, root); err != nil {
		t.Fatal(err)
	}
	info, err := buildinfo.ReadFile(filepath.Join(root, "holdfast"))
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(dir, "holdfast-"+platform.Dashed()+".spdx.json"))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := spdxjson.Read(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	if err := spdxlib.ValidateDocument(doc); err != nil {
		t.Error(err)
	}
	want := []string{"holdfast " + info.Main.Version, "stdlib " + strings.TrimPrefix(info.GoVersion, "go")}
	for _, m := range info.Deps {
		want = append(want, m.Path+" "+m.Version)
	}
	var got []string
	for _, p := range doc.Packages {
		got = append(got, p.PackageName+" "+p.PackageVersion)
		for _, id := range strings.Split(p.PackageLicenseDeclared, " AND ") {
			if !slices.Contains(accepted, id) {
				t.Errorf("%s is under %s, which nobody has looked at", p.PackageName, p.PackageLicenseDeclared)
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-binary +bill):\n%s", diff)
	}
}
