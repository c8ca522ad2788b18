package restoretest

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/killpoint"
	"github.com/holdfast-dev/holdfast/internal/probe/unseen"
)

// prepare makes the namespace of the test, which nothing gets into or out of, and
// waits until that holds.
func (r *run) prepare(ctx context.Context) error {
	r.namespace = r.scratch()
	if err := r.create(ctx, r.namespace); err != nil {
		return err
	}
	killpoint.Hit(killpoint.ScratchMade)
	for _, guard := range []func() error{
		func() error { return r.create(ctx, r.denial()) },
		func() error { return r.create(ctx, r.quota()) },
	} {
		if err := guard(); err != nil {
			return err
		}
		killpoint.Hit(killpoint.ScratchGuarded)
	}
	settled, err := r.pace.await(ctx, r.pace.Settle, r.settled)
	if err == nil && !settled {
		err = unseen.Inconclusive("The quota of namespace %s does not come into force: the controllers of the control plane do not work.", r.namespace.Name)
	}
	return err
}

// scratch is the namespace of the test. Velero leaves it out of backups.
func (r *run) scratch() *corev1.Namespace {
	labels := r.testLabels(r.id)
	labels["velero.io/exclude-from-backup"] = "true"
	for _, mode := range []string{"enforce", "audit", "warn"} {
		labels["pod-security.kubernetes.io/"+mode] = "restricted"
	}
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: control.ScratchPrefix + r.id, Labels: labels, Annotations: map[string]string{
		onSource: r.target.Namespace, onVelero: r.target.VeleroNamespace, onHandle: r.sentinel.handle,
		description: "Holdfast restores a backup of namespace " + r.target.Namespace + " into it, and deletes it afterwards.",
	}}}
}

// guardMeta is that of what guards the namespace.
func (r *run) guardMeta() metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: r.namespace.Name, Name: guardName, Labels: r.testLabels(r.id)}
}

// denial denies all traffic in the namespace.
func (r *run) denial() *networkingv1.NetworkPolicy {
	return &networkingv1.NetworkPolicy{ObjectMeta: r.guardMeta(), Spec: networkingv1.NetworkPolicySpec{
		PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress},
	}}
}

// quota lets the namespace hold the sentinel, and nothing that runs or opens a way in.
func (r *run) quota() *corev1.ResourceQuota {
	volumes := "0"
	if r.target.Image != "" {
		volumes = "1"
	}
	hard := corev1.ResourceList{}
	for name, most := range map[corev1.ResourceName]string{
		corev1.ResourcePods: volumes, corev1.ResourcePersistentVolumeClaims: volumes,
		corev1.ResourceServices: "0", corev1.ResourceServicesLoadBalancers: "0", corev1.ResourceServicesNodePorts: "0",
		"count/jobs.batch": "0", "count/cronjobs.batch": "0", "count/ingresses.networking.k8s.io": "0",
		"count/deployments.apps": "0", "count/statefulsets.apps": "0", "count/daemonsets.apps": "0", "count/replicasets.apps": "0",
	} {
		hard[name] = resource.MustParse(most)
	}
	return &corev1.ResourceQuota{ObjectMeta: r.guardMeta(), Spec: corev1.ResourceQuotaSpec{Hard: hard}}
}

// settled reports whether the quota is in force, without which nothing that it counts
// is let in; and whether pods can be created.
func (r *run) settled(ctx context.Context) (bool, error) {
	var quota corev1.ResourceQuota
	if err := r.api.Get(ctx, keyOf(r.namespace.Name, guardName), &quota); err != nil {
		return false, r.refused(err, "read the quota", r.namespace.Name)
	}
	if len(quota.Status.Hard) < len(quota.Spec.Hard) {
		return false, nil
	}
	if r.target.Image == "" {
		return true, nil
	}
	err := r.api.Get(ctx, keyOf(r.namespace.Name, "default"), &corev1.ServiceAccount{})
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, r.refused(err, "read the service account default", r.namespace.Name)
	}
	return true, nil
}
