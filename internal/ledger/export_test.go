package ledger

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// exported writes an export of a volume to another directory.
func exported(t *testing.T, dir string, opts ExportOptions) (string, *Exported) {
	t.Helper()
	r, err := NewReader(dir)
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), "export")
	done, err := r.Export(context.Background(), opts, func(path string, data []byte) error {
		full := filepath.Join(to, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(full), 0o750); err != nil {
			return err
		}
		return os.WriteFile(full, data, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	return to, done
}

// leftOut is what VerifyOptions.Omitted is for an export.
func leftOut(done *Exported) func(class, digest string) bool {
	return func(class, digest string) bool { return slices.Contains(done.LeftOut, class+"/"+digest) }
}

// TestExportIsAllThatAReaderNeeds: an export verifies as the volume does, though
// the volume goes on meanwhile, and is read as the volume is.
func TestExportIsAllThatAReaderNeeds(t *testing.T) {
	t.Parallel()
	c := pastLedger(t, false)
	c.settled()
	c.age(t)
	if _, err := c.rec.Prune(context.Background()); err != nil {
		t.Fatal(err)
	}
	for i := range 30 {
		c.durable(drift(), withObject(t, correction(), 1000+i))
	}
	to, done := exported(t, c.opts.Dir, ExportOptions{})
	again, _ := exported(t, to, ExportOptions{})
	c.stop()
	if diff := cmp.Diff(relative(t, to), relative(t, again)); diff != "" {
		t.Errorf("an export of an export (-want +got):\n%s", diff)
	}
	l := done.Ledgers[0]
	if l.First == 0 || l.Entries <= l.First || len(done.LeftOut) > 0 {
		t.Errorf("got entries %d to %d, left out %v", l.First, l.Entries, done.LeftOut)
	}
	got, err := Verify(context.Background(), to, VerifyOptions{Copy: true, Keys: []string{l.VerifierKey}, Held: [][]byte{[]byte(l.Checkpoint)}})
	if err != nil || got.Status != VerifyValid || len(got.Notes) > 0 {
		t.Fatalf("got %+v, %v", got, err)
	}
	if v := got.Ledgers[0]; v.Entries != l.Entries || v.First != l.First || v.Held != l.Entries {
		t.Errorf("verified %d to %d, held %d", v.First, v.Entries, v.Held)
	}
	reader, err := NewReader(to)
	if err != nil {
		t.Fatal(err)
	}
	next := l.First
	err = reader.Read(context.Background(), ReadOptions{}, func(seq uint64, _ []byte) error {
		if seq != next {
			t.Errorf("got entry %d, want %d", seq, next)
		}
		next++
		return nil
	})
	if err != nil || next != l.Entries {
		t.Errorf("read up to %d, %v", next, err)
	}
}

// relative are the files below a directory.
func relative(t *testing.T, dir string) map[string]string {
	t.Helper()
	rel := map[string]string{}
	for path, content := range files(t, dir) {
		name, err := filepath.Rel(dir, path)
		if err != nil {
			t.Fatal(err)
		}
		rel[name] = content
	}
	return rel
}

// TestExportOfSomePolicies leaves out what concerns others only, and says so.
func TestExportOfSomePolicies(t *testing.T) {
	t.Parallel()
	c, r := newCensus(t)
	c.collect(both(conforming, conforming))
	c.say(withSpec(t, policyDraft("q", ChangeCreated, 1)), memberDraft(KindScopeEntered, "q", namespace("c")),
		withObject(t, stateDraft("q", "c", "d", namespace("c"), deviating), 7))
	if got := c.verify(r, VerifyOptions{}); len(got.Problems) > 0 {
		t.Fatal(got.Problems)
	}
	all, _ := exported(t, r.opts.Dir, ExportOptions{})
	some, done := exported(t, r.opts.Dir, ExportOptions{Policies: []string{"p"}})
	gone := slices.Sorted(maps.Keys(relative(t, all)))
	gone = slices.DeleteFunc(gone, func(f string) bool { _, kept := relative(t, some)[f]; return kept })
	// What q was judged by, and the namespaces that are in no scope of p.
	if len(gone) != 3 || len(done.LeftOut) != 3 || !strings.HasSuffix(gone[0], strings.TrimPrefix(done.LeftOut[0], "objects/")+".zst") {
		t.Errorf("left out %v, gone %v", done.LeftOut, gone)
	}
	got := verify(t, some, VerifyOptions{Copy: true, Omitted: leftOut(done)})
	if len(got.Problems) > 0 || got.Ledgers[0].Omitted != 3 || got.Ledgers[0].Manifests != 1 {
		t.Errorf("got %v, %d omitted", got.Problems, got.Ledgers[0].Omitted)
	}
	if got := verify(t, some, VerifyOptions{Copy: true}); got.Status != VerifyInvalid {
		t.Error("an object that is left out and not said to be is not missed")
	}
}

// TestExportLeavesOutWhoActed: names of people are no part of it.
func TestExportLeavesOutWhoActed(t *testing.T) {
	t.Parallel()
	r, vkey, held := sealedVolume(t)
	to, done := exported(t, r.opts.Dir, ExportOptions{})
	if want := actorsDir + "/" + actor().Digest; !slices.Equal(done.LeftOut, []string{want}) {
		t.Errorf("left out %v, want %s", done.LeftOut, want)
	}
	got := verify(t, to, VerifyOptions{Copy: true, Omitted: leftOut(done), Keys: []string{vkey}, Held: [][]byte{held}})
	if got.Status != VerifyValid || len(got.Notes) != 1 {
		t.Errorf("got %s, %v, %v, %v", got.Status, got.Problems, got.Missing, got.Notes)
	}
}
