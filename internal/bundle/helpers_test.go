package bundle

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/klauspost/compress/zstd"
	"k8s.io/klog/v2"

	"github.com/holdfast-dev/holdfast/internal/anchor"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/report"
	"github.com/holdfast-dev/holdfast/internal/synthetic"
)

// TestMain silences Tessera.
func TestMain(m *testing.M) {
	klog.SetLogger(logr.Discard())
	os.Exit(m.Run())
}

// past is a small ledger that lost its key once, with receipts, and a bundle of it.
type past struct {
	dir     string
	history *synthetic.History
	packed  []byte
	index   *Index
}

// thePast is made once: tests change copies of the bundle.
var thePast = sync.OnceValues(func() (*past, error) {
	root, err := os.MkdirTemp("", "holdfast-past-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(root) //nolint:errcheck // a temporary directory
	p := &past{dir: filepath.Join(root, "volume")}
	p.history, err = synthetic.Write(context.Background(), p.dir, options())
	if err != nil {
		return nil, err
	}
	reader, err := ledger.NewReader(p.dir)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	p.index, err = Write(context.Background(), &out, reader, root, Options{Query: period(), HTML: true, Version: "v0"})
	p.packed = out.Bytes()
	return p, err
})

func options() synthetic.Options {
	return synthetic.Options{Seed: 11, Duration: 6 * 24 * time.Hour, Namespaces: 12, Entries: 1500, Heartbeat: time.Hour,
		Collections: 6 * time.Hour, Anchored: true, Broken: true, SegmentSize: 400}
}

func period() *report.Query {
	from := ledger.At(time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC))
	to := ledger.At(time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC))
	return &report.Query{From: &from, To: &to}
}

func aPast(t *testing.T) *past {
	t.Helper()
	p, err := thePast()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// auditor has the keys and the last checkpoints of both ledgers.
func (p *past) auditor() ledger.VerifyOptions {
	return ledger.VerifyOptions{Keys: p.history.VerifierKeys, Held: p.history.Held}
}

// trusting has the keys, and that of the witness.
func (p *past) trusting() ledger.VerifyOptions {
	return ledger.VerifyOptions{Keys: p.history.VerifierKeys, Receipts: func(r ledger.Receipt) (time.Time, error) {
		return anchor.Verify(r, anchor.Trust{WitnessKeys: []string{p.history.WitnessKey}})
	}}
}

// content is a bundle as a list of files.
type content struct {
	names []string
	files map[string][]byte
}

func unpacked(t *testing.T, packed []byte) *content {
	t.Helper()
	d, err := zstd.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	c := &content{files: map[string][]byte{}}
	for archive := tar.NewReader(d); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return c
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		c.names = append(c.names, h.Name)
		c.files[h.Name] = data
	}
}

func (c *content) set(name string, data []byte) {
	if _, there := c.files[name]; !there {
		c.names = append(c.names, name)
	}
	c.files[name] = data
}

func (c *content) remove(name string) {
	delete(c.files, name)
	c.names = slices.DeleteFunc(c.names, func(n string) bool { return n == name })
}

// reindex writes the index that the files imply, as a careful forger would.
func (c *content) reindex(t *testing.T, edit func(*Index)) {
	t.Helper()
	index, err := decodeIndex(c.files[indexFile])
	if err != nil {
		t.Fatal(err)
	}
	index.Files = []File{}
	for _, name := range slices.Sorted(slices.Values(c.names)) {
		if name != indexFile {
			index.Files = append(index.Files, File{name, int64(len(c.files[name])), ledger.Digest(c.files[name])})
		}
	}
	edit(index)
	data, err := encodeIndex(index)
	if err != nil {
		t.Fatal(err)
	}
	c.files[indexFile] = data
}

func (c *content) pack(t *testing.T) []byte {
	t.Helper()
	headers := make([]*tar.Header, 0, len(c.names))
	for _, name := range c.names {
		headers = append(headers, &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(c.files[name])), Mode: 0o444})
	}
	return packHeaders(t, headers, c.files)
}

func packHeaders(tb testing.TB, headers []*tar.Header, files map[string][]byte) []byte {
	tb.Helper()
	var out bytes.Buffer
	e, err := zstd.NewWriter(&out)
	if err != nil {
		tb.Fatal(err)
	}
	archive := tar.NewWriter(e)
	for _, h := range headers {
		if err := archive.WriteHeader(h); err != nil {
			tb.Fatal(err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		if _, err := archive.Write(files[h.Name]); err != nil {
			tb.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		tb.Fatal(err)
	}
	if err := e.Close(); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

// verified opens a bundle and verifies it.
func verified(t *testing.T, packed []byte, opts ledger.VerifyOptions) *ledger.VerifyReport {
	t.Helper()
	b, err := Open(context.Background(), bytes.NewReader(packed), t.TempDir(), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := b.Verify(context.Background(), opts)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// unsealed is the content of an object's file, sealed is a file's of a content.
func unsealed(t *testing.T, file []byte) []byte {
	t.Helper()
	d, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	data, err := d.DecodeAll(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func sealed(t *testing.T, data []byte) []byte {
	t.Helper()
	e, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	file := e.EncodeAll(data, nil)
	sum := sha256.Sum256(file)
	file = binary.LittleEndian.AppendUint32(file, 0x184D2A50)
	file = binary.LittleEndian.AppendUint32(file, sha256.Size)
	return append(file, sum[:]...)
}
