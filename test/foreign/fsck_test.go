package foreign

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
	"golang.org/x/mod/sumdb/note"

	"github.com/holdfast-dev/holdfast/internal/ledger/tlog"
)

// leafHashes are the hashes of a bundle's entries, as C2SP tlog-tiles has them.
func leafHashes(bundle []byte) ([][]byte, error) {
	var b api.EntryBundle
	if err := b.UnmarshalText(bundle); err != nil {
		return nil, err
	}
	hashes := make([][]byte, 0, len(b.Entries))
	for _, entry := range b.Entries {
		hashes = append(hashes, rfc6962.DefaultHasher.HashLeaf(entry))
	}
	return hashes, nil
}

// fsckErr is what Tessera's fsck says of a log.
func (v *volume) fsckErr(origin, dir string) error {
	v.t.Helper()
	vkey, err := tlog.VerifierKey(origin, v.key)
	if err != nil {
		v.t.Fatal(err)
	}
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		v.t.Fatal(err)
	}
	return fsck.New(origin, verifier, client.FileFetcher{Root: dir}, leafHashes, fsck.Opts{N: 2}).Check(v.t.Context())
}

// TestTesseraFsck: Tessera's own fsck accepts every segment of a ledger, and
// finds any byte that is not as it was written.
func TestTesseraFsck(t *testing.T) {
	v := newVolume(t)
	v.grow(2*segmentSize + 5)
	logs := v.logs()
	if len(logs) != 3 {
		t.Fatalf("got %d segments, want 3", len(logs))
	}
	for origin, dir := range logs {
		if err := v.fsckErr(origin, dir); err != nil {
			t.Errorf("%s: %v", origin, err)
		}
		flipped := 0
		for _, file := range newest(t, dir) {
			original, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			changed := append([]byte(nil), original...)
			changed[len(changed)/2] ^= 1
			replace(t, file, changed)
			if err := v.fsckErr(origin, dir); err == nil {
				t.Errorf("%s: a flipped byte in %s went unnoticed", origin, file)
			}
			replace(t, file, original)
			flipped++
		}
		if flipped < 3 {
			t.Errorf("%s: only %d files were changed", origin, flipped)
		}
	}
}

// newest are the checkpoint, and the tiles and bundles that it needs: of partial
// ones only the largest.
func newest(t *testing.T, dir string) []string {
	t.Helper()
	files := []string{filepath.Join(dir, "checkpoint")}
	largest := map[string]string{}
	err := filepath.WalkDir(filepath.Join(dir, "tile"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		of, partial, _ := strings.Cut(path, ".p"+string(filepath.Separator))
		if last := largest[of]; len(partial) > len(last) || len(partial) == len(last) && partial >= last {
			largest[of] = partial
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for of, partial := range largest {
		if partial != "" {
			of = filepath.Join(of+".p", partial)
		}
		files = append(files, of)
	}
	return files
}

func replace(t *testing.T, file string, data []byte) {
	t.Helper()
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
