package render

import "bytes"

// appendIndented appends JSON as json.Indent writes it, of a text that encoding/json
// wrote without spaces: nothing in it is checked. Further lines begin with the indent.
func appendIndented(to, text []byte, indent string) []byte {
	depth := 0
	for i := 0; i < len(text); {
		switch c := text[i]; c {
		case '{', '[':
			if closes := text[i+1]; closes == c+2 { // as } is to {, and ] to [
				to = append(to, c, closes)
				i += 2
				continue
			}
			depth++
			to = appendLine(append(to, c), indent, depth)
			i++
		case '}', ']':
			depth--
			to = append(appendLine(to, indent, depth), c)
			i++
		case ',':
			to = appendLine(append(to, c), indent, depth)
			i++
		case ':':
			to = append(to, ':', ' ')
			i++
		default:
			end := i + lengthOf(text[i:])
			to = append(to, text[i:end]...)
			i = end
		}
	}
	return to
}

// appendLine begins a line at a depth.
func appendLine(to []byte, indent string, depth int) []byte {
	to = append(append(to, '\n'), indent...)
	for range depth {
		to = append(to, jsonIndent...)
	}
	return to
}

// lengthOf is the length of the string, number or literal that a text begins with.
func lengthOf(text []byte) int {
	if text[0] != '"' {
		if end := bytes.IndexAny(text, ",:]}"); end >= 0 {
			return end
		}
		return len(text)
	}
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '"':
			return i + 1
		case '\\':
			i++
		}
	}
	return len(text)
}
