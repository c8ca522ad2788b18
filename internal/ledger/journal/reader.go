package journal

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Reader reads frames behind a Writer.
type Reader struct {
	dir, ledgerID string
	next          uint64
	file          *os.File
}

// NewReader returns a reader that begins with frame next, which is or will be
// the first of a file.
func NewReader(dir, ledgerID string, next uint64) *Reader {
	return &Reader{dir: dir, ledgerID: ledgerID, next: next}
}

// Position returns the number of the frame that Next reads.
func (r *Reader) Position() uint64 { return r.next }

// Next reads the next frame. The caller knows that it is durable.
func (r *Reader) Next() (*Frame, error) {
	data, err := r.raw()
	if err != nil {
		return nil, fmt.Errorf("journal: frame %d: %w", r.next, err)
	}
	f, _, err := decodeFrame(data)
	if err != nil {
		return nil, fmt.Errorf("journal: frame %d: %w", r.next, err)
	}
	if f.Number != r.next {
		return nil, fmt.Errorf("journal: %w: frame %d, want %d", ErrDamaged, f.Number, r.next)
	}
	r.next++
	return f, nil
}

// raw returns the bytes of the next frame, from this file or the following.
func (r *Reader) raw() ([]byte, error) {
	header := make([]byte, headerSize)
	if r.file != nil {
		_, err := io.ReadFull(r.file, header)
		if err == nil {
			return r.body(header)
		}
		if err != io.EOF {
			return nil, err
		}
	}
	if err := r.open(); err != nil {
		return nil, err
	}
	if _, err := io.ReadFull(r.file, header); err != nil {
		return nil, err
	}
	return r.body(header)
}

func (r *Reader) body(header []byte) ([]byte, error) {
	length := binary.BigEndian.Uint32(header[4:])
	if length > maxPayload {
		return nil, fmt.Errorf("%w: a payload of %d bytes", errBad, length)
	}
	data := append(header, make([]byte, length)...)
	_, err := io.ReadFull(r.file, data[headerSize:])
	return data, err
}

// open opens the file that begins with the next frame.
func (r *Reader) open() error {
	if err := r.Close(); err != nil {
		return err
	}
	f, err := os.Open(filepath.Join(r.dir, fileName(r.next)))
	if err != nil {
		return err
	}
	r.file = f
	_, err = f.Seek(int64(len(preamble(r.ledgerID))), io.SeekStart)
	return err
}

// Close closes the file that is open.
func (r *Reader) Close() error {
	if r.file == nil {
		return nil
	}
	err := r.file.Close()
	r.file = nil
	return err
}
