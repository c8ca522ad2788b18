package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Scope says which namespaces the controls are judged on. Every namespace of
// the cluster is accounted for: in scope, excluded, or not selected.
type Scope struct {
	// namespaceSelector selects namespaces by label; {} selects all.
	// +required
	NamespaceSelector metav1.LabelSelector `json:"namespaceSelector"`
	// cluster says whether what belongs to no namespace is judged too, such as
	// StorageClasses and the API server: Included, or Excluded (the default).
	// +optional
	// +kubebuilder:default=Excluded
	Cluster ClusterScope `json:"cluster,omitempty"`
	// exclusions take selected namespaces out of scope, at most 64 entries.
	// Each has a reason, and is part of the evidence.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Exclusions []Exclusion `json:"exclusions,omitempty"`
	// builtinExclusions are the cluster's own namespaces, by exact name, that
	// are out of scope: at most 32. The default (kube-system, kube-public,
	// kube-node-lease and holdfast-system) is written into the object, so that
	// it can be seen, and changed; [] excludes none.
	// +optional
	// +listType=set
	// +kubebuilder:default={"kube-system","kube-public","kube-node-lease","holdfast-system"}
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:items:XValidation:rule="!format.dns1123Label().validate(self).hasValue()",message="builtinExclusions must hold names of namespaces: lower-case letters, digits and '-', with a letter or digit first and last"
	BuiltinExclusions []string `json:"builtinExclusions,omitzero"`
}

// ClusterScope says whether what belongs to no namespace is in scope.
//
// +kubebuilder:validation:Enum=Included;Excluded
type ClusterScope string

const (
	// ClusterIncluded has what belongs to no namespace judged.
	ClusterIncluded ClusterScope = "Included"
	// ClusterExcluded leaves it out.
	ClusterExcluded ClusterScope = "Excluded"
)

// Exclusion takes namespaces out of scope, for a stated reason.
type Exclusion struct {
	// namespaces are the exact names of 1 to 64 namespaces. They need not exist.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:items:XValidation:rule="!format.dns1123Label().validate(self).hasValue()",message="namespaces must hold names of namespaces: lower-case letters, digits and '-', with a letter or digit first and last"
	Namespaces []string `json:"namespaces"`
	// reason says why these namespaces are out of scope: 1 to 256 characters.
	// +required
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule="self.trim() != ''",message="reason must say why the namespaces are out of scope"
	Reason string `json:"reason"`
	// reviewBy is the date (YYYY-MM-DD, UTC) by which the exclusion is to be
	// reviewed. Past it the exclusion still holds, and is reported as overdue.
	// Absent means that no review is planned.
	// +optional
	// +kubebuilder:validation:MaxLength=10
	// +kubebuilder:validation:XValidation:rule="!format.date().validate(self).hasValue()",message="reviewBy must be a date, such as 2026-12-31"
	ReviewBy string `json:"reviewBy,omitempty"`
	// approvedBy is who approved the exclusion, in at most 128 characters. It
	// is recorded as stated here, and not authenticated.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	ApprovedBy string `json:"approvedBy,omitempty"`
}
