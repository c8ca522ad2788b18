package access

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var target = Target{Namespace: "holdfast-system", Secret: "holdfast-ledger-key"}

func rule(group, resource, verb string, names ...string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{APIGroups: []string{group}, Resources: []string{resource}, Verbs: []string{verb}, ResourceNames: names}
}

var (
	jane  = rbacv1.Subject{Kind: rbacv1.UserKind, Name: "jane@example.com"}
	ops   = rbacv1.Subject{Kind: rbacv1.GroupKind, Name: "ops"}
	robot = rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: "gitops", Name: "sync"}
)

// everywhere binds a rule in the whole cluster, inside in the operator's namespace.
func everywhere(r rbacv1.PolicyRule, subjects ...rbacv1.Subject) *Rules {
	return &Rules{
		ClusterRoles: []rbacv1.ClusterRole{{ObjectMeta: metav1.ObjectMeta{Name: "r"}, Rules: []rbacv1.PolicyRule{r}}},
		ClusterRoleBindings: []rbacv1.ClusterRoleBinding{{
			RoleRef: rbacv1.RoleRef{Kind: "ClusterRole", Name: "r"}, Subjects: subjects}},
	}
}

func inside(r rbacv1.PolicyRule, subjects ...rbacv1.Subject) *Rules {
	return &Rules{
		Roles: []rbacv1.Role{{ObjectMeta: metav1.ObjectMeta{Namespace: target.Namespace, Name: "r"}, Rules: []rbacv1.PolicyRule{r}}},
		RoleBindings: []rbacv1.RoleBinding{{ObjectMeta: metav1.ObjectMeta{Namespace: target.Namespace},
			RoleRef: rbacv1.RoleRef{Kind: "Role", Name: "r"}, Subjects: subjects}},
	}
}

// granted are the capabilities that anybody has.
func granted(o *Object) []Capability {
	granted := []Capability{}
	for _, c := range o.Capabilities {
		if c.People+len(c.Holders) > 0 {
			granted = append(granted, c.Capability)
		}
	}
	return granted
}

// TestE46Capabilities: which rules give what, and where they have to be bound.
func TestE46Capabilities(t *testing.T) {
	cases := map[string]struct {
		rules *Rules
		want  []Capability
	}{
		"everything":                     {everywhere(rule("*", "*", "*"), ops), capabilities()},
		"everything in the namespace":    {inside(rule("*", "*", "*"), ops), []Capability{ChangeOperator, ExecIntoOperator, ImpersonateOrEscalate, ReadSigningKey}},
		"the key":                        {inside(rule("", "secrets", "get", "holdfast-ledger-key"), ops), []Capability{ReadSigningKey}},
		"all secrets by a list":          {inside(rule("", "secrets", "list"), ops), []Capability{ReadSigningKey}},
		"another secret":                 {inside(rule("", "secrets", "get", "other"), ops), []Capability{}},
		"to delete secrets":              {inside(rule("", "secrets", "delete"), ops), []Capability{}},
		"secrets of another group":       {inside(rule("example.com", "secrets", "get"), ops), []Capability{}},
		"exec":                           {inside(rule("", "pods/exec", "create"), ops), []Capability{ExecIntoOperator}},
		"every exec":                     {inside(rule("", "*/exec", "create"), ops), []Capability{ExecIntoOperator}},
		"a debug container":              {inside(rule("", "pods/ephemeralcontainers", "patch"), ops), []Capability{ExecIntoOperator}},
		"to read pods":                   {inside(rule("", "pods", "get"), ops), []Capability{}},
		"a pod of one's own beside it":   {inside(rule("", "pods", "create"), ops), []Capability{ChangeOperator}},
		"its Deployment":                 {everywhere(rule("apps", "deployments", "patch"), ops), []Capability{ChangeOperator}},
		"policies":                       {everywhere(rule("holdfast.dev", "controlpolicies", "update"), ops), []Capability{WritePolicies}},
		"the status of policies":         {everywhere(rule("holdfast.dev", "controlpolicies/status", "update"), ops), []Capability{}},
		"policies in a namespace":        {inside(rule("holdfast.dev", "controlpolicies", "update"), ops), []Capability{}},
		"schedules":                      {everywhere(rule("holdfast.dev", "evidenceschedules", "delete"), ops), []Capability{WriteSchedules}},
		"approvals":                      {everywhere(rule("holdfast.dev", "controlexemptions/status", "patch"), ops), []Capability{ApproveExemptions}},
		"requests":                       {everywhere(rule("holdfast.dev", "controlexemptions", "create"), ops), []Capability{}},
		"records":                        {everywhere(rule("holdfast.dev", "evidencerecords", "create"), ops), []Capability{WriteRecords}},
		"definitions":                    {everywhere(rule("apiextensions.k8s.io", "customresourcedefinitions", "patch"), ops), []Capability{ChangeCRDsOrGuards}},
		"guards":                         {everywhere(rule("admissionregistration.k8s.io", "validatingadmissionpolicybindings", "delete"), ops), []Capability{ChangeCRDsOrGuards}},
		"to impersonate":                 {everywhere(rule("", "users", "impersonate"), ops), []Capability{ImpersonateOrEscalate}},
		"to escalate":                    {everywhere(rule("rbac.authorization.k8s.io", "clusterroles", "escalate"), ops), []Capability{ImpersonateOrEscalate}},
		"the operator's tokens":          {inside(rule("", "serviceaccounts/token", "create"), ops), []Capability{ImpersonateOrEscalate}},
		"a role that is bound to nobody": {everywhere(rule("*", "*", "*")), []Capability{}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			object, _ := Evaluate(tc.rules, target)
			if diff := cmp.Diff(tc.want, granted(object)); diff != "" {
				t.Errorf("capabilities (-want +got):\n%s", diff)
			}
			if len(object.Capabilities) != len(capabilities()) {
				t.Errorf("only %d capabilities are told", len(object.Capabilities))
			}
		})
	}
}

// TestRolesAreBoundByKind: a binding of a namespace may bind a ClusterRole, and
// roles of the same name are not taken for one another.
func TestRolesAreBoundByKind(t *testing.T) {
	rules := everywhere(rule("", "secrets", "get"))
	rules.Roles = []rbacv1.Role{{ObjectMeta: metav1.ObjectMeta{Name: "r"}, Rules: []rbacv1.PolicyRule{rule("", "pods/exec", "create")}}}
	rules.RoleBindings = []rbacv1.RoleBinding{{ObjectMeta: metav1.ObjectMeta{Namespace: target.Namespace},
		RoleRef: rbacv1.RoleRef{Kind: "ClusterRole", Name: "r"}, Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: "local"}}}}
	object, _ := Evaluate(rules, target)
	if diff := cmp.Diff([]Capability{ReadSigningKey}, granted(object)); diff != "" {
		t.Errorf("capabilities (-want +got):\n%s", diff)
	}
	for _, c := range object.Capabilities {
		if want := []Holder{{HolderServiceAccount, target.Namespace, "local"}}; c.Capability == ReadSigningKey && !cmp.Equal(want, c.Holders) {
			t.Errorf("got %+v, want %+v", c.Holders, want)
		}
	}
}

// TestE46PeopleAreNamedApart: the object has accounts and groups by name, and
// people by number; who combines areas is told.
func TestE46PeopleAreNamedApart(t *testing.T) {
	rules := everywhere(rule("holdfast.dev", "*", "patch"), jane, ops, robot,
		rbacv1.Subject{Kind: rbacv1.UserKind, Name: "system:serviceaccount:a:b"}, rbacv1.Subject{Kind: rbacv1.UserKind, Name: "system:kube-controller-manager"})
	rules.Roles = inside(rule("", "pods/exec", "create")).Roles
	rules.RoleBindings = inside(rule("", "pods/exec", "create"), ops, jane).RoleBindings
	object, people := Evaluate(rules, target)
	data, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	if text := string(data); len(text) == 0 || strings.Contains(text, "jane") {
		t.Errorf("a person is named: %s", text)
	}
	want := []Holder{{HolderComponent, "", "system:kube-controller-manager"}, {HolderGroup, "", "ops"}, {HolderServiceAccount, "a", "b"}, {HolderServiceAccount, "gitops", "sync"}}
	for _, c := range object.Capabilities {
		if c.Capability == WritePolicies && (!cmp.Equal(want, c.Holders) || c.People != 1) {
			t.Errorf("got %+v", c)
		}
	}
	three, four := []Area{AreaApproval, AreaEvidence, AreaPolicy}, []Area{AreaApproval, AreaEvidence, AreaOperator, AreaPolicy}
	wantCombined := []Combination{{want[0], three}, {want[1], four}, {want[2], three}, {want[3], three}}
	if diff := cmp.Diff(wantCombined, object.Combined); diff != "" || object.CombinedPeople != 1 {
		t.Errorf("%d people, and combined (-want +got):\n%s", object.CombinedPeople, diff)
	}
	if diff := cmp.Diff(map[string][]Area{"jane@example.com": four}, people.Combined); diff != "" {
		t.Errorf("combined people (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"jane@example.com"}, people.Capabilities[ExecIntoOperator]); diff != "" {
		t.Errorf("people (-want +got):\n%s", diff)
	}
	_, again := Evaluate(rules, target)
	if again.Salt = "salt"; !SamePeople(people, again) {
		t.Error("the same people are others")
	}
	again.Capabilities[ExecIntoOperator] = nil
	if SamePeople(people, again) {
		t.Error("other people are the same")
	}
}

func TestHoldersAreBounded(t *testing.T) {
	var many []rbacv1.Subject
	for i := range MaxHolders + 3 {
		many = append(many, rbacv1.Subject{Kind: rbacv1.GroupKind, Name: fmt.Sprintf("g-%04d", i)})
	}
	object, _ := Evaluate(everywhere(rule("*", "*", "*"), many...), target)
	for _, c := range object.Capabilities {
		if len(c.Holders) != MaxHolders || c.More != 3 {
			t.Errorf("%s: %d holders, and %d more", c.Capability, len(c.Holders), c.More)
		}
	}
	if len(object.Combined) != MaxHolders {
		t.Errorf("%d combinations", len(object.Combined))
	}
}

func TestDecode(t *testing.T) {
	object, people := Evaluate(everywhere(rule("*", "*", "*"), ops, jane), target)
	data, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Decode(data)
	if err != nil || !cmp.Equal(object, again) {
		t.Errorf("got %+v (%v)", again, err)
	}
	if data, err = json.Marshal(people); err != nil {
		t.Fatal(err)
	}
	if named, err := DecodePeople(data); err != nil || !SamePeople(people, named) {
		t.Errorf("got %+v (%v)", named, err)
	}
	if _, err := Decode(data); err == nil {
		t.Error("people were decoded as an access object")
	}
	if _, err := DecodePeople([]byte(`{}`)); err == nil {
		t.Error("nothing was decoded as people")
	}
	if _, err := Decode([]byte(`[]`)); err == nil {
		t.Error("a list was decoded as an access object")
	}
	if _, err := DecodePeople([]byte(`[]`)); err == nil {
		t.Error("a list was decoded as people")
	}
}
