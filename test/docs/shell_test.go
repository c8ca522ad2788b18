package docs

import (
	"os"
	"strings"
	"testing"
)

func TestShellKeepsWhatACommandLeaves(t *testing.T) {
	dir := t.TempDir()
	s := startShell(t, dir, os.Environ())
	cases := []struct {
		command, wantOutput string
		wantStatus          int
	}{
		{"export GREETING=hello && mkdir sub && cd sub", "", 0},
		{"echo $GREETING; basename $PWD", "hello\nsub\n", 0},
		{"echo said >&2; (exit 3)", "said\n", 3},
		{"sleep 600 &", "", 0},
		{"true # and the process in the background keeps nobody waiting", "", 0},
	}
	for _, tc := range cases {
		output, status, err := s.run(tc.command)
		if err != nil || output != tc.wantOutput || status != tc.wantStatus {
			t.Errorf("%s: printed %q, status %d, error %v; want %q, %d", tc.command, output, status, err, tc.wantOutput, tc.wantStatus)
		}
	}
	if _, _, err := s.run("exit 1"); err == nil || !strings.Contains(err.Error(), "the shell has ended") {
		t.Errorf("after exit: error %v, want that the shell has ended", err)
	}
}
