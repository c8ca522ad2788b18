package restoretest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/permissions"
	"github.com/holdfast-dev/holdfast/internal/restoretest"
	"github.com/holdfast-dev/holdfast/test/crds"
)

// testHindrances: what keeps a test from being made is said once, and is no result.
func testHindrances(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		prepare func(*rig)
		change  func(*restoretest.Options)
		// whole is done once the sentinel is, and a test is asked for after that.
		whole       func(*rig)
		wantReason  string
		wantMessage string
	}{
		"no rights": {prepare: func(r *rig) { r.user = "nobody" }, wantReason: control.ReasonForbidden,
			wantMessage: "Holdfast may not read its sentinel in namespace {namespace}: set the chart's values probe.enabled=true and probe.restoreTests=true."},
		"a quota": {prepare: func(r *rig) {
			quota := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: r.namespace, Name: "none"},
				Spec: corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{"count/configmaps": resource.MustParse("0")}}}
			r.create(quota)
			eventually(r.t, "the quota is in force", func() error {
				err := r.client.Get(r.t.Context(), client.ObjectKeyFromObject(quota), quota)
				if err == nil && len(quota.Status.Used) == 0 {
					err = errors.New("it is not")
				}
				return err
			})
		}, wantReason: control.ReasonInconclusive, wantMessage: "The API server refuses to create a ConfigMap in namespace {namespace}: configmaps"},
		"a pod that does not fill its volume": {prepare: func(r *rig) { r.withVolume() },
			change:     func(o *restoretest.Options) { o.Pace.Fill = time.Nanosecond },
			wantReason: control.ReasonInconclusive, wantMessage: "The pod {namespace}/holdfast-sentinel has not filled its volume: see its events."},
		"hooks": {prepare: func(r *rig) { r.withVolume() }, whole: func(r *rig) {
			pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: r.namespace, Name: permissions.SentinelName}}
			patch := []byte(`{"metadata":{"annotations":{"post.hook.restore.velero.io/command":"/bin/true"}}}`)
			if err := r.client.Patch(r.t.Context(), pod, client.RawPatch("application/merge-patch+json", patch)); err != nil {
				r.t.Fatal(err)
			}
		}, wantReason: control.ReasonInconclusive, wantMessage: "The pod {namespace}/holdfast-sentinel has annotations of hooks of Velero"},
		"no Velero there": {prepare: func(r *rig) { r.target.VeleroNamespace = "nowhere" }, whole: func(*rig) {},
			wantReason: control.ReasonInconclusive, wantMessage: "Velero does not serve Restores in namespace nowhere"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			if tc.wantMessage[:7] == "The pod" && tc.whole == nil {
				r.rename(unique("hanging"))
			}
			tc.prepare(r)
			if tc.change == nil {
				tc.change = func(*restoretest.Options) {}
			}
			p := r.start(tc.change)
			p.want(nil)
			if tc.whole != nil {
				candidate := r.velero.backup(t, r.namespace)
				tc.whole(r)
				p.want(candidate)
			}
			seen := r.tested(1)
			message := strings.ReplaceAll(tc.wantMessage, "{namespace}", r.namespace)
			if seen.Restored != nil || seen.Reason != tc.wantReason || !strings.HasPrefix(seen.Message, message) {
				t.Errorf("got %+v\nwant %s", seen, message)
			}
			observations, awaited := p.Observations(r.namespace)
			if len(observations) != 1 || awaited {
				t.Errorf("got %v, awaited %t", observations, awaited)
			}
			r.nothingLeft()
			if err := r.velero.begun(1); err == nil {
				t.Error("a Restore was begun")
			}
			p.stop()
			if runs := len(r.recorded()); runs != 1 {
				t.Errorf("it was recorded %d times", runs)
			}
		})
	}
}

// testToldOnce: what keeps a namespace from being tested is in the log once, however
// often it is tried again.
func testToldOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.user = "nobody"
	told := &atomic.Int64{}
	p := r.start(func(o *restoretest.Options) {
		o.Log = funcr.New(func(_, line string) {
			if strings.Contains(line, "cannot be tested") {
				told.Add(1)
			}
		}, funcr.Options{})
	})
	p.want(nil)
	r.awaitRequests(3, http.MethodGet, "/configmaps/")
	p.stop()
	if got := told.Load(); got != 1 {
		t.Errorf("the log says it %d times", got)
	}
}

// testYoungNamespace: that the service account of a namespace is not made yet is over in
// a moment, and not recorded.
func testYoungNamespace(t *testing.T) {
	t.Parallel()
	r := newRig(t).withVolume()
	refused := &atomic.Int64{}
	r.wrap = func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(request *http.Request) (*http.Response, error) {
			if request.Method != http.MethodPost || !strings.HasSuffix(request.URL.Path, "/pods") || refused.Add(1) > 2 {
				return next.RoundTrip(request)
			}
			why := fmt.Errorf("error looking up service account %s/default: serviceaccount \"default\" not found", r.namespace)
			status := apierrors.NewForbidden(corev1.Resource("pods"), permissions.SentinelName, why).Status()
			status.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}
			body, err := json.Marshal(status)
			return &http.Response{StatusCode: http.StatusForbidden, Header: http.Header{"Content-Type": {"application/json"}},
				Body: io.NopCloser(bytes.NewReader(body)), Request: request}, err
		})
	}
	p := r.start()
	if seen := p.once(); seen.Restored == nil || seen.Restored.Phase != "Completed" {
		t.Errorf("got %+v", seen)
	}
	if got := refused.Load(); got < 3 {
		t.Errorf("it was tried %d times", got)
	}
}

// rename has another namespace tested.
func (r *rig) rename(name string) {
	r.t.Helper()
	r.namespace, r.target.Namespace = name, name
	r.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
}

// testCadence: a result counts, also for the next process, until the interval is over;
// what failed is tested again sooner.
func testCadence(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.start()
	good := p.once()
	p.want(r.velero.backup(t, r.namespace))
	// Another namespace that is tested after that shows that this one is not.
	other := r.beside()
	another := &tester{Tester: p.Tester, rig: other, cancel: p.cancel, ended: p.ended}
	another.want(nil)
	r.velero.do(func(v *velero) { v.tamper = without[*corev1.ConfigMap] })
	if seen := r.testedOf(another, 2); seen.Restore.Namespace != other.namespace || !seen.Restored.Items[0].Missing {
		t.Errorf("got %+v", seen)
	}
	p.stop()

	r.velero.do(func(v *velero) { v.tamper = nil })
	p = r.start()
	another.Tester = p.Tester
	p.want(nil)
	another.want(nil)
	eventually(t, "the next process knows what was found", func() error {
		mine, awaited := p.Observations(r.namespace)
		if awaited || len(mine) != 1 || !mine[0].At.Equal(good.At) {
			return fmt.Errorf("got %v, awaited %t", mine, awaited)
		}
		return nil
	})
	r.offset.Store(int64(every / 8)) // what failed is due
	p.want(r.velero.backup(t, r.namespace))
	if seen := r.testedOf(another, 3); seen.Restore.Namespace != other.namespace || seen.Restored.Items[0].Missing {
		t.Errorf("got %+v", seen)
	}
	r.offset.Store(int64(every)) // and now the first one
	seen := r.testedOf(p, 4)
	if seen.Restore.Namespace != r.namespace || seen.Restored.Items[0].SHA256 == good.Restored.Items[0].SHA256 {
		t.Errorf("got %+v, want other data than before", seen)
	}
	r.nothingLeft()
	if diff := p.Count()["Seen"]; diff != 2 {
		t.Errorf("%d targets were seen, want 2", diff)
	}
}

// testVeleroRemoved: where the kinds of Velero go while it restores, the test has
// failed, and nothing is left.
func testVeleroRemoved(t *testing.T) {
	r := newRig(t)
	hold := make(chan struct{})
	r.velero.do(func(v *velero) { v.hold = hold })
	p := r.start()
	p.want(nil)
	p.want(r.velero.backup(t, r.namespace))
	eventually(t, "Velero is at work", func() error { return r.velero.begun(1) })
	crds.Remove(t, shared, crds.Velero)
	seen := r.tested(1).Restored
	if seen == nil || seen.Failure != "the Restore is gone: it was deleted, or Velero was removed" || seen.Left != "" {
		t.Errorf("got %+v", seen)
	}
	eventually(t, "nothing is left", func() error {
		var namespaces corev1.NamespaceList
		if err := r.client.List(t.Context(), &namespaces, client.MatchingLabels{control.ClusterLabel: r.uid}); err != nil {
			return err
		}
		if len(namespaces.Items) > 0 {
			return errors.New(namespaces.Items[0].Name)
		}
		return nil
	})
}
