package controlplane_test

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/holdfast-dev/holdfast/test/controlplane"
)

const (
	// quiet is how long a frozen watch must stay silent.
	quiet = 200 * time.Millisecond
	// deliverWithin bounds the wait for an event that must come.
	deliverWithin = time.Minute
)

// proxySuite is what the cases of TestProxy share.
type proxySuite struct {
	cp    *controlplane.ControlPlane
	proxy *controlplane.Proxy
}

func TestProxy(t *testing.T) {
	cp := start(t, controlplane.Options{NoControllerManager: true})
	proxy, err := cp.Proxy(0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := proxy.Close(); err != nil {
			t.Error(err)
		}
	})
	s := proxySuite{cp, proxy}
	t.Run("a frozen watch stalls while new connections work", s.testFrozenWatch)
	t.Run("a cut watch ends and the resumed proxy serves", s.testCutWatch)
}

func (s proxySuite) testFrozenWatch(t *testing.T) {
	direct := newClient(t, s.cp.RESTConfig())
	watcher, err := newClient(t, s.proxy.RESTConfig(s.cp.RESTConfig())).CoreV1().ConfigMaps("default").
		Watch(t.Context(), metav1.ListOptions{FieldSelector: "metadata.name!=kube-root-ca.crt"})
	if err != nil {
		t.Fatal(err)
	}
	defer watcher.Stop()
	createConfigMap(t, direct, "before")
	wantAdded(t, watcher, "before")

	s.proxy.Freeze()
	createConfigMap(t, direct, "during")
	// Another user is another transport, hence another connection.
	cfg, err := s.cp.RESTConfigForUser("second", "system:masters")
	if err != nil {
		t.Fatal(err)
	}
	second := newClient(t, s.proxy.RESTConfig(cfg))
	if _, err := second.CoreV1().ConfigMaps("default").Get(t.Context(), "during", metav1.GetOptions{}); err != nil {
		t.Errorf("a new connection through the frozen proxy: %v", err)
	}
	select {
	case event := <-watcher.ResultChan():
		t.Errorf("the frozen watch delivered %s", event.Type)
	case <-time.After(quiet):
	}

	if err := s.proxy.Resume(); err != nil {
		t.Fatal(err)
	}
	wantAdded(t, watcher, "during")
}

func wantAdded(t *testing.T, watcher watch.Interface, name string) {
	t.Helper()
	select {
	case event := <-watcher.ResultChan():
		object, ok := event.Object.(metav1.Object)
		if event.Type != watch.Added || !ok || object.GetName() != name {
			t.Fatalf("the watch delivered %s %v, want %s %s", event.Type, event.Object, watch.Added, name)
		}
	case <-time.After(deliverWithin):
		t.Fatalf("the watch did not deliver %s", name)
	}
}

func (s proxySuite) testCutWatch(t *testing.T) {
	client := newClient(t, s.proxy.RESTConfig(s.cp.RESTConfig()))
	watcher, err := client.CoreV1().Nodes().Watch(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer watcher.Stop()
	if err := s.proxy.Cut(); err != nil {
		t.Fatal(err)
	}
	select {
	case _, open := <-watcher.ResultChan():
		if open {
			t.Error("the cut watch delivered an event")
		}
	case <-time.After(deliverWithin):
		t.Fatal("the cut watch did not end")
	}
	if _, err := client.Discovery().ServerVersion(); !utilnet.IsConnectionRefused(err) {
		t.Errorf("request through a cut proxy: got %v, want connection refused", err)
	}
	if err := s.proxy.Resume(); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Discovery().ServerVersion(); err != nil {
		t.Errorf("request through the resumed proxy: %v", err)
	}
}
