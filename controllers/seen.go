package controllers

import (
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/enforce"
)

// object is what a snapshot shows of the object of a change.
type object struct {
	control.Identity
	// ours is whether Holdfast created it.
	ours bool
	// policy is the object itself where it is a NetworkPolicy.
	policy *control.NetworkPolicy
}

// existing is the object of a change in the snapshot, nil where there is none.
func existing(snapshot *control.Snapshot, change control.Change) *object {
	named := func(meta *control.Meta) bool {
		return meta.Name == change.Name && (meta.Namespace == "" || meta.Namespace == change.Namespace)
	}
	switch change.Kind {
	case networkPolicyKind:
		for i := range snapshot.NetworkPolicies {
			if np := &snapshot.NetworkPolicies[i]; np.Name == change.Name {
				return &object{np.Identity, np.Ours, np}
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
	default:
		for i := range snapshot.Guards {
			if g := &snapshot.Guards[i]; g.Kind == change.Kind && named(&g.Meta) {
				return seenAs(&g.Meta, g.Ours)
			}
		}
	}
	return nil
}

// among is the object among those of a kind that which holds for, nil if none is.
func among[V any](all []V, read func(*V) (meta *control.Meta, ours bool), which func(*control.Meta) bool) *object {
	for i := range all {
		if meta, ours := read(&all[i]); which(meta) {
			return seenAs(meta, ours)
		}
	}
	return nil
}

func seenAs(meta *control.Meta, ours bool) *object {
	seen := &object{Identity: meta.Identity, ours: ours}
	seen.UID = meta.UID
	return seen
}

// uid is the object's UID, empty where there is none.
func (o *object) uid() string {
	if o == nil {
		return ""
	}
	return o.UID
}

// tookEffect reports whether an object is one that Holdfast changed last, as a change
// wants it, since it was sent.
func (u *unanswered) tookEffect(now *object) bool {
	if now == nil || now.Manager != enforce.ManagerOf(u.change.Change) {
		return false
	}
	if u.before == nil || now.UID != u.before.UID || now.Generation > u.before.Generation {
		return true
	}
	// What has no spec has no generation that tells.
	return u.change.Spec == nil && now.ResourceVersion != u.before.ResourceVersion
}
