package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTable(t *testing.T) {
	cases := map[string]struct {
		screen screen
		rows   [][]string
		want   string
	}{
		"no rows": {},
		"aligned, by letters and not by bytes": {
			rows: [][]string{{"é", "Deviating", "x"}, {"long name", "", "y"}},
			want: "NAME        OUTCOME     WHAT\né           Deviating   x\nlong name   -           y\n",
		},
		"the last column is wrapped to the screen": {
			screen: screen{width: 50},
			rows:   [][]string{{"shop", "Deviating", "Ingress is not denied by default here."}},
			want: "NAME   OUTCOME     WHAT\n" +
				"shop   Deviating   Ingress is not denied by\n                   default here.\n",
		},
		"but not to a few letters": {
			screen: screen{width: 30},
			rows:   [][]string{{"shop", "Deviating", "Ingress is not denied by default here."}},
			want:   "NAME   OUTCOME     WHAT\nshop   Deviating   Ingress is not denied by default here.\n",
		},
		"outcomes are coloured, with their reason, and nothing else": {
			screen: screen{colour: true},
			rows:   [][]string{{"True story", "False (Deviating)", "Deviating x"}, {"x", "False (ObserveOnly)", "Conforming"}},
			want: "NAME         OUTCOME               WHAT\n" +
				"True story   \x1b[31mFalse (Deviating)\x1b[0m     Deviating x\n" +
				"x            False (ObserveOnly)   \x1b[32mConforming\x1b[0m\n",
		},
		"what comes from others moves no cursor": {
			rows: [][]string{{"a\x1b[2Jb", "x", "c\nd"}},
			want: "NAME     OUTCOME   WHAT\na�[2Jb   x         c�d\n",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			table := newTable("NAME", "OUTCOME", "WHAT")
			for _, row := range c.rows {
				table.row(row...)
			}
			var out strings.Builder
			table.print(&out, c.screen, "")
			if diff := cmp.Diff(c.want, out.String()); diff != "" {
				t.Errorf("table (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParagraphIsWrapped(t *testing.T) {
	var out strings.Builder
	screen{width: 34}.paragraph(&out, "Read:", "the status of 2 policies; and the events about them.")
	want := "Read: the status of 2 policies;\n  and the events about them.\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("paragraph (-want +got):\n%s", diff)
	}
}

// TestOutputThatIsNoTerminalIsPlain: what is piped is neither coloured nor wrapped.
func TestOutputThatIsNoTerminalIsPlain(t *testing.T) {
	if s := screenOf(&strings.Builder{}); s.colour || s.width != 0 {
		t.Errorf("colour %t, width %d, want neither", s.colour, s.width)
	}
}
