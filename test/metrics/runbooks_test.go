package metrics

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// block is a block of commands.
var block = regexp.MustCompile("(?ms)^```sh\n(.*?)^```$")

// logs are the commands that need a kubelet, which the cluster of this test lacks.
const logs = "kubectl --namespace holdfast-system logs "

// runsTheRunbooks runs every command of the runbooks, on what an alert would name.
func (s *stage) runsTheRunbooks(t *testing.T) {
	names := strings.NewReplacer("POLICY", policyName, "SCHEDULE", scheduleName, "NAMESPACE", herd)
	files, err := filepath.Glob(filepath.Join(runbooksDir, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	ran := map[string]bool{}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range block.FindAllStringSubmatch(string(content), -1) {
			for command := range strings.Lines(b[1]) {
				if command = names.Replace(strings.TrimSpace(command)); !ran[command] && !strings.HasPrefix(command, logs) {
					ran[command] = true
					s.runs(t, file, command)
				}
			}
		}
	}
	if len(ran) == 0 {
		t.Error("the runbooks have no commands")
	}
}

// runs runs a command of a page as a reader does.
func (s *stage) runs(t *testing.T, file, command string) {
	t.Helper()
	shell := exec.CommandContext(t.Context(), "sh", "-ec", command)
	shell.Env = append(os.Environ(), "KUBECONFIG="+s.Kubeconfig(), "PATH="+filepath.Dir(s.KubectlPath())+":"+os.Getenv("PATH"))
	if output, err := shell.CombinedOutput(); err != nil {
		t.Errorf("%s: %s: %v\n%s", filepath.Base(file), command, err, output)
	}
}
