// Package krew packs the kubectl plugin for krew, kubectl's manager of plugins
// (https://krew.sigs.k8s.io/docs/developer-guide/plugin-manifest).
package krew

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"sigs.k8s.io/yaml"

	"github.com/holdfast-dev/holdfast/hack/release/build"
	"github.com/holdfast-dev/holdfast/hack/release/project"
	"github.com/holdfast-dev/holdfast/hack/release/tree"
)

const (
	// Binary is the plugin's program: kubectl finds it by this name.
	Binary = "kubectl-holdfast"
	// ManifestFile is the file of the manifest, which krew wants to be named after
	// the plugin.
	ManifestFile = project.Name + ".yaml"
	// The files beside the program.
	licenseFile    = "LICENSE"
	thirdPartyFile = "THIRD-PARTY-LICENSES"
	windows        = "windows"
)

// Archive is the plugin for one platform.
type Archive struct {
	// File is the archive's name, and Content its bytes.
	File    string
	Content []byte
	// platform is what the manifest says of it.
	platform platform
}

// Pack archives the plugin of one platform, with its licences.
func Pack(binary *build.Binary, license, thirdParty []byte) (*Archive, error) {
	program, suffix := binary.Name, ".tar.gz"
	if binary.Platform.OS == windows {
		program, suffix = program+".exe", ".zip"
	}
	t := &tree.Tree{}
	t.File(program, 0o755, binary.Content)
	t.File(licenseFile, 0o644, license)
	t.File(thirdPartyFile, 0o644, thirdParty)
	write := t.TarGzip
	if suffix == ".zip" {
		write = t.Zip
	}
	var content bytes.Buffer
	if err := write(&content, binary.Source.Time); err != nil {
		return nil, fmt.Errorf("pack %s for %s: %w", binary.Name, binary.Platform, err)
	}
	a := &Archive{File: Binary + "-" + binary.Platform.Dashed() + suffix, Content: content.Bytes()}
	sum := sha256.Sum256(a.Content)
	a.platform = platform{
		Selector: selector{MatchLabels: map[string]string{"os": binary.Platform.OS, "arch": binary.Platform.Arch}},
		URI:      fmt.Sprintf("%s/releases/download/%s/%s", project.Source, binary.Source.Version, a.File),
		SHA256:   hex.EncodeToString(sum[:]),
		Bin:      program,
	}
	for _, name := range []string{program, licenseFile, thirdPartyFile} {
		a.platform.Files = append(a.platform.Files, file{From: name, To: "."})
	}
	return a, nil
}

// Sum is the line of the archive in a list of checksums, as sha256sum reads it.
func (a *Archive) Sum() string { return a.platform.SHA256 + "  " + a.File + "\n" }

// manifest is what krew installs a plugin by.
type manifest struct {
	APIVersion string            `json:"apiVersion"`
	Kind       string            `json:"kind"`
	Metadata   map[string]string `json:"metadata"`
	Spec       spec              `json:"spec"`
}

type spec struct {
	Version          string     `json:"version"`
	Homepage         string     `json:"homepage"`
	ShortDescription string     `json:"shortDescription"`
	Description      string     `json:"description"`
	Caveats          string     `json:"caveats"`
	Platforms        []platform `json:"platforms"`
}

type platform struct {
	Selector selector `json:"selector"`
	URI      string   `json:"uri"`
	SHA256   string   `json:"sha256"`
	Files    []file   `json:"files"`
	Bin      string   `json:"bin"`
}

type selector struct {
	MatchLabels map[string]string `json:"matchLabels"`
}

type file struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// What krew says of the plugin.
const (
	shortDescription = "See how controls hold, verify the record"
	description      = `See how the controls of Holdfast's ControlPolicies hold in a cluster, why a
subject deviates, and what enforcing would change and cut off. Test policies in a
CI without a cluster. Read a ledger, verify it offline, and make the record of a
period from it. No command changes a cluster.
`
	caveats = `status, explain and diff need Holdfast's CustomResourceDefinitions in the cluster:
https://github.com/holdfast-dev/holdfast. test, and all that reads a ledger from
files, need no cluster.
`
)

// Manifest is the manifest of the plugin, in the version that the archives are of.
func Manifest(version string, archives []*Archive) ([]byte, error) {
	m := manifest{
		APIVersion: "krew.googlecontainertools.github.com/v1alpha2", Kind: "Plugin",
		Metadata: map[string]string{"name": project.Name},
		Spec: spec{
			Version: version, Homepage: project.Source,
			ShortDescription: shortDescription, Description: description, Caveats: caveats,
		},
	}
	for _, a := range archives {
		m.Spec.Platforms = append(m.Spec.Platforms, a.platform)
	}
	content, err := yaml.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("write krew's manifest: %w", err)
	}
	return content, nil
}
