package observe

import (
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

// kindClassLists is the id of the parameters of guards.
const kindClassLists = "encryptedstorageclasses." + holdfastGroup

const holdfastGroup = "holdfast.dev"

// guardKinds are those of the objects that admission guards are made of.
func guardKinds() []optional {
	needs := []control.Need{control.NeedGuards}
	admission := func(resource, kind string) optional {
		return optional{
			id: resource, group: admissionregistrationv1.GroupName, resource: resource, kind: kind, everywhere: "v1", needs: needs, keep: keepGuard,
		}
	}
	return []optional{
		admission("validatingadmissionpolicies", "ValidatingAdmissionPolicy"),
		admission("validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding"),
		{
			group: holdfastGroup, resource: "encryptedstorageclasses", kind: "EncryptedStorageClasses", needs: needs,
			modelled: v1alpha1.GroupVersion.Version, keep: keepGuard,
		},
	}
}

// guardStatus is what is read of the status of a ValidatingAdmissionPolicy.
type guardStatus struct {
	TypeChecking struct {
		Warnings []struct {
			FieldRef string `json:"fieldRef"`
			Warning  string `json:"warning"`
		} `json:"expressionWarnings"`
	} `json:"typeChecking"`
}

// wireGuard is an object of a guard, with its whole spec.
type wireGuard = wireOf[map[string]any, guardStatus]

func keepGuard(s *source, gvk schema.GroupVersionKind) {
	s.extent = ofCluster
	s.example, s.connect = &wireGuard{}, wireClient[map[string]any, guardStatus](gvk, s.resource)
	id, manager := s.id, s.fieldManager
	s.convert = converting(func(g *wireGuard) *objectItem[control.GuardObject] { return convertGuard(id, gvk, g, manager) })
	s.table = objectTable[control.GuardObject]{
		kind: s.id, needs: s.needs, in: func(st *store) *placed[control.GuardObject] { return &st.objects.guards },
		meta: func(g *control.GuardObject) *control.Meta { return &g.Meta },
	}
}

// convertGuard keeps what is judged of an object, if its name says that it is
// part of a guard of ours.
func convertGuard(id string, gvk schema.GroupVersionKind, g *wireGuard, fieldManager string) *objectItem[control.GuardObject] {
	item := &objectItem[control.GuardObject]{key: object{kind: id, name: g.Name}}
	if !strings.HasPrefix(g.Name, control.GuardPrefix) {
		return item
	}
	guard := control.GuardObject{APIVersion: gvk.GroupVersion().String(), Kind: gvk.Kind, Spec: g.Spec}
	guard.Meta, guard.Ours = metaOf(&g.ObjectMeta, fieldManager, body{})
	for _, w := range g.Status.TypeChecking.Warnings {
		guard.Warnings = append(guard.Warnings, w.FieldRef+": "+w.Warning)
	}
	item.at = map[string]control.GuardObject{control.Cluster: guard}
	return item
}
