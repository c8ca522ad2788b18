package serve

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// files are the files of a directory, with their contents.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(full string, d os.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && !d.IsDir() {
			var data []byte
			data, err = os.ReadFile(full)
			all[strings.TrimPrefix(full, dir+"/")] = string(data)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// verified verifies a copy with the operator's key.
func (o *operator) verified(dir string, held ...[]byte) *ledger.VerifyReport {
	o.t.Helper()
	got, err := ledger.Verify(context.Background(), dir, ledger.VerifyOptions{
		Copy: true, Keys: []string{o.w.VerifierKey()}, Held: held,
		Omitted: func(class, _ string) bool { return class == "actors" },
	})
	if err != nil {
		o.t.Fatal(err)
	}
	return got
}

// counted counts requests.
type counted struct {
	http.RoundTripper
	n atomic.Int64
}

func (c *counted) RoundTrip(r *http.Request) (*http.Response, error) {
	c.n.Add(1)
	return c.RoundTripper.RoundTrip(r)
}

// TestMirrorFollows copies a ledger that is written, again and again: each copy
// verifies, and fetches only what is new.
func TestMirrorFollows(t *testing.T) {
	t.Parallel()
	o := newOperator(t)
	remote := o.remote()
	asked := &counted{RoundTripper: remote.Client.Transport}
	remote.Client = &http.Client{Transport: asked}
	dir := filepath.Join(t.TempDir(), "copy")
	var held []byte
	for i, n := range []int{3, 300, 0, 700, 1} {
		o.write(n)
		var err error
		if held, _, err = o.w.Checkpoint(); err != nil {
			t.Fatal(err)
		}
		o.close()
		asked.n.Store(0)
		if err := remote.Mirror(context.Background(), dir); err != nil {
			t.Fatal(err)
		}
		got := o.verified(dir, held)
		if got.Status != ledger.VerifyValid || got.Ledgers[0].Entries != o.w.Known().NextSeq {
			t.Errorf("round %d: got %s, %v, %v", i, got.Status, got.Problems, got.Missing)
		}
		if n < 2 && i > 0 && asked.n.Load() > 20 {
			t.Errorf("round %d: %d requests for %d entries", i, asked.n.Load(), n)
		}
		for name := range files(t, dir) {
			if strings.Contains(name, "actors") || strings.HasSuffix(name, ".tmp") {
				t.Errorf("round %d: the copy has %s", i, name)
			}
		}
		o.opts.Operator.Process += "x"
		o.open()
	}
	o.close()
	reader, err := ledger.NewReader(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, entries, err := reader.Checkpoint(reader.Chain()[0].LedgerID); err != nil || entries < 1000 {
		t.Errorf("read %d entries, %v", entries, err)
	}
}

// TestMirrorOfAnotherHistoryIsRefused: what was copied stays as it was.
func TestMirrorOfAnotherHistoryIsRefused(t *testing.T) {
	t.Parallel()
	cases := map[string]func(t *testing.T, o *operator){
		"an older volume": func(t *testing.T, o *operator) {
			replace(t, o.opts.Dir, o.opts.Dir+"-before")
		},
		"a fork": func(t *testing.T, o *operator) {
			replace(t, o.opts.Dir, o.opts.Dir+"-before")
			if err := os.Remove(o.opts.Head.(ledger.FileHead).Path); err != nil {
				t.Fatal(err)
			}
			o.opts.Operator.Process = "another"
			o.n += 10_000
			o.open()
			o.write(900)
			o.close()
		},
	}
	for name, harm := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOperator(t)
			o.write(300)
			o.close()
			if err := os.CopyFS(o.opts.Dir+"-before", os.DirFS(o.opts.Dir)); err != nil {
				t.Fatal(err)
			}
			o.opts.Operator.Process = "two"
			o.open()
			o.write(100)
			o.close()
			remote, dir := o.remote(), filepath.Join(t.TempDir(), "copy")
			if err := remote.Mirror(context.Background(), dir); err != nil {
				t.Fatal(err)
			}
			before := files(t, dir)
			harm(t, o)
			if err := remote.Mirror(context.Background(), dir); !errors.Is(err, ErrNotAContinuation) {
				t.Errorf("got %v", err)
			}
			if diff := cmp.Diff(before, files(t, dir)); diff != "" {
				t.Errorf("the copy changed (-before +after):\n%.500s", diff)
			}
		})
	}
}

func replace(t *testing.T, dir, with string) {
	t.Helper()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(dir, os.DirFS(with)); err != nil {
		t.Fatal(err)
	}
}

// TestMirrorOfALyingServer: nothing that a server says makes a copy reach out of
// its directory, or take what is not there.
func TestMirrorOfALyingServer(t *testing.T) {
	t.Parallel()
	o := newOperator(t)
	o.write(20)
	o.close()
	id := o.w.Known().LedgerID
	cases := map[string]struct {
		path, from, to string
		want           string
	}{
		"another schema":           {"/ledgers", IndexSchema, "x", "does not serve a ledger"},
		"an id that escapes":       {"/ledgers", id, "../../../../etc", "its id is none"},
		"segments without end":     {"/ledgers", `"segments":1`, `"segments":100000000`, "do not make"},
		"segments of nothing":      {"/ledgers", `"segmentSize":600`, `"segmentSize":0`, "do not make"},
		"a checkpoint of another":  {"/checkpoint", id, strings.Repeat("0", 32), "its checkpoint is of"},
		"a checkpoint too large":   {"/checkpoint", "\n22\n", "\n21000\n", "its checkpoint covers 21000 entries"},
		"a checkpoint of more":     {"/checkpoint", "\n22\n", "\n23\n", ""},
		"entries of another kind":  {"/tile/0/", "", "", "bytes, want"},
		"an object of other bytes": {"/objects/", "", "", "object"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			remote := o.remote()
			remote.Client = &http.Client{Transport: roundTripperFn(func(r *http.Request) (*http.Response, error) {
				resp, err := o.server.Client().Transport.RoundTrip(r)
				if err == nil && strings.Contains(r.URL.Path, tc.path) {
					err = edit(resp, tc.from, tc.to)
				}
				return resp, err
			})}
			root := t.TempDir()
			dir := filepath.Join(root, "copy")
			err := remote.Mirror(context.Background(), dir)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want it to say %q", err, tc.want)
			}
			if left := files(t, root); slices.ContainsFunc(keysOf(left), func(f string) bool {
				return !strings.HasPrefix(f, "copy/ledgers/"+id) || strings.Contains(f, "checkpoint")
			}) {
				t.Errorf("left behind: %v", keysOf(left))
			}
		})
	}
}

func keysOf(m map[string]string) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	return keys
}

type roundTripperFn func(*http.Request) (*http.Response, error)

func (fn roundTripperFn) RoundTrip(r *http.Request) (*http.Response, error) { return fn(r) }

// edit changes what a server said; without words to replace it is cut short.
func edit(resp *http.Response, from, to string) error {
	data, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return err
	}
	changed := strings.Replace(string(data), from, to, 1)
	if from == "" {
		changed = changed[:len(changed)/3]
	}
	resp.Body, resp.ContentLength = io.NopCloser(strings.NewReader(changed)), int64(len(changed))
	return err
}
