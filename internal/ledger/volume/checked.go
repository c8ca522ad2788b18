package volume

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/gowebpki/jcs"
)

// A checked file is one line of canonical JSON, and one line "sha256:" with the
// SHA-256 of the first line in hex, without its newline. Both lines end with a
// newline, and nothing follows.

const checkPrefix = "sha256:"

// ErrChecksum is returned for a checked file that is not what was written.
var ErrChecksum = errors.New("the checksum does not match the content")

// EncodeChecked returns v as the content of a checked file.
func EncodeChecked(v any) ([]byte, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	if data, err = jcs.Transform(data); err != nil {
		return nil, err
	}
	return append(append(data, '\n'), trailer(data)...), nil
}

func trailer(line []byte) string {
	sum := sha256.Sum256(line)
	return checkPrefix + hex.EncodeToString(sum[:]) + "\n"
}

// DecodeChecked reads the content of a checked file into v.
func DecodeChecked(data []byte, v any) error {
	rest, err := SplitChecked(data, v)
	if err == nil && len(rest) > 0 {
		return fmt.Errorf("%w: %d bytes follow", ErrChecksum, len(rest))
	}
	return err
}

// SplitChecked reads a checked part at the beginning of data into v, and
// returns what follows it.
func SplitChecked(data []byte, v any) (rest []byte, err error) {
	line, rest, found := bytes.Cut(data, []byte("\n"))
	if !found {
		return nil, fmt.Errorf("%w: no second line", ErrChecksum)
	}
	want := trailer(line)
	if len(rest) < len(want) || string(rest[:len(want)]) != want {
		return nil, ErrChecksum
	}
	return rest[len(want):], json.Unmarshal(line, v)
}
