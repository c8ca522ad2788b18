package control_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// TestSelects: a backup holds the namespaces that Velero would put in it.
func TestSelects(t *testing.T) {
	names := []string{"shop", "shop-eu", "shop-us", "web", "web-1", "web-2", "web-x"}
	for name, tc := range map[string]struct {
		included, excluded []string
		want               []string
	}{
		"nothing said":                    {want: names},
		"all":                             {included: []string{"*"}, want: names},
		"by name":                         {included: []string{"shop", "other"}, want: []string{"shop"}},
		"the empty name is none":          {included: []string{""}},
		"exclusion beats inclusion":       {included: []string{"shop", "web"}, excluded: []string{"web"}, want: []string{"shop"}},
		"all but some":                    {included: []string{"*"}, excluded: []string{"web", "shop-*", "web-?"}, want: []string{"shop"}},
		"none":                            {excluded: []string{"*"}},
		"any characters, none too":        {included: []string{"shop*"}, want: []string{"shop", "shop-eu", "shop-us"}},
		"any one":                         {included: []string{"web-?"}, want: []string{"web-1", "web-2", "web-x"}},
		"within":                          {included: []string{"s*-*s"}, want: []string{"shop-us"}},
		"one of several":                  {included: []string{"web-[1x]"}, want: []string{"web-1", "web-x"}},
		"one of a range":                  {included: []string{"web-[0-9]"}, want: []string{"web-1", "web-2"}},
		"a hyphen among several":          {included: []string{"web[-x]1"}, want: []string{"web-1"}},
		"a hyphen alone":                  {included: []string{"web[-]?"}, want: []string{"web-1", "web-2", "web-x"}},
		"no range after another":          {included: []string{"web-[x1-9]"}, want: []string{"web-1", "web-x"}},
		"no negation":                     {included: []string{"web-[^1]"}, want: []string{"web-1"}},
		"two brackets":                    {included: []string{"[sw]*[12]"}, want: []string{"web-1", "web-2"}},
		"a name with a wildcard":          {included: []string{"shop", "web-*"}, want: []string{"shop", "web-1", "web-2", "web-x"}},
		"unreadable exclusion ends them":  {excluded: []string{"web-[x-a]", "shop*", "web-x", "web-1"}, want: []string{"web", "web-2", "web-x"}},
		"refused: a range and more":       {included: []string{"web-[1-2x]"}},
		"refused: a range backwards":      {included: []string{"web-[2-1]"}},
		"refused: a range without an end": {included: []string{"web[x-]1"}},
		"refused: an open bracket":        {included: []string{"web-[1"}},
		"refused: an empty bracket":       {included: []string{"web-[]"}},
		"refused: a bracket that closes":  {included: []string{"web-1]*"}},
		"refused: negation":               {included: []string{"web-[!1]"}},
		"refused: alternatives":           {included: []string{"{shop,web}*"}},
		"refused: two asterisks":          {included: []string{"web**"}},
		"refused: an escape":              {included: []string{`web-\*`, `we\b`}},
	} {
		t.Run(name, func(t *testing.T) {
			filters := &control.BackupFilters{IncludedNamespaces: tc.included, ExcludedNamespaces: tc.excluded}
			var got []string
			for _, name := range names {
				if filters.Selects(name) {
					got = append(got, name)
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("selected (-want +got):\n%s", diff)
			}
		})
	}
}

// TestRefusedNamespace: Velero fails a backup for these patterns.
func TestRefusedNamespace(t *testing.T) {
	for name, tc := range map[string]struct {
		included, excluded []string
		want               string
	}{
		"nothing said":               {},
		"all but some":               {included: []string{"*"}, excluded: []string{"shop-*", "web-?", "[a-z]x"}},
		"the empty name":             {included: []string{""}},
		"a name that none has":       {included: []string{"shop", "Web"}, want: "Web"},
		"negation":                   {included: []string{"web-[!1]"}, want: "web-[!1]"},
		"a caret":                    {excluded: []string{"web-[^1]"}, want: "web-[^1]"},
		"alternatives":               {excluded: []string{"{shop,web}"}, want: "{shop,web}"},
		"two asterisks":              {excluded: []string{"shop", "web-**"}, want: "web-**"},
		"an open bracket":            {excluded: []string{"web-[1"}, want: "web-[1"},
		"a bracket that closes":      {excluded: []string{"web-1]"}, want: "web-1]"},
		"an empty bracket":           {included: []string{"web-[]"}, want: "web-[]"},
		"unreadable inclusion":       {included: []string{"shop", "web-[2-1]"}, want: "web-[2-1]"},
		"unreadable exclusion":       {included: []string{"shop"}, excluded: []string{"web-[2-1]"}, want: "web-[2-1]"},
		"read by nobody: all are in": {included: []string{"*"}, excluded: []string{"web-[2-1]"}},
	} {
		t.Run(name, func(t *testing.T) {
			filters := &control.BackupFilters{IncludedNamespaces: tc.included, ExcludedNamespaces: tc.excluded}
			got, refused := filters.RefusedNamespace()
			if got != tc.want || refused != (tc.want != "") {
				t.Errorf("refused: %q, %t, want %q", got, refused, tc.want)
			}
		})
	}
}

func TestNamed(t *testing.T) {
	for name, tc := range map[string]struct {
		included  []string
		wantNames []string
		wantOnly  bool
	}{
		"nothing said":           {},
		"all":                    {included: []string{"*"}},
		"names":                  {included: []string{"shop", "web"}, wantNames: []string{"shop", "web"}, wantOnly: true},
		"a name with a wildcard": {included: []string{"shop", "web-[12]"}, wantNames: []string{"shop"}},
		"the empty name":         {included: []string{""}, wantNames: []string{""}, wantOnly: true},
	} {
		t.Run(name, func(t *testing.T) {
			names, only := (&control.BackupFilters{IncludedNamespaces: tc.included}).Named()
			if diff := cmp.Diff(tc.wantNames, names); diff != "" || only != tc.wantOnly {
				t.Errorf("only them: %t, want %t (-want +got):\n%s", only, tc.wantOnly, diff)
			}
		})
	}
}
