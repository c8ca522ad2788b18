package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// facts are what a reader has to know of the machine. They do not name it.
type facts struct {
	date             time.Time
	commit           string
	cores            int
	cpu              string
	memory           uint64 // in bytes
	kernel, golang   string
	kubernetes, etcd string
	// sync is how long it takes to append half a kilobyte to a file and sync it.
	sync sample
	// load is the load average of the last minute, before anything was started.
	load float64
}

// gatherFacts looks at the machine before anything is started on it.
func gatherFacts(ctx context.Context, dir string) (facts, error) {
	f := facts{date: time.Now().UTC(), cores: runtime.NumCPU(), golang: runtime.Version()}
	load, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return facts{}, err
	}
	if _, err := fmt.Sscan(string(load), &f.load); err != nil {
		return facts{}, fmt.Errorf("load average: %w", err)
	}
	if f.cpu, err = processor("/proc/cpuinfo"); err != nil {
		return facts{}, err
	}
	memory, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return facts{}, err
	}
	if f.memory, err = kilobytes(memory, "MemTotal"); err != nil {
		return facts{}, err
	}
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return facts{}, err
	}
	f.kernel = unix.ByteSliceToString(name.Release[:])
	commit, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty").Output()
	if err != nil {
		return facts{}, fmt.Errorf("git describe: %w", err)
	}
	f.commit = strings.TrimSpace(string(commit))
	f.sync, err = syncTimes(dir)
	return f, err
}

// processor returns the model of the first processor.
func processor(path string) (string, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(content)) {
		if name, value, found := strings.Cut(line, ":"); found && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value), nil
		}
	}
	return runtime.GOARCH, nil
}

// syncTimes measures the disk that holds etcd's data and the ledger.
func syncTimes(dir string) (times sample, err error) {
	const (
		tries = 200
		size  = 512
	)
	file, err := os.Create(filepath.Join(dir, "sync"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close(), os.Remove(file.Name())) }()
	for range tries {
		begin := time.Now()
		if _, err := file.Write(make([]byte, size)); err != nil {
			return nil, err
		}
		if err := file.Sync(); err != nil {
			return nil, err
		}
		times = append(times, time.Since(begin))
	}
	return times, nil
}

// versions asks a cluster for its versions.
func (f *facts) versions(ctx context.Context, c *cluster) error {
	server, err := c.client.Discovery().ServerVersion()
	if err != nil {
		return err
	}
	f.kubernetes = server.GitVersion
	get, err := http.NewRequestWithContext(ctx, http.MethodGet, c.controlPlane.EtcdURL()+"/version", nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(get)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return err
	}
	var version struct {
		Server string `json:"etcdserver"`
	}
	if err := json.Unmarshal(body, &version); err != nil {
		return fmt.Errorf("version of etcd: %w", err)
	}
	f.etcd = version.Server
	return nil
}
