package ledger

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestKeyFileIsMadeOnceAndNeverReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys", "key.pem")
	first, err := FileKey{path}.Key(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got mode %s, %v, want 0600", info.Mode(), err)
	}
	if again, err := (FileKey{path}).Key(t.Context()); err != nil || !again.Equal(first) {
		t.Errorf("the key changed: %v", err)
	}
	if _, err := (FileKey{path}).create(); err == nil {
		t.Error("a key that is there was replaced")
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
		t.Errorf("got %v, %v, want the key alone", entries, err)
	}
	overwrite(t, path, "damaged")
	if _, err := (FileKey{path}).Key(t.Context()); err == nil {
		t.Error("a damaged key was accepted")
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "damaged" {
		t.Errorf("a damaged key was replaced: %q, %v", got, err)
	}
}

func TestHeadFileIsReadBack(t *testing.T) {
	store := FileHead{filepath.Join(t.TempDir(), "head")}
	if got, err := store.Load(t.Context()); got != nil || err != nil {
		t.Fatalf("before the first: got %v, %v", got, err)
	}
	want := Head{LedgerID: "id", Checkpoint: "a\nb\n", VerifierKey: "key", Holder: "pod", Time: At(time.Unix(1_700_000_000, 0))}
	if err := store.Save(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	if got, err := store.Load(t.Context()); err != nil || *got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	flip(t, store.Path, 5)
	if _, err := store.Load(t.Context()); err == nil {
		t.Error("a damaged head mark was accepted")
	}
}
