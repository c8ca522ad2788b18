package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	auditPatch = `{"stage":"ResponseComplete","verb":"patch","requestURI":"/apis/networking.k8s.io/v1/namespaces/a/networkpolicies/p","user":{"username":"floor"},"objectRef":{"resource":"networkpolicies","name":"p"}}` + "\n"
	auditWatch = `{"stage":"ResponseStarted","verb":"watch","user":{"username":"floor"},"objectRef":{"resource":"networkpolicies"}}` + "\n"
	auditEnded = `{"stage":"ResponseComplete","verb":"watch","user":{"username":"floor"},"objectRef":{"resource":"networkpolicies"}}` + "\n"
	auditReady = `{"stage":"ResponseComplete","verb":"get","requestURI":"/readyz?verbose","user":{"username":"admin"}}` + "\n"
)

func TestAuditReader(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	reader := &auditReader{path: path}
	write := func(text string) {
		t.Helper()
		file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.WriteString(text); err != nil {
			t.Fatal(err)
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
	}
	patch := request{"floor", "patch", "networkpolicies"}
	for i, step := range []struct {
		write string
		want  requestCount
	}{
		{"", requestCount{}},
		{auditPatch + auditWatch + auditPatch[:40], requestCount{patch: 1, {"floor", "watch", "networkpolicies"}: 1}},
		{auditPatch[40:] + auditEnded + auditReady, requestCount{patch: 1, {"admin", "get", "/readyz"}: 1}},
		{"", requestCount{}},
	} {
		write(step.write)
		got, err := reader.news()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(step.want, got, cmp.AllowUnexported(request{})); diff != "" {
			t.Errorf("step %d (-want +got):\n%s", i, diff)
		}
	}
	write("not json\n")
	if _, err := reader.news(); err == nil {
		t.Error("a line that is not JSON was counted")
	}
}

func TestRequestKind(t *testing.T) {
	for name, tc := range map[string]struct {
		verb, resource string
		want           requestKind
	}{
		"apply":             {"patch", "networkpolicies", kindRepair},
		"read back":         {"get", "networkpolicies", kindRepair},
		"watch":             {"watch", "networkpolicies", kindOther},
		"policy status":     {"patch", "controlpolicies/status", kindStatus},
		"policy":            {"get", "controlpolicies", kindOther},
		"event":             {"create", "events", kindEvent},
		"lease":             {"update", "leases", kindLease},
		"not a resource":    {"get", "/readyz", kindOther},
		"path with /status": {"get", "/metrics/status", kindOther},
	} {
		t.Run(name, func(t *testing.T) {
			if got := (request{"someone", tc.verb, tc.resource}).kind(); got != tc.want {
				t.Errorf("kind = %s, want %s", got, tc.want)
			}
		})
	}
}

func TestRequestCountString(t *testing.T) {
	count := requestCount{{"a", "update", "leases"}: 6, {"b", "update", "leases"}: 1, {"a", "get", "/api"}: 2, {"a", "get", "/apis"}: 2}
	want := "update leases: 7; get /api: 2; get /apis: 2"
	if got := count.String(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := (requestCount{}).String(); got != "none" {
		t.Errorf("got %q of no requests, want none", got)
	}
}
