package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// ErrDamaged is returned where frames that were durable cannot be read: there
// is a hole before a later frame.
var ErrDamaged = errors.New("the journal is damaged")

// Torn is what an interrupted write left at the end of the newest file. It was
// never durable, unless the file was damaged afterwards.
type Torn struct {
	File  string
	Bytes int
	// Whole is true where all bytes of a frame are there, but wrong: a process
	// that was killed does not leave that behind, a loss of power may.
	Whole bool
	Err   error
}

// Result is what a scan found beside the frames.
type Result struct {
	// Next is the number that the next frame must have.
	Next uint64
	Torn *Torn
}

// Files returns the names of the journal's files in dir, oldest first. A
// directory that does not exist has none.
func Files(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if _, ok := parseFileName(e.Name()); ok {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

// Scan calls fn for each frame in dir, in order. It returns ErrDamaged where a
// frame cannot be read and a later one can.
func Scan(dir, ledgerID string, fn func(file string, f *Frame) error) (Result, error) {
	names, err := Files(dir)
	if err != nil {
		return Result{}, err
	}
	s := scanner{ledgerID: ledgerID, fn: fn}
	for i, name := range names {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return s.result, err
		}
		if err := s.file(name, data, i == 0, i == len(names)-1); err != nil {
			return s.result, err
		}
	}
	return s.result, nil
}

type scanner struct {
	ledgerID string
	fn       func(string, *Frame) error
	result   Result
}

func (s *scanner) file(name string, data []byte, first, last bool) error {
	number, _ := parseFileName(name)
	if first {
		s.result.Next = number
	}
	if number != s.result.Next {
		return fmt.Errorf("%w: %s begins with frame %d, want %d", ErrDamaged, name, number, s.result.Next)
	}
	head := preamble(s.ledgerID)
	if !bytes.HasPrefix(data, head) {
		if last && bytes.HasPrefix(head, data) {
			s.result.Torn = &Torn{File: name, Bytes: len(data), Err: errShort}
			return nil
		}
		return fmt.Errorf("%w: %s does not begin with %q", ErrDamaged, name, head)
	}
	rest := data[len(head):]
	for len(rest) > 0 {
		f, n, err := decodeFrame(rest)
		if err != nil {
			return s.unreadable(name, rest, last, err)
		}
		if f.Number != s.result.Next {
			return fmt.Errorf("%w: %s has frame %d, want %d", ErrDamaged, name, f.Number, s.result.Next)
		}
		if err := s.fn(name, f); err != nil {
			return err
		}
		s.result.Next++
		rest = rest[n:]
	}
	return nil
}

// unreadable decides whether what cannot be read is a torn end or a hole.
func (s *scanner) unreadable(name string, rest []byte, last bool, cause error) error {
	if !last {
		return fmt.Errorf("%w: %s: frame %d: %w", ErrDamaged, name, s.result.Next, cause)
	}
	for at := 1; at < len(rest); at++ {
		next := bytes.Index(rest[at:], []byte(magic))
		if next < 0 {
			break
		}
		at += next
		if f, _, err := decodeFrame(rest[at:]); err == nil && f.Number > s.result.Next {
			return fmt.Errorf("%w: %s: frame %d cannot be read (%w), frame %d can", ErrDamaged, name, s.result.Next, cause, f.Number)
		}
	}
	s.result.Torn = &Torn{File: name, Bytes: len(rest), Whole: errors.Is(cause, errBad), Err: cause}
	return nil
}
