package permissions_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/internal/observe"
	"github.com/holdfast-dev/holdfast/internal/permissions"
)

// TestRulesAreStatedOnce: no rule is a wildcard, is without a word on what it is
// for, or is stated twice in a part of a role.
func TestRulesAreStatedOnce(t *testing.T) {
	table := permissions.Holdfast()
	granted := map[string]bool{}
	for _, r := range table.Rules {
		name := fmt.Sprintf("%s %s %s %s", r.Role, r.Group, strings.Join(r.Resources, ","), strings.Join(r.URLs, ","))
		if strings.TrimSuffix(r.Feature, ".") == r.Feature {
			t.Errorf("%s: the feature is %q, want a sentence", name, r.Feature)
		}
		if (len(r.Resources) == 0) == (len(r.URLs) == 0) {
			t.Errorf("%s: want resources or URLs", name)
		}
		for _, word := range slices.Concat([]string{r.Group}, r.Resources, r.Names, r.URLs, r.Verbs) {
			if strings.Contains(word, "*") {
				t.Errorf("%s: %q is a wildcard", name, word)
			}
		}
		for _, what := range slices.Concat(r.Resources, r.URLs) {
			for _, verb := range r.Verbs {
				key := fmt.Sprintf("%s/%s %s %t %s %s %v", r.Role, r.Part, verb, r.Namespaced, what, r.Group, r.Names)
				if granted[key] {
					t.Errorf("stated twice: %s", key)
				}
				granted[key] = true
			}
		}
	}
}

// TestRulesHaveRoles: a rule is of a role, and of a part of it, that is installed,
// and says what happens without it where it is the operator's.
func TestRulesHaveRoles(t *testing.T) {
	table := permissions.Holdfast()
	used := map[string]bool{}
	for _, r := range table.Rules {
		i := slices.IndexFunc(table.Grants, func(g permissions.Grant) bool { return g.Role == r.Role })
		if i < 0 {
			t.Fatalf("there is no role %s", r.Role)
		}
		if table.Grants[i].Account != permissions.People && r.Without == "" {
			t.Errorf("%s: %s %v: it is not said what happens without it", r.Role, r.Group, r.Resources)
		}
		if r.Part != "" && table.Part(r.Role, r.Part) == nil {
			t.Errorf("%s has no part %s", r.Role, r.Part)
		}
		used[string(r.Role)+"/"+r.Part] = true
	}
	for _, p := range table.Parts {
		if !used[string(p.Role)+"/"+p.Name] {
			t.Errorf("part %s of %s has no rule", p.Name, p.Role)
		}
	}
}

// TestSecretsAreNamed: Holdfast reads one Secret, and deletes one other, by their
// names, in its own namespace. Whoever reads more was asked for by a role of its own,
// which is not granted by default.
func TestSecretsAreNamed(t *testing.T) {
	type right struct {
		Role       permissions.Role
		Namespaced bool
		Verb, Name string
	}
	want := []right{
		{permissions.Operator, true, "create", ""},
		{permissions.Operator, true, "get", "holdfast-ledger-key"},
		{permissions.Probe, true, "create", ""},
		{permissions.Probe, true, "delete", "holdfast-canary"},
		{permissions.TLSSecrets, false, "get", ""},
		{permissions.VeleroRepository, false, "get", "velero-repo-credentials"},
	}
	table := permissions.Holdfast()
	var got []right
	for _, r := range table.Rules {
		if !slices.Contains(r.Resources, "secrets") {
			continue
		}
		for _, verb := range r.Verbs {
			got = append(got, right{r.Role, r.Namespaced, verb, strings.Join(r.Names, " ")})
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rights to Secrets (-want +got):\n%s", diff)
	}
	for _, role := range []permissions.Role{permissions.TLSSecrets, permissions.VeleroRepository} {
		if grant := table.Grant(role); grant.Value == "" || grant.ByDefault {
			t.Errorf("reading Secrets is granted by default: %+v", grant)
		}
	}
}

// TestTheProberOnlyCreates: what the prober may do is of use in a dry run only.
func TestTheProberOnlyCreates(t *testing.T) {
	table := permissions.Holdfast()
	if grant := table.Grant(permissions.Prober); grant.Account != permissions.ProberAccount {
		t.Errorf("the prober's role is that of %q", grant.Account)
	}
	for _, r := range table.Rules {
		if r.Role == permissions.Prober && (!slices.Equal(r.Verbs, []string{"create"}) || r.Part == "") {
			t.Errorf("the prober may %v %v, by part %q", r.Verbs, r.Resources, r.Part)
		}
	}
}

// TestWhatIsObservedIsGranted: every kind that the observer reads has its rule,
// and Holdfast lists and watches nothing else but its own kinds and who may act on it.
func TestWhatIsObservedIsGranted(t *testing.T) {
	table := permissions.Holdfast()
	var want, got, listed []string
	for _, r := range observe.Resources() {
		want = append(want, describe(r.Group, r.Name, r.Optional))
	}
	for _, r := range table.Rules {
		for _, name := range r.Resources {
			switch {
			case r.Role != permissions.Observe && r.Role != permissions.Reperformer:
			case r.Group == "holdfast.dev" && name != "encryptedstorageclasses" || r.Group == "rbac.authorization.k8s.io":
			case r.Role == permissions.Observe && slices.Equal(r.Verbs, []string{"list", "watch"}):
				got = append(got, describe(r.Group, name, r.Part != ""))
			case r.Role == permissions.Reperformer && slices.Equal(r.Verbs, []string{"get", "list"}):
				listed = append(listed, describe(r.Group, name, r.Part != ""))
			case slices.Contains(r.Verbs, "list") || slices.Contains(r.Verbs, "watch"):
				t.Errorf("%s: %v %s %s", r.Role, r.Verbs, name, r.Group)
			}
		}
	}
	for _, names := range [][]string{want, got, listed} {
		slices.Sort(names)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what the observer reads, and what it is granted (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, listed); diff != "" {
		t.Errorf("what the observer reads, and what those who reperform are granted (-want +got):\n%s", diff)
	}
}

func describe(group, name string, optional bool) string {
	return fmt.Sprintf("%s %q, optional: %t", name, group, optional)
}

func TestMissing(t *testing.T) {
	const label = ` by a ClusterRole with the label rbac.holdfast.dev/aggregate-to-observe: "true"`
	table := permissions.Holdfast()
	cases := map[string]struct{ got, want string }{
		"what every cluster serves": {table.MissingRead("", "pods"), `grant {apiGroups: [""], resources: [pods], verbs: [list, watch]}` + label},
		"an optional kind": {table.MissingRead("cilium.io", "ciliumnetworkpolicies"),
			`set the chart's value observe.cilium=Enabled, or grant {apiGroups: [cilium.io], resources: [ciliumnetworkpolicies], verbs: [list, watch]}` + label},
		"what an installation's own controls read": {table.MissingRead("apps", "deployments"),
			`grant {apiGroups: [apps], resources: [deployments], verbs: [list, watch]}` + label},
		"what is repaired":     {table.MissingWrite("networking.k8s.io", "networkpolicies"), "enforce.networkIsolation=true"},
		"what is not repaired": {table.MissingWrite("", "pods"), ""},
		"what two control types repair": {table.MissingWrite("admissionregistration.k8s.io", "validatingadmissionpolicies"),
			"enforce.encryptionAtRest=true or enforce.encryptionInTransit=true"},
		"a canary": {table.MissingProbe(), "set the chart's value probe.enabled=true"},
		"metrics": {table.MissingMetrics(),
			"set the chart's value probe.enabled=true, or grant {nonResourceURLs: [/metrics], verbs: [get]}" + label},
		"what the prober tries": {table.MissingProber("networking.k8s.io", "ingresses"),
			"set the chart's values probe.enabled=true and enforce.encryptionInTransit=true"},
		"a restore":                             {table.MissingRestoreTests(), "set the chart's values probe.enabled=true and probe.restoreTests=true"},
		"the password of Velero's repositories": {table.MissingRepositoryPassword(), "set the chart's value veleroRepository.read=true"},
		"a TLS Secret": {table.MissingTLSSecret("web"),
			"set the chart's value tlsSecrets.read=true, with web among tlsSecrets.namespaces where that is not empty:" +
				" whoever may read TLS Secrets can read every Secret there"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if tc.got != tc.want {
				t.Errorf("got %q, want %q", tc.got, tc.want)
			}
		})
	}
}
