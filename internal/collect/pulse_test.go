package collect_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
)

// pulses are one object of each kind that is watched, in a namespace of their own.
// In a cluster with life in it there is no need for them: API servers tell once a
// minute how far a kind is in which nothing happens.
func pulses() []struct {
	resource schema.GroupVersionResource
	object   runtime.Object
} {
	named := metav1.ObjectMeta{Name: "pulse.example.com", Namespace: "pulse"}
	global := metav1.ObjectMeta{Name: "pulses.example.com"}
	port := networkingv1.ServiceBackendPort{Number: 80}
	return []struct {
		resource schema.GroupVersionResource
		object   runtime.Object
	}{
		{corev1.SchemeGroupVersion.WithResource("namespaces"), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "pulse"}}},
		{networkingv1.SchemeGroupVersion.WithResource("networkpolicies"), &networkingv1.NetworkPolicy{ObjectMeta: named}},
		{corev1.SchemeGroupVersion.WithResource("pods"), &corev1.Pod{ObjectMeta: named, Spec: corev1.PodSpec{
			AutomountServiceAccountToken: new(false), Containers: []corev1.Container{{Name: "main", Image: "example.com/main"}}}}},
		{corev1.SchemeGroupVersion.WithResource("services"), &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Name: "pulse", Namespace: "pulse"}, Spec: corev1.ServiceSpec{ClusterIP: "None"}}},
		{discoveryv1.SchemeGroupVersion.WithResource("endpointslices"), &discoveryv1.EndpointSlice{
			ObjectMeta:  metav1.ObjectMeta{Name: "pulse", Namespace: "pulse", Labels: map[string]string{discoveryv1.LabelServiceName: "kubernetes"}},
			AddressType: discoveryv1.AddressTypeIPv4, Endpoints: []discoveryv1.Endpoint{}}},
		{networkingv1.SchemeGroupVersion.WithResource("ingresses"), &networkingv1.Ingress{ObjectMeta: named, Spec: networkingv1.IngressSpec{
			DefaultBackend: &networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: "pulse", Port: port}}}}},
		{admissionregistrationv1.SchemeGroupVersion.WithResource("validatingwebhookconfigurations"),
			&admissionregistrationv1.ValidatingWebhookConfiguration{ObjectMeta: global}},
		{admissionregistrationv1.SchemeGroupVersion.WithResource("mutatingwebhookconfigurations"),
			&admissionregistrationv1.MutatingWebhookConfiguration{ObjectMeta: global}},
		{apiextensionsv1.SchemeGroupVersion.WithResource("customresourcedefinitions"), &apiextensionsv1.CustomResourceDefinition{
			ObjectMeta: global, Spec: apiextensionsv1.CustomResourceDefinitionSpec{Group: "example.com", Scope: "Cluster",
				Names: apiextensionsv1.CustomResourceDefinitionNames{Plural: "pulses", Kind: "Pulse"},
				Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{Name: "v1", Served: true, Storage: true,
					Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{Type: "object"}}}}}}},
		{apiServices, nil},
	}
}

var apiServices = schema.GroupVersionResource{Group: "apiregistration.k8s.io", Version: "v1", Resource: "apiservices"}

// pulse has something happen in every kind until the test ends, so that watches
// need not wait for bookmarks.
func (c *cluster) pulse(t *testing.T) {
	t.Helper()
	client, err := dynamic.NewForConfig(c.RESTConfig())
	if err != nil {
		t.Fatal(err)
	}
	objects := map[int]*unstructured.Unstructured{}
	for i, p := range pulses() {
		if p.object == nil {
			continue
		}
		content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(p.object)
		if err != nil {
			t.Fatal(err)
		}
		objects[i] = &unstructured.Unstructured{Object: content}
		gvk := map[string]string{"namespaces": "Namespace", "networkpolicies": "NetworkPolicy", "pods": "Pod", "services": "Service",
			"endpointslices": "EndpointSlice", "ingresses": "Ingress", "validatingwebhookconfigurations": "ValidatingWebhookConfiguration",
			"mutatingwebhookconfigurations": "MutatingWebhookConfiguration", "customresourcedefinitions": "CustomResourceDefinition"}
		objects[i].SetGroupVersionKind(p.resource.GroupVersion().WithKind(gvk[p.resource.Resource]))
		if _, err := client.Resource(p.resource).Namespace(objects[i].GetNamespace()).Create(t.Context(), objects[i], metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for beat := 0; ctx.Err() == nil; beat++ {
			patch := fmt.Appendf(nil, `{"metadata":{"annotations":{"beat":"%d"}}}`, beat)
			for i, p := range pulses() {
				namespace, name := "", "v1.apps"
				if o := objects[i]; o != nil {
					namespace, name = o.GetNamespace(), o.GetName()
				}
				if _, err := client.Resource(p.resource).Namespace(namespace).
					Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{}); err != nil && ctx.Err() == nil {
					t.Errorf("touch %s: %v", p.resource.Resource, err)
				}
			}
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
}
