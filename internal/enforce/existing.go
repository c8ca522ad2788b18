package enforce

import (
	"slices"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// Existing is what a snapshot shows of the object of a change.
type Existing struct {
	control.Identity
	// Ours is whether Holdfast created it.
	Ours bool
	// Policy is the object itself where it is a NetworkPolicy.
	Policy *control.NetworkPolicy
}

// UIDOf is the object's UID, empty where there is none.
func UIDOf(e *Existing) string {
	if e == nil {
		return ""
	}
	return e.UID
}

// Find returns the object of a change in the snapshot, nil where there is none.
func Find(snapshot *control.Snapshot, change control.Change) *Existing {
	named := func(meta *control.Meta) bool {
		return meta.Name == change.Name && (meta.Namespace == "" || meta.Namespace == change.Namespace)
	}
	switch change.Kind {
	case networkPolicyKind:
		for i := range snapshot.NetworkPolicies {
			if np := &snapshot.NetworkPolicies[i]; np.Name == change.Name {
				return &Existing{np.Identity, np.Ours, np}
			}
		}
	case "StorageClass":
		return among(snapshot.StorageClasses, func(c *control.StorageClass) (*control.Meta, bool) { return &c.Meta, c.Ours }, named)
	case "Ingress":
		return among(snapshot.Ingresses, func(i *control.Ingress) (*control.Meta, bool) { return &i.Meta, false }, named)
	case "Certificate":
		return among(snapshot.Certificates, func(c *control.Certificate) (*control.Meta, bool) { return &c.Meta, c.Ours }, named)
	case "PeerAuthentication":
		if snapshot.Mesh != nil {
			return among(snapshot.Mesh.Authentications, func(a *control.PeerAuthentication) (*control.Meta, bool) { return &a.Meta, a.Ours }, named)
		}
	case "Schedule":
		return among(snapshot.BackupPlans, func(p *control.BackupPlan) (*control.Meta, bool) { return &p.Meta, p.Ours }, named)
	case "Backup":
		return among(snapshot.Backups, func(b *control.Backup) (*control.Meta, bool) { return &b.Meta, true }, named)
	default:
		guards := slices.DeleteFunc(slices.Clone(snapshot.Guards), func(g control.GuardObject) bool { return g.Kind != change.Kind })
		return among(guards, func(g *control.GuardObject) (*control.Meta, bool) { return &g.Meta, g.Ours }, named)
	}
	return nil
}

// among is the object among those of a kind that which holds for, nil if none is.
func among[V any](all []V, read func(*V) (meta *control.Meta, ours bool), which func(*control.Meta) bool) *Existing {
	for i := range all {
		if meta, ours := read(&all[i]); which(meta) {
			return existing(meta, ours)
		}
	}
	return nil
}

func existing(meta *control.Meta, ours bool) *Existing {
	e := &Existing{Identity: meta.Identity, Ours: ours}
	e.UID = meta.UID
	return e
}
