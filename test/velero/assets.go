package velero

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/holdfast-dev/holdfast/hack/tools"
)

// The binaries, under bin/velero of the repository. The server starts every program
// in the plugins' folder to ask what it is.
const (
	serverBinary = "velero"
	storeBinary  = "versitygw"
	pluginFolder = "plugins"
	pluginBinary = pluginFolder + "/velero-plugin-for-aws"
)

// Built returns nil if "make velero" has built everything in the repository around
// the working directory. It does not look at whether that is current.
func Built() error {
	_, err := assets()
	return err
}

// assets is the folder with the binaries.
func assets() (string, error) {
	root, err := tools.Root()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(root, "bin", "velero")
	var missing []string
	for _, name := range []string{serverBinary, storeBinary, pluginBinary} {
		_, err := os.Stat(filepath.Join(dir, filepath.FromSlash(name)))
		if errors.Is(err, os.ErrNotExist) {
			missing = append(missing, name)
		} else if err != nil {
			return "", err
		}
	}
	if len(missing) > 0 {
		return "", fmt.Errorf("%s has no %s: run make velero", dir, strings.Join(missing, ", "))
	}
	return dir, nil
}
