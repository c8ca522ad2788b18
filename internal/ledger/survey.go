package ledger

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/internal/ledger/volume"
)

const ledgerSchema = "holdfast.dev/ledger/v1"

// identity is the content of the file that begins a ledger. It does not change.
type identity struct {
	Schema      string           `json:"schema"`
	LedgerID    string           `json:"ledgerID"`
	Reason      OpenReason       `json:"reason"`
	Predecessor *PredecessorBody `json:"predecessor,omitempty"`
	// Supersedes are further ledgers on the volume that this one puts an end to.
	Supersedes  []string    `json:"supersedes,omitempty"`
	Cluster     ClusterBody `json:"cluster"`
	VerifierKey string      `json:"verifierKey"`
	// SegmentSize is the number of entries of a segment.
	SegmentSize uint64 `json:"segmentSize"`
}

// LedgerInfo is one ledger of the chain on a volume.
type LedgerInfo struct {
	LedgerID    string
	Reason      OpenReason
	Predecessor *PredecessorBody
	Cluster     ClusterBody
	VerifierKey string
	// Current is true for the ledger that is written.
	Current bool
	// Err says why the ledger's first file cannot be read.
	Err error

	id *identity
}

// Ledgers returns the ledgers on a volume, oldest first.
func Ledgers(dir string) ([]LedgerInfo, error) {
	names, err := list(filepath.Join(dir, ledgersDir))
	if err != nil {
		return nil, err
	}
	infos := map[string]LedgerInfo{}
	for _, name := range names {
		if validID(name) {
			infos[name] = readIdentity(dir, name)
		}
	}
	order := chain(infos)
	tips := tipsOf(infos)
	for i := range order {
		order[i].Current = len(tips) == 1 && order[i].LedgerID == tips[0]
	}
	return order, nil
}

func readIdentity(dir, id string) LedgerInfo {
	info := LedgerInfo{LedgerID: id}
	data, err := os.ReadFile(placeOf(dir, id, 0).file())
	if err != nil {
		info.Err = err
		return info
	}
	var f identity
	if info.Err = volume.DecodeChecked(data, &f); info.Err != nil {
		return info
	}
	if f.Schema != ledgerSchema || f.LedgerID != id || f.SegmentSize == 0 {
		info.Err = fmt.Errorf("schema %q, ledger %q, segments of %d entries", f.Schema, f.LedgerID, f.SegmentSize)
		return info
	}
	info.id, info.Reason, info.Predecessor = &f, f.Reason, f.Predecessor
	info.Cluster, info.VerifierKey = f.Cluster, f.VerifierKey
	return info
}

// ended returns the ledgers that another one continues or puts an end to.
func ended(infos map[string]LedgerInfo) map[string]bool {
	done := map[string]bool{}
	for _, info := range infos {
		if info.Predecessor != nil {
			done[info.Predecessor.LedgerID] = true
		}
		if info.id != nil {
			for _, id := range info.id.Supersedes {
				done[id] = true
			}
		}
	}
	return done
}

// tipsOf returns the ledgers that no other one continues, sorted.
func tipsOf(infos map[string]LedgerInfo) []string {
	done := ended(infos)
	var tips []string
	for _, id := range sortedKeys(infos) {
		if !done[id] {
			tips = append(tips, id)
		}
	}
	return tips
}

// chain orders ledgers so that each comes after those that it puts an end to.
func chain(infos map[string]LedgerInfo) []LedgerInfo {
	var order []LedgerInfo
	placed := map[string]bool{}
	var put func(id string)
	put = func(id string) {
		info, ok := infos[id]
		if !ok || placed[id] {
			return
		}
		placed[id] = true
		if info.id != nil {
			for _, s := range info.id.Supersedes {
				put(s)
			}
		}
		if info.Predecessor != nil {
			put(info.Predecessor.LedgerID)
		}
		order = append(order, info)
	}
	for _, id := range sortedKeys(infos) {
		put(id)
	}
	return order
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// current returns the one ledger on a volume that can be read as the current one.
func current(dir string) (*LedgerInfo, error) {
	infos, err := Ledgers(dir)
	if err != nil {
		return nil, err
	}
	for i := range infos {
		if infos[i].Current {
			if infos[i].Err != nil {
				return nil, fmt.Errorf("ledger %s: %w", infos[i].LedgerID, infos[i].Err)
			}
			return &infos[i], nil
		}
	}
	return nil, fmt.Errorf("%s holds no ledger, or several: %w", dir, fs.ErrNotExist)
}

// removeIncomplete removes what a crash left of a ledger or a segment that was
// being made. Nothing refers to it.
func removeIncomplete(dir string) error {
	for _, pattern := range []string{
		filepath.Join(dir, ledgersDir, "*"+newSuffix),
		filepath.Join(dir, ledgersDir, "*", segmentsDir, "*"+newSuffix),
	} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			return err
		}
		for _, path := range paths {
			if err := os.RemoveAll(path); err != nil {
				return volume.Classify(err)
			}
		}
	}
	return nil
}

// removeTemps removes what a crash left of files that were being written, in a
// ledger that is to be written on. Objects are left out: the journal still has
// one whose file is not complete.
func (p place) removeTemps(volumeDir string, segment uint64) error {
	var stale []string
	for _, dir := range []string{volumeDir, p.dir, p.snapshots()} {
		paths, err := filepath.Glob(filepath.Join(dir, "*"+volume.TempSuffix))
		if err != nil {
			return err
		}
		stale = append(stale, paths...)
	}
	err := filepath.WalkDir(p.log(segment), func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && isTesseraTemp(d.Name()) {
			stale = append(stale, path)
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, path := range stale {
		if err := os.Remove(path); err != nil {
			return volume.Classify(err)
		}
	}
	return nil
}

// isTesseraTemp reports whether a name below a log is that of a file that
// Tessera did not complete: it appends the digits of a random number. Its own
// names have three digits at most.
func isTesseraTemp(name string) bool {
	rest := strings.TrimPrefix(name, "x")
	for _, stem := range []string{"checkpoint", "treeState", "version"} {
		if after, ok := strings.CutPrefix(rest, stem); ok {
			return after != "" && allDigits(after)
		}
	}
	return len(rest) > 3 && allDigits(rest)
}

func allDigits(s string) bool { return strings.Trim(s, "0123456789") == "" }
