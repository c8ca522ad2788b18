package foreign

import (
	"bytes"
	"encoding/base64"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/holdfast-dev/holdfast/internal/ledger/tlog"
)

// TestCheckpointIsASignedNote: golang.org/x/mod/sumdb/note alone verifies a
// checkpoint, which has the three lines of C2SP tlog-checkpoint.
func TestCheckpointIsASignedNote(t *testing.T) {
	v := newVolume(t)
	for _, size := range []uint64{7, segmentSize + 4} {
		cp := v.grow(size)
		vkey, err := tlog.VerifierKey(cp.Origin, v.key)
		if err != nil {
			t.Fatal(err)
		}
		verifier, err := note.NewVerifier(vkey)
		if err != nil {
			t.Fatal(err)
		}
		n, err := note.Open(cp.Note, note.VerifierList(verifier))
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSuffix(n.Text, "\n"), "\n")
		if len(lines) != 3 || len(n.Sigs) != 1 || len(n.UnverifiedSigs) != 0 {
			t.Fatalf("got %q with %d signatures", n.Text, len(n.Sigs)+len(n.UnverifiedSigs))
		}
		if root, err := base64.StdEncoding.DecodeString(lines[2]); err != nil || !bytes.Equal(root, cp.Root) {
			t.Errorf("root %x, want %x (%v)", root, cp.Root, err)
		}
		if lines[0] != cp.Origin || lines[1] != strconv.FormatUint(cp.Size, 10) {
			t.Errorf("got %q", lines)
		}
		forged := bytes.Replace(cp.Note, []byte("\n"+lines[1]+"\n"), []byte("\n1"+lines[1]+"\n"), 1)
		if _, err := note.Open(forged, note.VerifierList(verifier)); err == nil {
			t.Error("another size verifies")
		}
	}
}
