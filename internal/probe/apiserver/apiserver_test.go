package apiserver_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/holdfast-dev/holdfast/internal/probe/apiserver"
)

// client returns a client of a server that lives as long as the test.
func client(t *testing.T, serve http.HandlerFunc) *apiserver.Client {
	t.Helper()
	server := httptest.NewServer(serve)
	t.Cleanup(server.Close)
	c, err := apiserver.New(&rest.Config{Host: server.URL + "/clusters/a", BearerToken: "hunter2"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestErrorsQuoteNothing: what an API server answers may hold what was asked for.
func TestErrorsQuoteNothing(t *testing.T) {
	const secret = "hunter2"
	tests := map[string]struct {
		serve http.HandlerFunc
		want  string
	}{
		"a refusal that says why": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusConflict)
			_ = json.NewEncoder(w).Encode(metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status"}, Reason: metav1.StatusReasonConflict, Message: secret})
		}, "refused: 409 Conflict"},
		"a refusal that does not": {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, secret, http.StatusBadGateway) }, "refused: 502"},
		"no JSON":                 {func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, secret) }, "the answer is not what was asked for"},
		"another object":          {func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintf(w, `{"kind":{"a":%q}}`, secret) }, "the answer is not what was asked for"},
		"without end": {func(w http.ResponseWriter, _ *http.Request) {
			for range 10 {
				_, _ = w.Write([]byte(strings.Repeat(secret, 1<<18)))
			}
		}, "the answer is not what was asked for"},
		"elsewhere": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://192.0.2.1/"+secret, http.StatusFound)
		}, "refused: 302"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var out metav1.Status
			_, err := client(t, test.serve).Do(t.Context(), http.MethodGet, "/api/v1/x", nil, nil, &out)
			if err == nil || err.Error() != test.want {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

func TestDo(t *testing.T) {
	c := client(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/clusters/a/api/v1/x" || r.URL.Query().Get("dryRun") != "All" || r.Header.Get("Authorization") != "Bearer hunter2" {
			t.Errorf("asked for %s as %s", r.URL, r.Header.Get("Authorization"))
		}
		w.Header().Add("Warning", `299 - "first"`)
		w.Header().Add("Warning", `no warning`)
		w.Header().Add("Warning", `299 - "second \"quoted\""`)
		_, _ = fmt.Fprint(w, `{"kind":"Status","status":"Success"}`)
	})
	var out metav1.Status
	answer, err := c.Do(t.Context(), http.MethodPost, "/api/v1/x", map[string][]string{"dryRun": {"All"}}, map[string]string{"kind": "X"}, &out)
	if err != nil || out.Status != "Success" {
		t.Fatalf("got %+v, %v", out, err)
	}
	if diff := cmp.Diff([]string{"first", `second "quoted"`}, answer.Warnings); diff != "" {
		t.Error(diff)
	}
}
