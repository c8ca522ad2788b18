package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/holdfast-dev/holdfast/test/bench/denyingress"
)

//go:embed manifests/encryption.yaml
var encryptionManifest []byte

const (
	// encryptionNamespaces is among how many namespaces Ingresses and volumes are.
	encryptionNamespaces = 500
	// encryptedClass is the manifest's StorageClass.
	encryptedClass = "encrypted"
	// tlsSecret is the name of the Secret of each namespace's Ingresses.
	tlsSecret = "tls"
	// redirect is the annotation by which plain HTTP is redirected.
	redirect = "nginx.ingress.kubernetes.io/ssl-redirect"
)

// encryptionOptions are those of the suite encryption.
type encryptionOptions struct{ ingresses, volumes, changes int }

func (o *encryptionOptions) validate() error {
	if o.ingresses < encryptionNamespaces || o.volumes < encryptionNamespaces || o.changes < 1 {
		return fmt.Errorf("-ingresses and -volumes must be at least %d, -encryption-changes positive", encryptionNamespaces)
	}
	return nil
}

// encryptionResult is what was measured among many Ingresses and volumes.
type encryptionResult struct {
	encryptionOptions
	// start is without a ledger: everything is judged, and recorded.
	start coldStart
	// ingress and volume are changes of one object at a time.
	ingress, volume podCost
	peak            memory
}

// String names the section of the report.
func (r *encryptionResult) String() string {
	return fmt.Sprintf("%d Ingresses with certificates, %d volumes", r.ingresses, r.volumes)
}

// encryptionRun is a cluster with many Ingresses and volumes.
type encryptionRun struct {
	podsRun
	result *encryptionResult
	pair   tlsPair
}

// measureEncryption measures what it costs to judge many Ingresses and volumes,
// and one that changes.
func (b *bench) measureEncryption(ctx context.Context, made *report) (err error) {
	if !b.options.has(suiteEncryption) {
		return nil
	}
	c, err := startCluster(ctx, b, setup{policy: encryptionManifest, noControllerManager: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	made.encryption = &encryptionResult{encryptionOptions: b.options.encryption}
	run := &encryptionRun{result: made.encryption}
	run.turn = turn{bench: b, cluster: c, measured: &measured{engine: b.engines[holdfastName]}, made: driftCount{}}
	if run.pair, err = newTLSPair("*.bench.example"); err != nil {
		return err
	}
	if err := run.fill(ctx); err != nil {
		return fmt.Errorf("prepare %s: %w", run.result, err)
	}
	return run.measure(ctx)
}

// fill creates the objects before anybody judges them.
func (r *encryptionRun) fill(ctx context.Context) error {
	r.say("creating %s in %d namespaces", r.result, encryptionNamespaces)
	for i := range encryptionNamespaces {
		r.cluster.namespaces = append(r.cluster.namespaces, fmt.Sprintf("ns-%05d", i))
	}
	if err := atOnce(r.cluster.namespaces, bulkWriters, func(name string) error {
		if err := r.cluster.createNamespace(ctx, name, map[string]string{denyingress.Label: "true"}); err != nil {
			return err
		}
		_, err := r.cluster.bulk.CoreV1().Secrets(name).Create(ctx, r.pair.secret(), metav1.CreateOptions{})
		return err
	}); err != nil {
		return err
	}
	if err := atOnce(counted(r.result.ingresses), bulkWriters, func(n int) error { return r.createIngress(ctx, n) }); err != nil {
		return err
	}
	return atOnce(counted(r.result.volumes), bulkWriters, func(n int) error { return r.createVolume(ctx, n) })
}

// counted are the numbers below n.
func counted(n int) []int {
	numbers := make([]int, n)
	for i := range numbers {
		numbers[i] = i
	}
	return numbers
}

func (r *encryptionRun) namespace(n int) string {
	return r.cluster.namespaces[n%len(r.cluster.namespaces)]
}

func (r *encryptionRun) createIngress(ctx context.Context, n int) error {
	host := fmt.Sprintf("shop-%05d.bench.example", n)
	prefix := networkingv1.PathTypePrefix
	_, err := r.cluster.bulk.NetworkingV1().Ingresses(r.namespace(n)).Create(ctx, &networkingv1.Ingress{
		ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("shop-%05d", n), Annotations: map[string]string{redirect: "true"}},
		Spec: networkingv1.IngressSpec{
			IngressClassName: new("nginx"),
			TLS:              []networkingv1.IngressTLS{{Hosts: []string{host}, SecretName: tlsSecret}},
			Rules: []networkingv1.IngressRule{{Host: host, IngressRuleValue: networkingv1.IngressRuleValue{
				HTTP: &networkingv1.HTTPIngressRuleValue{Paths: []networkingv1.HTTPIngressPath{{
					Path: "/", PathType: &prefix, Backend: networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{
						Name: "shop", Port: networkingv1.ServiceBackendPort{Number: 80}}},
				}}},
			}}},
		},
	}, metav1.CreateOptions{FieldManager: fieldManager})
	return err
}

// createVolume creates a volume with a claim that there is not: nobody looks.
func (r *encryptionRun) createVolume(ctx context.Context, n int) error {
	volumes := r.cluster.bulk.CoreV1().PersistentVolumes()
	made, err := volumes.Create(ctx, &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{
			Name:        fmt.Sprintf("pvc-%05d", n),
			Annotations: map[string]string{"pv.kubernetes.io/provisioned-by": "ebs.csi.aws.com"},
		},
		Spec: corev1.PersistentVolumeSpec{
			Capacity:         corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("8Gi")},
			AccessModes:      []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			StorageClassName: encryptedClass,
			ClaimRef:         &corev1.ObjectReference{Kind: "PersistentVolumeClaim", APIVersion: "v1", Namespace: r.namespace(n), Name: fmt.Sprintf("data-%05d", n)},
			PersistentVolumeSource: corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{
				Driver: "ebs.csi.aws.com", VolumeHandle: fmt.Sprintf("vol-%017x", n), FSType: "ext4"}},
		},
	}, metav1.CreateOptions{FieldManager: fieldManager})
	if err != nil {
		return err
	}
	made.Status.Phase = corev1.VolumeBound
	_, err = volumes.UpdateStatus(ctx, made, metav1.UpdateOptions{FieldManager: fieldManager})
	return err
}

// measure has the operator judge everything, and then one changed object after
// the other.
func (r *encryptionRun) measure(ctx context.Context) (err error) {
	if r.instance, err = r.measured.engine.start(r.cluster); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.end(r.measured, r.instance)) }()
	subjects := r.result.ingresses + r.result.volumes
	r.result.start, err = r.instance.awaitJudged(ctx, &startWatch{scopes: encryptionNamespaces, subjects: subjects})
	if err != nil {
		return err
	}
	r.result.peak = r.memory()
	r.say("%s judged after %s, with %d evaluations, memory %s", r.result, readable(r.result.start.evaluated), r.result.start.evaluations, r.result.peak)
	for _, m := range []struct {
		into   *podCost
		what   string
		change func(context.Context, int) error
	}{
		{&r.result.ingress, "Ingress", r.changeIngress},
		{&r.result.volume, "volume", r.changeVolume},
	} {
		changes := r.result.changes
		if *m.into, err = r.costOfPods(ctx, changes, func(ctx context.Context) error { return r.changeEach(ctx, changes, m.change) }); err != nil {
			return err
		}
		r.say("one %s changed: %s of CPU, %.2f evaluations", m.what, readable(m.into.cpuEach()), float64(m.into.evaluations)/float64(changes))
	}
	r.result.peak = r.result.peak.most(r.memory())
	return nil
}

// changeEach changes objects, one at a time, far enough apart not to be judged
// together.
func (r *encryptionRun) changeEach(ctx context.Context, n int, change func(context.Context, int) error) error {
	for i := range n {
		if err := change(ctx, i); err != nil {
			return err
		}
		if err := pause(ctx, relabelPause); err != nil {
			return err
		}
	}
	return nil
}

// changeIngress has an Ingress redirect no longer: it deviates from then on.
func (r *encryptionRun) changeIngress(ctx context.Context, n int) error {
	_, err := r.cluster.client.NetworkingV1().Ingresses(r.namespace(n)).Patch(ctx, fmt.Sprintf("shop-%05d", n), types.MergePatchType,
		fmt.Appendf(nil, `{"metadata":{"annotations":{%q:"false"}}}`, redirect), metav1.PatchOptions{FieldManager: fieldManager})
	return err
}

// changeVolume has a volume's claim go: it ceases to be a subject of the namespace.
func (r *encryptionRun) changeVolume(ctx context.Context, n int) error {
	_, err := r.cluster.client.CoreV1().PersistentVolumes().Patch(ctx, fmt.Sprintf("pvc-%05d", n), types.MergePatchType,
		[]byte(`{"spec":{"claimRef":null}}`), metav1.PatchOptions{FieldManager: fieldManager})
	return err
}

// awaitJudged waits until an operator that was just started has judged all that
// the watch says, and is quiet.
func (i *instance) awaitJudged(ctx context.Context, w *startWatch) (coldStart, error) {
	if err := i.awaitSettled(ctx, w); err != nil {
		return coldStart{}, err
	}
	return coldStart{evaluated: w.grew.Sub(i.started), evaluations: w.last.evaluations}, i.quiet(ctx)
}
