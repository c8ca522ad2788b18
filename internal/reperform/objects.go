package reperform

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// listedObject is an object as it was listed.
type listedObject struct {
	kind, resource string
	control.Meta
}

// newerObjects names the objects of changed inputs that have a later
// resourceVersion than the manifest's list of their kind.
func (m *met) newerObjects(changed []string) []string {
	var newer []string
	for _, role := range changed {
		for _, o := range m.objects(role) {
			list := m.list(o.resource)
			if list == nil || !after(o.Identity.ResourceVersion, list.ResourceVersion) {
				continue
			}
			newer = append(newer, fmt.Sprintf("%s %s has the resourceVersion %s, later than %s of the manifest's list%s",
				o.kind, o.Name, o.Identity.ResourceVersion, list.ResourceVersion, changedAt(o.Identity)))
		}
	}
	return newer
}

// objects are those of an input whose versions are known.
func (m *met) objects(role string) []listedObject {
	var of []listedObject
	switch s := m.snapshot; role {
	case "storageClasses":
		for _, o := range s.StorageClasses {
			of = append(of, listedObject{"StorageClass", "storageclasses", o.Meta})
		}
	case "volumes":
		for _, o := range s.Volumes {
			of = append(of, listedObject{"PersistentVolume", "persistentvolumes", o.Meta})
		}
	case "ingresses":
		for _, o := range s.Ingresses {
			of = append(of, listedObject{"Ingress", "ingresses", o.Meta})
		}
	case "gateways":
		for _, o := range s.Gateways {
			of = append(of, listedObject{o.Kind, resources()[o.Kind], o.Meta})
		}
	case "gatewayRoutes":
		for _, o := range s.GatewayRoutes {
			of = append(of, listedObject{o.Kind, resources()[o.Kind], o.Meta})
		}
	case "certificates":
		for _, o := range s.Certificates {
			of = append(of, listedObject{"Certificate", "certificates", o.Meta})
		}
	case "guards":
		for _, o := range s.Guards {
			of = append(of, listedObject{o.Kind, resources()[o.Kind], o.Meta})
		}
	}
	return of
}

// resources are the plural names of kinds that share an input with others.
func resources() map[string]string {
	return map[string]string{
		"Gateway": "gateways", "ListenerSet": "listenersets", "XListenerSet": "xlistenersets",
		"HTTPRoute": "httproutes", "GRPCRoute": "grpcroutes", "TLSRoute": "tlsroutes", "TCPRoute": "tcproutes", "UDPRoute": "udproutes",
		"ValidatingAdmissionPolicy": "validatingadmissionpolicies", "ValidatingAdmissionPolicyBinding": "validatingadmissionpolicybindings",
		"EncryptedStorageClasses": "encryptedstorageclasses",
	}
}

// recordedObservations takes what probes saw from the recorded inputs. It reports
// false where the manifest has nothing of it.
func (m *met) recordedObservations() (bool, error) {
	if m.scope == nil {
		return false, nil
	}
	at := slices.IndexFunc(m.scope.Inputs, func(in ledger.Input) bool { return in.Role == roleObservations })
	if at < 0 {
		return len(m.scope.Units) > 0, nil
	}
	data, err := m.src.Object(m.census.LedgerID, m.scope.Inputs[at].Digest)
	if err != nil {
		return false, err
	}
	if err := json.Unmarshal(data, &m.snapshot.Observations); err != nil {
		return false, fmt.Errorf("recorded input %s: %w", roleObservations, err)
	}
	return true, nil
}

// roleObservations is the role of the input that probes made.
const roleObservations = "observations"
