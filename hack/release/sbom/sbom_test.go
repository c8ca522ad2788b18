package sbom

import (
	"bytes"
	"regexp"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx"
	"github.com/spdx/tools-golang/spdxlib"

	"github.com/holdfast-dev/holdfast/hack/release/build"
	"github.com/holdfast-dev/holdfast/hack/release/licenses"
)

func binary() *build.Binary {
	return &build.Binary{
		Name: "holdfast", Platform: build.Platform{OS: "linux", Arch: "amd64"}, Content: []byte("a program"),
		Info: &debug.BuildInfo{
			GoVersion: "go1.26.0", Main: debug.Module{Path: "github.com/holdfast-dev/holdfast", Version: "v0.1.0"},
			Deps: []*debug.Module{
				{Path: "github.com/Masterminds/semver/v3", Version: "v3.4.0", Sum: "h1:abc="},
				{Path: "example.com/old", Version: "v1.0.0", Replace: &debug.Module{Path: "example.com/new", Version: "v2.0.0+incompatible", Sum: "h1:def="}},
			},
		},
		Source: build.Source{Version: "v0.1.0", Revision: "0c51", Time: time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC)},
	}
}

func modules() []licenses.Module {
	return []licenses.Module{
		{Path: licenses.StandardLibrary, Expression: "BSD-3-Clause"},
		{Path: "github.com/Masterminds/semver/v3", Expression: "MIT"},
		{Path: "example.com/new", Expression: licenses.NoAssertion},
	}
}

// parse reads a document, which has to be one in which every reference leads
// somewhere.
func parse(t *testing.T, content []byte) *spdx.Document {
	t.Helper()
	doc, err := spdxjson.Read(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	if err := spdxlib.ValidateDocument(doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// stated is what the document says of a package.
type stated struct {
	Name, Version, License, PURL, Source, Checksum string
}

func TestWrite(t *testing.T) {
	content, err := Write(binary(), modules())
	if err != nil {
		t.Fatal(err)
	}
	doc := parse(t, content)
	var got []stated
	ids := map[string]bool{}
	form := regexp.MustCompile(`^[A-Za-z0-9.-]+$`)
	for _, p := range doc.Packages {
		s := stated{Name: p.PackageName, Version: p.PackageVersion, License: p.PackageLicenseDeclared, Source: p.PackageSourceInfo}
		s.PURL = p.PackageExternalReferences[0].Locator
		for _, c := range p.PackageChecksums {
			s.Checksum = string(c.Algorithm) + " " + c.Value
		}
		got = append(got, s)
		id := string(p.PackageSPDXIdentifier)
		if ids[id] || !form.MatchString(id) {
			t.Errorf("%q is no name within a document, or not the only one", id)
		}
		ids[id] = true
	}
	want := []stated{
		{"holdfast", "v0.1.0", "Apache-2.0", "pkg:golang/github.com/holdfast-dev/holdfast@v0.1.0", "built by go1.26.0 for linux/amd64, see go version -m", "SHA256 " + binary().Digest()},
		{"stdlib", "1.26.0", "BSD-3-Clause", "pkg:golang/stdlib@1.26.0", "", ""},
		{"github.com/Masterminds/semver/v3", "v3.4.0", "MIT", "pkg:golang/github.com/masterminds/semver/v3@v3.4.0", "go.sum: h1:abc=", ""},
		{"example.com/new", "v2.0.0+incompatible", "NOASSERTION", "pkg:golang/example.com/new@v2.0.0%2Bincompatible", "go.sum: h1:def=", ""},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var relations []string
	for _, r := range doc.Relationships {
		relations = append(relations, string(r.RefA.ElementRefID)+" "+r.Relationship+" "+string(r.RefB.ElementRefID))
	}
	wantRelations := []string{
		"DOCUMENT DESCRIBES program",
		"program STATIC_LINK module-stdlib",
		"program STATIC_LINK module-github.com-Masterminds-semver-v3",
		"program STATIC_LINK module-example.com-new",
	}
	if diff := cmp.Diff(wantRelations, relations); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if doc.CreationInfo.Created != "2026-03-01T06:00:00Z" || !strings.HasSuffix(doc.DocumentNamespace, "/holdfast-0.1.0-linux-amd64-"+binary().Digest()) {
		t.Errorf("created %s in %s", doc.CreationInfo.Created, doc.DocumentNamespace)
	}
}

func TestWriteIsAFunction(t *testing.T) {
	one, err := Write(binary(), modules())
	if err != nil {
		t.Fatal(err)
	}
	again, err := Write(binary(), modules())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(one), string(again)); diff != "" {
		t.Errorf("the second time it is another:\n%s", diff)
	}
}

func TestWriteNeedsTheLicencesOfAll(t *testing.T) {
	_, err := Write(binary(), modules()[:2])
	if want := "write a bill of materials: the licences of example.com/new were not looked for"; err == nil || err.Error() != want {
		t.Errorf("error %v, not %s", err, want)
	}
}
