package observe

import (
	"encoding/json"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// body is what the objects of a kind are about, beside their specs: who changed
// that last is told.
type body struct {
	// fields are names at the top level, of a kind that has no spec.
	fields []string
	// annotations are those that a rule looks at.
	annotations []string
}

// identityOf says which object and which state of it this is. ours is true where
// fieldManager ever applied it.
//
// Times have a resolution of one second. Where two managers changed the body in
// the same second, the one that is not ours is named: our own writes are known
// from elsewhere.
func identityOf(o *metav1.ObjectMeta, fieldManager string, about body) (identity control.Identity, ours bool) {
	identity = control.Identity{UID: string(o.UID), ResourceVersion: o.ResourceVersion, Generation: o.Generation}
	for i := range o.ManagedFields {
		f := &o.ManagedFields[i]
		if f.Time == nil || f.Subresource != "" {
			continue
		}
		at := f.Time.UTC()
		applied := f.Manager == fieldManager && f.Operation == metav1.ManagedFieldsOperationApply
		if applied {
			ours = true
			identity.Applied = at
		}
		newer := at.After(identity.ManagedAt) || at.Equal(identity.ManagedAt) && !applied
		if newer && about.managedBy(f.FieldsV1) {
			identity.Manager, identity.ManagedAt = intern(f.Manager), at
		}
	}
	return identity, ours
}

// managedBy reports whether a set of fields holds any of the spec, or of the body.
func (b body) managedBy(fields *metav1.FieldsV1) bool {
	if fields == nil {
		return false
	}
	var top map[string]json.RawMessage
	if json.Unmarshal(fields.GetRawBytes(), &top) != nil {
		return false
	}
	if top["f:spec"] != nil || slices.ContainsFunc(b.fields, func(name string) bool { return top["f:"+name] != nil }) {
		return true
	}
	var metadata struct {
		Annotations map[string]json.RawMessage `json:"f:annotations"`
	}
	if len(b.annotations) == 0 || top["f:metadata"] == nil || json.Unmarshal(top["f:metadata"], &metadata) != nil {
		return false
	}
	return slices.ContainsFunc(b.annotations, func(name string) bool { return metadata.Annotations["f:"+name] != nil })
}
