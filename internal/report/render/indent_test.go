package render

import (
	"bytes"
	"encoding/json"
	"io"
	"testing"

	"github.com/holdfast-dev/holdfast/internal/report/render/rendertest"
)

// FuzzIndented: what is indented without being checked is what the library writes.
func FuzzIndented(f *testing.F) {
	for _, text := range []string{
		`{"a":{"b":[],"c":{},"d":[[],[{}],{"e":[1,-2.5e3,true,null]}]},"f":"{\"[,:\\"}`, `[]`, `{}`, `"a"`, `1`, `null`, `[""]`, `{"":""}`, `[[[[[[[[[[[[1]]]]]]]]]]]]`,
	} {
		f.Add([]byte(text), "  ")
	}
	f.Fuzz(func(t *testing.T, data []byte, indent string) {
		var text, want bytes.Buffer
		if json.Compact(&text, data) != nil {
			return
		}
		if err := json.Indent(&want, text.Bytes(), indent, jsonIndent); err != nil {
			t.Fatal(err)
		}
		if got := appendIndented(nil, text.Bytes(), indent); !bytes.Equal(got, want.Bytes()) {
			t.Fatalf("got\n%s\nwant\n%s", got, want.Bytes())
		}
	})
}

// BenchmarkJSON measures a record of 50,000 episodes.
func BenchmarkJSON(b *testing.B) {
	r := rendertest.Rich()
	episodes := r.Controls[0].Episodes
	for len(r.Controls[0].Episodes) < 50_000 {
		r.Controls[0].Episodes = append(r.Controls[0].Episodes, episodes...)
	}
	for b.Loop() {
		if err := JSON(io.Discard, r); err != nil {
			b.Fatal(err)
		}
	}
}
