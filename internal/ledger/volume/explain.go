package volume

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// errNotDir is returned where a directory is wanted and something else is.
var errNotDir = errors.New("is not a directory")

// Explain says of an error of the volume on which dir is where that is, and what a
// person can do.
// Other errors are returned as they are.
func Explain(dir string, err error) error {
	err = Classify(err)
	var remedy string
	switch {
	case err == nil || errors.Is(err, ErrInUse):
		return err
	case errors.Is(err, ErrReadOnly):
		remedy = "mount the volume for writing; a file system that turned read-only by itself has a disk to be looked after"
	case errors.Is(err, ErrFull):
		remedy = "enlarge the volume (the chart's ledger.persistence.size), or free space on it"
	case errors.Is(err, fs.ErrPermission):
		remedy = fmt.Sprintf("let user %d, as whom the operator runs, write there; in a pod fsGroup does that", os.Geteuid())
	case errors.Is(err, errNotDir):
		remedy = "move away what is in its place, or have -ledger-dir name the directory of a volume"
	default:
		return err
	}
	if strings.Contains(err.Error(), dir) {
		return fmt.Errorf("%w: %s", err, remedy)
	}
	return fmt.Errorf("%w (%s): %s", err, dir, remedy)
}
