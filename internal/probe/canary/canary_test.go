package canary_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/probe/canary"
	"github.com/holdfast-dev/holdfast/internal/probe/unseen"
)

// server stands for API servers that a real one cannot be made to be: an old one,
// several behind one address, one that fails at the wrong moment. What is usual is
// tried with real ones.
type server struct {
	mu sync.Mutex
	// stored are the canaries that are there, and created how many ever were.
	stored, created int
	// metrics are what is answered when so many were created.
	metrics func(created int) string
	// create and remove answer a request in another way than usual, where they
	// return a code.
	create, remove func(created int) (code int, message string)
	// requests are the methods that were asked for.
	requests []string
}

// ServeHTTP implements http.Handler.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, r.Method)
	const path = "/api/v1/namespaces/holdfast-system/secrets"
	code, message := http.StatusNotFound, ""
	switch {
	case r.URL.Path == "/metrics":
		_, _ = fmt.Fprint(w, s.metrics(s.created))
		return
	case r.Method == http.MethodPost && r.URL.Path == path:
		code, message = s.post()
	case r.Method == http.MethodDelete && r.URL.Path == path+"/holdfast-canary":
		code, message = s.delete()
	}
	if code < 300 {
		w.WriteHeader(code)
		return
	}
	refuse(w, code, message)
}

func (s *server) post() (int, string) {
	if s.create != nil {
		if code, message := s.create(s.created); code != 0 {
			return code, message
		}
	}
	if s.stored > 0 {
		return http.StatusConflict, "already exists"
	}
	s.stored++
	s.created++
	return http.StatusCreated, ""
}

func (s *server) delete() (int, string) {
	if s.remove != nil {
		if code, message := s.remove(s.created); code != 0 {
			return code, message
		}
	}
	if s.stored == 0 {
		return http.StatusNotFound, ""
	}
	s.stored--
	return http.StatusOK, ""
}

// refuse answers as an API server refuses.
func refuse(w http.ResponseWriter, code int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Message: message, Code: int32(code)})
}

// operations are metrics of an API server that stored so many by a prefix.
func operations(prefix string, stored int) string {
	return fmt.Sprintf("process_start_time_seconds 1\napiserver_storage_transformation_operations_total{resource=\"secrets\",status=\"OK\",transformation_type=\"to_storage\",transformer_prefix=%q} %d\n",
		prefix, stored) + requests(stored)
}

func requests(stored int) string {
	return fmt.Sprintf("apiserver_request_total{code=\"201\",dry_run=\"\",group=\"\",resource=\"secrets\",subresource=\"\",verb=\"POST\"} %d\n", stored)
}

func TestProbe(t *testing.T) {
	const aescbc = "k8s:enc:aescbc:v1:"
	forbidden := func(int) (int, string) {
		return http.StatusForbidden, `secrets is forbidden: User "x" cannot delete resource "secrets"`
	}
	tests := map[string]struct {
		server      *server
		want        *control.Stored
		wantReason  string
		wantMessage string
		wantCreated int
		wantStored  int
	}{
		"before Kubernetes 1.32": {
			server: &server{metrics: func(n int) string {
				return strings.ReplaceAll(operations("", n)+operations(aescbc, n), `resource="secrets",status`, "status")
			}},
			want:        &control.Stored{Prefixes: map[string]int{"": 1, aescbc: 1}, Keys: map[string]int{}, Unlabelled: true},
			wantCreated: 1,
		},
		"several behind one address, the metrics of one": {
			server:      &server{metrics: func(n int) string { return operations(aescbc, n/3) }},
			want:        &control.Stored{Prefixes: map[string]int{aescbc: 1}, Keys: map[string]int{}},
			wantCreated: 3,
		},
		"several behind one address, never the same": {
			server: &server{metrics: func(n int) string {
				return strings.ReplaceAll(operations(aescbc, n), "_seconds 1", fmt.Sprintf("_seconds %d", n))
			}},
			wantReason: control.ReasonInconclusive, wantMessage: "came from different processes", wantCreated: 20,
		},
		"it restarts in between": {
			server: &server{metrics: func(n int) string {
				if n < 1 {
					return operations("", 100)
				}
				return strings.ReplaceAll(operations(aescbc, n), "_seconds 1", "_seconds 2")
			}},
			want:        &control.Stored{Prefixes: map[string]int{aescbc: 1}, Keys: map[string]int{}},
			wantCreated: 2,
		},
		"its config is replaced in between": {
			server: &server{metrics: func(n int) string {
				return operations("", min(n, 1)) + strings.SplitN(operations(aescbc, n), "\n", 2)[1]
			}},
			want:        &control.Stored{Prefixes: map[string]int{aescbc: 1}, Keys: map[string]int{}},
			wantCreated: 2,
		},
		"it stores, and counts nothing": {
			server: &server{metrics: func(n int) string { return "process_start_time_seconds 1\n" + requests(n) }},
			want:   &control.Stored{NoTransformer: true}, wantCreated: 2,
		},
		"it stores, and does not count any more": {
			server: &server{metrics: func(n int) string { return operations(aescbc, 7) + requests(n) }},
			want:   &control.Stored{NoTransformer: true}, wantCreated: 2,
		},
		"it counts not even what it stores": {
			server:     &server{metrics: func(int) string { return "process_start_time_seconds 1\n" }},
			wantReason: control.ReasonInconclusive, wantMessage: "None of 20 canaries shows", wantCreated: 20,
		},
		"it has metrics switched off": {
			server:     &server{metrics: func(n int) string { return "process_start_time_seconds 1\ndisabled_metrics_total 1\n" + requests(n) }},
			wantReason: control.ReasonInconclusive, wantMessage: "has metrics switched off", wantCreated: 2,
		},
		"its metrics are no metrics": {
			server:     &server{metrics: func(int) string { return "process_start_time_seconds soon\n" }},
			wantReason: control.ReasonInconclusive, wantMessage: "cannot be read",
		},
		"a webhook quotes what it refuses": {
			server: &server{metrics: func(n int) string { return operations(aescbc, n) }, create: func(int) (int, string) {
				return http.StatusForbidden, `admission webhook "w.example.com" denied the request: secret value hunter2`
			}},
			wantReason: control.ReasonInconclusive, wantMessage: "refused to create a canary in holdfast-system with 403",
		},
		"nobody may delete": {
			server:     &server{metrics: func(n int) string { return operations(aescbc, n) }, remove: forbidden},
			wantReason: control.ReasonForbidden, wantMessage: "may not delete its canary", wantCreated: 1, wantStored: 1,
		},
		"one was left over": {
			server:      &server{metrics: func(n int) string { return operations(aescbc, n) }, stored: 1},
			want:        &control.Stored{Prefixes: map[string]int{aescbc: 1}, Keys: map[string]int{}},
			wantCreated: 1,
		},
		"one was left over that nobody may delete": {
			server:     &server{metrics: func(n int) string { return operations(aescbc, n) }, stored: 1, remove: forbidden},
			wantReason: control.ReasonForbidden, wantMessage: "may not delete the canary that was left over", wantStored: 1,
		},
		"a deletion fails at first": {
			server: &server{metrics: func(n int) string { return operations(aescbc, n) }, remove: failing(2)},
			want:   &control.Stored{Prefixes: map[string]int{aescbc: 1}, Keys: map[string]int{}}, wantCreated: 1,
		},
		"deletions fail": {
			server:     &server{metrics: func(n int) string { return operations(aescbc, n) }, remove: failing(99)},
			wantReason: control.ReasonInconclusive, wantMessage: "refused to delete its canary in holdfast-system with 503", wantCreated: 1, wantStored: 1,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			prober, endpoint := start(t, test.server)
			got, err := prober.Probe(t.Context(), control.CanaryTarget{Endpoint: endpoint, Resource: "secrets"})
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("%v\n%s", err, diff)
			}
			if test.wantReason == "" && err != nil {
				t.Error(err)
			}
			if test.wantReason != "" {
				why := unseen.Of(err)
				if why.Reason != test.wantReason || !strings.Contains(why.Message, test.wantMessage) || strings.Contains(why.Message, "hunter2") {
					t.Errorf("got %+v", why)
				}
			}
			test.server.mu.Lock()
			defer test.server.mu.Unlock()
			if test.server.created != test.wantCreated || test.server.stored != test.wantStored {
				t.Errorf("created %d, left %d", test.server.created, test.server.stored)
			}
		})
	}
}

// failing fails so often.
func failing(times int) func(int) (int, string) {
	return func(int) (int, string) {
		if times--; times >= 0 {
			return http.StatusServiceUnavailable, "try again"
		}
		return 0, ""
	}
}

// start serves, and returns a prober and the address.
func start(t *testing.T, handler http.Handler) (*canary.Prober, string) {
	t.Helper()
	api := httptest.NewTLSServer(handler)
	t.Cleanup(api.Close)
	prober, err := canary.New(&rest.Config{Host: api.URL, TLSClientConfig: rest.TLSClientConfig{Insecure: true}}, "holdfast-system")
	if err != nil {
		t.Fatal(err)
	}
	return prober, strings.TrimPrefix(api.URL, "https://")
}

// TestACanaryOutlivesNoProbe: one whose creation was not answered is deleted, though
// the probe's time is over.
func TestACanaryOutlivesNoProbe(t *testing.T) {
	s := &server{metrics: func(n int) string { return operations("", n) }}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	prober, endpoint := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.ServeHTTP(w, r)
		if r.Method == http.MethodPost {
			_, _ = io.Copy(io.Discard, r.Body) // a server sees only then that the client goes
			cancel()
			<-r.Context().Done()
		}
	}))
	_, err := prober.Probe(ctx, control.CanaryTarget{Endpoint: endpoint, Resource: "secrets"})
	if why := unseen.Of(err); why.Reason != control.ReasonInconclusive || !strings.Contains(why.Message, "gave no answer") {
		t.Errorf("got %+v", why)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.created == 0 || s.stored != 0 {
		t.Errorf("created %d, left %d: %v", s.created, s.stored, s.requests)
	}
}

// TestCleanUpReachesItsOwnNamespaceOnly: what another installation left over in its
// namespace is that one's, though all canaries have the same name.
func TestCleanUpReachesItsOwnNamespaceOnly(t *testing.T) {
	var asked []string
	prober, _ := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.RequestURI())
		refuse(w, http.StatusNotFound, "not found")
	}))
	prober.CleanUp(t.Context())
	want := []string{"DELETE /api/v1/namespaces/holdfast-system/secrets/holdfast-canary", "DELETE /api/v1/namespaces/holdfast-system/configmaps/holdfast-canary"}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

// TestAnAPIServerThatHangs: the probe ends in time, and says so.
func TestAnAPIServerThatHangs(t *testing.T) {
	for name, serve := range map[string]http.HandlerFunc{
		"at once": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"in the midst of its metrics": func(w http.ResponseWriter, r *http.Request) {
			_, _ = fmt.Fprint(w, "process_start_time_seconds 1\n")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		},
	} {
		t.Run(name, func(t *testing.T) {
			prober, endpoint := start(t, serve)
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			_, err := prober.Probe(ctx, control.CanaryTarget{Endpoint: endpoint, Resource: "secrets"})
			if why := unseen.Of(err); why.Message != "The API server "+endpoint+" gave no answer: it did not answer in time." {
				t.Errorf("got %+v", why)
			}
		})
	}
}

// TestWhoIsNotTrustedIsNotAsked: a token goes to nobody whose certificate is not the
// cluster's.
func TestWhoIsNotTrustedIsNotAsked(t *testing.T) {
	asked := false
	api := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	api.Config.ErrorLog = nil
	api.StartTLS()
	defer api.Close()
	prober, err := canary.New(&rest.Config{Host: "https://" + net.JoinHostPort("192.0.2.1", "6443"), BearerToken: "t"}, "holdfast-system")
	if err != nil {
		t.Fatal(err)
	}
	_, err = prober.Probe(t.Context(), control.CanaryTarget{Endpoint: strings.TrimPrefix(api.URL, "https://"), Resource: "secrets"})
	if why := unseen.Of(err); !strings.HasSuffix(why.Message, "its certificate is not trusted.") || asked {
		t.Errorf("asked %t, got %+v", asked, why)
	}
}
