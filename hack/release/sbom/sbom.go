// Package sbom writes a binary's bill of materials in SPDX 2.3: what the go
// command recorded in the binary, and nothing that it did not.
package sbom

import (
	"bytes"
	"fmt"
	"path"
	"runtime/debug"
	"strings"
	"time"

	"github.com/package-url/packageurl-go"
	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx"
	"github.com/spdx/tools-golang/spdx/v2/common"

	"github.com/holdfast-dev/holdfast/hack/release/build"
	"github.com/holdfast-dev/holdfast/hack/release/licenses"
	"github.com/holdfast-dev/holdfast/hack/release/project"
)

// MediaType is the type of a bill of materials.
const MediaType = "application/spdx+json"

// programID names the binary within the document.
const programID = common.ElementID("program")

// Write returns the bill of materials of a binary. The same binary gives the same
// bytes.
func Write(binary *build.Binary, modules []licenses.Module) ([]byte, error) {
	declared := map[string]string{}
	for _, m := range modules {
		declared[m.Path] = m.Expression
	}
	described, err := program(binary)
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("%s-%s-%s", binary.Name, binary.Source.Number(), binary.Platform.Dashed())
	doc := &spdx.Document{
		SPDXVersion: spdx.Version, DataLicense: spdx.DataLicense, SPDXIdentifier: "DOCUMENT",
		DocumentName: name,
		// It has to differ from every other document's, and be the same each time.
		DocumentNamespace: fmt.Sprintf("%s/spdx/%s-%s", project.Source, name, binary.Digest()),
		CreationInfo: &spdx.CreationInfo{
			Created:  binary.Source.Time.Format(time.RFC3339),
			Creators: []common.Creator{{CreatorType: "Tool", Creator: "holdfast-release-" + binary.Source.Number()}},
		},
		Packages:      []*spdx.Package{described},
		Relationships: []*spdx.Relationship{relation("DOCUMENT", "DESCRIBES", programID)},
	}
	for _, m := range linked(binary.Info) {
		p, err := module(m, declared[m.Path])
		if err != nil {
			return nil, err
		}
		doc.Packages = append(doc.Packages, p)
		doc.Relationships = append(doc.Relationships, relation(programID, "STATIC_LINK", p.PackageSPDXIdentifier))
	}
	var out bytes.Buffer
	if err := spdxjson.Write(doc, &out, spdxjson.Indent("  "), spdxjson.EscapeHTML(false)); err != nil {
		return nil, fmt.Errorf("write the bill of materials of %s for %s: %w", binary.Name, binary.Platform, err)
	}
	return out.Bytes(), nil
}

// linked are the modules in a binary, the standard library among them.
func linked(info *debug.BuildInfo) []*debug.Module {
	modules := []*debug.Module{{Path: licenses.StandardLibrary, Version: strings.TrimPrefix(info.GoVersion, "go")}}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		modules = append(modules, m)
	}
	return modules
}

// program describes the binary.
func program(binary *build.Binary) (*spdx.Package, error) {
	reference, err := purl(binary.Info.Main.Path, binary.Source.Version)
	if err != nil {
		return nil, err
	}
	location := licenses.NoAssertion
	if binary.Source.Revision != "" {
		location = "git+" + project.Source + "@" + binary.Source.Revision
	}
	return &spdx.Package{
		PackageName: binary.Name, PackageSPDXIdentifier: programID, PackageVersion: binary.Source.Version,
		PackageFileName: binary.Name, PackageDownloadLocation: location, PackageHomePage: project.Source,
		PackageChecksums:        []common.Checksum{{Algorithm: common.SHA256, Value: binary.Digest()}},
		PackageLicenseConcluded: licenses.NoAssertion, PackageLicenseDeclared: project.License, PackageCopyrightText: licenses.NoAssertion,
		PackageSummary: project.Description, PrimaryPackagePurpose: "APPLICATION",
		PackageSourceInfo:         fmt.Sprintf("built by %s for %s, see go version -m", binary.Info.GoVersion, binary.Platform),
		PackageExternalReferences: []*spdx.PackageExternalReference{reference},
	}, nil
}

// module describes a module that is linked into the binary. Go's own hash of it
// is of its files' hashes rather than of a file, so it is no checksum in SPDX's
// sense, and stands as what it is.
func module(m *debug.Module, license string) (*spdx.Package, error) {
	if license == "" {
		return nil, fmt.Errorf("write a bill of materials: the licences of %s were not looked for", m.Path)
	}
	reference, err := purl(m.Path, m.Version)
	if err != nil {
		return nil, err
	}
	p := &spdx.Package{
		PackageName: m.Path, PackageSPDXIdentifier: elementID(m.Path), PackageVersion: m.Version,
		PackageDownloadLocation: licenses.NoAssertion,
		PackageLicenseConcluded: licenses.NoAssertion, PackageLicenseDeclared: license, PackageCopyrightText: licenses.NoAssertion,
		PrimaryPackagePurpose:     "LIBRARY",
		PackageExternalReferences: []*spdx.PackageExternalReference{reference},
	}
	if m.Sum != "" {
		p.PackageSourceInfo = "go.sum: " + m.Sum
	}
	return p, nil
}

// purl refers to a version of a module (https://github.com/package-url/purl-spec).
func purl(modulePath, version string) (*spdx.PackageExternalReference, error) {
	namespace, name := path.Split(modulePath)
	u := packageurl.NewPackageURL(packageurl.TypeGolang, strings.TrimSuffix(namespace, "/"), name, version, nil, "")
	if err := u.Normalize(); err != nil {
		return nil, fmt.Errorf("refer to %s: %w", modulePath, err)
	}
	return &spdx.PackageExternalReference{Category: common.CategoryPackageManager, RefType: common.TypePackageManagerPURL, Locator: u.ToString()}, nil
}

func relation(a common.ElementID, kind string, b common.ElementID) *spdx.Relationship {
	return &spdx.Relationship{RefA: common.DocElementID{ElementRefID: a}, Relationship: kind, RefB: common.DocElementID{ElementRefID: b}}
}

// elementID names a module within the document, by letters, digits, dots and
// dashes: all that SPDX allows there.
func elementID(modulePath string) common.ElementID {
	id := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '-':
			return r
		default:
			return '-'
		}
	}, modulePath)
	return common.ElementID("module-" + id)
}
