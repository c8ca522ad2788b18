package encryptionintransit

import (
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/phrase"
)

// probeLabel stands in for the asterisk of a wildcard where a name is asked for.
const probeLabel = "holdfast"

// coversName reports whether a name, such as one of spec.tls or of a certificate,
// covers a host. A wildcard covers exactly one label, and itself; it is the whole
// of the first label, and no wildcard of a whole domain.
func coversName(name, host string) bool {
	name, host = strings.ToLower(name), strings.ToLower(host)
	if name == "" || host == "" {
		return false
	}
	if name == host {
		return true
	}
	domain, wildcard := strings.CutPrefix(name, "*.")
	label, rest, found := strings.Cut(host, ".")
	return wildcard && domain != "" && found && label != "" && label != "*" && rest == domain
}

func coversAny(names []string, host string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return coversName(name, host) })
}

// askedFor returns the name by which a host is asked for.
func askedFor(host string) string {
	if domain, wildcard := strings.CutPrefix(host, "*."); wildcard {
		return probeLabel + "." + domain
	}
	return host
}

// shown returns how a host is written; the empty one stands for all others.
func shown(host string) string {
	if host == "" {
		return "every other host"
	}
	return host
}

// servedHosts returns the hosts that an Ingress serves, each once, sorted: ""
// first where it serves every host.
func servedHosts(i *control.Ingress) []string {
	hosts := i.Hosts
	if i.DefaultBackend {
		hosts = append(slices.Clone(hosts), "")
	}
	return phrase.Sorted(hosts)
}

// mayOverlap reports whether some host is covered by both: listeners and routes
// of the Gateway API, where a wildcard covers one label or more, and "" all.
func mayOverlap(a, b string) bool {
	if a == "" || b == "" || a == b {
		return true
	}
	return suffixCovers(a, b) || suffixCovers(b, a)
}

func suffixCovers(wildcard, host string) bool {
	domain, is := strings.CutPrefix(wildcard, "*")
	return is && strings.HasSuffix(host, domain)
}
