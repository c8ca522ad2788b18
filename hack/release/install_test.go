package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/module"
	modzip "golang.org/x/mod/zip"
)

const (
	modulePath = "github.com/holdfast-dev/holdfast"
	// installed is a version that nobody releases.
	installed = "v0.0.0-20200101000000-installtested"
)

// TestGoInstall installs the plugin from a module proxy that has what is committed:
// with none of our files in reach, nor the settings of our go.mod.
func TestGoInstall(t *testing.T) {
	proxy, bin, work := t.TempDir(), t.TempDir(), t.TempDir()
	publish(t, proxy)
	cache := strings.TrimSpace(command(t, nil, "go", "env", "GOMODCACHE"))
	env := []string{
		// What others published is in the cache of who has built the repository, where
		// its go.sum was held against it.
		"GOPROXY=file://" + filepath.ToSlash(proxy) + ",file://" + filepath.ToSlash(cache) + "/cache/download", "GOSUMDB=off",
		"GOMODCACHE=" + filepath.Join(work, "mod"), "GOBIN=" + bin, "GOWORK=off", "CGO_ENABLED=0",
		// Without paths in it, what was compiled before need not be compiled again.
		"GOFLAGS=-trimpath -modcacherw",
	}
	t.Chdir(work)
	command(t, env, "go", "install", modulePath+"/cmd/kubectl-holdfast@"+installed)
	said := command(t, nil, filepath.Join(bin, "kubectl-holdfast"), "version")
	if want := "kubectl-holdfast " + installed + " " + runtime.Version() + " " + here.String() + "\n"; said != want {
		t.Errorf("it says %q, not %q", said, want)
	}
}

// publish makes a module proxy (https://go.dev/ref/mod#goproxy-protocol) that has
// one version of our module.
func publish(t *testing.T, proxy string) {
	t.Helper()
	dir := filepath.Join(proxy, filepath.FromSlash(modulePath), "@v")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	archive, err := os.Create(filepath.Join(dir, installed+".zip"))
	if err != nil {
		t.Fatal(err)
	}
	from := clone(t, root(t))
	if err := modzip.CreateFromVCS(archive, module.Version{Path: modulePath, Version: installed}, from, "HEAD", ""); err != nil {
		t.Fatal(err)
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	mod, err := os.ReadFile(filepath.Join(from, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	info, err := json.Marshal(map[string]any{"Version": installed, "Time": time.Unix(0, 0).UTC()})
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{installed + ".mod": mod, installed + ".info": info, "list": []byte(installed + "\n")} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
