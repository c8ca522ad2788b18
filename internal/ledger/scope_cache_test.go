package ledger

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// TestScopesAreDecodedOnce: whatever stands in a chunk, known scopes or new ones,
// it is decoded as the whole is.
func TestScopesAreDecodedOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var cache scopeCache
		for range rapid.IntRange(1, 4).Draw(t, "manifests") {
			chunk := ManifestChunk{Schema: ChunkSchema, Scopes: []ManifestScope{}}
			for range rapid.IntRange(0, 4).Draw(t, "scopes") {
				s := namespace(rapid.SampledFrom([]string{"a", "b", `"`, `\\"}{`, "[,]", "é\x01"}).Draw(t, "name"))
				chunk.Scopes = append(chunk.Scopes, ManifestScope{Subject: s, Standings: []ManifestStanding{}, Units: []ManifestUnit{{Policy: "p", State: control.State{
					Outcome: control.Conforming, Rules: []control.RuleState{{Rule: rapid.SampledFrom([]string{"x", `{"`, `\\`}).Draw(t, "rule")}}}}}})
			}
			data, err := canonical(chunk)
			if err != nil {
				t.Fatal(err)
			}
			want, err := DecodeChunk(data)
			if err != nil {
				t.Fatal(err)
			}
			got, err := cache.chunk(data)
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Fatalf("%v (-whole +by scope):\n%s", err, diff)
			}
			cache.turn(-maxScopesBeside)
		}
	})
}

// FuzzSplitChunk: what is split is what the whole decodes to, or is not split.
func FuzzSplitChunk(f *testing.F) {
	prefix := `{"schema":"` + ChunkSchema + `","scopes":[`
	for _, s := range []string{`]}`, `{}]}`, `{"subject":{}},{}]}`, `{},]}`, `,{}]}`, `{"a":"}"}]}`, `{"a":"\\"}]}`, `{]}`, `1]}`, `{}{}]}`} {
		f.Add(prefix + s)
	}
	f.Fuzz(func(t *testing.T, data string) {
		var cache scopeCache
		got, gotErr := cache.chunk([]byte(data))
		want, wantErr := DecodeChunk([]byte(data))
		if (gotErr == nil) != (wantErr == nil) {
			t.Fatalf("%q: got %v, want %v", data, gotErr, wantErr)
		}
		a, _ := json.Marshal(got)
		b, _ := json.Marshal(want)
		if gotErr == nil && len(want.Scopes) > 0 && string(a) != string(b) {
			t.Errorf("%q: got %s, want %s", data, a, b)
		}
	})
}
