package serve

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-dev/holdfast/internal/ledger/tlog"
)

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
