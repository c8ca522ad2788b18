package docs

import (
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/test/controlplane"
)

// figure is a number, which differs from demo to demo.
var figure = regexp.MustCompile(`\d+(\.\d+)?`)

// TestDemo runs the demo, which ends with status 0 only if all that it claims
// holds, and compares what pages show of it.
func TestDemo(t *testing.T) { newTree(t).demo(t, "make demo") }

// demo runs a demo by a command of make, and compares what pages show of it.
func (tr *tree) demo(t *testing.T, command string, options ...string) {
	t.Helper()
	assets, err := controlplane.AssetsDir()
	if err != nil {
		t.Fatal(err)
	}
	arguments := slices.Concat(strings.Fields(command)[1:], options, []string{"DEMO_EXIT=1"})
	demo := exec.Command("make", arguments...)
	demo.Dir, demo.Env = tr.dir, append(tr.inherited(t), "HOME="+tr.dir, "CONTROLPLANE_ASSETS="+assets)
	var output, problems strings.Builder
	demo.Stdout, demo.Stderr = &output, &problems
	if err := demo.Run(); err != nil {
		t.Fatalf("%s: %v\n%s\nIt printed:\n%s", command, err, &problems, &output)
	}
	tr.compareShown(t, command, output.String())
}

// compareShown compares what pages show that a command prints with what it printed.
func (tr *tree) compareShown(t *testing.T, command, output string) {
	t.Helper()
	var printed [][]string
	for line := range strings.Lines(output) {
		printed = append(printed, words(line))
	}
	shown := 0
	for _, path := range tr.pages() {
		for _, b := range tr.page(t, path).blocks {
			if b.directives[directiveShows] != command {
				continue
			}
			for line := range strings.Lines(b.text) {
				shown++
				if !slices.ContainsFunc(printed, func(of []string) bool { return shortens(words(line), of) }) {
					t.Errorf("%s shows what %s does not print: %s", path, command, line)
				}
			}
		}
	}
	if shown == 0 {
		t.Errorf("no page shows what %s prints", command)
	}
}

// words are those of a line, without a command's comment, and without figures.
func words(line string) []string {
	if strings.HasPrefix(line, "$ ") {
		line, _, _ = strings.Cut(line, "   #")
	}
	return strings.Fields(figure.ReplaceAllString(normalise(line), "<figure>"))
}

// shortens returns whether words are some of a line's, in its order. The elision
// stands for those that are left out.
func shortens(shown, line []string) bool {
	for _, word := range shown {
		if word == elision {
			continue
		}
		i := slices.Index(line, word)
		if i < 0 {
			return false
		}
		line = line[i+1:]
	}
	return true
}

func TestShortens(t *testing.T) {
	const line = "network-baseline   Enforce   False   6   3   RollingOut   2s   ready in 8.7 ms"
	cases := map[string]struct {
		shown string
		want  bool
	}{
		"all of it":               {line, true},
		"other figures":           {"network-baseline Enforce False 5 2 RollingOut 11s ready in 12 ms", true},
		"columns left out":        {"network-baseline   Enforce   RollingOut", true},
		"left out, and stated so": {"network-baseline … RollingOut", true},
		"another word":            {"network-baseline Observe", false},
		"another order":           {"Enforce network-baseline", false},
		"a word too often":        {"Enforce Enforce", false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := shortens(words(tc.shown), words(line)); got != tc.want {
				t.Errorf("got %t", got)
			}
		})
	}
	if got := words("$ kubectl get ctlp      # a comment"); !slices.Equal(got, []string{"$", "kubectl", "get", "ctlp"}) {
		t.Errorf("a command's words are %q", got)
	}
}
