package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// namespace is where kustomize installs Holdfast.
const namespace = "holdfast-system"

// namespaceManifest is what the chart leaves to helm install --create-namespace.
const namespaceManifest = `apiVersion: v1
kind: Namespace
metadata:
  name: ` + namespace + `
  labels:
    pod-security.kubernetes.io/enforce: restricted
`

// header begins each file of config that is made.
const header = "# Made from charts/holdfast by \"go run ./hack/chart\". Do not edit.\n"

// component is what kustomize adds for a value of the chart.
type component struct{ name, value, doc string }

func components() []component {
	return []component{
		{"enforce-network-isolation", "enforce.networkIsolation=true", "What networkIsolation needs to repair."},
		{"enforce-encryption-at-rest", "enforce.encryptionAtRest=true", "What encryptionAtRest needs to repair and to guard."},
		{"enforce-encryption-in-transit", "enforce.encryptionInTransit=true", "What encryptionInTransit needs to repair and to guard."},
		{"enforce-backup", "enforce.backup=true", "What backup needs to repair."},
		{"gateway-api", "observe.gatewayAPI=Enabled", "Reading Gateway API's Gateways, routes and ReferenceGrants, for clusters that serve them."},
		{"cluster-network-policy", "observe.clusterNetworkPolicy=Enabled", "Reading ClusterNetworkPolicies and AdminNetworkPolicies, for clusters that serve them."},
		{"cilium", "observe.cilium=Enabled", "Reading Cilium's policies, for clusters that serve them."},
		{"calico", "observe.calico=Enabled", "Reading Calico's policies, for clusters that serve them."},
		{"istio", "observe.istio=Enabled", "Reading Istio's PeerAuthentications and DestinationRules, for clusters that serve them."},
		{"cert-manager", "observe.certManager=Enabled", "Reading cert-manager's Certificates, for clusters that serve them."},
		{"velero", "observe.velero=Enabled", "Reading Velero's Schedules, Backups and BackupStorageLocations, for clusters that serve them."},
		{"volume-snapshots", "observe.volumeSnapshots=Enabled", "Reading VolumeSnapshots, for clusters that serve them."},
		{"restore-tests", "probe.restoreTests=true", "What restoreTest needs to restore sentinels."},
		{"velero-repository", "veleroRepository.read=true", "Reading the Secret that the password of Velero's repositories is in."},
		{"tls-secrets", "tlsSecrets.read=true", "Reading the Secrets that certificates are in: every Secret of the cluster."},
	}
}

// ofNoCluster are the values that have the chart not ask what a cluster serves.
func ofNoCluster() []string {
	return []string{
		"observe.gatewayAPI=Disabled", "observe.clusterNetworkPolicy=Disabled",
		"observe.cilium=Disabled", "observe.calico=Disabled",
		"observe.istio=Disabled", "observe.certManager=Disabled",
		"observe.velero=Disabled", "observe.volumeSnapshots=Disabled",
	}
}

// writeKustomize writes what is made in config: the base, how it labels CRDs,
// and a component for each value that grants more.
func writeKustomize(ctx context.Context, config string, r renderer) error {
	base, err := r.render(ctx, ofNoCluster()...)
	if err != nil {
		return err
	}
	isKind := func(m *manifest) bool { return scalar(m.node, "kind") == "CustomResourceDefinition" }
	if err := writeBase(filepath.Join(config, "base"), slices.DeleteFunc(slices.Clone(base), isKind)); err != nil {
		return err
	}
	kind := slices.IndexFunc(base, isKind)
	if kind < 0 {
		return errors.New("the chart has no CustomResourceDefinition")
	}
	if err := writeCRDs(filepath.Join(config, "crd"), base[kind]); err != nil {
		return err
	}
	if err := emptyFolder(filepath.Join(config, "components")); err != nil {
		return err
	}
	for _, c := range components() {
		with, err := r.render(ctx, append(ofNoCluster(), c.value)...)
		if err != nil {
			return err
		}
		d, err := newDifference(base, with)
		if err == nil {
			err = c.write(filepath.Join(config, "components", c.name), d)
		}
		if err != nil {
			return fmt.Errorf("component %s: %w", c.name, err)
		}
	}
	return nil
}

// writeBase writes the folder of what every installation has.
func writeBase(folder string, base []*manifest) error {
	files, err := writeFolder(folder, base)
	if err != nil {
		return err
	}
	if err := writeFile(filepath.Join(folder, "namespace.yaml"), []byte(header+namespaceManifest)); err != nil {
		return err
	}
	return kustomization{
		doc:  "The operator, its permissions, its kinds and its namespace.",
		kind: "Kustomization", version: "v1beta1", resources: append([]string{"../crd", "namespace.yaml"}, files...),
	}.write(folder)
}

// writeCRDs has the CRDs in the folder get the labels and annotations that the
// chart gives them, of which example is one.
func writeCRDs(folder string, example *manifest) error {
	files, err := filepath.Glob(filepath.Join(folder, "bases", "*.yaml"))
	if err != nil {
		return fmt.Errorf("list the CRDs: %w", err)
	}
	for i, file := range files {
		files[i] = "bases/" + filepath.Base(file)
	}
	metadata := field(example.node, "metadata")
	labels, err := encode(field(metadata, "labels"))
	if err != nil {
		return err
	}
	added := *field(metadata, "annotations")
	added.Content = slices.Clone(added.Content)
	remove(&added, "controller-gen.kubebuilder.io/version") // they have it
	annotations, err := encode(&added)
	if err != nil {
		return err
	}
	return kustomization{
		doc: "The kinds of Holdfast, by themselves.", kind: "Kustomization", version: "v1beta1", resources: files,
		rest: []byte("labels:\n- pairs:\n" + indent(labels, "    ") + "commonAnnotations:\n" + indent(annotations, "  ")),
	}.write(folder)
}

// write writes the component's folder.
func (c component) write(folder string, d *difference) error {
	files, err := writeFolder(folder, d.added)
	if err != nil {
		return err
	}
	patches, err := d.patches()
	if err != nil {
		return err
	}
	return kustomization{
		doc:  fmt.Sprintf("%s The chart's value is %s.", c.doc, c.value),
		kind: "Component", version: "v1alpha1", resources: files, rest: patches,
	}.write(folder)
}

// writeFolder writes the objects into an empty folder, each into a file of its
// template's name, and returns the files.
func writeFolder(folder string, objects []*manifest) ([]string, error) {
	if err := emptyFolder(folder); err != nil {
		return nil, err
	}
	texts := map[string][]string{}
	for _, m := range objects {
		text, err := encode(m.node)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.id(), err)
		}
		texts[m.file] = append(texts[m.file], text)
	}
	files := slices.Sorted(maps.Keys(texts))
	for _, name := range files {
		if err := writeFile(filepath.Join(folder, name), []byte(header+strings.Join(texts[name], "---\n"))); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// kustomization is what has kustomize read a folder.
type kustomization struct {
	doc, kind, version string
	resources          []string
	// rest is what follows the resources, in YAML.
	rest []byte
}

func (k kustomization) write(folder string) error {
	content := fmt.Appendf(nil, "%s# %s\napiVersion: kustomize.config.k8s.io/%s\nkind: %s\nresources:\n- %s\n%s",
		header, k.doc, k.version, k.kind, strings.Join(k.resources, "\n- "), k.rest)
	return writeFile(filepath.Join(folder, "kustomization.yaml"), content)
}
