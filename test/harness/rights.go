package harness

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/permissions"
)

// What an API server says of a request in its audit log: whether and by what it
// was allowed, and with which credential it was made.
const (
	decision   = "authorization.k8s.io/decision"
	reason     = "authorization.k8s.io/reason"
	credential = "authentication.kubernetes.io/credential-id"
)

// allowedByRole finds the role in a reason.
var allowedByRole = regexp.MustCompile(`of (?:Cluster)?Role "([^"]*)"`)

// Right is one verb on one resource: the unit in which what was granted is
// compared with what was used.
type Right struct {
	Verb, Group string
	// Resource is resource, or resource/subresource, or a path of the API server.
	Resource string
	// Name limits the right to the object of that name; empty means all.
	Name string
	// Own limits the right to the operator's own namespace.
	Own bool
	// Prober has it be the prober's, rather than the operator's own.
	Prober bool
}

// String is such as "patch networkpolicies.networking.k8s.io".
func (r Right) String() string {
	resource, sub, _ := strings.Cut(r.Resource, "/")
	text := r.Verb + " " + resource
	if r.Group != "" {
		text += "." + r.Group
	}
	if sub != "" {
		text += "/" + sub
	}
	if r.Name != "" {
		text += " " + r.Name
	}
	if r.Own {
		text += " in its own namespace"
	}
	if r.Prober {
		text += " as the prober"
	}
	return text
}

// rightsOf are the rights that rules grant; own is whether they hold in the
// operator's own namespace only. A wildcard stays one, which no request uses.
func rightsOf(rules []rbacv1.PolicyRule, own bool) []Right {
	var rights []Right
	for i := range rules {
		rule := &rules[i]
		names := rule.ResourceNames
		if len(names) == 0 {
			names = []string{""}
		}
		for _, verb := range rule.Verbs {
			for _, url := range rule.NonResourceURLs {
				rights = append(rights, Right{Verb: verb, Resource: url})
			}
			for _, group := range rule.APIGroups {
				for _, resource := range rule.Resources {
					for _, name := range names {
						rights = append(rights, Right{Verb: verb, Group: group, Resource: resource, Name: name, Own: own})
					}
				}
			}
		}
	}
	return rights
}

// Holder is a user of the API server, and what it was granted.
type Holder struct {
	// Namespace is the user's own.
	Namespace string
	// Prober is whether it is the prober, rather than the operator.
	Prober bool
	// Granted is what it was granted when it was installed.
	Granted map[Right]bool
	// Lacked is whether a right was kept from it, or taken from it, on purpose: it
	// is to be refused.
	Lacked func(Right) bool
}

// everyones are the roles that every authenticated user has in every cluster, with
// what Holdfast uses them for.
func everyones() map[string]string {
	return map[string]string{
		"system:basic-user":         "to ask what oneself may do",
		"system:discovery":          "to ask which APIs there are, and the server's version",
		"system:public-info-viewer": "to ask for the server's version",
	}
}

// Proof compares what was granted with what was used.
type Proof struct {
	granted, used map[Right]bool
	ungranted     map[string]bool
}

// NewProof returns a comparison of nothing with nothing.
func NewProof() *Proof {
	return &Proof{granted: map[Right]bool{}, used: map[Right]bool{}, ungranted: map[string]bool{}}
}

// Grant takes note of what a holder was granted.
func (p *Proof) Grant(h *Holder) {
	maps.Copy(p.granted, h.Granted)
}

// Use takes note of a request of a holder's, as the audit log has it. What was not
// done with a token is not the holder's own: a test may act in its name.
func (p *Proof) Use(h *Holder, event *auditv1.Event) {
	if !byToken(event) {
		return
	}
	for _, asked := range askedFor(event, h.Namespace) {
		asked.Prober = h.Prober
		granted, found := allowing(h.Granted, asked)
		switch {
		case event.Annotations[decision] == "forbid":
			if !h.Lacked(asked) {
				p.ungranted[fmt.Sprintf("%s: it was refused", asked)] = true
			}
		case found:
			p.used[granted] = true
		case everyones()[roleOf(event)] == "":
			p.ungranted[fmt.Sprintf("%s: role %q allowed it", asked, roleOf(event))] = true
		}
	}
}

// Unused are the rights that were granted, and that nobody used.
func (p *Proof) Unused() []Right {
	var unused []Right
	for right := range p.granted {
		if !p.used[right] {
			unused = append(unused, right)
		}
	}
	slices.SortFunc(unused, func(a, b Right) int { return strings.Compare(a.String(), b.String()) })
	return unused
}

// Ungranted says of each right that was used, or asked for in vain, without being
// granted, what became of the request.
func (p *Proof) Ungranted() []string { return slices.Sorted(maps.Keys(p.ungranted)) }

// Prove compares what operators may be granted, and were by the releases of the
// clusters, with what these asked the API servers for.
func Prove(tb testing.TB, clusters ...*Cluster) *Proof {
	tb.Helper()
	p := NewProof()
	for right := range features() { // also what none of these releases has
		p.granted[right] = true
	}
	for _, c := range clusters {
		holders := map[string]*Holder{}
		for _, o := range c.installed {
			for _, r := range []*Rights{o.Rights, o.Prober} {
				h := &Holder{Namespace: o.Namespace, Prober: r.prober, Granted: r.granted, Lacked: r.lacked}
				holders[r.user] = h
				p.Grant(h)
			}
		}
		for _, path := range c.AuditLogPaths() {
			err := eachRequest(path, func(event *auditv1.Event) {
				if h := holders[event.User.Username]; h != nil {
					p.Use(h, event)
				}
			})
			if err != nil {
				tb.Fatalf("read the audit log: %v", err)
			}
		}
	}
	return p
}

// Err is nil where what was granted is what was used. It names the rules that
// differ.
func (p *Proof) Err() error {
	var errs []error
	for _, right := range p.Unused() {
		errs = append(errs, fmt.Errorf("granted, and never used: %s (%s)", right, cmp.Or(features()[right], "which no rule of internal/permissions grants")))
	}
	for _, text := range p.Ungranted() {
		errs = append(errs, fmt.Errorf("used, and not granted: %s", text))
	}
	return errors.Join(errs...)
}

// features are all rights that the operator and the prober may be granted, and what
// each is for.
func features() map[Right]string {
	table := permissions.Holdfast()
	of := map[Right]string{}
	for _, rule := range table.Rules {
		account := table.Grant(rule.Role).Account
		if account == permissions.People {
			continue
		}
		installed := rbacv1.PolicyRule{APIGroups: []string{rule.Group}, Resources: rule.Resources, ResourceNames: rule.Names,
			NonResourceURLs: rule.URLs, Verbs: rule.Verbs}
		for _, right := range rightsOf([]rbacv1.PolicyRule{installed}, rule.Namespaced) {
			right.Prober = account == permissions.ProberAccount
			of[right] = rule.Feature
		}
	}
	return of
}

// allowing is the broadest of some rights that allows what was asked for: a right
// within a broader one proves nothing.
func allowing(rights map[Right]bool, asked Right) (Right, bool) {
	for _, own := range []bool{false, true} {
		for _, name := range []string{"", asked.Name} {
			broader := asked
			broader.Name, broader.Own = name, own
			if (asked.Own || !own) && rights[broader] {
				return broader, true
			}
		}
	}
	return Right{}, false
}

// byToken reports whether a request was made with the token of a service account.
func byToken(event *auditv1.Event) bool {
	return slices.ContainsFunc(event.User.Extra[credential],
		func(id string) bool { return strings.HasPrefix(id, "JTI=") })
}

// askedFor are the rights that a request needed. An apply that creates is asked
// for as a patch, and needs the right to create besides.
func askedFor(event *auditv1.Event, own string) []Right {
	ref := event.ObjectRef
	if ref == nil {
		path, _, _ := strings.Cut(event.RequestURI, "?")
		return []Right{{Verb: event.Verb, Resource: path}}
	}
	asked := Right{Verb: event.Verb, Group: ref.APIGroup, Resource: resourceOf(event), Name: ref.Name, Own: ref.Namespace != "" && ref.Namespace == own}
	if event.Verb != "patch" || event.ResponseStatus == nil || event.ResponseStatus.Code != http.StatusCreated {
		return []Right{asked}
	}
	created := asked
	created.Verb = "create"
	rights := []Right{asked, created}
	if readsClasses(ref) {
		// The API server asks for this itself, and its audit log does not say so.
		rights = append(rights, Right{Verb: "get", Group: v1alpha1.GroupVersion.Group, Resource: "encryptedstorageclasses"})
	}
	return rights
}

// readsClasses reports whether an object is a guard, or the binding of one, that
// reads which classes encrypt.
func readsClasses(ref *auditv1.ObjectReference) bool {
	return strings.HasPrefix(ref.Resource, "validatingadmissionpolic") && strings.HasPrefix(ref.Name, control.GuardPrefix+"storage-claims")
}

// roleOf is the role by which the API server allowed a request.
func roleOf(event *auditv1.Event) string {
	if found := allowedByRole.FindStringSubmatch(event.Annotations[reason]); found != nil {
		return found[1]
	}
	return ""
}
