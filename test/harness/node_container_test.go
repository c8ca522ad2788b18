package harness

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func TestLocalPaths(t *testing.T) {
	mounts := []Mount{{Path: "/var/lib/holdfast", Dir: "/x/volume"}, {Path: "/var/lib/holdfast/exports", Dir: "/x/exports"}}
	for arg, want := range map[string]string{
		"--ledger-dir=/var/lib/holdfast/ledger":   "--ledger-dir=/x/volume/ledger",
		"--export-dir=/var/lib/holdfast/exports":  "--export-dir=/x/exports",
		"/var/lib/holdfast":                       "/x/volume",
		"--dir=/var/lib/holdfast-of-another":      "--dir=/var/lib/holdfast-of-another",
		"--leader-elect":                          "--leader-elect",
		"--a=b=/var/lib/holdfast":                 "--a=b=/var/lib/holdfast",
		"--ledger-dir=/var/lib/holdfast/exports/": "--ledger-dir=/x/exports/",
	} {
		if got := local(arg, mounts); got != want {
			t.Errorf("local(%s): got %s, want %s", arg, got, want)
		}
	}
}

func TestBoundAddresses(t *testing.T) {
	ports := map[int32]string{8082: "127.0.0.1:40001"}
	for arg, want := range map[string]string{
		"--ledger-bind-address=:8082":        "--ledger-bind-address=127.0.0.1:40001",
		"--ledger-bind-address=0.0.0.0:8082": "--ledger-bind-address=127.0.0.1:40001",
		"--ledger-bind-address=:8083":        "--ledger-bind-address=:8083",
		"--to=10.0.0.1:8082":                 "--to=10.0.0.1:8082",
		"--ledger-bind-address=0":            "--ledger-bind-address=0",
		"--leader-elect":                     "--leader-elect",
	} {
		if got := bind(arg, ports); got != want {
			t.Errorf("bind(%s): got %s, want %s", arg, got, want)
		}
	}
}

func TestEnvironment(t *testing.T) {
	field := func(path string) *corev1.EnvVarSource {
		return &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: path}}
	}
	limit := func(name, divisor string) *corev1.EnvVarSource {
		return &corev1.EnvVarSource{ResourceFieldRef: &corev1.ResourceFieldSelector{Resource: name, Divisor: resource.MustParse(divisor)}}
	}
	pod := &corev1.Pod{}
	pod.Name, pod.Namespace, pod.UID = "holdfast-0", "holdfast-system", "u1"
	pod.Spec.Containers = []corev1.Container{{
		Resources: corev1.ResourceRequirements{Limits: corev1.ResourceList{"memory": resource.MustParse("256Mi"), "cpu": resource.MustParse("1500m")}},
	}}
	for name, c := range map[string]struct {
		variable  corev1.EnvVar
		want      string
		wantError string
	}{
		"a value":              {corev1.EnvVar{Value: "x"}, "x", ""},
		"the pod's UID":        {corev1.EnvVar{ValueFrom: field("metadata.uid")}, "u1", ""},
		"the namespace":        {corev1.EnvVar{ValueFrom: field("metadata.namespace")}, "holdfast-system", ""},
		"a limit, in bytes":    {corev1.EnvVar{ValueFrom: limit("limits.memory", "0")}, "268435456", ""},
		"a limit, in MiB":      {corev1.EnvVar{ValueFrom: limit("limits.memory", "1Mi")}, "256", ""},
		"a limit, rounded up":  {corev1.EnvVar{ValueFrom: limit("limits.cpu", "1")}, "2", ""},
		"a limit not stated":   {corev1.EnvVar{ValueFrom: limit("requests.cpu", "1")}, "", "no requests.cpu"},
		"a field not known":    {corev1.EnvVar{ValueFrom: field("metadata.labels")}, "", "metadata.labels"},
		"the value of another": {corev1.EnvVar{Name: "A", ValueFrom: &corev1.EnvVarSource{}}, "", "variable A"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := (&nodePod{pod: pod}).value(c.variable)
			if got != c.want || (err != nil) != (c.wantError != "") || err != nil && !strings.Contains(err.Error(), c.wantError) {
				t.Errorf("got %q, %v, want %q, %q", got, err, c.want, c.wantError)
			}
		})
	}
}

func TestIdentity(t *testing.T) {
	for name, c := range map[string]struct {
		pod       *corev1.PodSecurityContext
		container *corev1.SecurityContext
		want      Container
		wantError bool
	}{
		"the image's":       {want: Container{UID: nonRoot, GID: nonRoot}},
		"the pod's":         {pod: &corev1.PodSecurityContext{RunAsUser: new(int64(7)), RunAsGroup: new(int64(8))}, want: Container{UID: 7, GID: 8}},
		"the container's":   {pod: &corev1.PodSecurityContext{RunAsUser: new(int64(7))}, container: &corev1.SecurityContext{RunAsUser: new(int64(9)), ReadOnlyRootFilesystem: new(true)}, want: Container{UID: 9, GID: nonRoot, ReadOnlyRoot: true}},
		"root, where not":   {pod: &corev1.PodSecurityContext{RunAsNonRoot: new(true)}, container: &corev1.SecurityContext{RunAsUser: new(int64(0))}, wantError: true},
		"root, as it wants": {container: &corev1.SecurityContext{RunAsUser: new(int64(0))}, want: Container{UID: 0, GID: nonRoot}},
	} {
		t.Run(name, func(t *testing.T) {
			pod := &corev1.Pod{Spec: corev1.PodSpec{SecurityContext: c.pod, Containers: []corev1.Container{{SecurityContext: c.container}}}}
			got := Container{}
			err := (&nodePod{pod: pod}).identify(&got)
			if (err != nil) != c.wantError {
				t.Fatalf("got %v, want an error: %t", err, c.wantError)
			}
			if diff := cmp.Diff(c.want, got); err == nil && diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestTail(t *testing.T) {
	for lines, want := range map[string]string{"": "a\nb\nc\n", "1": "c\n", "2": "b\nc\n", "9": "a\nb\nc\n"} {
		if got := tail("a\nb\nc\n", lines); got != want {
			t.Errorf("%q lines: got %q, want %q", lines, got, want)
		}
	}
}

// TestProbe has a server fail and recover, and reads what is reported.
func TestProbe(t *testing.T) {
	var answer atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(int(answer.Load())) }))
	defer server.Close()
	probe := &corev1.Probe{
		PeriodSeconds: 1, FailureThreshold: 2,
		ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/", Port: intstr.FromString("probes")}},
	}
	at := target{
		spec:  &corev1.Container{Ports: []corev1.ContainerPort{{Name: "probes", ContainerPort: 8081}}},
		ports: map[int32]string{8081: strings.TrimPrefix(server.URL, "http://")},
	}
	// The server answers with the next code after each report.
	codes := []int32{http.StatusServiceUnavailable, http.StatusOK, http.StatusInternalServerError, http.StatusOK}
	answer.Store(codes[0])
	var got []bool
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	at.poll(ctx, probe, true, func(err error) bool {
		got = append(got, err == nil)
		if len(got) == len(codes) {
			return true
		}
		answer.Store(codes[len(got)])
		return false
	})
	if diff := cmp.Diff([]bool{false, true, false, true}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}

	probe.HTTPGet.Port = intstr.FromString("metrics")
	if err := at.ask(t.Context(), probe); err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("a port that is not stated: got %v", err)
	}
}
