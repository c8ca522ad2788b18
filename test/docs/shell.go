package docs

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience is how long a command may take.
const patience = 3 * time.Minute

// shell is a reader's: what one command leaves, such as a variable, the next one
// finds.
type shell struct {
	// output is the file that a command prints to.
	output   string
	commands io.Writer
	statuses chan int
}

// startShell starts bash in a directory. It ends with the test, and everything
// that it started with it.
func startShell(tb testing.TB, dir string, env []string) *shell {
	tb.Helper()
	s := &shell{output: filepath.Join(tb.TempDir(), "output"), statuses: make(chan int)}
	reader, writer, err := os.Pipe()
	if err != nil {
		tb.Fatal(err)
	}
	cmd := exec.Command("bash", "--norc", "--noprofile")
	cmd.Dir, cmd.Env = dir, env
	cmd.ExtraFiles = []*os.File{writer}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	commands, err := cmd.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatalf("start bash: %v", err)
	}
	s.commands = commands
	_ = writer.Close() // bash has its own
	go s.read(reader)
	tb.Cleanup(func() {
		// The whole group: what a page started in the background ends with it.
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
		_ = reader.Close()
	})
	return s
}

// read passes on the exit statuses that bash writes.
func (s *shell) read(from io.Reader) {
	defer close(s.statuses)
	for lines := bufio.NewScanner(from); lines.Scan(); {
		status, err := strconv.Atoi(lines.Text())
		if err != nil {
			return
		}
		s.statuses <- status
	}
}

// run runs a command, and returns what it printed and its exit status.
func (s *shell) run(command string) (output string, status int, err error) {
	// Descriptor 3 is the pipe, which a process in the background must not keep.
	script := fmt.Sprintf("{\n%s\n} >'%s' 2>&1 </dev/null 3>&-\necho $? >&3\n", command, s.output)
	if _, err := io.WriteString(s.commands, script); err != nil {
		return "", 0, fmt.Errorf("the shell has ended: %w", err)
	}
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	status, open := 0, true
	select {
	case status, open = <-s.statuses:
	case <-timeout.C:
		err = fmt.Errorf("no end within %s", patience)
	}
	if !open {
		err = fmt.Errorf("the shell has ended")
	}
	printed, readErr := os.ReadFile(s.output)
	if err == nil {
		err = readErr
	}
	return strings.ToValidUTF8(string(printed), "?"), status, err
}
