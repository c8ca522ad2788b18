package ledger

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/gowebpki/jcs"
)

// canonical encodes v as canonical JSON (RFC 8785).
func canonical(v any) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, err
	}
	data := text.Bytes()[:text.Len()-1] // the encoder ends a line
	if sorted, ok := sortKeys(data); ok {
		return sorted, nil
	}
	return jcs.Transform(data)
}

// sortKeys returns the canonical form of an object or array as encoding/json writes it,
// where only the order of keys may be another one. False means that there is more to
// it: an escape, a number or a key beyond the ones that this looks at.
func sortKeys(data []byte) (sorted []byte, ok bool) {
	if len(data) == 0 || data[0] != '{' && data[0] != '[' {
		return nil, false
	}
	s := keySorter{canonicalForm: canonicalForm{data}, out: make([]byte, 0, len(data)+1)}
	if !s.value(0) || len(s.rest) > 0 {
		return nil, false
	}
	return s.out, true
}

// keySorter writes what it takes, with the keys of objects in order.
type keySorter struct {
	canonicalForm
	out []byte
	// members are those of the objects that are under way; the last ones are those of
	// the innermost.
	members []member
	scratch []byte
}

// member is a member of an object: its key, and where in out it begins and ends.
type member struct {
	key      []byte
	from, to int
}

func (s *keySorter) value(depth int) bool {
	if len(s.rest) == 0 || depth > deepest {
		return false
	}
	switch s.rest[0] {
	case '{':
		return s.object(depth)
	case '[':
		return s.array(depth)
	case '"':
		return s.string()
	}
	before := s.rest
	if !s.canonicalForm.value(depth) {
		return false
	}
	s.out = append(s.out, before[:len(before)-len(s.rest)]...)
	return true
}

// object takes an object, and writes its members in the order of their keys. Each is
// written with a comma after it until the order is known.
func (s *keySorter) object(depth int) bool {
	s.skip("{")
	if s.out = append(s.out, '{'); s.skip("}") {
		s.out = append(s.out, '}')
		return true
	}
	first, begin := len(s.members), len(s.out)
	for more := true; more; more = s.skip(",") {
		from := len(s.out)
		key, ok := s.text()
		if !ok || bytes.IndexByte(key, '\\') >= 0 || !s.skip(":") {
			return false
		}
		s.out = append(append(append(s.out, '"'), key...), '"', ':')
		if !s.value(depth + 1) {
			return false
		}
		s.out = append(s.out, ',')
		s.members = append(s.members, member{key, from, len(s.out)})
	}
	if !s.skip("}") || !s.arrange(s.members[first:], begin) {
		return false
	}
	s.members = s.members[:first]
	s.out[len(s.out)-1] = '}'
	return true
}

// arrange brings the members that were written from begin on into order. It returns
// false where two have the same key.
func (s *keySorter) arrange(members []member, begin int) bool {
	byKey := func(a, b member) int { return bytes.Compare(a.key, b.key) }
	if !slices.IsSortedFunc(members, byKey) {
		slices.SortFunc(members, byKey)
		s.scratch = append(s.scratch[:0], s.out[begin:]...)
		s.out = s.out[:begin]
		for _, m := range members {
			s.out = append(s.out, s.scratch[m.from-begin:m.to-begin]...)
		}
	}
	for i := 1; i < len(members); i++ {
		if bytes.Equal(members[i-1].key, members[i].key) {
			return false
		}
	}
	return true
}

func (s *keySorter) array(depth int) bool {
	s.skip("[")
	if s.out = append(s.out, '['); s.skip("]") {
		s.out = append(s.out, ']')
		return true
	}
	for more := true; more; more = s.skip(",") {
		if !s.value(depth + 1) {
			return false
		}
		s.out = append(s.out, ',')
	}
	s.out[len(s.out)-1] = ']'
	return s.skip("]")
}

// string takes a string in which at most quotes and backslashes are escaped. Letters
// beyond ASCII stand as they are.
func (s *keySorter) string() bool {
	for i := 1; i < len(s.rest); i++ {
		switch b := s.rest[i]; {
		case b == '"':
			s.out = append(s.out, s.rest[:i+1]...)
			s.rest = s.rest[i+1:]
			return true
		case b == '\\':
			i++
			if i == len(s.rest) || (s.rest[i] != '"' && s.rest[i] != '\\') {
				return false
			}
		case b < ' ' || b == 0x7f:
			return false
		}
	}
	return false
}
