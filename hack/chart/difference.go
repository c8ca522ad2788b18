package main

import (
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// difference is what a value of the chart adds.
type difference struct {
	// added are objects that are not there without it.
	added []*manifest
	// grown are roles that have more rules with it.
	grown []growth
}

// growth is the rules, in YAML, that a role has more.
type growth struct {
	role  *manifest
	rules []string
}

// newDifference returns what with has beyond base. That a value takes something
// away, or changes it, is an error: components could then not be combined.
func newDifference(base, with []*manifest) (*difference, error) {
	known := map[string]*manifest{}
	for _, m := range base {
		known[m.id()] = m
	}
	d := &difference{}
	for _, m := range with {
		before, ok := known[m.id()]
		if !ok {
			d.added = append(d.added, m)
			continue
		}
		g, err := grow(before, m)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.id(), err)
		}
		if len(g.rules) > 0 {
			d.grown = append(d.grown, g)
		}
	}
	switch {
	case len(with) != len(base)+len(d.added):
		return nil, errors.New("it takes objects away")
	case len(d.added) == 0:
		return nil, errors.New("it adds no object")
	}
	return d, nil
}

// grow returns the rules of after that before has not.
func grow(before, after *manifest) (growth, error) {
	g := growth{role: before}
	known, err := ruleTexts(before)
	if err != nil {
		return g, err
	}
	rules := field(after.node, "rules")
	var kept []*yaml.Node
	if rules != nil {
		for _, rule := range rules.Content {
			text, err := encode(rule)
			if err != nil {
				return g, err
			}
			if known[text] {
				kept = append(kept, rule)
				continue
			}
			g.rules = append(g.rules, text)
		}
		rules.Content = kept
	}
	same, err := equal(before, after)
	if err == nil && !same {
		err = errors.New("it changes more than rules")
	}
	return g, err
}

// ruleTexts are the rules of a role, in YAML.
func ruleTexts(m *manifest) (map[string]bool, error) {
	texts := map[string]bool{}
	rules := field(m.node, "rules")
	if rules == nil {
		return texts, nil
	}
	for _, rule := range rules.Content {
		text, err := encode(rule)
		if err != nil {
			return nil, err
		}
		texts[text] = true
	}
	return texts, nil
}

func equal(a, b *manifest) (bool, error) {
	textOfA, errA := encode(a.node)
	textOfB, errB := encode(b.node)
	return textOfA == textOfB, errors.Join(errA, errB)
}

// patches are the part of a kustomization that has roles grow. Each rule is
// added by itself, so that components can be combined.
func (d *difference) patches() ([]byte, error) {
	if len(d.grown) == 0 {
		return nil, nil
	}
	out := []byte("patches:\n")
	for _, g := range d.grown {
		kind, name := scalar(g.role.node, "kind"), scalar(field(g.role.node, "metadata"), "name")
		if scalar(field(g.role.node, "metadata"), "namespace") != "" {
			return nil, fmt.Errorf("%s %s grows, and only ClusterRoles are expected to", kind, name)
		}
		out = fmt.Appendf(out, "- target:\n    group: rbac.authorization.k8s.io\n    version: v1\n    kind: %s\n    name: %s\n  patch: |\n", kind, name)
		for _, rule := range g.rules {
			out = fmt.Appendf(out, "    - op: add\n      path: /rules/-\n      value:\n%s", indent(rule, "        "))
		}
	}
	return out, nil
}

// indent moves each line to the right.
func indent(text, by string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		out.WriteString(by + line)
	}
	return out.String()
}
