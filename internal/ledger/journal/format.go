// Package journal is the ledger's write-ahead journal: append-only files of
// frames. A frame is what one group commit wrote, and one fdatasync made durable.
//
// A file is named after the number of its first frame (16 hex digits and
// ".journal") and begins with a line "holdfast.dev/journal/v1 <ledger id>\n".
// A frame is a header of 24 bytes and a payload; integers are big-endian:
//
//	0   4  "HFJ1"
//	4   4  length of the payload
//	8   8  number of the frame, one more than the frame before
//	16  4  CRC-32C of the payload
//	20  4  CRC-32C of the 20 bytes before
//
// A payload is a sequence of records, each of them one byte of type and
//
//	'O'  32 bytes SHA-256, 4 bytes length, an object
//	'A'  the same, of an object that says who acted and can be erased
//	'E'   8 bytes seq, 8 bytes observedAt (Unix microseconds), 4 bytes length, an entry
//
// The objects that an entry names come before it, in the same frame or earlier.
package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
)

const (
	schema     = "holdfast.dev/journal/v1"
	magic      = "HFJ1"
	headerSize = 24
	// maxPayload bounds what a reader allocates for one frame.
	maxPayload = 64 << 20

	fileSuffix = ".journal"
)

// The types of a record.
const (
	// TypeObject is a content-addressed object.
	TypeObject = 'O'
	// TypeActor is a content-addressed object that can be erased.
	TypeActor = 'A'
	// TypeEntry is an entry.
	TypeEntry = 'E'
)

// Record is an entry, or an object that a later entry names.
type Record struct {
	Type byte
	// Digest is an object's SHA-256.
	Digest [sha256.Size]byte
	// Seq and ObservedAt (Unix microseconds) are an entry's.
	Seq        uint64
	ObservedAt int64
	Data       []byte
}

// IsObject reports whether the record is an object of either kind.
func (r *Record) IsObject() bool { return r.Type == TypeObject || r.Type == TypeActor }

// Frame is one group commit.
type Frame struct {
	Number  uint64
	Records []Record
}

func preamble(ledgerID string) []byte { return []byte(schema + " " + ledgerID + "\n") }

func fileName(first uint64) string { return fmt.Sprintf("%016x%s", first, fileSuffix) }

func parseFileName(name string) (first uint64, ok bool) {
	digits, ok := strings.CutSuffix(name, fileSuffix)
	if !ok || len(digits) != 16 || strings.ToLower(digits) != digits {
		return 0, false
	}
	first, err := strconv.ParseUint(digits, 16, 64)
	return first, err == nil
}

func castagnoli(data []byte) uint32 { return crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli)) }

// beginFrame reserves the header of a frame.
func beginFrame(buf []byte) []byte { return append(buf, make([]byte, headerSize)...) }

// finishFrame fills in the header of a frame that begins at start.
func finishFrame(buf []byte, start int, number uint64) {
	header, payload := buf[start:start+headerSize], buf[start+headerSize:]
	copy(header, magic)
	binary.BigEndian.PutUint32(header[4:], uint32(len(payload)))
	binary.BigEndian.PutUint64(header[8:], number)
	binary.BigEndian.PutUint32(header[16:], castagnoli(payload))
	binary.BigEndian.PutUint32(header[20:], castagnoli(header[:20]))
}

func appendRecord(buf []byte, r *Record) []byte {
	buf = append(buf, r.Type)
	if r.IsObject() {
		buf = append(buf, r.Digest[:]...)
	} else {
		buf = binary.BigEndian.AppendUint64(buf, r.Seq)
		buf = binary.BigEndian.AppendUint64(buf, uint64(r.ObservedAt))
	}
	buf = binary.BigEndian.AppendUint32(buf, uint32(len(r.Data)))
	return append(buf, r.Data...)
}

func (r *Record) size() int { return 1 + sha256.Size + 4 + len(r.Data) }

var (
	// errShort: the data ends before the frame does.
	errShort = errors.New("the file ends inside a frame")
	// errBad: what is there is no frame.
	errBad = errors.New("not a frame")
)

// decodeFrame reads the frame at the beginning of data, and returns its length.
// The records point into data.
func decodeFrame(data []byte) (*Frame, int, error) {
	if len(data) < headerSize {
		return nil, 0, errShort
	}
	header := data[:headerSize]
	if !bytes.HasPrefix(header, []byte(magic)) {
		return nil, 0, fmt.Errorf("%w: it does not begin with %q", errBad, magic)
	}
	if binary.BigEndian.Uint32(header[20:]) != castagnoli(header[:20]) {
		return nil, 0, fmt.Errorf("%w: the header's checksum does not match", errBad)
	}
	length := binary.BigEndian.Uint32(header[4:])
	if length > maxPayload {
		return nil, 0, fmt.Errorf("%w: a payload of %d bytes", errBad, length)
	}
	end := headerSize + int(length)
	if len(data) < end {
		return nil, 0, errShort
	}
	payload := data[headerSize:end]
	if binary.BigEndian.Uint32(header[16:]) != castagnoli(payload) {
		return nil, 0, fmt.Errorf("%w: the payload's checksum does not match", errBad)
	}
	records, err := decodeRecords(payload)
	if err != nil {
		return nil, 0, err
	}
	return &Frame{Number: binary.BigEndian.Uint64(header[8:]), Records: records}, end, nil
}

func decodeRecords(p []byte) ([]Record, error) {
	var records []Record
	for len(p) > 0 {
		r := Record{Type: p[0]}
		p = p[1:]
		switch {
		case r.IsObject() && len(p) >= sha256.Size:
			p = p[copy(r.Digest[:], p):]
		case r.Type == TypeEntry && len(p) >= 16:
			r.Seq, r.ObservedAt = binary.BigEndian.Uint64(p), int64(binary.BigEndian.Uint64(p[8:]))
			p = p[16:]
		default:
			return nil, fmt.Errorf("%w: no record of type %q", errBad, r.Type)
		}
		if len(p) < 4 || uint64(len(p)-4) < uint64(binary.BigEndian.Uint32(p)) {
			return nil, fmt.Errorf("%w: a record longer than its frame", errBad)
		}
		n := int(binary.BigEndian.Uint32(p))
		r.Data, p = p[4:4+n:4+n], p[4+n:]
		records = append(records, r)
	}
	return records, nil
}
