package observe

import (
	"cmp"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// own marks the objects of a snapshot that the ledger knows as ours. None of what
// it changes is shared with other snapshots.
func own(snapshot *control.Snapshot, owned func(kind, namespace, name, uid string) bool) {
	if owned == nil {
		return
	}
	namespace := snapshot.Namespace.Name
	mark := func(ours *bool, kind, namespace, name, uid string) {
		*ours = *ours || owned(kind, namespace, name, uid)
	}
	for i := range snapshot.NetworkPolicies {
		p := &snapshot.NetworkPolicies[i]
		mark(&p.Ours, "NetworkPolicy", namespace, p.Name, p.Identity.UID)
	}
	for i := range snapshot.StorageClasses {
		c := &snapshot.StorageClasses[i]
		mark(&c.Ours, "StorageClass", "", c.Name, c.UID)
	}
	for i := range snapshot.Guards {
		g := &snapshot.Guards[i]
		mark(&g.Ours, g.Kind, "", g.Name, g.UID)
	}
	for i := range snapshot.Certificates {
		c := &snapshot.Certificates[i]
		mark(&c.Ours, "Certificate", namespace, c.Name, c.UID)
	}
	for i := range snapshot.BackupPlans {
		p := &snapshot.BackupPlans[i]
		mark(&p.Ours, "Schedule", p.Namespace, p.Name, p.UID)
	}
	if snapshot.Mesh == nil {
		return
	}
	for i := range snapshot.Mesh.Authentications {
		a := &snapshot.Mesh.Authentications[i]
		mark(&a.Ours, "PeerAuthentication", cmp.Or(a.Namespace, namespace), a.Name, a.UID)
	}
}
