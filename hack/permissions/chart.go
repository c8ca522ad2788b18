package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/internal/permissions"
)

// width is that of a comment's lines.
const width = 80

// sheet is a template of the chart in the making.
type sheet struct {
	out   strings.Builder
	table *permissions.Table
	grant *permissions.Grant
}

// chart is the template of a role, of its parts, and of their bindings.
func chart(table *permissions.Table, grant *permissions.Grant) string {
	s := &sheet{table: table, grant: grant}
	s.line(`{{- /* Made from internal/permissions by "go run ./hack/permissions". Do not edit. */}}`)
	if grant.Account == permissions.People {
		s.person()
	} else {
		s.account()
	}
	return s.out.String()
}

// account writes a role that a service account has. Each part is a role of its
// own, so that kubectl get shows what is granted.
func (s *sheet) account() {
	if rules := s.table.Of(s.grant.Role, ""); len(rules) > 0 {
		s.when(condition(s.grant, nil), func() { s.roles("", s.grant.Doc, rules) })
	}
	for i := range s.table.Parts {
		part := &s.table.Parts[i]
		if part.Role != s.grant.Role {
			continue
		}
		s.when(condition(s.grant, part), func() {
			doc := "Granted by the value " + part.Value + ": " + part.Doc + "."
			s.roles("-"+strings.ToLower(part.Name), doc, s.table.Of(part.Role, part.Name))
		})
	}
	if s.grant.Extensible {
		name := "-" + permissions.CustomPart
		s.head("ClusterRole", name, "What an installation grants Holdfast besides: the rules of every ClusterRole with this label."+
			" They are filled in by the cluster. A role of its own, so that none of the rules above waits for that.")
		s.aggregation()
		s.bindings("ClusterRole", name)
	}
}

// when writes what the chart renders if a condition holds, or always if that is
// empty.
func (s *sheet) when(condition string, write func()) {
	if condition == "" {
		write()
		return
	}
	s.line("{{- if %s }}", condition)
	write()
	s.line("{{- end }}")
}

// person writes a role that people, or programs of theirs, are bound to.
func (s *sheet) person() {
	rules := ofAllParts(s.table, s.grant.Role)
	s.line("{{- if .Values.roles.create }}")
	if !s.grant.Extensible {
		s.roles("", s.grant.Doc, rules)
		s.line("{{- end }}")
		return
	}
	s.head("ClusterRole", "", s.grant.Doc+" Its rules are those of every ClusterRole with this label, and are filled in by the cluster.")
	s.aggregation()
	cluster, own := split(rules)
	s.head("ClusterRole", "-base", "What "+string(s.grant.Role)+" has of Holdfast's own.", permissions.AggregateTo(s.grant.Role))
	s.rules(cluster)
	if len(own) > 0 {
		s.head("Role", "", "What "+string(s.grant.Role)+" has in Holdfast's own namespace.")
		s.rules(own)
	}
	s.line("{{- end }}")
}

// ofAllParts are the rules of a role, those of its parts included.
func ofAllParts(table *permissions.Table, role permissions.Role) []permissions.Rule {
	rules := table.Of(role, "")
	for i := range table.Parts {
		if part := &table.Parts[i]; part.Role == role {
			rules = append(rules, table.Of(role, part.Name)...)
		}
	}
	return rules
}

// roles writes the ClusterRole and the Role of some rules, and binds them where
// Holdfast has them.
func (s *sheet) roles(suffix, doc string, rules []permissions.Rule) {
	cluster, own := split(rules)
	kinds := map[string][]permissions.Rule{"ClusterRole": cluster, "Role": own}
	for _, kind := range []string{"ClusterRole", "Role"} {
		if len(kinds[kind]) == 0 {
			continue
		}
		s.head(kind, suffix, doc, s.into()...)
		s.rules(kinds[kind])
		if s.grant.Account != permissions.People {
			s.bindings(kind, suffix)
		}
	}
}

// into are the labels by which the rules are added to a role of Kubernetes' own.
func (s *sheet) into() []string {
	if s.grant.Into == "" {
		return nil
	}
	return []string{"rbac.authorization.k8s.io/aggregate-to-" + s.grant.Into}
}

// split tells the rules for the cluster from those for Holdfast's own namespace.
func split(rules []permissions.Rule) (cluster, own []permissions.Rule) {
	for i := range rules {
		if rules[i].Namespaced {
			own = append(own, rules[i])
		} else {
			cluster = append(cluster, rules[i])
		}
	}
	return cluster, own
}

// object is the kind, the name's suffix and the namespace of an object in the
// making; root is the template's name for what all values are found in.
type object struct{ kind, suffix, namespace, root string }

// head begins an object. Its name is that of the role and a suffix.
func (s *sheet) head(kind, suffix, doc string, labels ...string) {
	o := object{kind: kind, suffix: suffix, root: "."}
	if strings.HasPrefix(kind, "Role") {
		o.namespace = "{{ .Release.Namespace }}"
	}
	s.begin(o, doc, labels...)
}

func (s *sheet) begin(o object, doc string, labels ...string) {
	s.line("---")
	s.comment(doc)
	s.line("apiVersion: rbac.authorization.k8s.io/v1")
	s.line("kind: %s", o.kind)
	s.line("metadata:")
	s.line("  name: %s", s.name(o.root, o.suffix))
	if o.namespace != "" {
		s.line("  namespace: %s", o.namespace)
	}
	s.line("  labels:")
	s.line(`    {{- include "holdfast.labels" %s | nindent 4 }}`, o.root)
	for _, label := range labels {
		s.line(`    %s: "true"`, label)
	}
}

// name is that of an object.
func (s *sheet) name(root, suffix string) string {
	return `{{ include "holdfast.fullname" ` + root + ` }}-` + string(s.grant.Role) + suffix
}

// rules writes rules, each under its feature.
func (s *sheet) rules(rules []permissions.Rule) {
	s.line("rules:")
	for i := range rules {
		rule := &rules[i]
		// The parts of a role that people are bound to are conditions within it.
		part := s.table.Part(rule.Role, rule.Part)
		conditional := part != nil && s.grant.Account == permissions.People
		if conditional {
			s.line("{{- if %s }}", condition(s.grant, part))
		}
		s.comment(rule.Feature)
		if len(rule.URLs) > 0 {
			s.line("- nonResourceURLs: %s", flow(rule.URLs))
		} else {
			s.line("- apiGroups: %s", flow([]string{rule.Group}))
			s.line("  resources: %s", flow(rule.Resources))
		}
		if len(rule.Names) > 0 {
			s.line("  resourceNames: %s", flow(rule.Names))
		}
		s.line("  verbs: %s", flow(rule.Verbs))
		if conditional {
			s.line("{{- end }}")
		}
	}
}

// aggregation has the cluster fill in the rules. They are left out, so that
// nothing that is applied again takes them away.
func (s *sheet) aggregation() {
	s.line("aggregationRule:")
	s.line("  clusterRoleSelectors:")
	s.line("  - matchLabels:")
	s.line(`      %s: "true"`, permissions.AggregateTo(s.grant.Role))
}

// bindings bind a role to its account: where a value lists namespaces, in each of
// these.
func (s *sheet) bindings(kind, suffix string) {
	whole := object{kind: kind + "Binding", suffix: suffix, root: "."}
	if kind == "Role" {
		whole.namespace = "{{ .Release.Namespace }}"
	}
	if s.grant.Namespaces == "" {
		s.binding(whole, kind)
		return
	}
	s.line("{{- range .Values.%s }}", s.grant.Namespaces)
	s.binding(object{kind: "RoleBinding", suffix: suffix, namespace: "{{ . | quote }}", root: "$"}, kind)
	s.line("{{- else }}")
	s.binding(whole, kind)
	s.line("{{- end }}")
}

// binding binds a role of the kind to its account.
func (s *sheet) binding(o object, kind string) {
	account := `{{ include "holdfast.serviceAccountName" ` + o.root + ` }}`
	if s.grant.Account == permissions.ProberAccount {
		account = permissions.ProberName
	}
	s.begin(o, "")
	s.line("roleRef:")
	s.line("  apiGroup: rbac.authorization.k8s.io")
	s.line("  kind: %s", kind)
	s.line("  name: %s", s.name(o.root, o.suffix))
	s.line("subjects:")
	s.line("- kind: ServiceAccount")
	s.line("  name: %s", account)
	s.line("  namespace: {{ %s.Release.Namespace }}", strings.TrimPrefix(o.root, "."))
}

// condition is when a part of a role is granted, or without a part the role as a
// whole: empty where it always is.
func condition(grant *permissions.Grant, part *permissions.Part) string {
	switch {
	case part == nil && grant.Value == "":
		return ""
	case part == nil:
		return ".Values." + grant.Value
	case grant.Value == "":
		return partCondition(part)
	case len(part.APIs) == 0:
		return fmt.Sprintf("and .Values.%s %s", grant.Value, partCondition(part))
	default:
		return fmt.Sprintf("and .Values.%s (%s)", grant.Value, partCondition(part))
	}
}

// partCondition is when a part is granted, so far as its own value says.
func partCondition(part *permissions.Part) string {
	value := ".Values." + part.Value
	if len(part.APIs) == 0 {
		return value
	}
	served := make([]string, len(part.APIs))
	for i, api := range part.APIs {
		served[i] = fmt.Sprintf("(.Capabilities.APIVersions.Has %q)", api)
	}
	return fmt.Sprintf(`or (eq %s "Enabled") (and (eq %s "Auto") (or %s))`, value, value, strings.Join(served, " "))
}

// flow is a list in YAML, in one line.
func flow(values []string) string {
	quoted := slices.Clone(values)
	for i, value := range quoted {
		if value == "" || strings.Contains(value, ":") {
			quoted[i] = `"` + value + `"`
		}
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

func (s *sheet) line(format string, args ...any) {
	fmt.Fprintf(&s.out, format+"\n", args...)
}

// comment writes a text in lines that fit.
func (s *sheet) comment(text string) {
	line := "#"
	for _, word := range strings.Fields(text) {
		if len(line)+1+len(word) > width {
			s.line("%s", line)
			line = "#"
		}
		line += " " + word
	}
	if line != "#" {
		s.line("%s", line)
	}
}
