package restoretest_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr/testr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/probe"
	"github.com/holdfast-dev/holdfast/internal/restoretest"
)

// every is the interval of tests.
const every = 168 * time.Hour

// rig is a cluster by its UID, with a namespace that is tested, and a Velero.
type rig struct {
	t         *testing.T
	client    client.Client
	uid       string
	namespace string
	velero    *velero
	target    control.RestoreTarget
	// offset is by how much the testers' clock is ahead.
	offset atomic.Int64
	// user is who the testers are, and wrap what their requests go through.
	user string
	wrap func(http.RoundTripper) http.RoundTripper

	mu sync.Mutex
	// sent are the requests of testers, as method and path.
	sent   []string
	runs   []probe.Run
	alarms []string
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, client: admin(t), uid: unique("cluster"), namespace: unique("shop"), velero: startVelero(t), user: user}
	r.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: r.namespace}})
	r.target = control.RestoreTarget{Provider: "Velero", VeleroNamespace: r.velero.namespace, Namespace: r.namespace, Timeout: 10 * time.Minute}
	return r
}

// withVolume has the sentinel have a volume.
func (r *rig) withVolume() *rig {
	r.target.Image, r.target.Class = "registry.example.com/holdfast", new("none")
	return r
}

func (r *rig) create(objects ...client.Object) {
	r.t.Helper()
	for _, object := range objects {
		if err := r.client.Create(r.t.Context(), object); err != nil {
			r.t.Fatal(err)
		}
	}
}

// now is the time by the clock of the testers.
func (r *rig) now() time.Time { return time.Now().Add(time.Duration(r.offset.Load())) }

// tester is a process that tests.
type tester struct {
	*restoretest.Tester
	*rig
	cancel context.CancelFunc
	ended  chan struct{}
}

// start starts a process. It ends with the test.
func (r *rig) start(change ...func(*restoretest.Options)) *tester {
	r.t.Helper()
	ready := make(chan struct{})
	close(ready)
	cfg := configOf(r.t, r.user)
	cfg.Wrap(r.note)
	if r.wrap != nil {
		cfg.Wrap(r.wrap)
	}
	options := restoretest.Options{
		Config: cfg, ClusterUID: r.uid, Now: r.now, Log: testr.New(r.t), Ready: ready,
		Recall: r.recall, OnSeen: func(string) {},
		Record: func(run probe.Run) { r.mu.Lock(); defer r.mu.Unlock(); r.runs = append(r.runs, run) },
		Alarm: func(namespace, reason, _ string) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.alarms = append(r.alarms, namespace+" "+reason)
		},
		Pace: restoretest.Pace{Poll: 20 * time.Millisecond, Retry: 200 * time.Millisecond, Settle: patience, Gone: patience},
	}
	for _, c := range change {
		c(&options)
	}
	made, err := restoretest.New(options)
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(r.t.Context())
	p := &tester{Tester: made, rig: r, cancel: cancel, ended: make(chan struct{})}
	go func() { defer close(p.ended); _ = made.Start(ctx) }()
	r.t.Cleanup(p.stop)
	return p
}

// note has requests noted once they were answered.
func (r *rig) note(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(request *http.Request) (*http.Response, error) {
		response, err := next.RoundTrip(request)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.sent = append(r.sent, request.Method+" "+request.URL.Path)
		return response, err
	})
}

// roundTripper is a function as an http.RoundTripper.
type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }

// requests counts the requests of testers so far with a method and a part of a path.
func (r *rig) requests(method, path string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	count := 0
	for _, sent := range r.sent {
		if strings.HasPrefix(sent, method+" ") && strings.Contains(sent, path) {
			count++
		}
	}
	return count
}

// awaitRequests waits for further requests of testers.
func (r *rig) awaitRequests(more int, method, path string) {
	r.t.Helper()
	before := r.requests(method, path)
	eventually(r.t, fmt.Sprintf("%d times %s %s", more, method, path), func() error {
		if got := r.requests(method, path) - before; got < more {
			return fmt.Errorf("got %d", got)
		}
		return nil
	})
}

// stop ends the process, and returns once it has.
func (p *tester) stop() { p.cancel(); <-p.ended }

// recall is what was recorded.
func (r *rig) recall(string) ([]control.Observation, bool) {
	var newest []control.Observation
	for _, run := range r.recorded() {
		newest = append(newest, run.Observations...)
	}
	return newest, true
}

func (r *rig) recorded() []probe.Run {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]probe.Run(nil), r.runs...)
}

// want wants the namespace tested, with the newest backup.
func (p *tester) want(candidate *control.RestoreCandidate) {
	target := p.target
	target.Candidate = candidate
	p.Want(p.namespace, []probe.Wanted{{Policy: "p", Control: "BCK-2", Target: control.Target{Every: every, Restore: &target}}})
}

// tested waits for a number of recorded runs, and returns what the last one saw.
func (r *rig) tested(runs int) *control.Observation {
	r.t.Helper()
	eventually(r.t, fmt.Sprintf("%d tests are recorded", runs), func() error {
		if got := len(r.recorded()); got < runs {
			return fmt.Errorf("got %d", got)
		}
		return nil
	})
	all := r.recorded()
	return &all[len(all)-1].Observations[0]
}

// once has the namespace tested once, and returns what was seen.
func (p *tester) once() *control.Observation {
	p.t.Helper()
	before := len(p.recorded())
	p.want(nil)
	p.want(p.velero.backup(p.t, p.namespace))
	return p.tested(before + 1)
}

// testedOf has the namespace of a tester backed up again and again, as a schedule does,
// until a number of runs is recorded, and returns what the last one saw: a backup may
// hold a sentinel that a test has compared, and that is about to be written anew.
func (r *rig) testedOf(p *tester, runs int) *control.Observation {
	r.t.Helper()
	eventually(r.t, fmt.Sprintf("%d tests are recorded", runs), func() error {
		got := len(r.recorded())
		if got >= runs {
			return nil
		}
		if candidate, err := p.velero.tryBackup(r.t.Context(), p.namespace); err == nil {
			p.want(candidate)
		}
		return fmt.Errorf("got %d", got)
	})
	return r.tested(runs)
}

// nothingLeft insists that nothing is left of any test of the cluster.
func (r *rig) nothingLeft() {
	r.t.Helper()
	eventually(r.t, "nothing is left of a test", func() error {
		if left := r.left(); len(left) > 0 {
			return fmt.Errorf("left: %v", left)
		}
		return nil
	})
}

// left are the namespaces and the Restores of tests of the cluster.
func (r *rig) left() []string {
	r.t.Helper()
	var namespaces corev1.NamespaceList
	if err := r.client.List(r.t.Context(), &namespaces, client.MatchingLabels{control.ClusterLabel: r.uid}); err != nil {
		r.t.Fatal(err)
	}
	var left []string
	for i := range namespaces.Items {
		if strings.HasPrefix(namespaces.Items[i].Name, control.ScratchPrefix) {
			left = append(left, "namespace "+namespaces.Items[i].Name)
		}
	}
	var restores unstructured.UnstructuredList
	restores.SetGroupVersionKind(schema.GroupVersionKind{Group: "velero.io", Version: "v1", Kind: "RestoreList"})
	if err := r.client.List(r.t.Context(), &restores, client.MatchingLabels{control.ClusterLabel: r.uid}); err != nil {
		r.t.Fatal(err)
	}
	for i := range restores.Items {
		left = append(left, "Restore "+restores.Items[i].GetName())
	}
	return left
}
