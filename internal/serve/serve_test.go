package serve

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/client"
	"golang.org/x/mod/sumdb/note"
	"k8s.io/klog/v2"

	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// TestMain silences Tessera.
func TestMain(m *testing.M) {
	klog.SetLogger(logr.Discard())
	os.Exit(m.Run())
}

// operator writes a ledger, and serves it.
type operator struct {
	t      *testing.T
	opts   ledger.WriterOptions
	w      *ledger.Writer
	n      int
	server *httptest.Server
}

func newOperator(t *testing.T) *operator {
	t.Helper()
	root := t.TempDir()
	o := &operator{t: t}
	o.opts.Operator = ledger.OperatorBody{Process: "one", StartedAt: ledger.At(time.Unix(1_800_000_000, 0))}
	o.opts.Dir, o.opts.Head = filepath.Join(root, "volume"), ledger.FileHead{Path: filepath.Join(root, "head")}
	o.opts.Key = ed25519.NewKeyFromSeed(bytes.Repeat([]byte("k"), ed25519.SeedSize))
	o.opts.Cluster, o.opts.Log, o.opts.MinFree = ledger.ClusterBody{KubeSystemUID: "u"}, logr.Discard(), 1<<20
	o.opts.SegmentSize, o.opts.CheckpointInterval = 600, 100*time.Millisecond
	o.open()
	o.server = httptest.NewServer(NewHandler(o.opts.Dir, logr.Discard()))
	t.Cleanup(o.server.Close)
	return o
}

func (o *operator) open() {
	o.t.Helper()
	w, err := ledger.OpenWriter(context.Background(), o.opts)
	if err != nil {
		o.t.Fatal(err)
	}
	o.w = w
}

// write writes heartbeats, some of which name an object that names nothing.
func (o *operator) write(n int) {
	o.t.Helper()
	for range n {
		o.n++
		input, err := ledger.NewObject(map[string]int{"n": o.n / 10})
		if err != nil {
			o.t.Fatal(err)
		}
		who, err := ledger.NewObject(map[string]string{"user": "somebody"})
		if err != nil {
			o.t.Fatal(err)
		}
		who.Erasable = true
		d := ledger.Draft{At: o.opts.Operator.StartedAt.Add(time.Duration(o.n) * time.Second),
			Entry: ledger.Entry{Kind: ledger.KindHeartbeat, Alive: &ledger.AliveBody{}, ActorRef: who.Digest},
			Payload: func() ([]ledger.Input, []ledger.Object, error) {
				return []ledger.Input{{Role: "any", Digest: input.Digest}}, []ledger.Object{input, who}, nil
			}}
		if _, err := o.w.Write(d); err != nil {
			o.t.Fatal(err)
		}
	}
}

// close ends writing: everything is published.
func (o *operator) close() {
	o.t.Helper()
	if err := o.w.Close(context.Background()); err != nil {
		o.t.Fatal(err)
	}
}

func (o *operator) remote() *Remote {
	base, err := url.Parse(o.server.URL + "/proxy")
	if err != nil {
		o.t.Fatal(err)
	}
	// What is served lies below a path, as behind the API server's proxy.
	o.server.Config.Handler = http.StripPrefix("/proxy", NewHandler(o.opts.Dir, logr.Discard()))
	return &Remote{Base: base, Client: o.server.Client()}
}

func (o *operator) get(method, path string) (int, http.Header, []byte) {
	o.t.Helper()
	req, err := http.NewRequest(method, o.server.URL, nil)
	if err != nil {
		o.t.Fatal(err)
	}
	req.URL.Opaque = strings.TrimPrefix(o.server.URL, "http:") + path // as it is, without cleaning
	resp, err := o.server.Client().Do(req)
	if err != nil {
		o.t.Fatal(err)
	}
	data, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		o.t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, data
}

// TestE40OnlyWhatReadersNeedIsServed walks the whole volume, and asks for what
// lies beside it.
func TestE40OnlyWhatReadersNeedIsServed(t *testing.T) {
	t.Parallel()
	o := newOperator(t)
	o.write(700)
	o.close()
	if err := os.WriteFile(filepath.Join(filepath.Dir(o.opts.Dir), "secret"), []byte("key"), 0o600); err != nil {
		t.Fatal(err)
	}
	served, refused := map[string]bool{}, map[string]bool{}
	err := filepath.WalkDir(o.opts.Dir, func(full string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel := filepath.ToSlash(strings.TrimPrefix(full, o.opts.Dir))
		want, err := os.ReadFile(full)
		if err != nil {
			return err
		}
		kind := strings.Trim(rel, "/abcdef0123456789x.")
		switch status, header, got := o.get(http.MethodGet, rel); {
		case status == http.StatusOK && bytes.Equal(got, want) && header.Get("Cache-Control") != "":
			served[kind] = true
		case status == http.StatusNotFound:
			refused[kind] = true
		default:
			t.Errorf("%s: status %d", rel, status)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for kind := range refused {
		if !slices.ContainsFunc([]string{"LOCK", "actors", ".state", "snapshot", "journal"}, func(s string) bool { return strings.Contains(kind, s) }) {
			t.Errorf("%q is not served", kind)
		}
		if served[kind] {
			t.Errorf("some of %q are served", kind)
		}
	}
	if len(served) < 5 || len(refused) < 3 {
		t.Errorf("served %v, refused %v", slices.Sorted(maps.Keys(served)), slices.Sorted(maps.Keys(refused)))
	}
	id := o.w.Known().LedgerID
	for _, path := range []string{
		"/", "/secret", "/../secret", "/ledgers/../../secret", "/ledgers/%2e%2e/%2e%2e/secret", "/ledgers/" + id, "/ledgers/" + id + "/",
		"/ledgers/" + id + "/objects/", "/ledgers/" + id + "/journal", "/ledgers/" + id + "/segments/000000/log/.state/treeState",
		"/ledgers/" + id + "/segments/000000/log/tile/0/../../../../../../secret", "/ledgers/" + id + "/segments/999999/log/checkpoint",
		"//ledgers", "/ledgers/" + id + "/ledger/", "/ledgers/" + strings.ToUpper(id) + "/ledger",
	} {
		if status, _, body := o.get(http.MethodGet, path); status == http.StatusOK {
			t.Errorf("%s: is served: %.100q", path, body)
		}
	}
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodPatch} {
		if status, _, _ := o.get(method, "/ledgers"); status != http.StatusMethodNotAllowed {
			t.Errorf("%s: status %d", method, status)
		}
	}
	if status, header, body := o.get(http.MethodHead, "/ledgers/"+id+"/ledger"); status != http.StatusOK || len(body) > 0 || header.Get("Content-Length") == "" {
		t.Errorf("HEAD: status %d, %d bytes, %v", status, len(body), header)
	}
}

func TestLinksAreNotFollowed(t *testing.T) {
	t.Parallel()
	o := newOperator(t)
	o.close()
	outside := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(outside, []byte("key"), 0o600); err != nil {
		t.Fatal(err)
	}
	id := o.w.Known().LedgerID
	link := "/ledgers/" + id + "/segments/000000/pruned"
	if err := os.Symlink(outside, filepath.Join(o.opts.Dir, filepath.FromSlash(link))); err != nil {
		t.Fatal(err)
	}
	if status, _, body := o.get(http.MethodGet, link); status == http.StatusOK {
		t.Errorf("got %q", body)
	}
}

func TestTheListOfLedgers(t *testing.T) {
	t.Parallel()
	o := newOperator(t)
	o.write(1300)
	o.close()
	_, _, body := o.get(http.MethodGet, "/ledgers")
	var got Index
	if err := json.Unmarshal(body, &got); err != nil {
		t.Fatal(err)
	}
	l := got.Ledgers[0]
	if got.Schema != IndexSchema || !l.Current || l.SegmentSize != 600 || l.Segments != 3 || l.Entries != o.w.Known().NextSeq {
		t.Errorf("got %+v", got)
	}
	empty := httptest.NewServer(NewHandler(filepath.Join(t.TempDir(), "none"), logr.Discard()))
	defer empty.Close()
	resp, err := empty.Client().Get(empty.URL + "/ledgers")
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil || resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("no ledger yet: status %d, %v", resp.StatusCode, err)
	}
}

func TestRequestsAreBounded(t *testing.T) {
	t.Parallel()
	h := NewHandler(t.TempDir(), logr.Discard())
	for range maxAtOnce {
		h.slots <- struct{}{}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/ledgers", nil))
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("status %d", w.Code)
	}
}

// TestForeignClientsReadTheLog: Tessera's own client reads the tiles as those of
// any log, verifies the checkpoint, and proves an entry.
func TestForeignClientsReadTheLog(t *testing.T) {
	t.Parallel()
	o := newOperator(t)
	o.write(500)
	o.close()
	id := o.w.Known().LedgerID
	root, err := url.Parse(o.server.URL + "/ledgers/" + id + "/segments/000000/log/")
	if err != nil {
		t.Fatal(err)
	}
	fetcher, err := client.NewHTTPFetcher(root, o.server.Client())
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := note.NewVerifier(o.w.VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	cp, _, _, err := client.FetchCheckpoint(ctx, fetcher.ReadCheckpoint, verifier, verifier.Name())
	if err != nil {
		t.Fatal(err)
	}
	raw, err := fetcher.ReadEntryBundle(ctx, 1, uint8(cp.Size%256))
	if err != nil {
		t.Fatal(err)
	}
	var bundle api.EntryBundle
	if err := bundle.UnmarshalText(raw); err != nil {
		t.Fatal(err)
	}
	builder, err := client.NewProofBuilder(ctx, cp.Size, fetcher.ReadTile)
	if err != nil {
		t.Fatal(err)
	}
	path, err := builder.InclusionProof(ctx, 256)
	if err != nil {
		t.Fatal(err)
	}
	leaf := rfc6962.DefaultHasher.HashLeaf(bundle.Entries[0])
	if err := proof.VerifyInclusion(rfc6962.DefaultHasher, 256, cp.Size, leaf, path, cp.Hash); err != nil {
		t.Error(err)
	}
}
