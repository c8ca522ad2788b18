package process

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

// parentVariable makes the test binary play a parent that starts a component and
// waits to be killed; its value is the directory for the component's log.
const parentVariable = "PROCESS_TEST_PARENT"

func TestMain(m *testing.M) {
	if dir := os.Getenv(parentVariable); dir != "" {
		playParent(dir)
	}
	os.Exit(m.Run())
}

// playParent starts a component, prints its process id and never returns.
func playParent(dir string) {
	child := sleeper(dir)
	if err := child.Start(); err != nil {
		panic(err)
	}
	fmt.Println(child.PID())
	for {
		time.Sleep(time.Hour)
	}
}

func sleeper(dir string) *Process {
	return &Process{
		Name:    "sleeper",
		Binary:  "sleep",
		Args:    []string{"3600"},
		LogPath: filepath.Join(dir, "sleeper.log"),
	}
}

func TestChildDiesWithItsParent(t *testing.T) {
	parent := exec.CommandContext(t.Context(), os.Args[0])
	parent.Env = append(os.Environ(), parentVariable+"="+t.TempDir())
	output, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	child, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	if !runs(child) {
		t.Fatalf("the child %d does not run before its parent is killed", child)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	await(t, "the child is gone", func() bool { return !runs(child) })
	var exit *exec.ExitError
	if err := parent.Wait(); !errors.As(err, &exit) {
		t.Errorf("wait for the killed parent: got %v, want an exit error", err)
	}
}

// A goroutine that locked its thread and ends takes the thread with it. The
// kernel ties a child to the thread that started it, which must be another.
func TestChildOutlivesTheThreadThatAskedForIt(t *testing.T) {
	child := sleeper(t.TempDir())
	thread := make(chan int, 1)
	go onPassingThread(func() {
		if err := child.Start(); err != nil {
			t.Error(err)
		}
		thread <- syscall.Gettid()
	})
	task := fmt.Sprintf("/proc/self/task/%d", <-thread)
	await(t, "the thread is gone", func() bool {
		_, err := os.Stat(task)
		return os.IsNotExist(err)
	})
	life := child.current()
	if err := child.Stop(); err != nil {
		t.Fatal(err)
	}
	if got, want := life.err.Error(), "signal: terminated"; got != want {
		t.Errorf("the child ended by %q, want %q from the stop", got, want)
	}
}

// onPassingThread calls do on a thread that ends with the calling goroutine. The
// main thread never ends: when the goroutine is on that one, it keeps it busy
// and uses another.
func onPassingThread(do func()) {
	runtime.LockOSThread()
	if syscall.Gettid() != os.Getpid() {
		do()
		return
	}
	defer runtime.UnlockOSThread()
	done := make(chan struct{})
	go func() {
		defer close(done)
		onPassingThread(do)
	}()
	<-done
}

func await(t *testing.T, what string, condition func() bool) {
	t.Helper()
	err := wait.PollUntilContextTimeout(t.Context(), 10*time.Millisecond, time.Minute, true,
		func(context.Context) (bool, error) { return condition(), nil })
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// runs reports whether a process exists and is more than an unread exit status.
func runs(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	return !strings.Contains(string(stat), ") Z ")
}

// What a process started and left behind ends with it, stopped or killed.
func TestEndTakesGrandchildren(t *testing.T) {
	ends := map[string]func(*Process) error{"stopped": (*Process).Stop, "killed": (*Process).Kill}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			p := &Process{Name: "parent", Binary: "sh", LogPath: filepath.Join(t.TempDir(), "log"),
				Args: []string{"-c", `sleep 3600 >/dev/null 2>&1 & echo "$!" "$ADDED"; exec sleep 3600`}, Env: []string{"ADDED=here"}}
			if err := p.Start(); err != nil {
				t.Fatal(err)
			}
			var grandchild int
			var added string
			await(t, "the grandchild runs", func() bool {
				n, err := fmt.Sscan(p.LogTail(), &grandchild, &added)
				return n == 2 && err == nil
			})
			if added != "here" || !runs(grandchild) {
				t.Fatalf("the environment has %q, the grandchild %d runs: %t", added, grandchild, runs(grandchild))
			}
			for range 2 { // ending again is no error
				if err := end(p); err != nil {
					t.Fatal(err)
				}
			}
			await(t, "the grandchild is gone", func() bool { return !runs(grandchild) })
			if p.PID() != 0 {
				t.Errorf("the id of an ended process is %d, want 0", p.PID())
			}
		})
	}
}
