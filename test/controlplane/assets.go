package controlplane

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const (
	etcdBinary              = "etcd"
	apiServerBinary         = "kube-apiserver"
	controllerManagerBinary = "kube-controller-manager"
	kubectlBinary           = "kubectl"

	// assetsVariable names a directory with binaries to use instead of our own.
	assetsVariable = "CONTROLPLANE_ASSETS"
)

// AssetsDir returns the directory of the binaries that Start runs by default, and
// of kubectl.
func AssetsDir() (string, error) { return findAssets("") }

// findAssets returns the absolute path of the directory with all binaries.
func findAssets(dir string) (string, error) {
	if dir == "" {
		dir = os.Getenv(assetsVariable)
	}
	if dir == "" {
		root, err := moduleRoot()
		if err != nil {
			return "", err
		}
		dir = filepath.Join(root, "bin", "controlplane")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("locate the control plane binaries: %w", err)
	}
	var missing []string
	for _, name := range []string{etcdBinary, apiServerBinary, controllerManagerBinary, kubectlBinary} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return "", fmt.Errorf("no %s in %s: run make controlplane", strings.Join(missing, ", "), dir)
	}
	return dir, nil
}

// moduleRoot returns the closest directory above the working directory that
// holds a go.mod.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("locate the control plane binaries: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("locate the control plane binaries: no go.mod above the working directory; set " + assetsVariable)
		}
		dir = parent
	}
}
