package main

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/holdfast-dev/holdfast/test/bench/denyingress"
	"github.com/holdfast-dev/holdfast/test/controlplane"
)

const (
	// writers is the number of objects created at once.
	writers = 16
	// bulkWriters is the number of those created by bulk, of which client-go
	// keeps at most 25 connections open.
	bulkWriters = 24
	// pollEvery is how often is looked for what is about to happen.
	pollEvery = 5 * time.Millisecond
	// fieldManager is who this program is to the API server's field management.
	fieldManager = "bench"
)

//go:embed manifests/floor.yaml
var floorManifest []byte

//go:embed manifests/policy.yaml
var policyManifest []byte

// cluster is a control plane with what every engine needs in it.
type cluster struct {
	controlPlane *controlplane.ControlPlane
	client       kubernetes.Interface
	// bulk is for objects by the thousand: over HTTP/1.1, so that each of its
	// writers has a connection of its own.
	bulk    kubernetes.Interface
	watcher *watcher
	audit   *auditReader
	// dir holds kubeconfig files, logs and the ledger.
	dir string
	// ledgers is how many the operator has had before this one.
	ledgers int
	// namespaces are those to be protected.
	namespaces []string
	stopWatch  context.CancelFunc
}

// setup is what clusters differ in.
type setup struct {
	// policy is the manifest of the ControlPolicy.
	policy []byte
	// install is the kustomization that installs the operator, "" for config/enforce.
	install string
	// crds are folders with others' CustomResourceDefinitions.
	crds []string
	// noControllerManager leaves the controller manager out, which writes two
	// objects into each new namespace, and without whose service accounts there
	// are no pods.
	noControllerManager bool
}

// startCluster starts a control plane, with etcd syncing to the disk as in
// production, and an audit log, by which requests are counted. It has the
// operator's CRDs and roles, the floor's role, and the policy.
func startCluster(ctx context.Context, b *bench, with setup) (made *cluster, err error) {
	dir, err := os.MkdirTemp(b.dir, "cluster-")
	if err != nil {
		return nil, err
	}
	controlPlane, err := controlplane.Start(ctx, controlplane.Options{
		Dir:       filepath.Join(dir, "controlplane"),
		AuditLog:  &controlplane.AuditLog{},
		EtcdFsync: true,

		NoControllerManager: with.noControllerManager,
	})
	if err != nil {
		return nil, err
	}
	c := &cluster{controlPlane: controlPlane, dir: dir}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.stop())
		}
	}()
	c.audit = &auditReader{path: controlPlane.AuditLogPath()}
	cfg := controlPlane.RESTConfig()
	cfg.ContentType = "application/vnd.kubernetes.protobuf"
	if c.client, err = kubernetes.NewForConfig(cfg); err != nil {
		return nil, err
	}
	bulk := rest.CopyConfig(cfg)
	bulk.NextProtos = []string{"http/1.1"}
	if c.bulk, err = kubernetes.NewForConfig(bulk); err != nil {
		return nil, err
	}
	if err := c.install(ctx, with); err != nil {
		return nil, err
	}
	watchContext, stopWatch := context.WithCancel(ctx)
	c.stopWatch = stopWatch
	c.watcher, err = startWatcher(watchContext, c.client)
	return c, err
}

func (c *cluster) install(ctx context.Context, with setup) error {
	for _, folder := range append([]string{"config/crd/bases"}, with.crds...) {
		if err := controlplane.InstallCRDs(ctx, c.controlPlane.RESTConfig(), folder); err != nil {
			return err
		}
	}
	if err := c.kubectl(ctx, nil, "apply", "-k", cmp.Or(with.install, "config/enforce")); err != nil {
		return err
	}
	for _, manifest := range [][]byte{floorManifest, with.policy} {
		if err := c.kubectl(ctx, manifest, "apply", "-f", "-"); err != nil {
			return err
		}
	}
	return nil
}

func (c *cluster) kubectl(ctx context.Context, stdin []byte, args ...string) error {
	cmd := exec.CommandContext(ctx, c.controlPlane.KubectlPath(), append(args, "--kubeconfig", c.controlPlane.Kubeconfig())...)
	cmd.Stdin = bytes.NewReader(stdin)
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("kubectl %v: %w: %s", args, err, bytes.TrimSpace(output))
	}
	return nil
}

// stop ends the control plane and removes what it wrote.
func (c *cluster) stop() error {
	if c.stopWatch != nil {
		c.stopWatch()
	}
	return errors.Join(c.controlPlane.Stop(), os.RemoveAll(c.dir))
}

// createNamespaces creates namespaces, several at once, and returns the drift
// of each: none of them is protected yet.
func (c *cluster) createNamespaces(ctx context.Context, prefix string, n int) ([]*drift, error) {
	drifts := make([]*drift, n)
	labels := map[*drift]map[string]string{}
	for i := range drifts {
		drifts[i] = c.watcher.expect(fmt.Sprintf("%s-%05d", prefix, i), true)
		labels[drifts[i]] = map[string]string{denyingress.Label: "true", teamLabel: team(i)}
		c.namespaces = append(c.namespaces, drifts[i].namespace)
	}
	return drifts, atOnce(drifts, writers, func(d *drift) error {
		err := c.createNamespace(ctx, d.namespace, labels[d])
		d.acknowledged = time.Now()
		return err
	})
}

func (c *cluster) createNamespace(ctx context.Context, name string, labels map[string]string) error {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}
	_, err := c.client.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{FieldManager: fieldManager})
	return err
}

// opens is whether the drift of that turn changes the object, or else deletes it.
func opens(turn int) bool { return turn%2 == 1 }

// deviate makes a drift: it deletes the object, or changes it to allow all
// ingress, by turns.
func (c *cluster) deviate(ctx context.Context, d *drift, turn int) error {
	policies := c.client.NetworkingV1().NetworkPolicies(d.namespace)
	var err error
	if !opens(turn) {
		err = policies.Delete(ctx, denyingress.Name, metav1.DeleteOptions{})
	} else {
		_, err = policies.Patch(ctx, denyingress.Name, types.MergePatchType,
			[]byte(`{"spec":{"ingress":[{}]}}`), metav1.PatchOptions{FieldManager: fieldManager})
	}
	d.acknowledged = time.Now()
	if err != nil {
		return fmt.Errorf("make a drift in %s: %w", d.namespace, err)
	}
	return nil
}

// atOnce calls do for every item, workers at a time, and waits for the calls.
func atOnce[T any](items []T, workers int, do func(T) error) error {
	errs := make([]error, len(items))
	slots := make(chan struct{}, workers)
	var group sync.WaitGroup
	for i, item := range items {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			errs[i] = do(item)
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

// errInVain is in what poll returns when time is up.
var errInVain = errors.New("in vain")

// poll calls done at that interval until it says so, or fails, for at most that long.
func poll(ctx context.Context, interval, timeout time.Duration, done func() (bool, error)) error {
	deadline := time.Now().Add(timeout)
	for {
		ok, err := done()
		if ok || err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("waited for %s %w", timeout, errInVain)
		}
		if err := pause(ctx, interval); err != nil {
			return err
		}
	}
}

// pause waits, unless ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
