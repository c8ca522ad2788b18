//go:build browser

package browser

import (
	"bytes"
	"compress/zlib"
	"encoding/hex"
	"io"
	"regexp"
	"strconv"
	"testing"
	"unicode/utf16"
)

// The little of PDF that it takes to read what Chromium printed: objects,
// compressed streams, and for each font which letters its glyphs are.
var (
	pdfObject   = regexp.MustCompile(`(?s)(\d+) 0 obj\s(.*?)\sendobj`)
	pdfSheet    = regexp.MustCompile(`/Type /Page\b`)
	pdfContents = regexp.MustCompile(`/Contents (\d+) 0 R`)
	pdfFont     = regexp.MustCompile(`/(F\d+) (\d+) 0 R`)
	pdfLetters  = regexp.MustCompile(`/ToUnicode (\d+) 0 R`)
	pdfOne      = regexp.MustCompile(`<([0-9A-Fa-f]{4})> <([0-9A-Fa-f]+)>\n`)
	pdfRange    = regexp.MustCompile(`<([0-9A-Fa-f]{4})> <([0-9A-Fa-f]{4})> <([0-9A-Fa-f]{4})>`)
	pdfText     = regexp.MustCompile(`(?s)/(F\d+) [\d.]+ Tf|\[([^\]]*)\] TJ|(<[0-9A-Fa-f]+>) Tj`)
	pdfGlyphs   = regexp.MustCompile(`<([0-9A-Fa-f]+)>`)
)

// sheets are the texts of the sheets of a document, without spaces.
func sheets(t *testing.T, document []byte) []string {
	t.Helper()
	objects := map[string][]byte{}
	for _, m := range pdfObject.FindAllSubmatch(document, -1) {
		objects[string(m[1])] = m[2]
	}
	var texts []string
	for _, m := range pdfObject.FindAllSubmatch(document, -1) {
		if !pdfSheet.Match(m[2]) {
			continue
		}
		fonts := map[string]map[uint64]string{}
		for _, f := range pdfFont.FindAllSubmatch(m[2], -1) {
			if letters := pdfLetters.FindSubmatch(objects[string(f[2])]); letters != nil {
				fonts[string(f[1])] = glyphs(inflated(t, objects[string(letters[1])]))
			}
		}
		texts = append(texts, text(inflated(t, objects[string(pdfContents.FindSubmatch(m[2])[1])]), fonts))
	}
	return texts
}

// inflated is the content of a stream.
func inflated(t *testing.T, object []byte) []byte {
	t.Helper()
	_, data, ok := bytes.Cut(object, []byte("stream\n"))
	if !ok {
		t.Fatalf("there is no stream in %.80q", object)
	}
	r, err := zlib.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// glyphs are the letters of a font's glyphs.
func glyphs(table []byte) map[uint64]string {
	letters := map[uint64]string{}
	for _, m := range pdfOne.FindAllSubmatch(table, -1) {
		letters[number(m[1])] = letter(m[2])
	}
	for _, m := range pdfRange.FindAllSubmatch(table, -1) {
		for g := number(m[1]); g <= number(m[2]); g++ {
			letters[g] = string(rune(number(m[3]) + g - number(m[1])))
		}
	}
	return letters
}

func number(digits []byte) uint64 {
	n, _ := strconv.ParseUint(string(digits), 16, 64) // The expressions let only digits through.
	return n
}

// letter is text in UTF-16, in hex.
func letter(digits []byte) string {
	data := make([]byte, hex.DecodedLen(len(digits)))
	_, _ = hex.Decode(data, digits) // The expressions let only digits through.
	var units []uint16
	for i := 0; i+1 < len(data); i += 2 {
		units = append(units, uint16(data[i])<<8|uint16(data[i+1]))
	}
	return string(utf16.Decode(units))
}

// text is what a sheet's content writes, in the order in which it does.
func text(content []byte, fonts map[string]map[uint64]string) string {
	var written bytes.Buffer
	var font map[uint64]string
	for _, m := range pdfText.FindAllSubmatch(content, -1) {
		if m[1] != nil {
			font = fonts[string(m[1])]
			continue
		}
		for _, run := range pdfGlyphs.FindAllSubmatch(append(m[2], m[3]...), -1) {
			for i := 0; i+4 <= len(run[1]); i += 4 {
				if s := font[number(run[1][i:i+4])]; s != " " {
					written.WriteString(s)
				}
			}
		}
	}
	return written.String()
}
