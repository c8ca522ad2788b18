package tool

import (
	"os/exec"
	"strings"
	"testing"
)

func TestPath(t *testing.T) {
	cases := map[string]struct {
		tool Tool
		args []string
		want string
	}{
		"helm":     {Helm, []string{"--help"}, "Kubernetes package manager"},
		"promtool": {Promtool, []string{"--help"}, "Prometheus monitoring system"},
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
