package serve

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/ledger/tlog"
)

// Remote is a ledger that is served somewhere.
type Remote struct {
	// Base is the URL below which it is served.
	Base *url.URL
	// Client asks for it.
	Client *http.Client
	// Progress is told what is done, in a few words. May be nil.
	Progress func(what string)
}

// ErrNotAContinuation is returned where what is served now does not continue
// what was mirrored before. What was mirrored is left as it was.
var ErrNotAContinuation = errors.New("what is served is not a continuation of what was copied before")

// Bounds of what is fetched, in bytes.
const (
	maxIndex      = 4 << 20
	maxSmall      = 64 << 10
	maxEntries    = tlog.MaxBatch * (2 + ledger.MaxEntrySize)
	maxObjectFile = 64 << 20
)

// fetchers is how many files are fetched at the same time.
const fetchers = 8

// Index fetches the list of ledgers.
func (r *Remote) Index(ctx context.Context) (*Index, error) {
	data, err := r.get(ctx, "ledgers", maxIndex)
	if err != nil {
		return nil, err
	}
	var index Index
	if err := json.Unmarshal(data, &index); err != nil || index.Schema != IndexSchema {
		return nil, fmt.Errorf("%s does not serve a ledger (schema %.100q)", r.Base, index.Schema)
	}
	return &index, nil
}

// Mirror brings a copy of what is served up to date, or makes one, in a
// directory that has nothing else. What was copied before is not fetched again,
// and is proven to be continued. The copy is read and verified as a volume is;
// who signed it, only that tells. It lacks objects that say who acted.
func (r *Remote) Mirror(ctx context.Context, dir string) error {
	index, err := r.Index(ctx)
	if err != nil {
		return err
	}
	if len(index.Ledgers) == 0 {
		return fmt.Errorf("%s serves no ledger yet", r.Base)
	}
	u, err := ledger.NewUnpacker()
	if err != nil {
		return err
	}
	for i := range index.Ledgers {
		m := &mirror{Remote: r, ctx: ctx, dir: dir, l: &index.Ledgers[i], unpack: u}
		if err := m.run(); err != nil {
			return fmt.Errorf("copy ledger %.32s: %w", index.Ledgers[i].LedgerID, err)
		}
	}
	return nil
}

// mirror copies one ledger.
type mirror struct {
	*Remote
	ctx    context.Context //nolint:containedctx // lives as long as one call
	dir    string
	l      *Ledger
	unpack *ledger.Unpacker

	before uint64            // entries that were copied before
	after  uint64            // entries that are copied now
	notes  map[string][]byte // the checkpoints that are written last
	made   []string          // files that were made
	stale  []string          // files that are superfluous once it is done
	files  int
}

func (m *mirror) run() error {
	if kindOf("/ledgers/"+m.l.LedgerID+"/ledger") == nil {
		return errors.New("its id is none")
	}
	m.notes = map[string][]byte{}
	err := m.segments()
	if err == nil {
		err = m.objects()
	}
	if err != nil {
		for _, full := range m.made {
			err = errors.Join(err, os.Remove(full))
		}
		return err
	}
	for name, note := range m.notes {
		if err := m.write(name, note); err != nil {
			return err
		}
	}
	for _, full := range m.stale {
		if err := os.Remove(full); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (m *mirror) path(parts ...string) string {
	return path.Join(append([]string{"ledgers", m.l.LedgerID}, parts...)...)
}

func (m *mirror) local(name string) string { return filepath.Join(m.dir, filepath.FromSlash(name)) }

// immutable copies a file that never changes, unless it is there.
func (m *mirror) immutable(name string, limit int64) error {
	if _, err := os.Stat(m.local(name)); err == nil {
		return nil
	}
	data, err := m.get(m.ctx, name, limit)
	if err != nil {
		return err
	}
	m.made = append(m.made, m.local(name))
	return m.write(name, data)
}

// write makes a file, whole or not at all.
func (m *mirror) write(name string, data []byte) error {
	full := m.local(name)
	if err := os.MkdirAll(filepath.Dir(full), 0o700); err != nil {
		return err
	}
	temp := full + ".tmp"
	if err := os.WriteFile(temp, data, 0o600); err != nil {
		return err
	}
	m.files++
	if m.Progress != nil {
		m.Progress(fmt.Sprintf("copying the ledger: %d files", m.files))
	}
	return os.Rename(temp, full)
}

func (m *mirror) segments() error {
	if err := m.same("ledger"); err != nil {
		return err
	}
	if m.l.SegmentSize == 0 || m.l.Segments == 0 || m.l.Segments > m.l.Entries/m.l.SegmentSize+1 {
		return fmt.Errorf("%d segments of %d entries do not make %d", m.l.Segments, m.l.SegmentSize, m.l.Entries)
	}
	for n := range m.l.Segments {
		if err := m.segment(n); err != nil {
			return fmt.Errorf("segment %d: %w", n, err)
		}
	}
	return nil
}

// same copies a file, or compares it with what was copied before.
func (m *mirror) same(name string) error {
	data, err := m.get(m.ctx, m.path(name), maxSmall)
	if err != nil {
		return err
	}
	before, err := os.ReadFile(m.local(m.path(name)))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return m.immutable(m.path(name), maxSmall)
	case err == nil && !bytes.Equal(before, data):
		return fmt.Errorf("%w: %s differs", ErrNotAContinuation, name)
	}
	return err
}

// segment copies a segment up to its checkpoint, and proves that it continues
// what was copied before.
func (m *mirror) segment(n uint64) error {
	dir := m.path("segments", fmt.Sprintf("%06d", n))
	name := path.Join(dir, "log", tlog.CheckpointFile)
	old, err := os.ReadFile(m.local(name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, err := os.Stat(m.local(path.Join(dir, "pruned"))); err == nil {
		return nil
	}
	note, err := m.get(m.ctx, name, maxSmall)
	if err != nil {
		return err
	}
	s := &copied{mirror: m, dir: dir, base: n * m.l.SegmentSize, old: old, note: note}
	pruned := s.base < m.l.First
	if pruned && old != nil {
		return nil // copied while it was there
	}
	if pruned {
		m.notes[name] = note
		return m.immutable(path.Join(dir, "pruned"), maxSmall)
	}
	if err := s.tree(); err != nil {
		return err
	}
	m.notes[name] = note
	return nil
}

// copied is a segment that is copied.
type copied struct {
	*mirror
	dir       string
	base      uint64
	old, note []byte // checkpoints
}

func (s *copied) tree() error {
	origin, err := tlog.ParseOriginOf(s.note)
	if err != nil {
		return err
	}
	if want := tlog.Origin(s.l.LedgerID, s.base/s.l.SegmentSize); origin != want {
		return fmt.Errorf("its checkpoint is of %.100q, want %q", origin, want)
	}
	size, root, err := tlog.Unverified(s.note)
	if err != nil {
		return err
	}
	if size > s.l.SegmentSize {
		return fmt.Errorf("its checkpoint covers %d entries, segments have %d", size, s.l.SegmentSize)
	}
	var oldSize uint64
	var oldRoot []byte
	if s.old != nil {
		if oldSize, oldRoot, err = tlog.Unverified(s.old); err != nil {
			return err
		}
		s.before = s.base + oldSize
	}
	s.after = s.base + size
	if size < oldSize {
		return fmt.Errorf("%w: %d entries were copied, %d are served", ErrNotAContinuation, oldSize, size)
	}
	if err := s.tiles(size); err != nil {
		return err
	}
	if err := s.proven(size, root, oldSize, oldRoot); err != nil {
		return err
	}
	s.outgrown(oldSize, size)
	return s.index(size)
}

// outgrown takes note of the partial files of the smaller tree.
func (s *copied) outgrown(oldSize, size uint64) {
	needed := map[string]bool{}
	for file := range tlog.Files(size) {
		needed[file.Path] = file.Width < tlog.MaxBatch
	}
	for file := range tlog.Files(oldSize) {
		if file.Width < tlog.MaxBatch && !needed[file.Path] {
			s.stale = append(s.stale, s.local(path.Join(s.dir, "log", file.Path)))
		}
	}
}

// tiles fetches the files of the tree that are not there.
func (s *copied) tiles(size uint64) error {
	files, ctx := errgroup.WithContext(s.ctx)
	files.SetLimit(fetchers)
	type fetched struct {
		name string
		data []byte
	}
	results := make(chan fetched, fetchers)
	go func() {
		for file := range tlog.Files(size) {
			name := path.Join(s.dir, "log", file.Path)
			if _, err := os.Stat(s.local(name)); err == nil {
				continue
			}
			files.Go(func() error {
				data, err := s.tile(ctx, name, file)
				if err == nil {
					results <- fetched{name, data}
				}
				return err
			})
		}
		_ = files.Wait() // the error is asked for below
		close(results)
	}()
	var writing error
	for f := range results {
		if writing == nil {
			s.made = append(s.made, s.local(f.name))
			writing = s.write(f.name, f.data)
		}
	}
	return errors.Join(files.Wait(), writing)
}

// tile fetches a tile or a bundle of entries. Where there is more by now, what
// is asked for is its beginning.
func (s *copied) tile(ctx context.Context, name string, file tlog.File) ([]byte, error) {
	data, err := s.get(ctx, name, maxEntries)
	if errors.Is(err, fs.ErrNotExist) && file.Width < tlog.MaxBatch {
		whole, _, _ := strings.Cut(name, ".p/")
		data, err = s.get(ctx, whole, maxEntries)
	}
	if err != nil {
		return nil, err
	}
	return file.Cut(data)
}

// proven checks that the tiles give the root of the checkpoint, and that of the
// one that was copied before.
func (s *copied) proven(size uint64, root []byte, oldSize uint64, oldRoot []byte) error {
	view := tlog.View{Dir: s.local(path.Join(s.dir, "log")), Size: size}
	got, err := view.RootAt(s.ctx, size)
	if err != nil {
		return err
	}
	if s.old != nil {
		before, err := view.RootAt(s.ctx, oldSize)
		if err != nil {
			return err
		}
		if !bytes.Equal(before, oldRoot) {
			return fmt.Errorf("%w: the first %d entries had root %x, they have %x", ErrNotAContinuation, oldSize, oldRoot, before)
		}
	}
	if !bytes.Equal(got, root) {
		return fmt.Errorf("%w: its checkpoint of %d entries names root %x, its tiles give %x", ErrNotAContinuation, size, root, got)
	}
	return nil
}

// index copies the part of the index that belongs to the entries.
func (s *copied) index(size uint64) error {
	name := path.Join(s.dir, "index")
	data, err := s.get(s.ctx, name, maxObjectFile)
	if err != nil {
		return err
	}
	s.notes[name] = data[:min(uint64(len(data)), size/tlog.MaxBatch*16)]
	return nil
}

// objects copies what the new entries name, and what that names.
func (m *mirror) objects() error {
	next, err := ledger.NamedObjects(m.ctx, m.dir, m.l.LedgerID, m.before, m.after)
	seen := map[ledger.ObjectName]bool{}
	for len(next) > 0 && err == nil {
		var todo []ledger.ObjectName
		for _, name := range next {
			if !seen[name] && !name.Erasable() {
				seen[name] = true
				todo = append(todo, name)
			}
		}
		next, err = m.fetchObjects(todo)
	}
	return err
}

// fetchObjects fetches objects that are not there, and returns what they name.
func (m *mirror) fetchObjects(names []ledger.ObjectName) ([]ledger.ObjectName, error) {
	named := make([][]ledger.ObjectName, len(names))
	contents := make([][]byte, len(names))
	var all []ledger.ObjectName
	for from := 0; from < len(names); from += fetchers {
		group, ctx := errgroup.WithContext(m.ctx)
		for i := from; i < min(from+fetchers, len(names)); i++ {
			group.Go(func() (err error) {
				named[i], contents[i], err = m.object(ctx, names[i])
				return err
			})
		}
		if err := group.Wait(); err != nil {
			return nil, err
		}
		for i := from; i < min(from+fetchers, len(names)); i++ {
			if contents[i] != nil {
				file := names[i].Path(m.l.LedgerID)
				m.made = append(m.made, m.local(file))
				if err := m.write(file, contents[i]); err != nil {
					return nil, err
				}
			}
			all, contents[i] = append(all, named[i]...), nil
		}
	}
	return all, nil
}

// patience is how long an object is waited for: it has its file a moment after
// the entry that names it.
const (
	patience = 5 * time.Second
	pause    = 200 * time.Millisecond
)

// object returns what an object names, and its content where it was not there.
func (m *mirror) object(ctx context.Context, name ledger.ObjectName) (names []ledger.ObjectName, fetched []byte, err error) {
	file, err := os.ReadFile(m.local(name.Path(m.l.LedgerID)))
	if err == nil {
		names, err = m.unpack.Names(name.Digest, file)
		return names, nil, err
	}
	for deadline := time.Now().Add(patience); ; {
		fetched, err = m.get(ctx, name.Path(m.l.LedgerID), maxObjectFile)
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
		if time.Now().After(deadline) {
			return nil, nil, nil // verify says that it is missing
		}
		select {
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		case <-time.After(pause):
		}
	}
	if err != nil {
		return nil, nil, err
	}
	names, err = m.unpack.Names(name.Digest, fetched)
	return names, fetched, err
}

// get fetches a file of at most so many bytes.
func (r *Remote) get(ctx context.Context, name string, limit int64) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.Base.JoinPath(name).String(), nil)
	if err != nil {
		return nil, err
	}
	resp, err := r.Client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // it was read only
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	default:
		return nil, fmt.Errorf("%s: status %d: %s", name, resp.StatusCode, reasonOf(resp.Body))
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("%s: more than %d bytes", name, limit)
	}
	return data, err
}

// reasonOf is why a request was refused: in the words of the API server, where it
// is its proxy that refused, and otherwise the beginning of what was said.
func reasonOf(body io.Reader) string {
	said, _ := io.ReadAll(io.LimitReader(body, 4096))
	var status struct {
		Message string `json:"message"`
	}
	if err := json.Unmarshal(said, &status); err == nil && status.Message != "" {
		return status.Message
	}
	return strings.TrimSpace(string(said[:min(len(said), 200)]))
}
