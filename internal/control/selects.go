package control

import (
	"path"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/validation"
)

// Selects reports whether a backup with these filters holds a namespace of this
// name, by Velero's rules: none included, or "*" among them, is all of them, what is
// excluded is left out whatever includes it, and both lists may hold wildcards. That
// a namespace is labelled to be left out Velero writes into the lists itself.
func (f *BackupFilters) Selects(namespace string) bool {
	matches := func(pattern string) bool { return matchesWildcard(pattern, namespace) }
	last := f.lastExclusion()
	excludes := func(pattern string) bool { return (last == "" || pattern < last) && matches(pattern) }
	if slices.ContainsFunc(f.ExcludedNamespaces, excludes) {
		return false
	}
	return len(f.IncludedNamespaces) == 0 || slices.ContainsFunc(f.IncludedNamespaces, matches)
}

// lastExclusion is the first of the exclusions, by their names, that Velero cannot
// read, or empty: it looks at no other after that.
func (f *BackupFilters) lastExclusion() string {
	last := ""
	for _, pattern := range f.ExcludedNamespaces {
		if _, ok := translateWildcard(pattern); !ok && (last == "" || pattern < last) {
			last = pattern
		}
	}
	return last
}

// RefusedNamespace returns a pattern of namespaces for which Velero fails a backup
// with these filters, and whether there is one. One that it cannot read fails it
// where the lists have to be resolved, which is not so where all are included.
func (f *BackupFilters) RefusedNamespace() (pattern string, refused bool) {
	all := len(f.IncludedNamespaces) == 0 || slices.Contains(f.IncludedNamespaces, "*")
	for _, pattern := range slices.Concat(f.IncludedNamespaces, f.ExcludedNamespaces) {
		_, readable := translateWildcard(pattern)
		if !validNamespace(pattern) || !readable && !all {
			return pattern, true
		}
	}
	return "", false
}

// validNamespace reports whether Velero takes a pattern of namespaces for one: a name
// with wildcards in the stead of some letters. The empty one stands for no namespace.
func validNamespace(pattern string) bool {
	_, balanced := splitBrackets(pattern)
	letters := strings.NewReplacer("*", "x", "?", "x", "[", "x", "]", "x").Replace(pattern)
	return pattern == "" ||
		balanced && !strings.Contains(pattern, "**") && len(validation.ValidateNamespaceName(letters, false)) == 0
}

// Named returns the namespaces that the filters include by their names, and
// whether that is all that they include: without it they may select others.
func (f *BackupFilters) Named() (names []string, only bool) {
	only = len(f.IncludedNamespaces) > 0
	for _, pattern := range f.IncludedNamespaces {
		if strings.ContainsAny(pattern, wildcards) {
			only = false
			continue
		}
		names = append(names, pattern)
	}
	return names, only
}

// wildcards begin those of Velero: "*" is any characters, "?" any one, and "[abc]"
// and "[a-z]" one of several.
const wildcards = "*?["

// matchesWildcard reports whether a name matches a pattern of Velero's. One that
// Velero refuses matches nothing: a backup with such a pattern fails validation.
func matchesWildcard(pattern, name string) bool {
	if !strings.ContainsAny(pattern, wildcards+`\`) {
		return pattern == name
	}
	translated, ok := translateWildcard(pattern)
	if !ok {
		return false
	}
	matched, err := path.Match(translated, name)
	return matched && err == nil
}

// translateWildcard returns a pattern of Velero's as package path writes it, and
// whether Velero takes it. Both differ in brackets only: Velero knows either one
// range or characters, of which "-" and "^" are ordinary ones.
func translateWildcard(pattern string) (string, bool) {
	if strings.ContainsAny(pattern, `|()!{},\`) || strings.Contains(pattern, "**") {
		return "", false
	}
	parts, ok := splitBrackets(pattern)
	if !ok {
		return "", false
	}
	var b strings.Builder
	for i, part := range parts {
		if i%2 == 0 {
			b.WriteString(part)
			continue
		}
		translated, ok := translateSet([]rune(part))
		if !ok {
			return "", false
		}
		b.WriteString("[" + translated + "]")
	}
	return b.String(), true
}

// splitBrackets returns what stands before brackets, in them, after them, and so on,
// and whether all of them are closed and none is empty.
func splitBrackets(pattern string) (parts []string, ok bool) {
	for {
		before, rest, bracket := strings.Cut(pattern, "[")
		if strings.Contains(before, "]") {
			return nil, false
		}
		parts = append(parts, before)
		if !bracket {
			return parts, true
		}
		set, after, closed := strings.Cut(rest, "]")
		if !closed || set == "" {
			return nil, false
		}
		parts, pattern = append(parts, set), after
	}
}

// translateSet translates what stands in brackets.
func translateSet(set []rune) (string, bool) {
	switch {
	case len(set) == 0:
		return "", false
	case len(set) > 1 && set[1] == '-':
		if len(set) != 3 || set[2] < set[0] {
			return "", false
		}
		return `\` + string(set[0]) + `-\` + string(set[2]), true
	}
	var b strings.Builder
	for _, r := range set {
		b.WriteString(`\` + string(r))
	}
	return b.String(), true
}
