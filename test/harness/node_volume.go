package harness

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// schedule waits until the pod's claims are bound, and binds it to the Node. It
// is false where the pod ended before.
func (p *nodePod) schedule(ctx context.Context) bool {
	for told := false; ; told = true {
		bound, err := p.claimsBound(ctx)
		if ctx.Err() != nil {
			return false
		}
		if bound {
			break
		}
		if !told {
			message := "pod has unbound immediate PersistentVolumeClaims"
			if err != nil {
				message = err.Error()
			}
			p.patch(corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{{
				Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable, Message: message, LastTransitionTime: metav1.Now(),
			}}})
		}
		sleep(ctx, 5*poll)
	}
	p.try("bind it", func(ctx context.Context) error {
		return p.node.clients.CoreV1().Pods(p.pod.Namespace).Bind(ctx, &corev1.Binding{
			ObjectMeta: metav1.ObjectMeta{Namespace: p.pod.Namespace, Name: p.pod.Name, UID: p.pod.UID},
			Target:     corev1.ObjectReference{Kind: "Node", Name: nodeName},
		}, metav1.CreateOptions{})
	})
	return true
}

// claimsBound is whether all of the pod's claims are bound. It makes the volumes
// of those that are of the Node's StorageClass.
func (p *nodePod) claimsBound(ctx context.Context) (bool, error) {
	bound := true
	for _, v := range p.pod.Spec.Volumes {
		if v.PersistentVolumeClaim == nil {
			continue
		}
		claim, err := p.node.clients.CoreV1().PersistentVolumeClaims(p.pod.Namespace).Get(ctx, v.PersistentVolumeClaim.ClaimName, metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		if claim.Status.Phase == corev1.ClaimBound {
			continue
		}
		bound = false
		if class := claim.Spec.StorageClassName; class == nil || *class != StorageClass {
			continue
		}
		if err := p.node.provision(ctx, claim); err != nil {
			return false, err
		}
	}
	return bound, nil
}

// provision makes the volume of a claim, which the controller manager then binds.
func (n *Node) provision(ctx context.Context, claim *corev1.PersistentVolumeClaim) error {
	name := "pvc-" + string(claim.UID)
	dir := filepath.Join(n.dir, "volumes", name)
	// As on a new file system, there is something that the pod may not read.
	if err := os.MkdirAll(filepath.Join(dir, "lost+found"), 0o700); err != nil {
		return err
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	volume := &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{"pv.kubernetes.io/provisioned-by": "harness.holdfast.dev/directory"}},
		Spec: corev1.PersistentVolumeSpec{
			Capacity: claim.Spec.Resources.Requests, AccessModes: claim.Spec.AccessModes, StorageClassName: StorageClass,
			PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimRetain,
			PersistentVolumeSource:        corev1.PersistentVolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: dir}},
			ClaimRef: &corev1.ObjectReference{
				APIVersion: "v1", Kind: "PersistentVolumeClaim", Namespace: claim.Namespace, Name: claim.Name, UID: claim.UID,
			},
		},
	}
	_, err := n.clients.CoreV1().PersistentVolumes().Create(ctx, volume, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

// ClaimDir is the directory of the volume that a claim is bound to.
func (n *Node) ClaimDir(tb testing.TB, namespace, claim string) string {
	tb.Helper()
	dir, err := n.claimDir(tb.Context(), namespace, claim)
	if err != nil {
		tb.Fatalf("find the volume of claim %s/%s: %v", namespace, claim, err)
	}
	return dir
}

func (n *Node) claimDir(ctx context.Context, namespace, name string) (string, error) {
	claim, err := n.clients.CoreV1().PersistentVolumeClaims(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return "", err
	}
	volume, err := n.clients.CoreV1().PersistentVolumes().Get(ctx, claim.Spec.VolumeName, metav1.GetOptions{})
	if err != nil {
		return "", err
	}
	if volume.Spec.HostPath == nil {
		return "", fmt.Errorf("volume %s is no hostPath", volume.Name)
	}
	return volume.Spec.HostPath.Path, nil
}

// mounts makes the container's volumes.
func (p *nodePod) mounts(ctx context.Context, c Container) ([]Mount, error) {
	dirs := map[string]string{}
	for i := range p.pod.Spec.Volumes {
		v := &p.pod.Spec.Volumes[i]
		dir, err := p.volume(ctx, v, c)
		if err != nil {
			return nil, fmt.Errorf("volume %s: %w", v.Name, err)
		}
		dirs[v.Name] = dir
	}
	mounts := make([]Mount, 0, len(p.container().VolumeMounts))
	for _, m := range p.container().VolumeMounts {
		dir := filepath.Join(dirs[m.Name], m.SubPath)
		if m.SubPath != "" {
			if err := p.own(dir); err != nil {
				return nil, err
			}
		}
		mounts = append(mounts, Mount{Path: filepath.Clean(m.MountPath), Dir: dir, ReadOnly: m.ReadOnly})
	}
	return mounts, nil
}

// volume makes a volume of the pod, and returns its directory.
func (p *nodePod) volume(ctx context.Context, v *corev1.Volume, c Container) (string, error) {
	dir := filepath.Join(c.Dir, "volumes", v.Name)
	switch {
	case v.PersistentVolumeClaim != nil:
		dir, err := p.node.claimDir(ctx, p.pod.Namespace, v.PersistentVolumeClaim.ClaimName)
		if err != nil || filepath.Dir(dir) != filepath.Join(p.node.dir, "volumes") {
			return dir, err // one that a test made is as the test wants it
		}
		return dir, p.own(dir)
	case v.EmptyDir != nil:
		if err := p.own(dir); err != nil {
			return "", err
		}
		// Unlike others, it can be written by anybody where no fsGroup is stated.
		return dir, os.Chmod(dir, 0o777|os.ModeSetgid)
	case v.Projected != nil:
		if err := p.own(dir); err != nil {
			return "", err
		}
		for i := range v.Projected.Sources {
			if err := p.project(ctx, &v.Projected.Sources[i], dir, c); err != nil {
				return "", err
			}
		}
		return dir, nil
	}
	return "", fmt.Errorf("the harness knows persistentVolumeClaim, emptyDir and projected")
}

// own makes a directory that the pod's fsGroup may write to, where there is one,
// and otherwise root alone. A test that is not root owns all of it.
func (p *nodePod) own(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	group := p.fsGroup()
	if os.Geteuid() != 0 || group < 0 {
		return nil
	}
	if err := os.Chown(dir, 0, group); err != nil {
		return err
	}
	return os.Chmod(dir, 0o775|os.ModeSetgid)
}

// fsGroup is the group of the pod's volumes, -1 if it states none.
func (p *nodePod) fsGroup() int {
	if s := p.pod.Spec.SecurityContext; s != nil && s.FSGroup != nil {
		return int(*s.FSGroup)
	}
	return -1
}

// project writes one source of a projected volume.
func (p *nodePod) project(ctx context.Context, source *corev1.VolumeProjection, dir string, c Container) error {
	write := func(name, content string) error {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			return err
		}
		if os.Geteuid() != 0 {
			return nil
		}
		return os.Chown(path, int(c.UID), int(c.GID))
	}
	switch {
	case source.ServiceAccountToken != nil:
		token, err := p.token(ctx, source.ServiceAccountToken)
		if err != nil {
			return err
		}
		return write(source.ServiceAccountToken.Path, token)
	case source.ConfigMap != nil:
		data, err := p.configMap(ctx, source.ConfigMap.Name)
		if err != nil {
			return err
		}
		for _, item := range source.ConfigMap.Items {
			if err := write(item.Path, data[item.Key]); err != nil {
				return err
			}
		}
		return nil
	case source.DownwardAPI != nil:
		for _, item := range source.DownwardAPI.Items {
			value, err := p.field(item.FieldRef.FieldPath)
			if err != nil {
				return err
			}
			if err := write(item.Path, value); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("the harness projects serviceAccountToken, configMap and downwardAPI")
}

// token is a token of the pod's service account, bound to the pod.
func (p *nodePod) token(ctx context.Context, source *corev1.ServiceAccountTokenProjection) (string, error) {
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
		ExpirationSeconds: source.ExpirationSeconds,
		BoundObjectRef:    &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Pod", Name: p.pod.Name, UID: p.pod.UID},
	}}
	if source.Audience != "" {
		request.Spec.Audiences = []string{source.Audience}
	}
	answer, err := p.node.clients.CoreV1().ServiceAccounts(p.pod.Namespace).
		CreateToken(ctx, p.pod.Spec.ServiceAccountName, request, metav1.CreateOptions{})
	if err != nil {
		return "", fmt.Errorf("request a token: %w", err)
	}
	return answer.Status.Token, nil
}

// configMap reads a ConfigMap, and waits for it: a namespace's kube-root-ca.crt
// comes a moment after the namespace.
func (p *nodePod) configMap(ctx context.Context, name string) (map[string]string, error) {
	for {
		m, err := p.node.clients.CoreV1().ConfigMaps(p.pod.Namespace).Get(ctx, name, metav1.GetOptions{})
		if err == nil {
			return m.Data, nil
		}
		if ctx.Err() != nil || !apierrors.IsNotFound(err) {
			return nil, fmt.Errorf("read ConfigMap %s: %w", name, err)
		}
		sleep(ctx, 100*time.Millisecond)
	}
}
