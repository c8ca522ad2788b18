package observe_test

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/observe"
)

// intercepted is an API server some of whose answers are other ones.
type intercepted struct {
	mu    sync.Mutex
	paths []string
	// answer returns the answer to a request, nil for the API server's own.
	answer func(*http.Request) *http.Response
}

func (i *intercepted) config(config *rest.Config) *rest.Config {
	config = rest.CopyConfig(config)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			i.mu.Lock()
			i.paths = append(i.paths, r.URL.RequestURI())
			answer := i.answer(r)
			i.mu.Unlock()
			if answer != nil {
				return answer, nil
			}
			return next.RoundTrip(r)
		})
	})
	return config
}

// asked are the paths of requests that contain a text.
func (i *intercepted) asked(text string) []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(i.paths), func(p string) bool { return !strings.Contains(p, text) })
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// expired is how an API server answers a continue token that is too old: it
// offers one that goes on inconsistently.
func expired(r *http.Request) *http.Response {
	status := apierrors.NewResourceExpired("the provided continue parameter is too old").Status()
	status.APIVersion, status.Kind, status.ListMeta = "v1", "Status", metav1.ListMeta{Continue: "inconsistent"}
	body, err := json.Marshal(status)
	if err != nil {
		panic(err)
	}
	return &http.Response{StatusCode: http.StatusGone, Status: http.StatusText(http.StatusGone), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(body)), Request: r}
}

func readingOf(t *testing.T, s *observe.Static, kind string) observe.Reading {
	t.Helper()
	for _, r := range s.Readings() {
		if r.Kind == kind {
			return r
		}
	}
	t.Fatalf("%s was not read", kind)
	return observe.Reading{}
}

// testExpired: a list that expires between two pages begins again, and nothing
// of its first attempt is left; one that always does is given up (E3).
func testExpired(t *testing.T, c *cluster) {
	namespaces, err := c.CoreV1().Namespaces().List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	onNamespaces := func(r *http.Request) bool {
		return r.URL.Path == "/api/v1/namespaces" && r.URL.Query().Has("continue")
	}
	times := 1
	server := &intercepted{answer: func(r *http.Request) *http.Response {
		if !onNamespaces(r) || times == 0 {
			return nil
		}
		times--
		return expired(r)
	}}
	options := observe.StaticOptions{FieldManager: fieldManager, PageSize: 2, Lenient: true}
	listed, err := observe.List(t.Context(), server.config(c.RESTConfig()), options)
	if err != nil {
		t.Fatal(err)
	}
	pages := (len(namespaces.Items) + 1) / 2
	r := readingOf(t, listed, "namespaces")
	if r.Restarts != 1 || r.Pages != pages+2 || r.Count != len(namespaces.Items) || r.Err != nil || r.ResourceVersion == "" {
		t.Errorf("got %+v, want %d objects on %d pages after one restart", r, len(namespaces.Items), pages)
	}
	if r.Query != "/api/v1/namespaces" || r.Version != "v1" || r.Resource != "namespaces" || r.To.Before(r.From) {
		t.Errorf("got %+v", r)
	}
	if got := server.asked("inconsistent"); len(got) > 0 {
		t.Errorf("a list went on inconsistently: %s", got)
	}
	count := 0
	listed.Namespaces(func(control.Namespace) bool { count++; return true })
	if count != len(namespaces.Items) {
		t.Errorf("got %d namespaces, want %d", count, len(namespaces.Items))
	}

	times = 100
	listed, err = observe.List(t.Context(), server.config(c.RESTConfig()), options)
	if err != nil {
		t.Fatal(err)
	}
	r = readingOf(t, listed, "namespaces")
	if !apierrors.IsResourceExpired(r.Err) || r.Count != 0 || r.ResourceVersion != "" || r.Restarts == 0 {
		t.Errorf("got %+v, want an error, and nothing read", r)
	}
	listed.Namespaces(func(ns control.Namespace) bool { t.Errorf("half of a list is left: %s", ns.Name); return false })
	if _, err := observe.List(t.Context(), server.config(c.RESTConfig()), observe.StaticOptions{PageSize: 2}); !apierrors.IsResourceExpired(err) {
		t.Errorf("got %v, want the error", err)
	}
}

// testRefused: a kind that does not answer in time, or fails, is unavailable
// where the caller wants to go on (E4), and the query says what was asked for.
func testRefused(t *testing.T, c *cluster) {
	server := &intercepted{answer: func(*http.Request) *http.Response { return nil }}
	config := server.config(c.RESTConfig())
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			if r.URL.Path == "/api/v1/services" {
				<-r.Context().Done()
				return nil, r.Context().Err()
			}
			return next.RoundTrip(r)
		})
	})
	listed, err := observe.List(t.Context(), config, observe.StaticOptions{FieldManager: fieldManager, Lenient: true, PageTimeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if r := readingOf(t, listed, "services"); r.Err == nil || r.Count != 0 {
		t.Errorf("got %+v, want a time-out", r)
	}
	if r := readingOf(t, listed, "pods"); r.Err != nil ||
		r.Query != "/api/v1/pods?fieldSelector=status.phase%21%3DSucceeded%2Cstatus.phase%21%3DFailed" {
		t.Errorf("got %+v", r)
	}
	snapshot, err := listed.Snapshot("hooks")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[control.Need]string{
		control.NeedServices: control.ReasonFailed, control.NeedServiceSubjects: control.ReasonFailed,
	}, snapshot.Unavailable); diff != "" {
		t.Errorf("unavailable (-want +got):\n%s", diff)
	}
	if _, there := listed.Versions()["services"]; there || listed.Versions()["pods"] == "" {
		t.Errorf("versions: %v", listed.Versions())
	}
}

// testUnanswered: what is not answered for a while, as while an API server is started
// again, is read afterwards, and so is what is refused only for a moment.
func testUnanswered(t *testing.T, c *cluster) {
	for name, tc := range map[string]struct {
		status       int // 0: there is no connection
		times        int
		outage       time.Duration
		wantRestarts int
		wantErr      bool
	}{
		"not connected twice":     {0, 2, time.Hour, 2, false},
		"unavailable twice":       {http.StatusServiceUnavailable, 2, time.Hour, 2, false},
		"forbidden once":          {http.StatusForbidden, 1, time.Hour, 1, false},
		"not found is an answer":  {http.StatusNotFound, 1, time.Hour, 0, true},
		"nobody waits for answer": {0, 1, 0, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			times := tc.times
			config := rest.CopyConfig(c.RESTConfig())
			config.Wrap(func(next http.RoundTripper) http.RoundTripper {
				return roundTripper(func(r *http.Request) (*http.Response, error) {
					if r.URL.Path != "/api/v1/services" || times == 0 {
						return next.RoundTrip(r)
					}
					times--
					if tc.status == 0 {
						return nil, syscall.ECONNREFUSED
					}
					return &http.Response{StatusCode: tc.status, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
				})
			})
			listed, err := observe.List(t.Context(), config, observe.StaticOptions{
				Needs: []control.Need{control.NeedServices}, Lenient: true, Insistence: observe.NewInsistence(tc.outage)})
			if err != nil {
				t.Fatal(err)
			}
			r := readingOf(t, listed, "services")
			if r.Restarts != tc.wantRestarts || (r.Err != nil) != tc.wantErr || (r.Count == 0) != tc.wantErr {
				t.Errorf("got %+v, want %d restarts, failed: %t", r, tc.wantRestarts, tc.wantErr)
			}
		})
	}
}

// testSilent: where namespaces are not read nothing else is asked for: a server that
// answers nothing would be waited for once for each kind.
func testSilent(t *testing.T, c *cluster) {
	var asked []string
	config := rest.CopyConfig(c.RESTConfig())
	config.Wrap(func(http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			asked = append(asked, r.URL.Path)
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
	})
	listed, err := observe.List(t.Context(), config, observe.StaticOptions{Lenient: true, PageTimeout: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if r := readingOf(t, listed, "namespaces"); r.Err == nil || len(listed.Readings()) != 1 {
		t.Errorf("got %+v, want namespaces that could not be read, and no more", listed.Readings())
	}
	if diff := cmp.Diff([]string{"/api/v1/namespaces"}, asked); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

// testNeeds: no other kinds are read than those asked for, and namespaces; what
// the ledger knows as ours is.
func testNeeds(t *testing.T, c *cluster) {
	server := &intercepted{answer: func(*http.Request) *http.Response { return nil }}
	c.createNamespace(t, "owned")
	c.createPolicy(t, "owned", "ours")
	c.createPolicy(t, "owned", "theirs")
	listed, err := observe.List(t.Context(), server.config(c.RESTConfig()), observe.StaticOptions{
		FieldManager: fieldManager, Needs: []control.Need{control.NeedNetworkPolicies},
		Owned: func(kind, namespace, name, uid string) bool {
			return kind == "NetworkPolicy" && namespace == "owned" && name == "ours" && uid != ""
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"/api/v1/namespaces?limit=500", "/apis/networking.k8s.io/v1/networkpolicies?limit=500"}
	if diff := cmp.Diff(want, server.asked("/")); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	snapshot, err := listed.Snapshot("owned")
	if err != nil {
		t.Fatal(err)
	}
	if p := snapshot.NetworkPolicies; len(p) != 2 || !p[0].Ours || p[1].Ours {
		t.Errorf("got %+v, want the first one to be ours", p)
	}
	// What is read again alone shows what changed there, and no more.
	c.deletePolicy(t, "owned", "theirs")
	c.createPod(t, "owned", "pod")
	if _, err := listed.Reread(t.Context(), server.config(c.RESTConfig()), "owned"); err != nil {
		t.Fatal(err)
	}
	if snapshot, err = listed.Snapshot("owned"); err != nil || len(snapshot.NetworkPolicies) != 1 || len(snapshot.Pods) != 0 {
		t.Errorf("got %+v (%v), want one policy", snapshot, err)
	}
	c.drop(t, corev1.SchemeGroupVersion.WithResource("namespaces"), "", "owned")
	c.finalize(t, "owned")
	if _, err := listed.Reread(t.Context(), server.config(c.RESTConfig()), "owned"); err != nil {
		t.Fatal(err)
	}
	if _, err := listed.Snapshot("owned"); err == nil {
		t.Error("a namespace that is gone is still read")
	}
}

// testMarks: a namespace is marked by whatever may change its verdict, our own
// writes included, and no other one is; and it is known how far the watches are.
func testMarks(t *testing.T, c *cluster, o *told) {
	c.createNamespace(t, "marked")
	c.fence(t, o, "fence")
	first, other := o.Mark("marked"), o.Mark("hooks")
	absent := o.Mark("passing")
	c.createNamespace(t, "passing")
	eventually(t, "a namespace to come", func() bool { return o.Mark("passing") != absent })
	c.terminate(t, "passing")
	c.finalize(t, "passing")
	eventually(t, "it to go", func() bool { _, there := o.Namespace("passing"); return !there })
	if o.Mark("passing") == absent {
		t.Error("a namespace that came and went leaves no mark")
	}
	write := o.BeginChange(policyVersion, policyKind, "marked", "applied")
	version := c.apply(t, "marked", "applied").ResourceVersion
	write.Done(version)
	eventually(t, "the watch to reach our own write", func() bool { return o.Reached(map[string]string{"networkpolicies": version}) })
	second := o.Mark("marked")
	if second == first {
		t.Error("our own write leaves no mark")
	}
	c.label(t, "marked", "tier", "web")
	if o.Reached(map[string]string{"namespaces": "1", "networkpolicies": strconv.Itoa(math.MaxInt)}) {
		t.Error("policies have reached a version that none of them has")
	}
	eventually(t, "the label", func() bool { return o.Mark("marked") != second })
	if o.Reached(map[string]string{"gateways.example.com": "1"}) {
		t.Error("a kind that is not observed has reached a version")
	}
	if got := o.Mark("hooks"); got != other {
		t.Error("a namespace that nothing happened in is marked")
	}
}
