package licenses

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// text is a licence's, as it stands in this module's dependencies or in its root.
func text(t *testing.T, elements ...string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(elements...))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

const isc = `Copyright (c) 2026 Somebody

Permission to use, copy, modify, and/or distribute this software for any
purpose with or without fee is hereby granted, provided that the above
copyright notice and this permission notice appear in all copies.

THE SOFTWARE IS PROVIDED "AS IS" AND THE AUTHOR DISCLAIMS ALL WARRANTIES
WITH REGARD TO THIS SOFTWARE INCLUDING ALL IMPLIED WARRANTIES OF
MERCHANTABILITY AND FITNESS. IN NO EVENT SHALL THE AUTHOR BE LIABLE FOR
ANY SPECIAL, DIRECT, INDIRECT, OR CONSEQUENTIAL DAMAGES OR ANY DAMAGES
WHATSOEVER RESULTING FROM LOSS OF USE, DATA OR PROFITS, WHETHER IN AN
ACTION OF CONTRACT, NEGLIGENCE OR OTHER TORTIOUS ACTION, ARISING OUT OF
OR IN CONNECTION WITH THE USE OR PERFORMANCE OF THIS SOFTWARE.
`

func TestExpression(t *testing.T) {
	r, err := newRecognizer()
	if err != nil {
		t.Fatal(err)
	}
	apache := text(t, "..", "..", "..", "LICENSE")
	cases := map[string]struct {
		files []File
		want  string
	}{
		"one licence":        {[]File{{"LICENSE", apache}}, "Apache-2.0"},
		"a notice beside it": {[]File{{"LICENSE", apache}, {"NOTICE", []byte("by us")}}, "Apache-2.0"},
		"two, of which one is of code inside": {
			[]File{{"LICENSE", apache}, {"inner/COPYING", []byte(isc)}}, "Apache-2.0 AND ISC",
		},
		"the same twice":        {[]File{{"LICENSE", apache}, {"inner/LICENSE", apache}}, "Apache-2.0"},
		"one that nobody knows": {[]File{{"LICENSE", apache}, {"inner/LICENSE", []byte("Do what your conscience says.")}}, NoAssertion},
		"a notice only":         {[]File{{"NOTICE", []byte("by us")}}, NoAssertion},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := r.expression(tc.files); got != tc.want {
				t.Errorf("%q, not %q", got, tc.want)
			}
		})
	}
}

func TestTextHasEachTextOnce(t *testing.T) {
	got := string(Text("holdfast", []Module{
		{Path: "example.com/a", Version: "v1.0.0", Files: []File{{"LICENSE", []byte("the same\n")}, {"NOTICE", []byte("another")}}},
		{Path: "example.com/b", Version: "v2.0.0", Files: []File{{"LICENSE.txt", []byte("the same\r\n")}}},
	}))
	rule := strings.Repeat("=", 78)
	want := strings.Join([]string{
		"The licences and notices of what is linked into holdfast, apart from its own.", "",
		rule, "example.com/a v1.0.0 (LICENSE)", "example.com/b v2.0.0 (LICENSE.txt)", rule, "", "the same", "",
		rule, "example.com/a v1.0.0 (NOTICE)", rule, "", "another", "",
	}, "\n")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestCollectionLooksAboveEachPackage(t *testing.T) {
	root := t.TempDir()
	for name, content := range map[string]string{
		"LICENSE": "ours", "inner/LICENSE": "theirs", "inner/deep/code.go": "package deep", "elsewhere/LICENSE": "not linked", "inner/license.go": "package inner",
	} {
		file := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	found := map[string]*collection{}
	add(found, "example.com/a", "v1.0.0", root, filepath.Join(root, "inner", "deep"))
	got, err := found["example.com/a"].module("example.com/a")
	if err != nil {
		t.Fatal(err)
	}
	want := Module{Path: "example.com/a", Version: "v1.0.0", Files: []File{{"LICENSE", []byte("ours")}, {"inner/LICENSE", []byte("theirs")}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	empty := t.TempDir()
	add(found, "example.com/b", "v1.0.0", empty, empty)
	if _, err := found["example.com/b"].module("example.com/b"); err == nil || err.Error() != "collect licences: example.com/b has none" {
		t.Errorf("a module without a licence: %v", err)
	}
}
