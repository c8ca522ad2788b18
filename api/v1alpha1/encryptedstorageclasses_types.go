package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// EncryptedStorageClasses lists the StorageClasses whose claims an admission guard
// lets through: it is the parameter of a ValidatingAdmissionPolicy. Holdfast
// writes it, and keeps it as it wants it; nobody else has reason to.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:path=encryptedstorageclasses,scope=Cluster,categories=holdfast
// +kubebuilder:printcolumn:name="Allowed",type=string,JSONPath=`.spec.allowed`,description="The StorageClasses whose claims are let through."
// +kubebuilder:printcolumn:name="Static",type=boolean,JSONPath=`.spec.allowStatic`,description="Whether claims without a class are let through."
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 96",message="metadata.name must have at most 96 characters"
type EncryptedStorageClasses struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object metadata. The name is that of the guard that
	// asks: holdfast-guard-storage-claims-, and the name of the ControlPolicy.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`
	// spec is what the guard lets through.
	// +required
	Spec EncryptedStorageClassesSpec `json:"spec"`
}

// EncryptedStorageClassesList is a list of EncryptedStorageClasses.
//
// +kubebuilder:object:root=true
type EncryptedStorageClassesList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	// items are the lists.
	Items []EncryptedStorageClasses `json:"items"`
}

// EncryptedStorageClassesSpec says which claims are let through.
type EncryptedStorageClassesSpec struct {
	// allowed are the names of the classes whose claims are let through: those that
	// reach the policy's minimum level, at most 1024.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1024
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	Allowed []string `json:"allowed"`
	// allowStatic is whether claims without a class are let through, which bind
	// volumes that were made by hand.
	// +required
	AllowStatic bool `json:"allowStatic"`
}
