package restoretest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/permissions"
	data "github.com/holdfast-dev/holdfast/internal/sentinel"
)

// request is one that a process ends at.
type request struct {
	method string
	// path is a part of it, {scratch} any namespace of a test.
	path string
	// skip is how many of them come before.
	skip int
	// sent is whether the API server got it: then only the answer is lost.
	sent bool
}

func (k request) matches(r *http.Request) bool {
	before, after, scratch := strings.Cut(k.path, "{scratch}")
	at := strings.Index(r.URL.Path, before)
	if r.Method != k.method || at < 0 {
		return false
	}
	rest := r.URL.Path[at+len(before):]
	if !scratch {
		return rest == ""
	}
	return strings.HasPrefix(rest, control.ScratchPrefix) && strings.HasSuffix(rest, after) &&
		!strings.Contains(strings.TrimSuffix(rest, after), "/")
}

// killer stops at a request until the process has ended.
type killer struct {
	request
	next  http.RoundTripper
	count *atomic.Int64
	hit   chan struct{}
}

// RoundTrip implements http.RoundTripper.
func (k *killer) RoundTrip(r *http.Request) (*http.Response, error) {
	if !k.matches(r) || k.count.Add(1) != int64(k.skip+1) {
		return k.next.RoundTrip(r)
	}
	if k.sent {
		response, err := k.next.RoundTrip(r.Clone(context.WithoutCancel(r.Context())))
		if err == nil {
			_ = response.Body.Close()
		}
	}
	close(k.hit)
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// testKilled: a process ends at any request of a test, before it is sent or before it
// is answered. The next one leaves nothing of it behind, touches nothing foreign, and
// tests the namespace, unless the result was recorded.
func testKilled(t *testing.T) {
	t.Parallel()
	const core, scratch = "/api/v1/namespaces", "{scratch}"
	steps := map[string]request{
		"the sentinel's claim is made":     {method: http.MethodPost, path: "/persistentvolumeclaims"},
		"the sentinel's pod is made":       {method: http.MethodPost, path: "/pods"},
		"the sentinel's ConfigMap is made": {method: http.MethodPost, path: "/configmaps"},
		"the namespace is made":            {method: http.MethodPost, path: core},
		"traffic is denied":                {method: http.MethodPost, path: "/networkpolicies"},
		"the quota is made":                {method: http.MethodPost, path: "/resourcequotas"},
		"the quota is awaited":             {method: http.MethodGet, path: "/resourcequotas/holdfast-restore"},
		"the Restore is made":              {method: http.MethodPost, path: "/restores"},
		"the Restore is awaited":           {method: http.MethodGet, path: "/restores/" + scratch},
		"the ConfigMap is compared":        {method: http.MethodGet, path: core + "/" + scratch + "/configmaps/holdfast-sentinel"},
		"the volume is compared":           {method: http.MethodGet, path: core + "/" + scratch + "/pods/holdfast-sentinel"},
		"the volume is identified":         {method: http.MethodGet, path: "/persistentvolumes"},
		"volumes are compared":             {method: http.MethodGet, path: "/persistentvolumes", skip: 1},
		"the Restore is deleted":           {method: http.MethodDelete, path: "/restores/" + scratch},
		"the namespace is deleted":         {method: http.MethodDelete, path: core + "/" + scratch},
		"the namespace is looked at":       {method: http.MethodGet, path: core + "/" + scratch},
		"the namespace is awaited":         {method: http.MethodGet, path: core + "/" + scratch, skip: 1},
		"the pod is deleted for the next":  {method: http.MethodDelete, path: "/pods/holdfast-sentinel"},
		"the rest is deleted for the next": {method: http.MethodDelete, path: "/configmaps/holdfast-sentinel"},
	}
	for name, step := range steps {
		for _, sent := range []bool{false, true} {
			if sent && step.method == http.MethodGet {
				continue
			}
			at := step
			at.sent = sent
			t.Run(name+map[bool]string{false: ", not sent", true: ", sent"}[sent], func(t *testing.T) {
				t.Parallel()
				killedAt(t, at)
			})
		}
	}
}

func killedAt(t *testing.T, step request) {
	r := newRig(t).withVolume()
	decoys := r.decoys()
	hit, count := make(chan struct{}), &atomic.Int64{}
	r.wrap = func(next http.RoundTripper) http.RoundTripper {
		return &killer{request: step, next: next, count: count, hit: hit}
	}
	first := r.start()
	first.want(nil)
	eventually(t, "the process is at that step", func() error {
		select {
		case <-hit:
			return nil
		default:
		}
		if candidate, err := r.velero.tryBackup(t.Context(), r.namespace); err == nil {
			first.want(candidate)
		}
		return errors.New("not yet")
	})
	first.stop()
	recorded := len(r.recorded())

	r.wrap = nil
	second := r.start()
	second.want(nil)
	if recorded == 0 {
		second.want(r.velero.backup(t, r.namespace))
	}
	seen := r.tested(1)
	if got := seen.Restored; got == nil || got.Phase != "Completed" || len(got.Items) != 2 || got.Items[0].Differs || got.Items[0].Missing || got.Items[1].Differs {
		t.Errorf("got %+v", got)
	}
	r.nothingLeft()
	decoys.untouched()
	r.sentinelAnew(seen.Restored)
	if got := len(r.recorded()); got != 1 {
		t.Errorf("%d tests were recorded, want 1", got)
	}
}

// sentinelAnew waits until the sentinel is whole, and no part of it is one that a test
// has compared.
func (r *rig) sentinelAnew(tested *control.Restored) {
	r.t.Helper()
	eventually(r.t, "the sentinel is written anew", func() error {
		cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: r.namespace, Name: permissions.SentinelName}}
		if err := r.client.Get(r.t.Context(), client.ObjectKeyFromObject(cm), cm); err != nil {
			return err
		}
		volume, _ := data.ParseReport(cm.Annotations["holdfast.dev/sentinel-volume"])
		hashes := []string{data.ReportOf(cm.Data["content"]).SHA256, volume.SHA256}
		for i, item := range tested.Items {
			if hashes[i] == item.SHA256 {
				return fmt.Errorf("its %s is the old one", item.Kind)
			}
		}
		return r.parts("ConfigMap", "Pod", "PersistentVolumeClaim")
	})
}

// testKilledWhileRestoring: what Velero is at work on is left alone until it has ended.
func testKilledWhileRestoring(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	hold := make(chan struct{})
	r.velero.do(func(v *velero) { v.hold = hold })
	first := r.start()
	first.want(nil)
	candidate := r.velero.backup(t, r.namespace)
	first.want(candidate)
	eventually(t, "Velero is at work", func() error { return r.velero.begun(1) })
	first.stop()
	begun := r.left()

	second := r.start()
	second.want(candidate)
	second.awaitRequests(3, http.MethodGet, "/restores/")
	if diff := cmp.Diff(begun, r.left()); diff != "" || len(begun) != 2 {
		t.Errorf("while Velero is at work, a namespace and a Restore stay:\n%s", diff)
	}
	close(hold)
	if seen := r.tested(1).Restored; seen == nil || seen.Phase != "Completed" || len(seen.Items) != 1 || seen.Items[0].Missing || seen.Left != "" {
		t.Errorf("got %+v", seen)
	}
	r.nothingLeft()
	if err := r.velero.begun(2); err != nil {
		t.Errorf("the test was not repeated: %v", err)
	}
}
