package controlplane_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/test/controlplane"
)

func TestStopLeavesNothing(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	var logs bytes.Buffer
	cp := start(t, controlplane.Options{Output: &logs})
	pids := map[string]int{
		"etcd":                    cp.EtcdPID(),
		"kube-apiserver":          cp.APIServerPID(0),
		"kube-controller-manager": cp.ControllerManagerPID(),
	}
	for name, pid := range pids {
		if err := syscall.Kill(pid, 0); err != nil {
			t.Errorf("%s with process id %d does not run before the stop: %v", name, pid, err)
		}
	}
	for range 2 { // stopping again is no error
		if err := cp.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	for name, pid := range pids {
		if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("%s with process id %d after the stop: got %v, want no such process", name, pid, err)
		}
	}
	wantEmptyTemp(t)
	for _, want := range []string{"etcd-version", "validating admission controller", "controllermanager.go:"} {
		if !strings.Contains(logs.String(), want) {
			t.Errorf("the output has no line with %q", want)
		}
	}
}

func TestRestartKeepsData(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "kept")
	options := controlplane.Options{Dir: dir, EtcdFsync: true, NoControllerManager: true}
	first := start(t, options)
	createConfigMap(t, newClient(t, first.RESTConfig()), "kept")
	if err := first.Stop(); err != nil {
		t.Fatal(err)
	}

	second := start(t, options)
	identityOfFirst := first.RESTConfig()
	identityOfFirst.Host = second.RESTConfig().Host
	client := newClient(t, identityOfFirst)
	if _, err := client.CoreV1().ConfigMaps("default").Get(t.Context(), "kept", metav1.GetOptions{}); err != nil {
		t.Errorf("the object written before the restart, read with a certificate from before it: %v", err)
	}
}

func TestStartFailures(t *testing.T) {
	tests := map[string]struct {
		options controlplane.Options
		want    []string
	}{
		"a component that ends at once": {
			options: controlplane.Options{APIServerArgs: []string{"--no-such-flag"}},
			want:    []string{"start the control plane: kube-apiserver-0 ended: exit status 1", "unknown flag: --no-such-flag"},
		},
		"binaries that are missing": {
			options: controlplane.Options{AssetsDir: "testdata"},
			want:    []string{"no etcd, kube-apiserver, kube-controller-manager, kubectl in ", "testdata: run make controlplane"},
		},
		"a directory that cannot be made": {
			options: controlplane.Options{Dir: filepath.Join("doc.go", "below")},
			want:    []string{"prepare the control plane: ", "doc.go"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Setenv("TMPDIR", t.TempDir())
			cp, err := controlplane.Start(t.Context(), test.options)
			if err == nil {
				t.Fatal(errors.Join(errors.New("the start succeeded"), cp.Stop()))
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not contain %q", err, want)
				}
			}
			wantEmptyTemp(t)
		})
	}
}

// wantEmptyTemp checks that nothing is left where temporary files go.
func wantEmptyTemp(t *testing.T) {
	t.Helper()
	left, err := os.ReadDir(os.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range left {
		t.Errorf("left behind: %s", entry.Name())
	}
}
