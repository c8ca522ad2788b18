package ledger

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// The names on the volume. docs/ledger.md describes them.
const (
	lockFile     = "LOCK"
	aliveFile    = "alive"
	ledgersDir   = "ledgers"
	ledgerFile   = "ledger"
	segmentsDir  = "segments"
	logDir       = "log"
	indexFile    = "index"
	journalDir   = "journal"
	objectsDir   = "objects"
	actorsDir    = "actors"
	snapshotsDir = "snapshots"

	newSuffix    = ".new" // of a directory that is not complete yet
	objectSuffix = ".zst"

	idLength = 32 // of a ledger id, in hex digits
)

// place is the directory of one ledger.
type place struct {
	dir         string
	id          string
	segmentSize uint64
}

func placeOf(volumeDir, id string, segmentSize uint64) place {
	return place{dir: filepath.Join(volumeDir, ledgersDir, id), id: id, segmentSize: segmentSize}
}

func (p place) file() string            { return filepath.Join(p.dir, ledgerFile) }
func (p place) journal() string         { return filepath.Join(p.dir, journalDir) }
func (p place) snapshots() string       { return filepath.Join(p.dir, snapshotsDir) }
func (p place) segment(n uint64) string { return filepath.Join(p.dir, segmentsDir, segmentName(n)) }
func (p place) log(n uint64) string     { return filepath.Join(p.segment(n), logDir) }
func (p place) index(n uint64) string   { return filepath.Join(p.segment(n), indexFile) }
func (p place) object(class, dig string) string {
	return filepath.Join(p.dir, class, dig[:2], dig+objectSuffix)
}
func (p place) base(n uint64) uint64           { return n * p.segmentSize }
func (p place) of(seq uint64) (n, leaf uint64) { return seq / p.segmentSize, seq % p.segmentSize }
func (p place) boundary(seq uint64) bool       { return seq > 0 && seq%p.segmentSize == 0 }

// treeOf returns the segment that ends with the first size entries of the
// ledger, and how many leaves of it they are.
func (p place) treeOf(size uint64) (n, leaves uint64) {
	if size == 0 {
		return 0, 0
	}
	n, leaf := p.of(size - 1)
	return n, leaf + 1
}

func segmentName(n uint64) string { return fmt.Sprintf("%06d", n) }

// segmentCount returns how many segments there are. They are numbered from 0,
// without holes.
func (p place) segmentCount() (uint64, error) {
	names, err := list(filepath.Join(p.dir, segmentsDir))
	if err != nil {
		return 0, err
	}
	for i, name := range names {
		if name != segmentName(uint64(i)) {
			return 0, fmt.Errorf("%s: segment %s, want %s", p.dir, name, segmentName(uint64(i)))
		}
	}
	if len(names) == 0 {
		return 0, fmt.Errorf("%s has no segment", p.dir)
	}
	return uint64(len(names)), nil
}

// list returns the names in a directory, sorted, without directories that are
// not complete. A directory that does not exist has none.
func list(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), newSuffix) {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

func validID(id string) bool {
	if len(id) != idLength || strings.ToLower(id) != id {
		return false
	}
	_, err1 := strconv.ParseUint(id[:16], 16, 64)
	_, err2 := strconv.ParseUint(id[16:], 16, 64)
	return err1 == nil && err2 == nil
}
