package harness

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

const (
	nodeName = "harness"
	// StorageClass is the default class: a volume is a directory of the Node's,
	// made when the first pod needs it.
	StorageClass = "standard"
	// heartbeat is how often the Node says that it lives, as a kubelet does. The
	// controller manager takes the pods off one that is silent for 50 s.
	heartbeat = 10 * time.Second
	// nonRoot is the user and group of an image that names none, as Holdfast's.
	nonRoot = 65532
)

// NodeOptions say what a Node runs. The zero value runs Cluster.Binary for every
// image whose repository is called holdfast.
type NodeOptions struct {
	// Binaries are the programs of other images, and of other versions.
	Binaries map[string]string
	// Launcher starts containers; nil means LocalProcess.
	Launcher Launcher
}

// Node stands in for the nodes of a cluster that has none: for a scheduler, a
// kubelet, a container runtime and a provisioner of volumes. It runs Holdfast's
// pods, which the real controllers made of what a chart rendered, as processes of
// this machine, probes them and writes their status: so that "helm install --wait"
// and "kubectl rollout status" end when Holdfast is ready.
//
// A process has the pod's arguments, environment, service account token and
// volumes, and, where the test runs as root, its user and group. It has neither a
// file system nor a network of its own, and no limits are put on it: see
// LocalProcess for what is rewritten in return. Tokens are not renewed; they last
// for an hour.
type Node struct {
	cluster *Cluster
	clients kubernetes.Interface
	launch  Launcher
	host    *url.URL
	tb      testing.TB
	dir     string
	life    context.Context //nolint:containedctx // the life of all pods, which informers start
	group   sync.WaitGroup

	mu       sync.Mutex
	binaries map[string]string
	pods     map[types.UID]*nodePod
}

// StartNode starts a Node that ends, with all that it runs, with the test.
func (c *Cluster) StartNode(tb testing.TB, opts NodeOptions) *Node {
	tb.Helper()
	n := &Node{cluster: c, launch: opts.Launcher, tb: tb, binaries: map[string]string{}, pods: map[types.UID]*nodePod{}}
	if n.launch == nil {
		n.launch = LocalProcess{}
	}
	var err error
	if n.host, err = url.Parse(c.RESTConfig().Host); err != nil {
		tb.Fatal(err)
	}
	if n.clients, err = kubernetes.NewForConfig(c.RESTConfig()); err != nil {
		tb.Fatal(err)
	}
	// The directory of a test can be entered by its user alone; pods have another.
	if n.dir, err = os.MkdirTemp("", "node-"); err != nil {
		tb.Fatal(err)
	}
	if err := os.Chmod(n.dir, 0o755); err != nil {
		tb.Fatal(err)
	}
	life, stop := context.WithCancel(context.Background())
	n.life = life
	tb.Cleanup(func() {
		stop()
		n.group.Wait()
		n.showLogs()
		if err := os.RemoveAll(n.dir); err != nil {
			tb.Error(err)
		}
	})
	for image, binary := range opts.Binaries {
		n.Image(image, binary)
	}
	n.register(tb)
	n.watch(tb)
	return n
}

// Image has containers of an image run a binary from now on.
func (n *Node) Image(image, binary string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.binaries[image] = binary
}

// binary is what runs for an image; empty means that the image is unknown.
func (n *Node) binary(image string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if binary, listed := n.binaries[image]; listed {
		return binary
	}
	name, _, _ := strings.Cut(path.Base(image), "@")
	name, _, _ = strings.Cut(name, ":")
	if name == "holdfast" {
		return n.cluster.Binary
	}
	return ""
}

// Logs are what the containers of a pod printed, those that were restarted and
// those of a pod that is gone included.
func (n *Node) Logs(tb testing.TB, namespace, pod string) string {
	tb.Helper()
	content, err := os.ReadFile(n.logFile(namespace, pod))
	if err != nil {
		tb.Fatalf("read the log of pod %s/%s: %v", namespace, pod, err)
	}
	return string(content)
}

func (n *Node) logFile(namespace, pod string) string {
	return filepath.Join(n.dir, "logs", namespace+"_"+pod+".log")
}

// showLogs shows how the logs end where the test failed.
func (n *Node) showLogs() {
	if !n.tb.Failed() {
		return
	}
	for _, p := range n.pods {
		content, _ := os.ReadFile(n.logFile(p.pod.Namespace, p.pod.Name))
		n.tb.Logf("the log of pod %s/%s ends:\n%s", p.pod.Namespace, p.pod.Name, content[max(0, len(content)-logTail):])
	}
}

// register makes the Node and the StorageClass known, and has the Node live.
func (n *Node) register(tb testing.TB) {
	tb.Helper()
	ctx := tb.Context()
	for _, dir := range []string{"logs", "volumes", "bin"} {
		if err := os.Mkdir(filepath.Join(n.dir, dir), 0o755); err != nil {
			tb.Fatal(err)
		}
	}
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: nodeName, Labels: map[string]string{corev1.LabelHostname: nodeName, corev1.LabelOSStable: "linux"}},
		Status:     endpoints(n.serveLogs(tb)),
	}
	node.Status.Conditions = []corev1.NodeCondition{{
		Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "KubeletReady", LastHeartbeatTime: metav1.Now(), LastTransitionTime: metav1.Now(),
	}}
	if _, err := n.clients.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{}); err != nil {
		tb.Fatalf("register the node: %v", err)
	}
	class := &storagev1.StorageClass{
		ObjectMeta:        metav1.ObjectMeta{Name: StorageClass, Annotations: map[string]string{"storageclass.kubernetes.io/is-default-class": "true"}},
		Provisioner:       "harness.holdfast.dev/directory",
		ReclaimPolicy:     new(corev1.PersistentVolumeReclaimRetain),
		VolumeBindingMode: new(storagev1.VolumeBindingWaitForFirstConsumer),
	}
	if _, err := n.clients.StorageV1().StorageClasses().Create(ctx, class, metav1.CreateOptions{}); err != nil {
		tb.Fatalf("create StorageClass %s: %v", StorageClass, err)
	}
	n.group.Go(func() { wait.UntilWithContext(n.life, n.renew, heartbeat) })
}

// renew renews the Node's lease. What fails is tried again with the next one.
func (n *Node) renew(ctx context.Context) {
	leases := n.clients.CoordinationV1().Leases(corev1.NamespaceNodeLease)
	now := metav1.NewMicroTime(time.Now())
	l, err := leases.Get(ctx, nodeName, metav1.GetOptions{})
	if err != nil {
		l = &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: nodeName}}
		l.Spec = coordinationv1.LeaseSpec{HolderIdentity: new(nodeName), LeaseDurationSeconds: new(int32(40)), RenewTime: &now}
		_, _ = leases.Create(ctx, l, metav1.CreateOptions{})
		return
	}
	l.Spec.RenewTime = &now
	_, _ = leases.Update(ctx, l, metav1.UpdateOptions{})
}

// watch watches pods until the Node's end.
func (n *Node) watch(tb testing.TB) {
	tb.Helper()
	factory := informers.NewSharedInformerFactory(n.clients, 0)
	handler := cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { n.sync(o.(*corev1.Pod)) },
		UpdateFunc: func(_, o any) { n.sync(o.(*corev1.Pod)) },
		DeleteFunc: func(o any) {
			if unseen, ok := o.(cache.DeletedFinalStateUnknown); ok {
				o = unseen.Obj
			}
			n.gone(o.(*corev1.Pod))
		},
	}
	if _, err := factory.Core().V1().Pods().Informer().AddEventHandler(handler); err != nil {
		tb.Fatal(err)
	}
	factory.StartWithContext(n.life)
	n.group.Go(func() { <-n.life.Done(); factory.Shutdown() })
}

// sync begins the life of a pod that is for the Node, and ends it in order where
// the pod is being deleted.
func (n *Node) sync(pod *corev1.Pod) {
	n.mu.Lock()
	p := n.pods[pod.UID]
	n.mu.Unlock()
	if p == nil && pod.DeletionTimestamp == nil && pod.Spec.NodeName == "" && n.runs(pod) {
		p = n.begin(pod)
	}
	if p != nil && pod.DeletionTimestamp != nil {
		p.end(time.Duration(*pod.DeletionGracePeriodSeconds) * time.Second)
	}
}

// gone ends a pod that is no longer there, at once.
func (n *Node) gone(pod *corev1.Pod) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if p := n.pods[pod.UID]; p != nil {
		p.end(0)
	}
}

// runs is whether all images of a pod are known.
func (n *Node) runs(pod *corev1.Pod) bool {
	for _, c := range append(pod.Spec.InitContainers, pod.Spec.Containers...) {
		if n.binary(c.Image) == "" {
			return false
		}
	}
	return true
}

// begin begins the life of a pod.
func (n *Node) begin(pod *corev1.Pod) *nodePod {
	n.mu.Lock()
	defer n.mu.Unlock()
	ctx, cancel := context.WithCancel(n.life)
	p := &nodePod{node: n, pod: pod.DeepCopy(), cancel: cancel, ip: podIP(len(n.pods))}
	n.pods[pod.UID] = p
	n.group.Go(func() {
		defer cancel()
		p.live(ctx)
	})
	return p
}

// podIP is the address of a pod, by its number.
func podIP(i int) string {
	return net.IPv4(10, 88, byte(i/250), byte(i%250+1)).String()
}

// complain fails the test with what the Node cannot do, or could not.
func (n *Node) complain(pod *corev1.Pod, format string, args ...any) {
	n.tb.Errorf("pod %s/%s: %s", pod.Namespace, pod.Name, fmt.Sprintf(format, args...))
}
