package crds_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/discovery"

	"github.com/holdfast-dev/holdfast/test/controlplane"
	"github.com/holdfast-dev/holdfast/test/crds"
)

// kinds are some of those that each set has to have: those that Holdfast reads,
// and of Snapshots one.
var kinds = map[crds.Set]map[string][]string{
	crds.GatewayAPI: {"gateway.networking.k8s.io/v1": {
		"gateways", "listenersets", "referencegrants", "httproutes", "grpcroutes", "tlsroutes", "tcproutes", "udproutes"}},
	crds.Istio:       {"security.istio.io/v1": {"peerauthentications"}, "networking.istio.io/v1": {"destinationrules"}},
	crds.CertManager: {"cert-manager.io/v1": {"certificates"}},
	crds.Snapshots:   {"snapshot.storage.k8s.io/v1": {"volumesnapshots"}},
	crds.Velero: {
		"velero.io/v1":       {"backups", "backupstoragelocations", "deletebackuprequests", "podvolumebackups", "restores", "schedules"},
		"velero.io/v2alpha1": {"datauploads"}},
}

// TestEverySetComesAndGoes installs all sets in one API server, twice, and removes
// them one by one.
func TestEverySetComesAndGoes(t *testing.T) {
	cp, err := controlplane.Start(t.Context(), controlplane.Options{NoControllerManager: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cp.Stop(); err != nil {
			t.Error(err)
		}
	})
	client, err := discovery.NewDiscoveryClientForConfig(cp.RESTConfig())
	if err != nil {
		t.Fatal(err)
	}
	sets := []crds.Set{crds.GatewayAPI, crds.Istio, crds.CertManager, crds.Snapshots, crds.Velero}
	served := map[crds.Set]bool{}
	compare(t, client, served)
	crds.Install(t, cp, sets[:2]...)
	crds.Install(t, cp, sets...)
	for _, set := range sets {
		served[set] = true
	}
	compare(t, client, served)
	for _, set := range sets {
		crds.Remove(t, cp, set)
		served[set] = false
		compare(t, client, served)
	}
	crds.Remove(t, cp, sets...)
}

// compare compares what is served with what should be: of each set all, or nothing.
func compare(t *testing.T, client discovery.DiscoveryInterface, served map[crds.Set]bool) {
	t.Helper()
	_, lists, err := client.ServerGroupsAndResources()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, list := range lists {
		for _, resource := range list.APIResources {
			found[list.GroupVersion+" "+resource.Name] = true
		}
	}
	for set, groups := range kinds {
		for group, resources := range groups {
			for _, resource := range resources {
				if diff := cmp.Diff(served[set], found[group+" "+resource]); diff != "" {
					t.Errorf("%s %s is served (-want +got):\n%s", group, resource, diff)
				}
			}
		}
	}
}
