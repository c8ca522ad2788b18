package ledger

import (
	"bytes"
	"testing"

	"github.com/gowebpki/jcs"
)

// TestCanonicalIsSeen: of the golden entries all but those with letters beyond
// ASCII are seen to be canonical at a look; nothing that is not canonical is.
func TestCanonicalIsSeen(t *testing.T) {
	for _, name := range Kinds() {
		data := golden(t, name)
		ascii := !bytes.ContainsFunc(data, func(r rune) bool { return r > '~' })
		if got := isCanonical(data); got != ascii {
			t.Errorf("%s: seen to be canonical: %t, want %t", name, got, ascii)
		}
	}
	for text, want := range map[string]bool{
		`{"a":[1,-2,0,true,false,null,{}],"b":"\"\\"}`: true,
		`"Ab"`: true, `[]`: true, `999999999999999`: true,
		``: false, `{`: false, `{"a"}`: false, `{"a":1`: false, `[1`: false, `[1,]`: false, `"a`: false, `"\`: false, `tru`: false,
		`{"b":1,"a":1}`: false, `{"a":1,"a":1}`: false, `{"a": 1}`: false, `{"a":1}x`: false, `{"a":1,}`: false,
		`{"A":1,"\"":1}`: false, `{"\"":1,"A":1}`: false,
		`01`: false, `-0`: false, `-`: false, `1.0`: false, `1e3`: false, `9999999999999999`: false,
		`"\u0041"`: false, `"\/"`: false, "\"\n\"": false, "\"\x7f\"": false,
	} {
		if got := isCanonical([]byte(text)); got != want {
			t.Errorf("%s: seen to be canonical: %t, want %t", text, got, want)
		}
	}
}

// FuzzCanonical: what is seen to be canonical is what the library makes of it.
func FuzzCanonical(f *testing.F) {
	for _, name := range Kinds() {
		f.Add(golden(f, name))
	}
	f.Add([]byte(`{"\"":1,"A":2}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > MaxEntrySize || !isCanonical(data) {
			return
		}
		again, err := jcs.Transform(data)
		if err != nil && (data[0] == '{' || data[0] == '[') {
			t.Fatalf("the library refuses it: %v", err)
		}
		if err == nil && !bytes.Equal(again, data) {
			t.Fatalf("the library makes %q of it", again)
		}
	})
}
