package tlog

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func testKey(t *testing.T) ed25519.PrivateKey {
	t.Helper()
	return ed25519.NewKeyFromSeed([]byte(strings.Repeat("k", ed25519.SeedSize)))
}

func newTree(t *testing.T) Options {
	t.Helper()
	opts := Options{
		Dir: filepath.Join(t.TempDir(), "log"), Origin: Origin("abc", 0), Key: testKey(t),
		BatchAge: 10 * time.Millisecond, CheckpointInterval: 100 * time.Millisecond,
	}
	if err := Create(context.Background(), opts); err != nil {
		t.Fatal(err)
	}
	return opts
}

func leaves(from, n int) [][]byte {
	out := make([][]byte, n)
	for i := range out {
		out[i] = fmt.Appendf(nil, "leaf %d", from+i)
	}
	return out
}

func grow(t *testing.T, opts Options, n int) {
	t.Helper()
	ctx := context.Background()
	tree, err := Open(ctx, opts)
	if err != nil {
		t.Fatal(err)
	}
	for n > 0 {
		batch := min(n, MaxBatch)
		if err := tree.Add(ctx, leaves(int(tree.Size()), batch)); err != nil {
			t.Fatal(err)
		}
		n -= batch
	}
	cp, err := tree.Publish(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := tree.Sweep(cp.Size); err != nil {
		t.Fatal(err)
	}
	if err := tree.Close(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestTreeIsReadBackAndProven(t *testing.T) {
	ctx := context.Background()
	opts := newTree(t)
	var points []*Checkpoint
	for _, n := range []int{1, 99, 200, 500, 7, 256} {
		grow(t, opts, n)
		raw, err := os.ReadFile(filepath.Join(opts.Dir, CheckpointFile))
		if err != nil {
			t.Fatal(err)
		}
		cp, err := OpenCheckpoint(raw, opts.Origin, opts.Key.Public().(ed25519.PublicKey))
		if err != nil {
			t.Fatal(err)
		}
		points = append(points, cp)
	}
	state, err := ReadState(opts.Dir)
	if err != nil {
		t.Fatal(err)
	}
	v := View{Dir: opts.Dir, Size: state.Size}
	if v.Size != 1063 {
		t.Fatalf("got %d leaves, want 1063", v.Size)
	}
	for _, cp := range points {
		if err := v.ProveExtends(ctx, state.Root, cp); err != nil {
			t.Errorf("checkpoint of %d: %v", cp.Size, err)
		}
		root, err := v.RootAt(ctx, cp.Size)
		if err != nil || string(root) != string(cp.Root) {
			t.Errorf("root at %d: got %x, %v, want %x", cp.Size, root, err, cp.Root)
		}
		again, err := Sign(opts.Origin, opts.Key, cp.Size, cp.Root)
		if err != nil || string(again.Note) != string(cp.Note) {
			t.Errorf("signing %d again gives other bytes: %v", cp.Size, err)
		}
	}
	for i := uint64(0); i*256 < v.Size; i++ {
		entries, err := v.Bundle(i)
		if err != nil {
			t.Fatal(err)
		}
		if err := v.CheckLeaves(i, entries); err != nil {
			t.Error(err)
		}
		if want := fmt.Sprintf("leaf %d", i*256); string(entries[0]) != want {
			t.Errorf("got %q, want %q", entries[0], want)
		}
	}
	forged := *points[3]
	forged.Root = points[2].Root
	if err := v.ProveExtends(ctx, state.Root, &forged); !errors.Is(err, ErrInconsistent) {
		t.Errorf("forged checkpoint: got %v, want ErrInconsistent", err)
	}
	if err := (View{Dir: opts.Dir, Size: 100}).ProveExtends(ctx, state.Root, points[3]); !errors.Is(err, ErrSmaller) {
		t.Errorf("smaller tree: got %v, want ErrSmaller", err)
	}
}

func TestSweepLeavesOnlyThePartsThatAreNeeded(t *testing.T) {
	opts := newTree(t)
	for range 6 {
		grow(t, opts, 100)
	}
	var partial []string
	err := filepath.WalkDir(opts.Dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.HasSuffix(path, ".p") {
			rel, _ := filepath.Rel(opts.Dir, path)
			partial = append(partial, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	want := "tile/0/002.p tile/1/000.p tile/entries/002.p"
	if got := strings.Join(partial, " "); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestOpenRefusesAForgedOrMissingState(t *testing.T) {
	for name, state := range map[string]string{
		"missing":     "",
		"smaller":     `{"size":0,"root":"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="}`,
		"other root":  `{"size":10,"root":"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="}`,
		"other form":  `{"size": 10,"root":"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="}`,
		"not a state": `{`,
	} {
		t.Run(name, func(t *testing.T) {
			opts := newTree(t)
			grow(t, opts, 10)
			path := filepath.Join(opts.Dir, StateFile)
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if state != "" {
				if err := os.WriteFile(path, []byte(state), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			s, err := ReadState(opts.Dir)
			if err == nil {
				raw, readErr := os.ReadFile(filepath.Join(opts.Dir, CheckpointFile))
				if readErr != nil {
					t.Fatal(readErr)
				}
				cp, openErr := OpenCheckpoint(raw, opts.Origin, opts.Key.Public().(ed25519.PublicKey))
				if openErr != nil {
					t.Fatal(openErr)
				}
				err = View{Dir: opts.Dir, Size: s.Size}.ProveExtends(context.Background(), s.Root, cp)
			}
			if err == nil {
				t.Error("the state was accepted")
			}
		})
	}
}

func TestCheckpointHasOneForm(t *testing.T) {
	key := testKey(t)
	public := key.Public().(ed25519.PublicKey)
	cp, err := Sign(Origin("abc", 3), key, 12345, make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenCheckpoint(cp.Note, cp.Origin, public); err != nil {
		t.Fatal(err)
	}
	for i := range cp.Note {
		for bit := range 8 {
			changed := append([]byte{}, cp.Note...)
			changed[i] ^= 1 << bit
			if _, err := OpenCheckpoint(changed, cp.Origin, public); err == nil {
				t.Errorf("byte %d, bit %d: the changed checkpoint was accepted", i, bit)
			}
		}
	}
}

func TestOriginAndKeyRoundTrip(t *testing.T) {
	public := testKey(t).Public().(ed25519.PublicKey)
	for _, segment := range []uint64{0, 1, 41} {
		origin := Origin("0123", segment)
		id, got, err := ParseOrigin(origin)
		if err != nil || id != "0123" || got != segment {
			t.Errorf("%s: got %s, %d, %v", origin, id, got, err)
		}
		vkey, err := VerifierKey(origin, public)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := PublicKey(vkey); err != nil || !again.Equal(public) {
			t.Errorf("%s: got %x, %v", vkey, again, err)
		}
	}
	for _, origin := range []string{"", "example.com/log", "holdfast.dev/ledger/a/0", "holdfast.dev/ledger/a/01", "holdfast.dev/ledger/a/b"} {
		if _, _, err := ParseOrigin(origin); err == nil {
			t.Errorf("%q was accepted", origin)
		}
	}
}
