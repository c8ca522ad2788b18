// Package tool builds the tools that tests run, such as helm, from the modules
// that pin them in hack/tools.
package tool

import (
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"sync"
	"testing"

	"github.com/holdfast-dev/holdfast/test/harness"
)

// Tool is a program that a module in hack/tools pins.
type Tool struct {
	// folder is the module's, in hack/tools.
	folder string
	// main is the program's package.
	main string
	// tags are the build tags.
	tags string
}

// The tools.
var (
	// Helm is helm (https://helm.sh).
	Helm = Tool{folder: "helm", main: "helm.sh/helm/v4/cmd/helm"}
	// Promtool checks and tests rules of Prometheus. It is built without service
	// discovery, which is most of its dependencies.
	Promtool = Tool{folder: "promtool", main: "github.com/prometheus/prometheus/cmd/promtool", tags: "remove_all_sd"}
)

// building has a process build one tool at a time.
var building sync.Mutex

// Path builds the tool, unless it is built, and returns the path of its binary.
func Path(tb testing.TB, t Tool) string {
	tb.Helper()
	building.Lock()
	defer building.Unlock()
	root := harness.Root(tb)
	binary := filepath.Join(root, "bin", "tools", path.Base(t.main))
	build := exec.Command("go", "build", "-trimpath", "-tags="+t.tags, "-o", binary, t.main)
	build.Dir = filepath.Join(root, "hack", "tools", t.folder)
	// The settings of the caller must not change what is built.
	build.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=", "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		tb.Fatalf("build %s: %v\n%s", t.main, err, output)
	}
	return binary
}
