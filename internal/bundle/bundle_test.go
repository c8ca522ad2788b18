package bundle

import (
	"archive/tar"
	"bytes"
	"context"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// TestE39BundlesVerify: what an auditor has to bring decides what can be said.
func TestE39BundlesVerify(t *testing.T) {
	t.Parallel()
	p := aPast(t)
	wrongKey := p.history.VerifierKeys[:1]
	cases := map[string]struct {
		opts        ledger.VerifyOptions
		want        ledger.VerifyStatus
		wantMissing string
	}{
		"keys and checkpoints":   {p.auditor(), ledger.VerifyValid, ""},
		"keys and a witness":     {p.trusting(), ledger.VerifyValid, ""},
		"keys only":              {ledger.VerifyOptions{Keys: p.history.VerifierKeys}, ledger.VerifyIncomplete, "No held checkpoint was given"},
		"checkpoints only":       {ledger.VerifyOptions{Held: p.history.Held}, ledger.VerifyIncomplete, "No verifier key was given"},
		"nothing":                {ledger.VerifyOptions{}, ledger.VerifyIncomplete, "No verifier key was given"},
		"a witness only":         {ledger.VerifyOptions{Receipts: p.trusting().Receipts}, ledger.VerifyIncomplete, "No verifier key was given"},
		"an old checkpoint":      {ledger.VerifyOptions{Keys: p.history.VerifierKeys, Held: p.history.Held[:1]}, ledger.VerifyIncomplete, "No held checkpoint of the current ledger"},
		"the key of the old one": {ledger.VerifyOptions{Keys: wrongKey}, ledger.VerifyInvalid, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := verified(t, p.packed, tc.opts)
			missing := slices.ContainsFunc(got.Missing, func(s string) bool { return strings.Contains(s, tc.wantMissing) })
			if got.Status != tc.want || (tc.wantMissing != "" && !missing) || (tc.want == ledger.VerifyValid && len(got.Missing)+len(got.Problems) > 0) {
				t.Errorf("got %s, problems %v, missing %v", got.Status, got.Problems, got.Missing)
			}
			for _, l := range got.Ledgers {
				if tc.want == ledger.VerifyValid && l.Current && l.Held+l.Anchored == 0 {
					t.Errorf("nothing of ledger %s is covered", l.LedgerID)
				}
			}
		})
	}
}

// TestBundlesAreFunctions: the same ledger and options give the same bytes.
func TestBundlesAreFunctions(t *testing.T) {
	t.Parallel()
	p := aPast(t)
	b, err := Open(context.Background(), bytes.NewReader(p.packed), t.TempDir(), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	reader, err := ledger.NewReader(b.Volume())
	if err != nil {
		t.Fatal(err)
	}
	var again bytes.Buffer
	dir := t.TempDir()
	if _, err := Write(context.Background(), &again, reader, dir, Options{Query: period(), HTML: true, Version: "v0"}); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(p.packed, again.Bytes()) {
		t.Error("a bundle of a bundle has other bytes")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	c := unpacked(t, p.packed)
	if c.names[0] != readmeFile || c.names[1] != indexFile {
		t.Errorf("it begins with %v", c.names[:2])
	}
	if b.Index.Record == nil || b.Index.Record.HTML == "" || len(b.Index.Receipts) == 0 || len(b.Index.Ledgers) != 2 {
		t.Errorf("got the index %+v", b.Index)
	}
}

// TestBundleOfOnePolicy leaves out what concerns others, says so, and its record
// can be made again.
func TestBundleOfOnePolicy(t *testing.T) {
	t.Parallel()
	p := aPast(t)
	whole, err := Open(context.Background(), bytes.NewReader(p.packed), t.TempDir(), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	reader, err := ledger.NewReader(whole.Volume())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	known, err := reader.Known(context.Background(), reader.Chain()[0].LedgerID)
	if err != nil {
		t.Fatal(err)
	}
	names = known.Policies()
	if len(names) < 2 {
		t.Fatalf("policies %v", names)
	}
	q := period()
	q.Policies = names[:1]
	var out bytes.Buffer
	index, err := Write(context.Background(), &out, reader, t.TempDir(), Options{Query: q})
	if err != nil {
		t.Fatal(err)
	}
	if len(index.LeftOut) == 0 || len(index.Why) != 2 || !strings.Contains(index.Why[1], names[0]) {
		t.Errorf("left out %d, because %v", len(index.LeftOut), index.Why)
	}
	got := verified(t, out.Bytes(), p.auditor())
	if got.Status != ledger.VerifyIncomplete || len(got.Problems) > 0 || len(got.Missing) == 0 {
		t.Errorf("got %s, problems %v, missing %v", got.Status, got.Problems, got.Missing)
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	file := func(name string, size int) *tar.Header {
		return &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(size)}
	}
	index, err := encodeIndex(&Index{Schema: Schema})
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{indexFile: index, "volume/a": []byte("a"), "volume/b": []byte("bbbb")}
	cases := map[string]struct {
		headers []*tar.Header
		want    string
	}{
		"a path that escapes":   {[]*tar.Header{file("volume/../../a", 0)}, "is not a name that a bundle has"},
		"a path that begins so": {[]*tar.Header{file("../volume/a", 0)}, "is not a name that a bundle has"},
		"an absolute path":      {[]*tar.Header{file("/volume/a", 0)}, "is not a name that a bundle has"},
		"a path with holes":     {[]*tar.Header{file("volume//a", 0)}, "is not a name that a bundle has"},
		"a backslash":           {[]*tar.Header{file(`volume/..\a`, 0)}, "is not a name that a bundle has"},
		"another directory":     {[]*tar.Header{file("other/a", 0)}, "is not a name that a bundle has"},
		"a symbolic link":       {[]*tar.Header{{Typeflag: tar.TypeSymlink, Name: "volume/a", Linkname: "/etc/passwd"}}, "is not a regular file"},
		"a hard link":           {[]*tar.Header{{Typeflag: tar.TypeLink, Name: "volume/a", Linkname: "volume/b"}}, "is not a regular file"},
		"a device":              {[]*tar.Header{{Typeflag: tar.TypeChar, Name: "volume/a"}}, "is not a regular file"},
		"a directory":           {[]*tar.Header{{Typeflag: tar.TypeDir, Name: "volume/"}}, "is not a regular file"},
		"a file twice":          {[]*tar.Header{file("volume/a", 1), file("volume/a", 1)}, "comes twice"},
		"a file as a directory": {[]*tar.Header{file("volume/a", 1), file("volume/a/b", 0)}, "volume/a"},
		"the index twice":       {[]*tar.Header{file(indexFile, len(index)), file(indexFile, len(index))}, "comes twice"},
		"no index":              {[]*tar.Header{file("volume/a", 1)}, "it has no index"},
		"too many files":        {[]*tar.Header{file("volume/a", 1), file("volume/b", 4), file(indexFile, len(index)), file(readmeFile, 0), file("volume/c", 0)}, "more than 3 files"},
		"too large a file":      {[]*tar.Header{file("volume/e", 1001)}, "has 1001 bytes"},
		"too much":              {[]*tar.Header{file("volume/f", 900), file("volume/g", 900)}, "more than 1500 bytes"},
	}
	files["volume/e"], files["volume/f"], files["volume/g"] = make([]byte, 1001), make([]byte, 900), make([]byte, 900)
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			_, err := Open(context.Background(), bytes.NewReader(packHeaders(t, tc.headers, files)), dir, Limits{Files: 3, FileSize: 1000, Size: 1500})
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want it to say %q", err, tc.want)
			}
		})
	}
	packed := aPast(t).packed
	for _, cut := range []int{0, 3, 100, len(packed) / 2, len(packed) - 1} {
		if _, err := Open(context.Background(), bytes.NewReader(packed[:cut]), t.TempDir(), Limits{}); err == nil {
			t.Errorf("cut at byte %d: it opens", cut)
		}
	}
}

// FuzzBundle unpacks what anybody may have written: nothing comes to lie outside
// of the directory, and nothing panics.
func FuzzBundle(f *testing.F) {
	index, err := encodeIndex(&Index{Schema: Schema})
	if err != nil {
		f.Fatal(err)
	}
	files := map[string][]byte{indexFile: index, "volume/ledgers/x": []byte("x")}
	f.Add(packHeaders(f, []*tar.Header{
		{Typeflag: tar.TypeReg, Name: indexFile, Size: int64(len(index))}, {Typeflag: tar.TypeReg, Name: "volume/ledgers/x", Size: 1},
	}, files))
	f.Add(packHeaders(f, []*tar.Header{{Typeflag: tar.TypeSymlink, Name: "volume/a", Linkname: ".."}}, nil))
	f.Add(packHeaders(f, []*tar.Header{{Typeflag: tar.TypeReg, Name: "volume/../../x"}}, nil))
	f.Add([]byte{0x28, 0xB5, 0x2F, 0xFD})
	f.Fuzz(func(t *testing.T, packed []byte) {
		root := t.TempDir()
		if err := os.Mkdir(root+"/in", 0o700); err != nil {
			t.Fatal(err)
		}
		b, err := Open(context.Background(), bytes.NewReader(packed), root+"/in", Limits{Files: 100, FileSize: 1 << 20, Size: 1 << 22})
		if around, listErr := os.ReadDir(root); listErr != nil || len(around) != 1 {
			t.Errorf("something lies outside: %v, %v", around, listErr)
		}
		if err != nil {
			return
		}
		if _, err := b.Verify(context.Background(), ledger.VerifyOptions{}); err == nil && len(b.Files) == 0 {
			t.Error("a bundle without a file was verified")
		}
	})
}
