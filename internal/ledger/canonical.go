package ledger

import "bytes"

// isCanonical reports whether data is for sure canonical JSON (RFC 8785): of
// most entries a look at each byte tells. False means that it takes a second
// form to compare with: there is an escape, a number or a letter beyond the
// ones that this looks at, or it is not canonical.
func isCanonical(data []byte) bool {
	c := canonicalForm{data}
	return c.value(0) && len(c.rest) == 0
}

// canonicalForm is what is left of a text that is canonical up to there.
type canonicalForm struct{ rest []byte }

// deepest is how deep values are looked at: entries nest less.
const deepest = 32

func (c *canonicalForm) value(depth int) bool {
	if len(c.rest) == 0 || depth > deepest {
		return false
	}
	switch c.rest[0] {
	case '{':
		return c.object(depth)
	case '[':
		return c.array(depth)
	case '"':
		_, ok := c.text()
		return ok
	case 't':
		return c.skip("true")
	case 'f':
		return c.skip("false")
	case 'n':
		return c.skip("null")
	default:
		return c.integer()
	}
}

func (c *canonicalForm) skip(literal string) bool {
	rest, ok := bytes.CutPrefix(c.rest, []byte(literal))
	c.rest = rest
	return ok
}

// object takes an object whose keys are plain, and sorted.
func (c *canonicalForm) object(depth int) bool {
	if c.skip("{"); c.skip("}") {
		return true
	}
	var last []byte
	for first := true; ; first = false {
		key, ok := c.text()
		if !ok || bytes.IndexByte(key, '\\') >= 0 || !first && bytes.Compare(last, key) >= 0 {
			return false
		}
		if !c.skip(":") || !c.value(depth+1) {
			return false
		}
		last = key
		if !c.skip(",") {
			return c.skip("}")
		}
	}
}

func (c *canonicalForm) array(depth int) bool {
	if c.skip("["); c.skip("]") {
		return true
	}
	for {
		if !c.value(depth + 1) {
			return false
		}
		if !c.skip(",") {
			return c.skip("]")
		}
	}
}

// text takes a string of printable ASCII in which at most quotes and backslashes
// are escaped, and returns it as it stands.
func (c *canonicalForm) text() (inside []byte, ok bool) {
	if !c.skip(`"`) {
		return nil, false
	}
	for i := 0; i < len(c.rest); i++ {
		switch b := c.rest[i]; {
		case b == '"':
			inside, c.rest = c.rest[:i], c.rest[i+1:]
			return inside, true
		case b == '\\':
			i++
			if i == len(c.rest) || (c.rest[i] != '"' && c.rest[i] != '\\') {
				return nil, false
			}
		case b < ' ' || b > '~':
			return nil, false
		}
	}
	return nil, false
}

// integer takes an integer of at most 15 digits, which every reader has exactly.
func (c *canonicalForm) integer() bool {
	digits := bytes.TrimPrefix(c.rest, []byte("-"))
	n := 0
	for n < len(digits) && digits[n] >= '0' && digits[n] <= '9' {
		n++
	}
	negative := len(c.rest) - len(digits)
	zero := n > 0 && digits[0] == '0'
	if n == 0 || n > 15 || zero && (n > 1 || negative > 0) {
		return false
	}
	c.rest = digits[n:]
	return true
}
