package main

import (
	"context"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// What the cluster's users have in their namespaces.
const (
	// teamLabel is on every namespace that is to be protected.
	teamLabel = "team"
	teams     = 200
	// quarantineLabel is on a namespace that nobody is to allow.
	quarantineLabel = "quarantined"
	appLabel        = "app"
)

// apps are what pods run, by turns.
var apps = []string{"web", "api", "worker", "cache", "batch"}

// team returns a team's name; teams are counted round.
func team(n int) string { return fmt.Sprintf("team-%03d", n%teams) }

// allowance returns a policy that allows ingress from some peer.
func allowance(namespace, name string, pods metav1.LabelSelector, from networkingv1.NetworkPolicyPeer) *networkingv1.NetworkPolicy {
	return &networkingv1.NetworkPolicy{
		TypeMeta:   metav1.TypeMeta{APIVersion: networkingv1.SchemeGroupVersion.String(), Kind: "NetworkPolicy"},
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: networkingv1.NetworkPolicySpec{
			PodSelector: pods,
			PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress},
			Ingress:     []networkingv1.NetworkPolicyIngressRule{{From: []networkingv1.NetworkPolicyPeer{from}}},
		},
	}
}

// partnersPolicy allows all pods of a team's namespaces.
func partnersPolicy(namespace, team string) *networkingv1.NetworkPolicy {
	return allowance(namespace, "partners", metav1.LabelSelector{}, networkingv1.NetworkPolicyPeer{
		NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{teamLabel: team}},
	})
}

// everyonePolicy allows all pods of namespaces that are not quarantined: of all,
// as long as none is.
func everyonePolicy(namespace string) *networkingv1.NetworkPolicy {
	return allowance(namespace, "everyone", metav1.LabelSelector{}, networkingv1.NetworkPolicyPeer{
		NamespaceSelector: &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
			{Key: quarantineLabel, Operator: metav1.LabelSelectorOpDoesNotExist},
		}},
	})
}

// webPolicy allows the api pods of a namespace to reach its web pods.
func webPolicy(namespace string) *networkingv1.NetworkPolicy {
	of := func(app string) metav1.LabelSelector {
		return metav1.LabelSelector{MatchLabels: map[string]string{appLabel: app}}
	}
	return allowance(namespace, "web", of("web"), networkingv1.NetworkPolicyPeer{PodSelector: new(of("api"))})
}

// applyPolicy writes a user's policy.
func (c *cluster) applyPolicy(ctx context.Context, policy *networkingv1.NetworkPolicy) error {
	body, err := json.Marshal(policy)
	if err != nil {
		return err
	}
	_, err = c.client.NetworkingV1().NetworkPolicies(policy.Namespace).Patch(ctx, policy.Name, types.ApplyPatchType,
		body, metav1.PatchOptions{FieldManager: fieldManager})
	return err
}

// podShape is what pods differ in.
type podShape struct{ name, app string }

// createPod creates a pod. There is no node and no scheduler, so it stays pending.
func (c *cluster) createPod(ctx context.Context, namespace string, shape podShape) error {
	_, err := c.bulk.CoreV1().Pods(namespace).Create(ctx, shape.pod(), metav1.CreateOptions{FieldManager: fieldManager})
	return err
}

// pod returns a pod of about the size that a deployment's has.
func (s podShape) pod() *corev1.Pod {
	const port = 8080
	probe := &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/healthz", Port: intstr.FromInt32(port)}}}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: s.name,
			Labels: map[string]string{
				appLabel: s.app, "pod-template-hash": "5d8f7c9b64",
				"app.kubernetes.io/name": s.app, "app.kubernetes.io/version": "1.4.2",
			},
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: "apps/v1", Kind: "ReplicaSet", Name: s.app + "-5d8f7c9b64",
				UID: "6f1e7c52-0d2b-4a52-9c35-3c8a6d0d3f11", Controller: new(true),
			}},
		},
		Spec: corev1.PodSpec{
			Containers: []corev1.Container{{
				Name: s.app, Image: "registry.example/shop/" + s.app + ":1.4.2",
				Ports:          []corev1.ContainerPort{{Name: "http", ContainerPort: port}},
				ReadinessProbe: probe, LivenessProbe: probe,
				Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
					corev1.ResourceCPU: resource.MustParse("100m"), corev1.ResourceMemory: resource.MustParse("128Mi"),
				}},
			}},
		},
	}
	for _, name := range []string{"DATABASE_HOST", "DATABASE_NAME", "CACHE_HOST", "LOG_LEVEL", "REGION", "TRACING_ENDPOINT"} {
		pod.Spec.Containers[0].Env = append(pod.Spec.Containers[0].Env, corev1.EnvVar{Name: name, Value: "value-of-" + name})
	}
	return pod
}
