package image

import (
	"debug/buildinfo"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/version"
	"github.com/holdfast-dev/holdfast/test/harness"
)

const (
	system = "holdfast-system"
	policy = "baseline"
	shop   = "shop"
	// nonRoot is the user of the image, and of the chart.
	nonRoot = 65532
	// patience is helm's and kubectl's.
	patience = "--timeout=4m"
)

// unpacked is the image of this machine's platform.
type unpacked struct {
	// name is what it is installed by, root is where its files are.
	name, root string
}

// unpack makes the image, as make does, and unpacks it.
func unpack(t *testing.T) unpacked {
	t.Helper()
	dir, platform := t.TempDir(), "-platforms=linux/"+runtime.GOARCH
	u := unpacked{root: filepath.Join(dir, "root")}
	printed := release(t, "image", "-dir="+dir, platform)
	parts := regexp.MustCompile(`^(holdfast-dev/holdfast:[^@]+)@sha256:[0-9a-f]{64}\n$`).FindStringSubmatch(printed)
	if parts == nil {
		t.Fatalf("the image's name is %q", printed)
	}
	u.name = parts[1]
	release(t, "unpack", "-dir="+dir, platform, u.root)
	return u
}

// release runs what makes a release, and returns what it printed.
func release(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"run", "."}, args...)...)
	cmd.Dir = filepath.Join(harness.Root(t), "hack", "release")
	output, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("release %v: %v\n%s", args, err, exit.Stderr)
		}
		t.Fatalf("release %v: %v", args, err)
	}
	return string(output)
}

func TestImage(t *testing.T) {
	image := unpack(t)
	t.Run("needs no library", func(t *testing.T) { static(t, image) })
	t.Run("says its version", func(t *testing.T) { versioned(t, image) })
	t.Run("has certificate authorities", func(t *testing.T) { trusting(t, image) })
	t.Run("is written to where it is mounted only", func(t *testing.T) { confined(t, image) })
	t.Run("runs", func(t *testing.T) { runs(t, image) })
}

func static(t *testing.T, image unpacked) {
	binary, err := elf.Open(filepath.Join(image.root, "holdfast"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = binary.Close() }()
	for _, p := range binary.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("it has a segment %s", p.Type)
		}
	}
	machine := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}[runtime.GOARCH]
	if binary.Machine != machine {
		t.Errorf("it is for %s, on %s", binary.Machine, runtime.GOARCH)
	}
}

// inside runs a program in a container of the image, and returns what it printed.
func inside(t *testing.T, image unpacked, c harness.Container) string {
	t.Helper()
	c.UID, c.GID, c.ReadOnlyRoot = nonRoot, nonRoot, true
	cmd, err := containers{root: image.root}.Command(c)
	if err != nil {
		t.Fatal(err)
	}
	output, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%v (it needs to be root, or to be let make user namespaces)", err)
	}
	return string(output)
}

func versioned(t *testing.T, image unpacked) {
	want := fmt.Sprintf("holdfast %s %s linux/%s\n", stamped(t, image), runtime.Version(), runtime.GOARCH)
	if diff := cmp.Diff(want, inside(t, image, harness.Container{Args: []string{"--version"}})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// stamped is the version and the revision that are stamped into the program.
func stamped(t *testing.T, image unpacked) string {
	t.Helper()
	return version.Of(built(t, image))
}

// built is what the program says that it was built from.
func built(t *testing.T, image unpacked) *debug.BuildInfo {
	t.Helper()
	info, err := buildinfo.ReadFile(filepath.Join(image.root, "holdfast"))
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// trusting: there are no authorities in the image's files, where a system has them,
// so they have to be in the program.
func trusting(t *testing.T, image unpacked) {
	const roots = "golang.org/x/crypto/x509roots/fallback"
	if !slices.ContainsFunc(built(t, image).Deps, func(m *debug.Module) bool { return m.Path == roots }) {
		t.Errorf("%s is not linked in", roots)
	}
	if _, err := os.Stat(filepath.Join(image.root, "etc", "ssl")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("there is a directory of certificates: %v", err)
	}
}

func confined(t *testing.T, image unpacked) {
	volume, fixed := t.TempDir(), t.TempDir()
	if os.Getuid() == 0 {
		if err := errors.Join(os.Chown(volume, nonRoot, nonRoot), os.Chown(fixed, nonRoot, nonRoot)); err != nil {
			t.Fatal(err)
		}
	}
	mounts := []harness.Mount{{Path: "/var/lib/volume", Dir: volume}, {Path: "/var/lib/fixed", Dir: fixed, ReadOnly: true}}
	cases := map[string]string{
		"/file":                    "open /file: read-only file system\n",
		"/etc/passwd":              "open /etc/passwd: read-only file system\n",
		"/var/lib/fixed/file":      "open /var/lib/fixed/file: read-only file system\n",
		"/var/lib/volume/file":     "user 65532 wrote /var/lib/volume/file\n",
		"/proc/self/attr/file":     "open /proc/self/attr/file: no such file or directory\n",
		filepath.Join(volume, "f"): "open " + filepath.Join(volume, "f") + ": no such file or directory\n",
	}
	for path, want := range cases {
		got := inside(t, image, harness.Container{Command: []string{writeProgram, path}, Mounts: mounts})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
}

func runs(t *testing.T, image unpacked) {
	cluster := harness.StartCluster(t, harness.ClusterOptions{Binary: filepath.Join(image.root, "holdfast"), PodNetwork: true, NoCRDs: true})
	node := cluster.StartNode(t, harness.NodeOptions{Launcher: containers{root: image.root}})
	cluster.Namespace(t, system, "pod-security.kubernetes.io/enforce", "restricted")
	cluster.Helm(t, "install", "holdfast", cluster.Chart(), "--namespace", system, "--set", "enforce.networkIsolation=true", "--wait", patience)
	pods := &corev1.PodList{}
	if err := cluster.List(t.Context(), pods, client.InNamespace(system)); err != nil {
		t.Fatal(err)
	}
	if len(pods.Items) != 1 {
		t.Fatalf("there are %d pods", len(pods.Items))
	}
	pod := pods.Items[0]
	if pod.Spec.Containers[0].Image != image.name {
		t.Errorf("the chart installs %s, and the image is %s", pod.Spec.Containers[0].Image, image.name)
	}

	cluster.Namespace(t, shop, "tier", "production")
	cluster.Apply(t, harness.Policy(policy).Select("tier", "production").Deny("Ingress").Enforce())
	cluster.AwaitDenied(t, shop)
	cluster.AwaitConforming(t, policy)

	dir := node.ClaimDir(t, system, "holdfast-ledger")
	cluster.Helm(t, "upgrade", "holdfast", cluster.Chart(), "--namespace", system, "--reuse-values", "--set", "replicas=0", "--wait", patience)
	harness.Eventually(t, "the operator stops in order", func() error {
		if log := node.Logs(t, system, pod.Name); !strings.Contains(log, "Holdfast has stopped") {
			return errors.New(log)
		}
		return nil
	})
	recorded(t, image, dir)
	if n := pod.Status.ContainerStatuses[0].RestartCount; n != 0 {
		t.Errorf("it was restarted %d times", n)
	}
}

// recorded says what the ledger has to hold of all that.
func recorded(t *testing.T, image unpacked, dir string) {
	t.Helper()
	evidence, err := harness.ReadEvidence(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	started := evidence.Kind(ledger.KindOperatorStarted)
	if len(started) != 1 || started[0].Operator.Version != stamped(t, image) {
		t.Errorf("the starts that were recorded are %v, of version %s", started, stamped(t, image))
	}
	if err := evidence.Episodes().Of(policy).On(shop).Ended(ledger.EndingRepaired).Want(1); err != nil {
		t.Error(err)
	}
	if last := evidence[len(evidence)-1]; last.Kind != ledger.KindOperatorStopped {
		t.Errorf("the last entry is %s", last.Kind)
	}
}
