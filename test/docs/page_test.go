package docs

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	const text = "# Title\n<!-- docs-test: needs=cluster,holdfast -->\n\nText.\n\n" +
		"<!-- docs-test: file=policy.yaml -->\n```yaml\na: 1\n```\n\n" +
		"- An item:\n\n  <!-- docs-test: status=1 -->\n  ```console\n  $ one \\\n      two\n  said\n\n  $ three\n  ```\n"
	want := &page{
		path:  "p.md",
		needs: []string{"cluster", "holdfast"},
		blocks: []block{
			{line: 8, language: "yaml", text: "a: 1\n", directives: map[string]string{"file": "policy.yaml"}},
			{line: 15, language: "console", text: "$ one \\\n    two\nsaid\n\n$ three\n", directives: map[string]string{"status": "1"}},
		},
	}
	got, err := parse("p.md", text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(page{}, block{})); diff != "" {
		t.Fatalf("page (-want +got):\n%s", diff)
	}
	steps, err := got.blocks[1].steps()
	if err != nil {
		t.Fatal(err)
	}
	wantSteps := []step{
		{line: 15, command: "one \\\n    two", want: []string{"said"}},
		{line: 19, command: "three", status: 1},
	}
	if diff := cmp.Diff(wantSteps, steps, cmp.AllowUnexported(step{})); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
}

func TestParseRefuses(t *testing.T) {
	cases := map[string]struct{ text, want string }{
		"no language":         {"```\nx\n```\n", `p.md:1: want one of [console yaml json text go sh] behind the fence, got ""`},
		"another language":    {"```bash\nx\n```\n", `p.md:1: want one of [console yaml json text go sh] behind the fence, got "bash"`},
		"no end":              {"```console\n$ x\n", "p.md:1: the block has no end"},
		"no value":            {"<!-- docs-test: skip -->\n", `p.md:1: want KEY=VALUE in a docs-test comment, got "skip"`},
		"unknown key":         {"<!-- docs-test: skip=yes -->\n", `p.md:1: unknown key "skip" in a docs-test comment`},
		"needs twice":         {"<!-- docs-test: needs=a -->\n<!-- docs-test: needs=b -->\n", "p.md:2: the page's needs are stated once, above its first block"},
		"comment of no block": {"<!-- docs-test: status=1 -->\nText.\n", "p.md:2: the comment above belongs to no block"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := parse("p.md", tc.text); err == nil || err.Error() != tc.want {
				t.Errorf("error %v, want %s", err, tc.want)
			}
		})
	}
}

func TestStepsRefuses(t *testing.T) {
	cases := map[string]struct {
		block block
		want  string
	}{
		"output without a command": {block{line: 7, text: "x\n"}, `line 7: a console block begins with a command, behind "$ "`},
		"status that is no number": {
			block{line: 7, text: "$ x\n", directives: map[string]string{"status": "bad"}},
			`line 7: status=bad: strconv.Atoi: parsing "bad": invalid syntax`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := tc.block.steps(); err == nil || err.Error() != tc.want {
				t.Errorf("error %v, want %s", err, tc.want)
			}
		})
	}
}
