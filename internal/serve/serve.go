// Package serve gives a ledger to readers over HTTP, as its volume has it, and
// makes copies of one that is served so. The logs are in the layout of C2SP
// tlog-tiles: any client for that reads them.
package serve

import (
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/go-logr/logr"

	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// Index is what is served at /ledgers.
type Index struct {
	Schema  string   `json:"schema"`
	Ledgers []Ledger `json:"ledgers"`
}

// IndexSchema is the schema of an Index.
const IndexSchema = "holdfast.dev/ledgers/v1"

// Ledger is one ledger of the chain, oldest first.
type Ledger struct {
	ledger.ExportedLedger
	// Current is true for the one that is written.
	Current bool `json:"current"`
	// SegmentSize is the number of entries of a segment, Segments the number of
	// segments, pruned ones included.
	SegmentSize uint64 `json:"segmentSize"`
	Segments    uint64 `json:"segments"`
}

// maxAtOnce is how many requests are answered at the same time.
const maxAtOnce = 32

// Handler serves the ledgers in a directory. It reads files, follows no links,
// writes nothing, and gives out only what a reader needs: neither the journal
// nor what says who acted, which holds names of people.
type Handler struct {
	dir   string
	log   logr.Logger
	slots chan struct{}
}

// NewHandler returns a handler for the volume in dir, which need not exist yet.
func NewHandler(dir string, log logr.Logger) *Handler {
	return &Handler{dir: dir, log: log, slots: make(chan struct{}, maxAtOnce)}
}

// ServeHTTP answers GET and HEAD.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	default:
		w.Header().Set("Retry-After", "1")
		http.Error(w, "too many requests at once", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "the ledger is only read", http.StatusMethodNotAllowed)
	case r.URL.Path == "/ledgers":
		h.index(w)
	default:
		h.file(w, r)
	}
}

// file serves one file, if it is one that readers need.
func (h *Handler) file(w http.ResponseWriter, r *http.Request) {
	kind := kindOf(r.URL.Path)
	if kind == nil {
		http.NotFound(w, r)
		return
	}
	f, err := h.open(strings.TrimPrefix(r.URL.Path, "/"))
	if errors.Is(err, fs.ErrNotExist) {
		http.NotFound(w, r)
		return
	}
	if err != nil {
		h.log.Error(err, "A file of the ledger cannot be served", "path", r.URL.Path)
		http.Error(w, "the file cannot be read", http.StatusInternalServerError)
		return
	}
	defer f.Close() //nolint:errcheck // it was read only
	w.Header().Set("Content-Type", kind.contentType)
	w.Header().Set("Cache-Control", "no-store")
	if kind.immutable {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	http.ServeContent(w, r, "", time.Time{}, f)
}

// open opens a regular file below the volume.
func (h *Handler) open(rel string) (*os.File, error) {
	root, err := os.OpenRoot(h.dir)
	if err != nil {
		return nil, err
	}
	defer root.Close() //nolint:errcheck // it was read only
	f, err := root.Open(rel)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fs.ErrNotExist
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// kind is a kind of file that is served.
type kind struct {
	path        *regexp.Regexp
	contentType string
	immutable   bool
}

const segment = `^/ledgers/[0-9a-f]{32}/segments/[0-9]{6,20}/`

var kinds = []kind{
	{regexp.MustCompile(`^/ledgers/[0-9a-f]{32}/ledger$`), "text/plain; charset=utf-8", true},
	{regexp.MustCompile(`^/ledgers/[0-9a-f]{32}/objects/[0-9a-f]{2}/[0-9a-f]{64}\.zst$`), "application/zstd", true},
	{regexp.MustCompile(segment + `pruned$`), "text/plain; charset=utf-8", true},
	{regexp.MustCompile(segment + `index$`), "application/octet-stream", false},
	{regexp.MustCompile(segment + `log/checkpoint$`), "text/plain; charset=utf-8", false},
	{regexp.MustCompile(segment + `log/tile/(entries|[0-9]{1,2})/(x[0-9]{3}/)*[0-9]{3}(\.p/[0-9]{1,3})?$`), "application/octet-stream", true},
}

func kindOf(path string) *kind {
	for i := range kinds {
		if kinds[i].path.MatchString(path) {
			return &kinds[i]
		}
	}
	return nil
}

// index serves the list of ledgers.
func (h *Handler) index(w http.ResponseWriter) {
	index, err := IndexOf(h.dir)
	if err != nil {
		h.log.Error(err, "The list of ledgers cannot be served")
		w.Header().Set("Retry-After", "5")
		http.Error(w, "the ledger cannot be read now", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	// A client that went away is nobody to tell.
	_ = json.NewEncoder(w).Encode(index)
}

// IndexOf lists the ledgers on a volume.
func IndexOf(dir string) (*Index, error) {
	reader, err := ledger.NewReader(dir)
	if err != nil {
		return nil, err
	}
	index := &Index{Schema: IndexSchema, Ledgers: []Ledger{}}
	for _, info := range reader.Chain() {
		l := Ledger{Current: info.Current, ExportedLedger: ledger.ExportedLedger{LedgerID: info.LedgerID, Reason: info.Reason, VerifierKey: info.VerifierKey}}
		note, entries, err := reader.Checkpoint(info.LedgerID)
		if err != nil {
			return nil, err
		}
		l.Checkpoint, l.Entries = string(note), entries
		if l.First, _, err = reader.First(info.LedgerID); err != nil {
			return nil, err
		}
		if l.SegmentSize, l.Segments, err = reader.Segments(info.LedgerID); err != nil {
			return nil, err
		}
		index.Ledgers = append(index.Ledgers, l)
	}
	return index, nil
}
