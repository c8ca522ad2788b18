package ledger

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/holdfast-dev/holdfast/internal/ledger/tlog"
	"github.com/holdfast-dev/holdfast/internal/ledger/volume"
)

// The index of a segment has, for each full bundle of its log in order, the
// smallest and the largest observedAt of its entries, as two big-endian 64-bit
// integers, Unix microseconds: entries are not sorted by observedAt.
const indexRecord = 16

// span is the smallest and the largest observedAt of a bundle.
type span struct{ min, max int64 }

func (s *span) add(at int64, first bool) {
	if first {
		*s = span{at, at}
		return
	}
	s.min, s.max = min(s.min, at), max(s.max, at)
}

func (s span) append(buf []byte) []byte {
	buf = binary.BigEndian.AppendUint64(buf, uint64(s.min))
	return binary.BigEndian.AppendUint64(buf, uint64(s.max))
}

func parseSpan(b []byte) span {
	return span{int64(binary.BigEndian.Uint64(b)), int64(binary.BigEndian.Uint64(b[8:]))}
}

// indexer appends to the index of a segment.
type indexer struct {
	file *os.File
	n    uint64 // entries of the bundle that is not full yet
	span span
}

// openIndex opens the index of a segment of size leaves, and completes it
// where a crash left it behind the log.
func openIndex(path string, v tlog.View) (*indexer, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, volume.Classify(err)
	}
	x := &indexer{file: f}
	if err := x.catchUp(v); err != nil {
		return nil, errors.Join(volume.Classify(err), f.Close())
	}
	return x, nil
}

func (x *indexer) catchUp(v tlog.View) error {
	info, err := x.file.Stat()
	if err != nil {
		return err
	}
	full := v.Size / tlog.MaxBatch
	// The newest record may be what a loss of power left: it is written again.
	have := min(uint64(info.Size())/indexRecord, full)
	if have > 0 {
		have--
	}
	if err := x.file.Truncate(int64(have * indexRecord)); err != nil {
		return err
	}
	if _, err := x.file.Seek(int64(have*indexRecord), io.SeekStart); err != nil {
		return err
	}
	for i := have; i*tlog.MaxBatch < v.Size; i++ {
		entries, err := v.Bundle(i)
		if err != nil {
			return err
		}
		for _, e := range entries {
			at, err := observedAt(e)
			if err != nil {
				return err
			}
			if err := x.add(at); err != nil {
				return err
			}
		}
	}
	return nil
}

// add takes in the next entry. A record is durable once its bundle is full.
func (x *indexer) add(at int64) error {
	x.span.add(at, x.n == 0)
	if x.n++; x.n < tlog.MaxBatch {
		return nil
	}
	x.n = 0
	if _, err := x.file.Write(x.span.append(nil)); err != nil {
		return volume.Classify(err)
	}
	return volume.Classify(volume.SyncData(x.file))
}

func (x *indexer) close() error { return x.file.Close() }

// readIndex returns the spans of a segment's full bundles.
func readIndex(path string) ([]span, error) {
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	spans := make([]span, 0, len(data)/indexRecord)
	for ; len(data) >= indexRecord; data = data[indexRecord:] {
		spans = append(spans, parseSpan(data))
	}
	return spans, nil
}

// observedAt returns an entry's observedAt in Unix microseconds. An entry of a
// schema that this version does not know has one all the same.
func observedAt(data []byte) (int64, error) {
	var e struct {
		ObservedAt Time `json:"observedAt"`
	}
	if err := json.Unmarshal(data, &e); err != nil {
		return 0, fmt.Errorf("observedAt of an entry: %w", err)
	}
	return e.ObservedAt.UnixMicro(), nil
}
