package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSchema(t *testing.T) {
	cases := map[string]struct{ values, want string }{
		"a group": {
			"a:\n  # One.\n  b: text\n",
			`{"type":"object","properties":{"a":{"type":"object","properties":{"b":{"description":"One.","type":"string"}},"additionalProperties":false}},"additionalProperties":false}`,
		},
		"alternatives": {
			"# One.\n# +enum=A;B\na: A\n",
			`{"type":"object","properties":{"a":{"description":"One.","type":"string","enum":["A","B"]}},"additionalProperties":false}`,
		},
		"a comment of two lines": {
			"# One,\n# and more.\na: \"\"\n",
			`{"type":"object","properties":{"a":{"description":"One, and more.","type":"string"}},"additionalProperties":false}`,
		},
		"a number": {
			"# One.\n# +min=0\n# +max=1\na: 1\n",
			`{"type":"object","properties":{"a":{"description":"One.","type":"integer","minimum":0,"maximum":1}},"additionalProperties":false}`,
		},
		"a list": {
			"# One.\n# +list=reference\na: []\n",
			`{"type":"object","properties":{"a":{"description":"One.","type":"array","items":{"type":"object","required":["name"],"properties":{"name":{"type":"string"}},"additionalProperties":false}}},"additionalProperties":false}`,
		},
		"a map of any names": {
			"# One.\n# +map=text\na: {}\n",
			`{"type":"object","properties":{"a":{"description":"One.","type":"object","additionalProperties":{"type":"string"}}},"additionalProperties":false}`,
		},
		"an object of Kubernetes": {
			"# One.\n# +object\na: {b: 1}\n",
			`{"type":"object","properties":{"a":{"description":"One.","type":"object"}},"additionalProperties":false}`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			values, err := parseValues([]byte(tc.values))
			if err != nil {
				t.Fatal(err)
			}
			schema, err := values.schema()
			if err != nil {
				t.Fatal(err)
			}
			got, err := json.Marshal(schema)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, string(got)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestValuesAreRefused(t *testing.T) {
	cases := map[string]struct{ values, want string }{
		"no comment":        {"a:\n  b: 1\n", "line 2: b has no comment"},
		"a marker unknown":  {"# One.\n# +minimum=1\na: 1\n", "line 3: a: marker +minimum=1: no such marker"},
		"a bound no number": {"# One.\n# +min=one\na: 1\n", `line 3: a: marker +min=one: strconv.Atoi: parsing "one": invalid syntax`},
		"a list of what":    {"# One.\na: []\n", `a: the type "" has no schema`},
		"a pattern alone":   {"# One.\n# +pattern=^a$\na: a\n", "line 3: a has one of the markers pattern and form, and not both"},
		"a default null":    {"# One.\na: null\n", "a: a default of type !!null has no schema"},
		"no map":            {"- a\n", "the values are no map"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			values, err := parseValues([]byte(tc.values))
			if err == nil {
				_, err = values.schema()
			}
			if err == nil || err.Error() != tc.want {
				t.Errorf("error %v, want %s", err, tc.want)
			}
		})
	}
}

func TestForms(t *testing.T) {
	values, err := parseValues([]byte("a:\n  # One.\n  # +pattern=^[a-z=]+$\n  # +form=a \"word\"\n  b: c\n"))
	if err != nil {
		t.Fatal(err)
	}
	forms := values.forms("")
	if len(forms) != 1 {
		t.Fatalf("%d forms, want 1", len(forms))
	}
	got, err := forms[0].check()
	if err != nil {
		t.Fatal(err)
	}
	want := "{{- if not (regexMatch `^[a-z=]+$` (toString (default \"\" .Values.a.b))) -}}\n" +
		`{{- fail (printf "a.b: %q is not a \"word\"" (toString (default "" .Values.a.b))) -}}` + "\n{{- end -}}\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if _, err := (form{path: ".a", pattern: "("}).check(); err == nil {
		t.Error("a pattern that does not compile is accepted")
	}
}

func TestRows(t *testing.T) {
	values, err := parseValues([]byte("a:\n  # One | other.\n  # +enum=A;B\n  b: A\n# Two.\n# +map=text\nc: {d: e}\n"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := values.rows("")
	if err != nil {
		t.Fatal(err)
	}
	want := []row{
		{Name: "a.b", Default: `"A"`, Meaning: "One \\| other. One of `A`, `B`."},
		{Name: "c", Default: `{"d":"e"}`, Meaning: "Two."},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// rendered is what helm template prints of one object.
func rendered(kind, rest string) string {
	return "---\n# Source: holdfast/templates/a.yaml\n# What it is for.\napiVersion: v1\nkind: " + kind + "\nmetadata:\n  name: one\n" + rest
}

func parse(t *testing.T, documents ...string) []*manifest {
	t.Helper()
	all, err := parseManifests(strings.NewReader(strings.Join(documents, "")))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestStrip(t *testing.T) {
	all := parse(t, rendered("Thing", `  labels:
    app.kubernetes.io/name: holdfast
    app.kubernetes.io/managed-by: Helm
    helm.sh/chart: holdfast-0.1.0
  annotations:
    helm.sh/resource-policy: keep
spec:
  # Why.
  list: [a, b]
`))
	got, err := encode(all[0].node)
	if err != nil {
		t.Fatal(err)
	}
	want := `# What it is for.
apiVersion: v1
kind: Thing
metadata:
  name: one
  labels:
    app.kubernetes.io/name: holdfast
spec:
  # Why.
  list: [a, b]
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if all[0].file != "a.yaml" {
		t.Errorf("template %q, want a.yaml", all[0].file)
	}
}

func TestDifference(t *testing.T) {
	role := rendered("ClusterRole", "rules:\n# First.\n- verbs: [get]\n")
	cases := map[string]struct {
		with        []string
		wantAdded   []string
		wantPatches string
		wantErr     string
	}{
		"an object":               {with: []string{role, rendered("Other", "")}, wantAdded: []string{"Other//one"}},
		"nothing":                 {with: []string{role}, wantErr: "it adds no object"},
		"an object is taken away": {with: []string{rendered("Other", "")}, wantErr: "it takes objects away"},
		"an object and a rule": {
			with:      []string{rendered("ClusterRole", "rules:\n# First.\n- verbs: [get]\n# Second.\n- verbs: [list]\n"), rendered("Other", "")},
			wantAdded: []string{"Other//one"},
			wantPatches: `patches:
- target:
    group: rbac.authorization.k8s.io
    version: v1
    kind: ClusterRole
    name: one
  patch: |
    - op: add
      path: /rules/-
      value:
        # Second.
        verbs: [list]
`,
		},
		"a rule is taken away": {with: []string{rendered("ClusterRole", "rules: []\n"), rendered("Other", "")}, wantErr: "ClusterRole//one: it changes more than rules"},
		"another field":        {with: []string{role + "aggregationRule: {}\n", rendered("Other", "")}, wantErr: "ClusterRole//one: it changes more than rules"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			d, err := newDifference(parse(t, role), parse(t, tc.with...))
			if tc.wantErr != "" {
				if err == nil || err.Error() != tc.wantErr {
					t.Errorf("error %v, want %s", err, tc.wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var added []string
			for _, m := range d.added {
				added = append(added, m.id())
			}
			patches, err := d.patches()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.wantAdded, added) + cmp.Diff(tc.wantPatches, string(patches)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
