package main

import (
	_ "embed"
	"fmt"
	"strings"
	"text/template"

	"github.com/holdfast-dev/holdfast/internal/permissions"
)

// pageFile is where the page for people is kept.
const pageFile = "docs/permissions.md"

// release is the name of the release on the page.
const release = "holdfast"

//go:embed permissions.md.tmpl
var pageText string

// page is the page for people.
func page(table *permissions.Table) (string, error) {
	functions := template.FuncMap{
		"accounts": func() []permissions.Grant { return grants(table, true) },
		"people":   func() []permissions.Grant { return grants(table, false) },
		"sections": func(g permissions.Grant) []section { return sections(table, &g) },
		"summary":  func() string { return summary(table) },
	}
	parsed, err := template.New(pageFile).Funcs(functions).Parse(pageText)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	if err := parsed.Execute(&out, nil); err != nil {
		return "", err
	}
	return out.String(), nil
}

// grants are the roles of Holdfast's own accounts, or those of people.
func grants(table *permissions.Table, accounts bool) []permissions.Grant {
	var some []permissions.Grant
	for _, g := range table.Grants {
		if accounts == (g.Account != permissions.People) {
			some = append(some, g)
		}
	}
	return some
}

// section is a role, or a part of one, as the page shows it.
type section struct {
	Name, Doc string
	// Value says by which value of the chart it is granted.
	Value string
	// Kinds are the kinds of objects that it is.
	Kinds string
	// Table are its rules.
	Table string
}

// sections are those of a role: what it always has, and each of its parts, which
// are one role where people have it.
func sections(table *permissions.Table, grant *permissions.Grant) []section {
	if grant.Account == permissions.People {
		rules := ofAllParts(table, grant.Role)
		return []section{{Name: name(grant.Role, ""), Doc: grant.Doc, Value: "`roles.create` (by default), and a binding of yours",
			Kinds: kinds(rules), Table: peopleRows(table, rules)}}
	}
	var all []section
	if rules := table.Of(grant.Role, ""); len(rules) > 0 {
		all = append(all, section{Name: name(grant.Role, ""), Doc: grant.Doc, Value: grantedAsAWhole(grant), Kinds: kinds(rules), Table: operatorRows(rules)})
	}
	for i := range table.Parts {
		part := &table.Parts[i]
		if rules := table.Of(part.Role, part.Name); part.Role == grant.Role {
			all = append(all, section{Name: name(grant.Role, part.Name), Doc: sentence(part.Doc), Value: granted(grant, part), Kinds: kinds(rules), Table: operatorRows(rules)})
		}
	}
	return all
}

// name is that of a role's object, in a release called holdfast.
func name(role permissions.Role, part string) string {
	full := release + "-" + string(role)
	if part != "" {
		full += "-" + strings.ToLower(part)
	}
	return full
}

// granted says by which values a part of a role is granted.
func granted(grant *permissions.Grant, part *permissions.Part) string {
	text := fmt.Sprintf("`%s`: `Enabled`, or `Auto` (the default) where the cluster serves `%s`", part.Value, strings.Join(part.APIs, "` or `"))
	if len(part.APIs) == 0 {
		text = fmt.Sprintf("`%s=true`", part.Value)
	}
	if grant.Value != "" {
		text += ", with " + grantedAsAWhole(grant)
	}
	return text
}

// grantedAsAWhole says by which value a role is granted.
func grantedAsAWhole(grant *permissions.Grant) string {
	text := "always"
	if grant.Value != "" {
		text = fmt.Sprintf("`%s=true`", grant.Value)
	}
	if grant.ByDefault {
		text += " (the default)"
	}
	if grant.Namespaces != "" {
		text += fmt.Sprintf(", in the namespaces of `%s` or, where there are none, everywhere", grant.Namespaces)
	}
	return text
}

// kinds are the kinds of objects by which rules are granted.
func kinds(rules []permissions.Rule) string {
	cluster, own := split(rules)
	switch {
	case len(own) == 0:
		return "ClusterRole"
	case len(cluster) == 0:
		return "Role in Holdfast's namespace"
	default:
		return "ClusterRole, and Role in Holdfast's namespace"
	}
}

// operatorRows are rules of Holdfast's as a table.
func operatorRows(rules []permissions.Rule) string {
	var out strings.Builder
	out.WriteString("| May | What | What for | Without it |\n|---|---|---|---|\n")
	for i := range rules {
		r := &rules[i]
		fmt.Fprintf(&out, "| %s | %s | %s | %s |\n", code(r.Verbs), what(r), r.Feature, r.Without)
	}
	return out.String()
}

// peopleRows are rules of people's as a table.
func peopleRows(table *permissions.Table, rules []permissions.Rule) string {
	var out strings.Builder
	out.WriteString("| May | What | What for |\n|---|---|---|\n")
	for i := range rules {
		r, where := &rules[i], ""
		if part := table.Part(r.Role, r.Part); part != nil {
			where = ", by the value `" + part.Value + "`"
		}
		fmt.Fprintf(&out, "| %s | %s%s | %s |\n", code(r.Verbs), what(r), where, r.Feature)
	}
	return out.String()
}

// what is what a rule is about.
func what(r *permissions.Rule) string {
	text := code(append(append([]string{}, r.Resources...), r.URLs...))
	if r.Group != "" {
		text += " of `" + r.Group + "`"
	}
	if len(r.Names) > 0 {
		text += ", only " + code(r.Names)
	}
	if r.Namespaced {
		text += ", in Holdfast's namespace"
	}
	return text
}

// code is a list of words that are code.
func code(words []string) string {
	if len(words) == 0 {
		return ""
	}
	return "`" + strings.Join(words, "`, `") + "`"
}

// sentence makes a clause a sentence.
func sentence(clause string) string {
	return strings.ToUpper(clause[:1]) + clause[1:] + "."
}

// summary is the table of all roles.
func summary(table *permissions.Table) string {
	var out strings.Builder
	out.WriteString("| Role | Is a | For | Granted by |\n|---|---|---|---|\n")
	for i := range table.Grants {
		grant := &table.Grants[i]
		for _, s := range sections(table, grant) {
			fmt.Fprintf(&out, "| `%s` | %s | %s | %s |\n", s.Name, s.Kinds, s.Doc, s.Value)
		}
		if grant.Account != permissions.People && grant.Extensible {
			fmt.Fprintf(&out, "| `%s` | ClusterRole | What you grant Holdfast [besides](#more). | always; empty by default |\n",
				name(grant.Role, permissions.CustomPart))
		}
	}
	return out.String()
}
