// Package phrase has the small means of wording that findings, entries and
// conditions share: what they say is bounded, and the same whenever it is said
// of the same.
package phrase

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ellipsis ends a text that was shortened.
const ellipsis = "…"

// Clip shortens a text to at most so many bytes, at a character, and ends it with
// an ellipsis, which itself takes three of them. A text that fits stays as it is.
func Clip(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most-len(ellipsis)], "") + ellipsis
}

// Bounded joins parts by semicolons as far as they fit into at most so many bytes,
// in the order in which they are given, and counts the others. The first part is
// always there, and clipped where it alone is too long.
func Bounded(parts []string, most int) string {
	room := most - len("; and 1000000 more")
	var text strings.Builder
	for i, part := range parts {
		if text.Len()+len("; ")+len(part) > room && i > 0 {
			fmt.Fprintf(&text, "; and %d more", len(parts)-i)
			break
		}
		if i > 0 {
			text.WriteString("; ")
		}
		text.WriteString(Clip(part, room))
	}
	return text.String()
}

// Named puts names, in the order in which they are given, in the place of {names}
// in a template: all of them, or only their number with a noun in the plural, where
// they would make more than so many bytes. The template itself is never shortened.
func Named(template, noun string, names []string, most int) string {
	text := strings.ReplaceAll(template, "{names}", strings.Join(names, ", "))
	if len(text) > most {
		text = strings.ReplaceAll(template, "{names}", fmt.Sprintf("%d %s", len(names), noun))
	}
	return text
}

// Sorted returns the distinct texts in order. The caller's slice stays as it is.
func Sorted(texts []string) []string {
	texts = slices.Clone(texts)
	slices.Sort(texts)
	return slices.Compact(texts)
}

// Listed joins words as people do: "a", "a and b", "a, b and c".
func Listed(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}

// Capital begins a sentence with a capital letter, unless with a word that has a
// dot in it, as the names of hosts and of kinds' groups have.
func Capital(text string) string {
	if word, _, _ := strings.Cut(text, " "); text == "" || strings.Contains(word, ".") {
		return text
	}
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:]
}
