// Package v1alpha1 holds the holdfast.dev/v1alpha1 API: what a cluster admin
// declares, and what Holdfast answers in status.
//
// +kubebuilder:object:generate=true
// +groupName=holdfast.dev
package v1alpha1
