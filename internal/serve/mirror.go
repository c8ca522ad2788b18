package serve

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"

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
