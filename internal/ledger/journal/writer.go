package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/holdfast-dev/holdfast/internal/killpoint"
	"github.com/holdfast-dev/holdfast/internal/ledger/volume"
)

const (
	// maxFile is the size at which a file is followed by the next.
	maxFile = 16 << 20
	// maxGroup is the size at which a group commit takes in no further request.
	maxGroup = 8 << 20
)

// ErrClosed is what a request gets that came after Close.
var ErrClosed = errors.New("the journal is closed")

// Options are what a Writer needs.
type Options struct {
	// Dir exists, and has no files of a journal that are still needed.
	Dir string
	// LedgerID stands at the beginning of each file.
	LedgerID string
	// Next is the number of the first frame.
	Next uint64
	// Stored reports whether an object needs no place in the journal, because
	// it is durable already. It is called by one goroutine. May be nil.
	Stored func(*Record) bool
	// MaxFile is the size at which a file is followed by the next; 0 means 16 MiB.
	MaxFile int64
}

// Writer appends to the journal. One goroutine collects what is queued, writes
// it as one frame, waits for one fdatasync and wakes whoever waits.
type Writer struct {
	opts Options

	mu      sync.Mutex
	wake    *sync.Cond
	queue   []request
	closing bool
	err     error
	durable uint64   // the number of the next frame that is not durable yet
	files   []uint64 // the first frames of the files that exist

	grown   chan struct{}
	stopped chan struct{}

	// The fields below belong to the writing goroutine.
	file *os.File
	size int64
	next uint64
}

type request struct {
	records []Record
	done    func(error)
}

// NewWriter makes a new file and starts the writer.
func NewWriter(opts Options) (*Writer, error) {
	if opts.MaxFile == 0 {
		opts.MaxFile = maxFile
	}
	w := &Writer{
		opts: opts, next: opts.Next, durable: opts.Next,
		grown: make(chan struct{}, 1), stopped: make(chan struct{}),
	}
	w.wake = sync.NewCond(&w.mu)
	if err := w.rotate(); err != nil {
		return nil, err
	}
	go w.run()
	return w, nil
}

// Append queues records and returns at once. done is called from the writer's
// goroutine, in the order of the calls, once the records are durable or cannot
// become so.
func (w *Writer) Append(records []Record, done func(error)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closing {
		err := w.err
		if err == nil {
			err = ErrClosed
		}
		go done(err)
		return
	}
	w.queue = append(w.queue, request{records, done})
	w.wake.Signal()
}

// Durable returns the number of the first frame that is not durable yet.
func (w *Writer) Durable() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.durable
}

// Grown receives a value after Durable has grown.
func (w *Writer) Grown() <-chan struct{} { return w.grown }

// Stopped is closed when nothing is written any more. Err then says why.
func (w *Writer) Stopped() <-chan struct{} { return w.stopped }

// Err returns why the writer stopped; nil if it was closed.
func (w *Writer) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// Trim removes the files that hold nothing but frames before number.
func (w *Writer) Trim(number uint64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.files) > 1 && w.files[1] <= number {
		if err := os.Remove(filepath.Join(w.opts.Dir, fileName(w.files[0]))); err != nil {
			return volume.Classify(err)
		}
		w.files = w.files[1:]
	}
	return nil
}

// Close writes what is queued, and stops the writer.
func (w *Writer) Close() error {
	w.mu.Lock()
	w.closing = true
	w.wake.Signal()
	w.mu.Unlock()
	<-w.stopped
	return w.Err()
}

func (w *Writer) run() {
	defer close(w.stopped)
	for {
		group := w.take()
		if group == nil {
			w.stop(w.file.Close(), nil)
			return
		}
		if err := w.write(group); err != nil {
			_ = w.file.Close()
			w.stop(volume.Classify(err), group)
			return
		}
		killpoint.Hit(killpoint.JournalSynced)
		for _, r := range group {
			r.done(nil)
		}
		select {
		case w.grown <- struct{}{}:
		default:
		}
	}
}

// take waits for requests, and returns nil once the writer is closed and the
// queue is empty.
func (w *Writer) take() []request {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.queue) == 0 && !w.closing {
		w.wake.Wait()
	}
	size := 0
	for i, r := range w.queue {
		for j := range r.records {
			size += r.records[j].size()
		}
		if size > maxGroup && i > 0 {
			group := w.queue[:i]
			w.queue = w.queue[i:]
			return group
		}
	}
	group := w.queue
	w.queue = nil
	return group
}

// stop refuses what failed and what is still queued.
func (w *Writer) stop(err error, failed []request) {
	w.mu.Lock()
	w.closing = true
	if err != nil && w.err == nil {
		w.err = fmt.Errorf("journal: %w", err)
	}
	err = w.err
	failed = append(failed, w.queue...)
	w.queue = nil
	w.mu.Unlock()
	for _, r := range failed {
		r.done(err)
	}
}

// write makes a group of requests durable, as one frame.
func (w *Writer) write(group []request) error {
	if w.size >= w.opts.MaxFile {
		if err := w.rotate(); err != nil {
			return err
		}
	}
	frame := w.encode(group)
	if len(frame)-headerSize > maxPayload {
		return fmt.Errorf("a frame of %d bytes", len(frame))
	}
	if _, err := w.file.Write(frame); err != nil {
		// What was written in part is no frame; a reader would pass over it as
		// a torn end, but without it nobody has to wonder.
		return errors.Join(err, w.file.Truncate(w.size))
	}
	killpoint.Hit(killpoint.JournalWritten)
	if err := volume.SyncData(w.file); err != nil {
		return fmt.Errorf("fdatasync: %w", err)
	}
	w.size += int64(len(frame))
	w.next++
	w.mu.Lock()
	w.durable = w.next
	w.mu.Unlock()
	return nil
}

func (w *Writer) encode(group []request) []byte {
	size := headerSize
	for _, r := range group {
		for i := range r.records {
			size += r.records[i].size()
		}
	}
	frame := beginFrame(make([]byte, 0, size))
	for _, r := range group {
		for i := range r.records {
			record := &r.records[i]
			if record.IsObject() && w.opts.Stored != nil && w.opts.Stored(record) {
				continue
			}
			frame = appendRecord(frame, record)
		}
	}
	finishFrame(frame, 0, w.next)
	return frame
}

// rotate begins a new file. All frames of the file before are durable.
func (w *Writer) rotate() error {
	path := filepath.Join(w.opts.Dir, fileName(w.next))
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|os.O_APPEND, 0o644)
	if err != nil {
		return volume.Classify(err)
	}
	head := preamble(w.opts.LedgerID)
	if _, err := f.Write(head); err != nil {
		return errors.Join(volume.Classify(err), f.Close())
	}
	if err := f.Sync(); err != nil {
		return errors.Join(volume.Classify(err), f.Close())
	}
	if err := volume.SyncDir(w.opts.Dir); err != nil {
		return errors.Join(err, f.Close())
	}
	killpoint.Hit(killpoint.JournalBegun)
	if w.file != nil {
		if err := w.file.Close(); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	w.file, w.size = f, int64(len(head))
	w.mu.Lock()
	w.files = append(w.files, w.next)
	w.mu.Unlock()
	return nil
}
