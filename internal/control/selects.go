package control

import (
	"path"
	"slices"
	"strings"
)

// Selects reports whether a backup with these filters holds a namespace of this
// name, by Velero's rules: none included, or "*" among them, is all of them, what is
// excluded is left out whatever includes it, and both lists may hold wildcards. That
// a namespace is labelled to be left out Velero writes into the lists itself.
func (f *BackupFilters) Selects(namespace string) bool {
	matches := func(pattern string) bool { return matchesWildcard(pattern, namespace) }
	if slices.ContainsFunc(f.ExcludedNamespaces, matches) {
		return false
	}
	return len(f.IncludedNamespaces) == 0 || slices.ContainsFunc(f.IncludedNamespaces, matches)
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
	var b strings.Builder
	for {
		before, rest, bracket := strings.Cut(pattern, "[")
		if strings.Contains(before, "]") {
			return "", false
		}
		b.WriteString(before)
		if !bracket {
			return b.String(), true
		}
		set, after, closed := strings.Cut(rest, "]")
		translated, ok := translateSet([]rune(set))
		if !closed || !ok {
			return "", false
		}
		b.WriteString("[" + translated + "]")
		pattern = after
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
