package bundle

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"

	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/ledger/tlog"
	"github.com/holdfast-dev/holdfast/internal/synthetic"
)

// tamper is what somebody does to a bundle, and what is said of it.
type tamper struct {
	harm func(t *testing.T, c *content)
	// careful is set where the forger writes the index anew.
	careful bool
	edit    func(*Index)
	want    string
}

// find returns a file by the end of its name; of several the first.
func (c *content) find(t *testing.T, part string) string {
	t.Helper()
	for _, name := range slices.Sorted(slices.Values(c.names)) {
		if strings.Contains(name, part) {
			return name
		}
	}
	t.Fatalf("no file with %q", part)
	return ""
}

// first is the directory of the first segment of the ledger that was not lost.
func (c *content) first(t *testing.T) string {
	t.Helper()
	index, err := decodeIndex(c.files[indexFile])
	if err != nil {
		t.Fatal(err)
	}
	return "volume/ledgers/" + index.Ledgers[len(index.Ledgers)-1].LedgerID + "/"
}

// rewrite changes the entries of a bundle of 256.
func (c *content) rewrite(t *testing.T, name string, edit func(entries [][]byte) [][]byte) {
	t.Helper()
	entries, err := tlog.SplitBundle(c.files[name])
	if err != nil {
		t.Fatal(err)
	}
	c.files[name] = tlog.JoinBundle(edit(entries))
}

func (c *content) firstEntries(t *testing.T) string {
	t.Helper()
	return c.first(t) + "segments/000000/log/tile/entries/000"
}

// entriesFile is a file of entries of the ledger that goes on, partial or not.
func (c *content) entriesFile(t *testing.T) string {
	t.Helper()
	return c.find(t, c.firstEntries(t))
}

// TestE36TamperingWithABundleShows: each deed is found, against checkpoints that
// the auditor kept and against the receipts of a witness, and named.
func TestE36TamperingWithABundleShows(t *testing.T) {
	t.Parallel()
	p := aPast(t)
	cases := map[string]tamper{
		"an entry is changed": {want: "entry 7:", careful: true, harm: func(t *testing.T, c *content) {
			c.rewrite(t, c.entriesFile(t), func(e [][]byte) [][]byte {
				e[7] = bytes.Replace(e[7], []byte(`"seq":7`), []byte(`"seq":8`), 1)
				return e
			})
		}},
		"an entry is deleted": {want: "entry 9:", careful: true, harm: func(t *testing.T, c *content) {
			c.rewrite(t, c.entriesFile(t), func(e [][]byte) [][]byte { return slices.Delete(e, 9, 10) })
		}},
		"two entries are swapped": {want: "entry 4:", careful: true, harm: func(t *testing.T, c *content) {
			c.rewrite(t, c.entriesFile(t), func(e [][]byte) [][]byte { e[4], e[5] = e[5], e[4]; return e })
		}},
		"an entry is replayed": {want: "entry 6:", careful: true, harm: func(t *testing.T, c *content) {
			c.rewrite(t, c.entriesFile(t), func(e [][]byte) [][]byte { e[6] = e[5]; return e })
		}},
		"the newest entries are cut off": {want: "entry", careful: true, harm: func(t *testing.T, c *content) {
			c.rewrite(t, c.entriesFile(t), func(e [][]byte) [][]byte { return e[:len(e)-3] })
		}},
		"a file of entries is gone": {want: "no such file", careful: true, harm: func(t *testing.T, c *content) { c.remove(c.entriesFile(t)) }},
		"a tile of hashes is changed": {want: "tile/0/", careful: true, harm: func(t *testing.T, c *content) {
			name := c.find(t, c.first(t)+"segments/000000/log/tile/0/")
			c.files[name] = bytes.Clone(c.files[name])
			c.files[name][40] ^= 1
		}},
		"a checkpoint is signed with another key": {want: "/checkpoint:", careful: true, harm: func(t *testing.T, c *content) {
			name := c.first(t) + "segments/000000/log/checkpoint"
			size, root, err := tlog.Unverified(c.files[name])
			if err != nil {
				t.Fatal(err)
			}
			origin, err := tlog.ParseOriginOf(c.files[name])
			if err != nil {
				t.Fatal(err)
			}
			forged, err := tlog.Sign(origin, ed25519.NewKeyFromSeed(bytes.Repeat([]byte("f"), ed25519.SeedSize)), size, root)
			if err != nil {
				t.Fatal(err)
			}
			c.files[name] = forged.Note
		}},
		"an object is dropped": {want: "the object is missing", careful: true, harm: func(t *testing.T, c *content) {
			c.remove(c.find(t, c.first(t)+"objects/"))
		}},
		"an object is dropped, and the index does not know": {want: "the index lists this file, and the bundle does not have it", harm: func(t *testing.T, c *content) {
			c.remove(c.find(t, c.first(t)+"objects/"))
		}},
		"an object is another one": {want: "its content has the digest", careful: true, harm: func(t *testing.T, c *content) {
			name := c.find(t, c.first(t)+"objects/")
			for _, other := range c.names {
				if strings.Contains(other, "/objects/") && other != name {
					c.files[name] = c.files[other]
				}
			}
		}},
		"a manifest is edited": {want: "the object is missing", careful: true, harm: func(t *testing.T, c *content) { c.editManifest(t) }},
		"the index of times is changed": {want: "/index: entry", careful: true, harm: func(_ *testing.T, c *content) {
			for _, name := range c.names {
				if strings.HasSuffix(name, "/index") && len(c.files[name]) > 0 {
					c.files[name] = bytes.Clone(c.files[name])
					c.files[name][3] ^= 1
				}
			}
		}},
		"the predecessor is hidden": {want: "the volume does not hold the ledger of the held checkpoint", careful: true,
			harm: func(t *testing.T, c *content) {
				index, err := decodeIndex(c.files[indexFile])
				if err != nil {
					t.Fatal(err)
				}
				for _, name := range slices.Clone(c.names) {
					if strings.HasPrefix(name, "volume/ledgers/"+index.Ledgers[0].LedgerID+"/") {
						c.remove(name)
					}
				}
			}, edit: func(x *Index) { x.Ledgers = x.Ledgers[1:] }},
		"the record is edited": {want: "it is not the record that the entries give: the first difference is in line", careful: true,
			harm: func(t *testing.T, c *content) {
				name := c.find(t, "record/control-operation-record-20260102-20260105-complete.json")
				c.files[name] = bytes.Replace(c.files[name], []byte(`"Deviation"`), []byte(`"WithinTolerance"`), 1)
				c.files[name] = append(c.files[name], '\n')
			}},
		"the page is edited": {want: "it is not the record that the entries give", careful: true, harm: func(t *testing.T, c *content) {
			name := c.find(t, "complete.html")
			c.files[name] = bytes.Replace(c.files[name], []byte("Deviation"), []byte("Correction"), 1)
		}},
		"the record is of another period": {want: "it is not the record that the entries give", careful: true, harm: func(*testing.T, *content) {},
			edit: func(x *Index) { x.Record.Query.To = new(ledger.At(x.Record.Query.To.Add(-time.Hour))) }},
		"the index promises another checkpoint": {want: "what it says of the ledgers is not what they are", careful: true, harm: func(*testing.T, *content) {},
			edit: func(x *Index) { x.Ledgers[1].Entries++ }},
		"the index hides a receipt": {want: "the receipts that it lists are not those", careful: true, harm: func(*testing.T, *content) {},
			edit: func(x *Index) { x.Receipts = x.Receipts[1:] }},
		"a file is added": {want: "nothing accounts for this file", careful: true, harm: func(t *testing.T, c *content) {
			c.set(c.first(t)+"segments/000000/log/tile/entries/x001/000", []byte("x"))
		}},
		"a file is added, and the index does not know": {want: "the index does not list this file", harm: func(t *testing.T, c *content) {
			c.set(c.first(t)+"extra", []byte("x"))
		}},
		"the readme is changed": {want: "README.txt: the index lists it with", harm: func(_ *testing.T, c *content) { c.files[readmeFile] = []byte("trust me") }},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c := unpacked(t, p.packed)
			tc.harm(t, c)
			if tc.careful {
				if tc.edit == nil {
					tc.edit = func(*Index) {}
				}
				c.reindex(t, tc.edit)
			}
			b, err := Open(context.Background(), bytes.NewReader(c.pack(t)), t.TempDir(), Limits{})
			if err != nil {
				t.Fatal(err)
			}
			auditors := []ledger.VerifyOptions{p.auditor(), p.trusting()}
			if name == "the predecessor is hidden" { // the witness says nothing of what came before
				auditors = auditors[:1]
			}
			for _, opts := range auditors {
				got, err := b.Verify(context.Background(), opts)
				if err != nil {
					t.Fatal(err)
				}
				wantNamed(t, got, tc.want)
			}
		})
	}
}

// editManifest puts an edited manifest in the place of a right one: under its
// own digest, so that it is a sound object.
func (c *content) editManifest(t *testing.T) {
	t.Helper()
	for _, name := range slices.Sorted(slices.Values(c.names)) {
		if !strings.Contains(name, "/objects/") || !strings.HasPrefix(name, c.first(t)) {
			continue
		}
		content := unsealed(t, c.files[name])
		if !bytes.Contains(content, []byte(ledger.ManifestSchema+`"`)) {
			continue
		}
		edited := bytes.Replace(content, []byte(`"deviating":`), []byte(`"deviating":1`), 1)
		digest := ledger.Digest(edited)
		c.remove(name)
		c.set(c.first(t)+"objects/"+digest[:2]+"/"+digest+".zst", sealed(t, edited))
		return
	}
	t.Fatal("no manifest")
}

func wantNamed(t *testing.T, got *ledger.VerifyReport, want string) {
	t.Helper()
	if got.Status != ledger.VerifyInvalid || !slices.ContainsFunc(got.Problems, func(p ledger.Problem) bool { return strings.Contains(p.String(), want) }) {
		t.Errorf("got %s, %v, want a problem with %q", got.Status, got.Problems, want)
	}
}

// packedOf is a bundle of a volume.
func packedOf(t *testing.T, dir string) []byte {
	t.Helper()
	reader, err := ledger.NewReader(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if _, err := Write(context.Background(), &out, reader, t.TempDir(), Options{}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestE36AForkShows: whoever has the key writes another history of the same
// ledger. It is sound in itself; a held checkpoint, or a receipt, tells.
func TestE36AForkShows(t *testing.T) {
	t.Parallel()
	opts := options()
	opts.Broken, opts.Entries = false, 400
	write := func(heartbeat time.Duration) (string, *synthetic.History) {
		dir := filepath.Join(t.TempDir(), "volume")
		opts.Heartbeat = heartbeat
		history, err := synthetic.Write(context.Background(), dir, opts)
		if err != nil {
			t.Fatal(err)
		}
		return dir, history
	}
	_, truth := write(time.Hour)
	forged, other := write(2 * time.Hour)
	if truth.VerifierKeys[0] != other.VerifierKeys[0] {
		t.Fatal("the two have other keys")
	}
	packed := packedOf(t, forged)
	if got := verified(t, packed, ledger.VerifyOptions{Keys: truth.VerifierKeys, Held: other.Held}); got.Status != ledger.VerifyValid {
		t.Errorf("by its own checkpoint: got %s, %v", got.Status, got.Problems)
	}
	wantNamed(t, verified(t, packed, ledger.VerifyOptions{Keys: truth.VerifierKeys, Held: truth.Held}), "the held checkpoint")
}

// growing is a ledger, and what it was like when it was shorter.
func growing(t *testing.T) (older, newer, vkey string, held []byte) {
	t.Helper()
	root := t.TempDir()
	opts := ledger.WriterOptions{Operator: ledger.OperatorBody{Process: "one", StartedAt: ledger.At(time.Unix(1_800_000_000, 0))}}
	opts.Dir, opts.Head = filepath.Join(root, "newer"), ledger.FileHead{Path: filepath.Join(root, "head")}
	opts.Key = ed25519.NewKeyFromSeed(bytes.Repeat([]byte("k"), ed25519.SeedSize))
	opts.Cluster, opts.Log, opts.MinFree = ledger.ClusterBody{KubeSystemUID: "u"}, logr.Discard(), 1<<20
	for i, process := range []string{"one", "two"} {
		opts.Operator.Process = process
		w, err := ledger.OpenWriter(context.Background(), opts)
		if err != nil {
			t.Fatal(err)
		}
		vkey = w.VerifierKey()
		for n := range 300 {
			beat := ledger.Draft{At: opts.Operator.StartedAt.Add(time.Duration(n) * time.Second), Entry: ledger.Entry{Kind: ledger.KindHeartbeat, Alive: &ledger.AliveBody{}}}
			if _, err := w.Write(beat); err != nil {
				t.Fatal(err)
			}
		}
		if held, _, err = w.Checkpoint(); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			older = filepath.Join(root, "older")
			if err := os.CopyFS(older, os.DirFS(opts.Dir)); err != nil {
				t.Fatal(err)
			}
		}
		opts.Operator.StartedAt = ledger.At(opts.Operator.StartedAt.Add(time.Hour))
	}
	return older, opts.Dir, vkey, held
}

// TestE36AnOlderVolumeShows: a volume that was set back is sound in itself.
func TestE36AnOlderVolumeShows(t *testing.T) {
	t.Parallel()
	older, newer, vkey, held := growing(t)
	opts := ledger.VerifyOptions{Keys: []string{vkey}, Held: [][]byte{held}}
	if got := verified(t, packedOf(t, newer), opts); got.Status != ledger.VerifyValid {
		t.Errorf("as it is: got %s, %v", got.Status, got.Problems)
	}
	wantNamed(t, verified(t, packedOf(t, older), opts), "the log has fewer")
}
