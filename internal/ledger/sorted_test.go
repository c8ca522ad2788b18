package ledger

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/gowebpki/jcs"
)

// byLibrary is the canonical form as the library makes it of what encoding/json writes.
func byLibrary(tb testing.TB, v any) (data []byte, err error) {
	tb.Helper()
	if data, err = json.Marshal(v); err != nil {
		tb.Fatal(err)
	}
	return jcs.Transform(data)
}

// TestCanonicalOfEntries: of each golden entry without line ends the form is found by
// its keys alone, and of each it is the one that the library makes.
func TestCanonicalOfEntries(t *testing.T) {
	for _, name := range Kinds() {
		e, err := Decode(golden(t, name))
		if err != nil {
			t.Fatal(err)
		}
		want, err := byLibrary(t, e)
		if err != nil {
			t.Fatal(err)
		}
		written, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		lines := bytes.Contains(written, []byte(`\n`))
		if _, ok := sortKeys(written); ok == lines {
			t.Errorf("%s: sorted: %t, want %t", name, ok, !lines)
		}
		if got, err := canonical(e); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %v\n%s\nwant\n%s", name, err, got, want)
		}
	}
}

// TestSortKeys: what is no more than sorting, and what is left to the library.
func TestSortKeys(t *testing.T) {
	deep := strings.Repeat(`[`, deepest+2) + strings.Repeat(`]`, deepest+2)
	for text, want := range map[string]string{
		`{}`: `{}`, `[]`: `[]`, `{"b":{"d":[],"c":{}},"a":[{"z":-1,"y":true},null]}`: `{"a":[{"y":true,"z":-1},null],"b":{"c":{},"d":[]}}`,
		`{"b":"\"}\\","a":"ä<&","ab":0}`: `{"a":"ä<&","ab":0,"b":"\"}\\"}`,
		`"a"`:                            "", `1`: "", ``: "", `{"b":1,"a":2,"b":3}`: "", `{"a":1,"a":1}`: "",
		`{"ä":1}`: "", `{"\"":1}`: "", `["\n"]`: "", `["\u003c"]`: "", "[\"\x7f\"]": "", `[1.5]`: "", `[9999999999999999]`: "", `[-0]`: "",
		`{"a":1`: "", `{"a"`: "", `[1`: "", `["a`: "", `["\`: "", `[]x`: "", deep: "",
	} {
		got, ok := sortKeys([]byte(text))
		if ok != (want != "") || ok && string(got) != want {
			t.Errorf("%s: sorted: %t, %s; want %s", text, ok, got, want)
		}
	}
}

// FuzzSortKeys: whatever is written, its canonical form is what the library makes of it.
func FuzzSortKeys(f *testing.F) {
	for _, name := range Kinds() {
		f.Add(golden(f, name))
	}
	for _, text := range []string{`{"b":"\u2028<","a":[1.5,-0.0,1e30],"ä":"ö"}`, `{"":{"\"":1,"":2},"a":"\ud800"}`, `[{"b":"\\\"","a":{}}]`, "[\"\x7f\xff\"]"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var v any
		if json.Unmarshal(data, &v) != nil {
			return
		}
		want, wantErr := byLibrary(t, v)
		got, err := canonical(v)
		if (err == nil) != (wantErr == nil) || !bytes.Equal(got, want) {
			t.Fatalf("got %s, %v; want %s, %v", got, err, want, wantErr)
		}
	})
}

// BenchmarkEncode measures the canonical form of an entry about a drift.
func BenchmarkEncode(b *testing.B) {
	e, err := Decode(golden(b, KindOutcomeChanged))
	if err != nil {
		b.Fatal(err)
	}
	b.Run("entry", func(b *testing.B) {
		for b.Loop() {
			if _, err := e.Encode(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("library", func(b *testing.B) {
		for b.Loop() {
			if _, err := byLibrary(b, e); err != nil {
				b.Fatal(err)
			}
		}
	})
}
