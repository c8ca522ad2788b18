package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// line is an encoded entry, taken apart no further than its members: most
// entries of a long period say little that a record needs. Its members are the
// entry's own bytes, and not kept. Whether the entry is canonical and in the log
// is the business of Verify.
type line struct {
	kind ledger.Kind
	seq  uint64
	run  uint64
	at   int64
	mono int64
	// proven is until when the scope was proven to be as it was judged before,
	// never where the entry does not say.
	proven int64
	parts  map[string][]byte
}

var errNotJSON = errors.New("it is not a JSON object")

// read takes an encoded entry apart. It uses the line again for the next one.
func (l *line) read(data []byte) error {
	if l.parts == nil {
		l.parts = map[string][]byte{}
	}
	clear(l.parts)
	l.kind, l.seq, l.run, l.at, l.mono, l.proven = "", 0, 0, 0, 0, never
	if err := members(data, l.member); err != nil {
		return err
	}
	return nil
}

func (l *line) member(key, value []byte) error {
	var ok bool
	switch string(key) {
	case "kind":
		l.kind = kindOf(value)
	case "seq":
		l.seq, ok = number[uint64](value)
	case "run":
		l.run, ok = number[uint64](value)
	case "monoMicros":
		l.mono, ok = number[int64](value)
	case "observedAt":
		l.at, ok = parseTime(value)
	case "provenAt":
		l.proven, ok = parseTime(value)
	case "inputs", "versions", "prev", "appendedAt":
		return nil
	default:
		l.parts[internKey(key)] = value
		return nil
	}
	if !ok && string(key) != "kind" {
		return fmt.Errorf("its %s is %s", key, value)
	}
	return nil
}

// kindOf is the kind that a JSON string names; those that are known cost nothing.
func kindOf(value []byte) ledger.Kind {
	if len(value) > 2 {
		if kind, ok := kindNames[string(value[1:len(value)-1])]; ok {
			return kind
		}
	}
	return ledger.Kind(text(value))
}

var kindNames = func() map[string]ledger.Kind {
	names := map[string]ledger.Kind{}
	for _, kind := range ledger.Kinds() {
		names[string(kind)] = kind
	}
	return names
}()

// internKey returns the key as a string; those of entries cost nothing.
func internKey(key []byte) string {
	if name, ok := memberNames[string(key)]; ok {
		return name
	}
	return string(key)
}

// memberNames are the members of entries that a record may need.
var memberNames = func() map[string]string {
	names := map[string]string{}
	for _, name := range []string{
		"schema", "critical", "id", "sourceTimes", "policy", "control", "evaluatorVersion", "subject",
		"from", "to", "episode", "origin", "ending", "reason", "message", "ledger", "operator", "alive", "change",
		"introduction", "scope", "object", "gap", "lost", "tail", "schedule", "retention", "collection", "discrepancy",
		"occurrence", "access", "selfTest", "probe", "anchor", "pruned", "erased",
	} {
		names[name] = name
	}
	return names
}()

func (l *line) text(name string) string { return text(l.parts[name]) }

// says reports whether a part is the string s, which needs no escapes.
func (l *line) says(name, s string) bool {
	part := l.parts[name]
	return len(part) == len(s)+2 && part[0] == '"' && string(part[1:len(part)-1]) == s
}

// decode decodes a part that the entry must have.
func (l *line) decode(name string, into any) error {
	part, ok := l.parts[name]
	if !ok {
		return fmt.Errorf("it has no %s", name)
	}
	if err := json.Unmarshal(part, into); err != nil {
		return fmt.Errorf("its %s: %w", name, err)
	}
	return nil
}

// decoded decodes a part of type T that the entry must have.
func decoded[T any](l *line, name string) (T, error) {
	var v T
	err := l.decode(name, &v)
	return v, err
}

// text is the content of a JSON string, "" where there is none.
func text(value []byte) string {
	if len(value) < 2 || value[0] != '"' {
		return ""
	}
	if inner := value[1 : len(value)-1]; bytes.IndexByte(inner, '\\') < 0 {
		return string(inner)
	}
	var s string
	if json.Unmarshal(value, &s) != nil {
		return ""
	}
	return s
}

func number[T int64 | uint64](value []byte) (T, bool) {
	v, err := strconv.ParseUint(string(value), 10, 53)
	return T(v), err == nil
}

// signed is an integer that may be negative.
func signed(value []byte) (int64, bool) {
	v, err := strconv.ParseInt(string(value), 10, 54)
	return v, err == nil
}

// members calls fn for each member of a JSON object, with its encoded value.
func members(data []byte, fn func(key, value []byte) error) error {
	i := space(data, 0)
	if i >= len(data) || data[i] != '{' {
		return errNotJSON
	}
	for i = space(data, i+1); i < len(data) && data[i] != '}'; {
		key := i
		if data[i] != '"' {
			return errNotJSON
		}
		if i = skip(data, i); i < 0 {
			return errNotJSON
		}
		name := data[key+1 : i-1]
		if i = space(data, i); i >= len(data) || data[i] != ':' {
			return errNotJSON
		}
		value := space(data, i+1)
		if i = skip(data, value); i < 0 {
			return errNotJSON
		}
		if err := fn(name, data[value:i]); err != nil {
			return err
		}
		if i = space(data, i); i < len(data) && data[i] == ',' {
			i = space(data, i+1)
		}
	}
	if i >= len(data) {
		return errNotJSON
	}
	return nil
}

func space(data []byte, i int) int {
	for i < len(data) && (data[i] == ' ' || data[i] == '\n' || data[i] == '\t' || data[i] == '\r') {
		i++
	}
	return i
}

// skip returns the end of the value that begins at i, or -1.
func skip(data []byte, i int) int {
	depth := 0
	for i < len(data) {
		switch data[i] {
		case '"':
			if i = quoted(data, i); i < 0 {
				return -1
			}
			i--
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth < 0 {
				return -1
			}
		case ',', ':', ' ', '\n', '\t', '\r':
			if depth == 0 {
				return -1
			}
		default:
			if depth == 0 {
				return bare(data, i)
			}
		}
		i++
		if depth == 0 {
			return i
		}
	}
	return -1
}

// bare returns the end of a number or a word.
func bare(data []byte, i int) int {
	for i < len(data) && bytes.IndexByte([]byte(",]}: \n\t\r\""), data[i]) < 0 {
		i++
	}
	return i
}

// quoted returns the end of the string that begins at i, or -1.
func quoted(data []byte, i int) int {
	for i++; i < len(data); i++ {
		switch data[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}
