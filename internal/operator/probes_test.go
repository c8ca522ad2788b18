package operator

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// TestProbes: the process lives from the first moment on, and says what it waits for.
func TestProbes(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	p := NewProbes()
	if err := p.Serve(t.Context(), address); err == nil || !strings.Contains(err.Error(), "-health-probe-bind-address") {
		t.Errorf("at an address that is taken: %v", err)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	if err := p.Serve(t.Context(), address); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		name string
		do   func()
		code int
		body string
	}{
		{"at first", func() {}, http.StatusServiceUnavailable, "Holdfast starts\n"},
		{"while it waits", func() { p.Waiting("there is no namespace x: create it") }, http.StatusServiceUnavailable, "there is no namespace x: create it\n"},
		{"ready", p.Ready, http.StatusOK, "ok\n"},
		{"not ready any more", func() { p.Waiting("it is dark") }, http.StatusServiceUnavailable, "it is dark\n"},
	} {
		step.do()
		for path, want := range map[string]struct {
			code int
			body string
		}{"/healthz": {http.StatusOK, "ok\n"}, "/readyz": {step.code, step.body}} {
			if code, body := ask(t, "http://"+address+path); code != want.code || body != want.body {
				t.Errorf("%s, %s: got %d %q, want %d %q", step.name, path, code, body, want.code, want.body)
			}
		}
	}
	for _, nowhere := range []string{"", "0"} {
		if err := p.Serve(t.Context(), nowhere); err != nil {
			t.Errorf("at %q: %v", nowhere, err)
		}
	}
}

func ask(t *testing.T, url string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

func TestValidate(t *testing.T) {
	good := Options{Namespace: "holdfast-system", LedgerDir: "/ledger", ContentionThreshold: 30, ProgressTimeout: 1}
	for name, tc := range map[string]struct {
		edit func(*Options)
		want string
	}{
		"good":              {func(*Options) {}, ""},
		"no namespace":      {func(o *Options) { o.Namespace = "" }, "-namespace: "},
		"no ledger":         {func(o *Options) { o.LedgerDir = "" }, "-ledger-dir: "},
		"no repairs":        {func(o *Options) { o.ContentionThreshold = 0 }, "-contention-threshold: 0 "},
		"no patience":       {func(o *Options) { o.ProgressTimeout = -1 }, "-progress-timeout: "},
		"a DNS by its name": {func(o *Options) { o.DNSService = "kube-dns" }, "-dns-service: "},
		"a DNS":             {func(o *Options) { o.DNSService = "kube-system/kube-dns" }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			o := good
			tc.edit(&o)
			switch err := o.validate(); {
			case tc.want == "" && err != nil:
				t.Errorf("got %v", err)
			case tc.want != "" && (err == nil || !strings.HasPrefix(err.Error(), tc.want)):
				t.Errorf("got %v, want %s…", err, tc.want)
			}
		})
	}
}
