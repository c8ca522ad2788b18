package tool

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/hack/tools"
)

func TestPath(t *testing.T) {
	cases := map[string]struct {
		tool tools.Tool
		args []string
		want string
	}{
		"helm":         {tools.Helm(), []string{"--help"}, "Kubernetes package manager"},
		"promtool":     {tools.Promtool(), []string{"--help"}, "Prometheus monitoring system"},
		"crd-ref-docs": {tools.CRDRefDocs(), []string{"--help"}, "--renderer"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			output, err := exec.Command(Path(t, tc.tool), tc.args...).CombinedOutput()
			if err != nil || !strings.Contains(string(output), tc.want) {
				t.Errorf("%v, and without %q:\n%s", err, tc.want, output)
			}
		})
	}
}
