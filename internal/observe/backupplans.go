package observe

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/phrase"
)

// planStatus is what is read of the status of a Schedule.
type planStatus struct {
	Phase  string   `json:"phase"`
	Errors []string `json:"validationErrors"`
}

// wirePlan is a Schedule, with its whole spec.
type wirePlan = wireOf[map[string]any, planStatus]

func keepPlan(s *source, gvk schema.GroupVersionKind) {
	s.extent = ofCluster
	s.example, s.connect = &wirePlan{}, wireClient[map[string]any, planStatus](gvk, s.resource)
	manager := s.fieldManager
	s.convert = converting(func(w *wirePlan) *objectItem[control.BackupPlan] { return convertPlan(w, manager) })
	s.table = objectTable[control.BackupPlan]{
		kind: s.id, needs: s.needs, in: func(st *store) *placed[control.BackupPlan] { return &st.objects.plans },
		meta: func(p *control.BackupPlan) *control.Meta { return &p.Meta }, elsewhere: true,
	}
}

// convertPlan keeps what is judged of a Schedule. Velero itself writes whether the
// next run is skipped, and commands of hooks may hold credentials.
func convertPlan(w *wirePlan, fieldManager string) *objectItem[control.BackupPlan] {
	plan := control.BackupPlan{Spec: w.Spec, Phase: intern(w.Status.Phase)}
	delete(plan.Spec, "skipImmediately")
	withoutCommands(plan.Spec)
	for _, text := range w.Status.Errors {
		plan.Errors = append(plan.Errors, phrase.Clip(redacted(text), maxFailure))
	}
	plan.Meta, plan.Ours = metaOf(&w.ObjectMeta, fieldManager, body{})
	plan.Namespace = intern(w.Namespace)
	return inCluster(kindPlans, plan.Meta, plan)
}

// withoutCommands takes away, wherever they are in a value, the commands of hooks.
func withoutCommands(value any) {
	switch value := value.(type) {
	case map[string]any:
		if hook, ok := value["exec"].(map[string]any); ok {
			delete(hook, "command")
		}
		for _, member := range value {
			withoutCommands(member)
		}
	case []any:
		for _, member := range value {
			withoutCommands(member)
		}
	}
}

// locationSpec and locationStatus are what is read of a BackupStorageLocation.
type locationSpec struct {
	Provider string            `json:"provider"`
	Config   map[string]string `json:"config"`
	Store    struct {
		Bucket string `json:"bucket"`
		Prefix string `json:"prefix"`
	} `json:"objectStorage"`
	AccessMode string  `json:"accessMode"`
	Default    bool    `json:"default"`
	Every      *string `json:"validationFrequency"`
}

type locationStatus struct {
	Phase       string       `json:"phase"`
	Message     string       `json:"message"`
	ValidatedAt *metav1.Time `json:"lastValidationTime"`
}

type wireLocation = wireOf[locationSpec, locationStatus]

func keepLocation(s *source, gvk schema.GroupVersionKind) {
	s.extent = ofCluster
	s.example, s.connect = &wireLocation{}, wireClient[locationSpec, locationStatus](gvk, s.resource)
	s.convert = converting(convertLocation)
	s.table = objectTable[control.BackupLocation]{
		kind: s.id, needs: s.needs, in: func(st *store) *placed[control.BackupLocation] { return &st.objects.locations },
		meta: func(l *control.BackupLocation) *control.Meta { return &l.Meta }, elsewhere: true,
	}
}

// convertLocation keeps what is judged of a BackupStorageLocation.
func convertLocation(w *wireLocation) *objectItem[control.BackupLocation] {
	location := control.BackupLocation{
		Provider:    intern(w.Spec.Provider),
		Bucket:      intern(w.Spec.Store.Bucket),
		Prefix:      intern(w.Spec.Store.Prefix),
		Config:      locationConfig(w.Spec.Config),
		AccessMode:  intern(w.Spec.AccessMode),
		Default:     w.Spec.Default,
		Phase:       intern(w.Status.Phase),
		Message:     phrase.Clip(redacted(w.Status.Message), maxFailure),
		ValidatedAt: timeOf(w.Status.ValidatedAt),
	}
	if w.Spec.Every != nil {
		if every, err := time.ParseDuration(*w.Spec.Every); err == nil {
			location.Every = &every
		}
	}
	location.Meta, _ = metaOf(&w.ObjectMeta, "", body{})
	location.Namespace = intern(w.Namespace)
	return inCluster(kindLocations, location.Meta, location)
}

// inCluster returns the item of an object that the scope Cluster judges, wherever
// it lies.
func inCluster[V any](kind string, meta control.Meta, value V) *objectItem[V] {
	return &objectItem[V]{
		key: object{kind: kind, namespace: meta.Namespace, name: meta.Name}, at: map[string]V{control.Cluster: value},
	}
}

// customerKey names, in the config of a location, the Secret and the key in it that
// hold what the bucket's objects are encrypted with. It is not that itself.
const customerKey = "customerKeyEncryptionSecret"

// locationConfig returns the config of a location without what may be a credential.
// Where a store is remains told, without who asks.
func locationConfig(config map[string]string) map[string]string {
	kept := map[string]string{}
	for name, value := range config {
		if value = redacted(value); name == customerKey || !mayBeCredential(name, value) {
			kept[intern(name)] = intern(value)
		}
	}
	if len(kept) == 0 {
		return nil
	}
	return kept
}
