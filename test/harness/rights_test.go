package harness

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	authenticationv1 "k8s.io/api/authentication/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
)

// TestProof: what was granted equals what was used, both ways.
func TestProof(t *testing.T) {
	const namespace = "holdfast-system"
	observe := []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"pods", "namespaces"}, Verbs: []string{"list"}}}
	enforce := []rbacv1.PolicyRule{{APIGroups: []string{"networking.k8s.io"}, Resources: []string{"networkpolicies"}, Verbs: []string{"create", "patch"}}}
	status := []rbacv1.PolicyRule{{APIGroups: []string{"holdfast.dev"}, Resources: []string{"controlpolicies/status"}, Verbs: []string{"patch"}}}
	own := []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: []string{"key"}, Verbs: []string{"get"}}}
	wildcard := []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"*"}}}
	guards := []rbacv1.PolicyRule{
		{APIGroups: []string{"admissionregistration.k8s.io"}, Resources: []string{"validatingadmissionpolicies"}, Verbs: []string{"create", "patch", "delete"}},
		{APIGroups: []string{"holdfast.dev"}, Resources: []string{"encryptedstorageclasses"}, Verbs: []string{"get"}},
	}
	listNamespaces := request("list", "", "namespaces", "", "")

	cases := map[string]struct {
		prober        bool
		cluster, own  []rbacv1.PolicyRule
		requests      []*auditv1.Event
		wantUnused    []string
		wantUngranted []string
	}{
		"nothing was asked for": {
			cluster: observe, own: own,
			wantUnused: []string{"get secrets key in its own namespace", "list namespaces", "list pods"},
		},
		"all was used": {
			cluster: append(observe, status...), own: own,
			requests: []*auditv1.Event{
				listNamespaces, request("list", "", "pods", "shop", ""), request("get", "", "secrets", namespace, "key"),
				subresource(request("patch", "holdfast.dev", "controlpolicies", "", "baseline"), "status"),
			},
		},
		"an apply that creates needs both rights": {
			cluster:  enforce,
			requests: []*auditv1.Event{answered(request("patch", "networking.k8s.io", "networkpolicies", "shop", "deny"), 201)},
		},
		"an apply that changes needs one": {
			cluster:    enforce,
			requests:   []*auditv1.Event{answered(request("patch", "networking.k8s.io", "networkpolicies", "shop", "deny"), 200)},
			wantUnused: []string{"create networkpolicies.networking.k8s.io"},
		},
		"a subresource is another resource": {
			cluster:       status,
			requests:      []*auditv1.Event{request("patch", "holdfast.dev", "controlpolicies", "", "baseline")},
			wantUnused:    []string{"patch controlpolicies.holdfast.dev/status"},
			wantUngranted: []string{`patch controlpolicies.holdfast.dev baseline: role "of the test" allowed it`},
		},
		"another object than the rule names": {
			own:           own,
			requests:      []*auditv1.Event{request("get", "", "secrets", namespace, "other")},
			wantUnused:    []string{"get secrets key in its own namespace"},
			wantUngranted: []string{`get secrets other in its own namespace: role "of the test" allowed it`},
		},
		"another namespace than its own": {
			own:           own,
			requests:      []*auditv1.Event{request("get", "", "secrets", "shop", "key")},
			wantUnused:    []string{"get secrets key in its own namespace"},
			wantUngranted: []string{`get secrets key: role "of the test" allowed it`},
		},
		"a right within a broader one": {
			cluster: own, own: own,
			requests:   []*auditv1.Event{request("get", "", "secrets", namespace, "key")},
			wantUnused: []string{"get secrets key in its own namespace"},
		},
		"a wildcard proves nothing": {
			cluster:       wildcard,
			requests:      []*auditv1.Event{request("list", "", "pods", "", "")},
			wantUnused:    []string{"* pods"},
			wantUngranted: []string{`list pods: role "of the test" allowed it`},
		},
		"what everybody may do": {
			requests: []*auditv1.Event{
				allowedBy(request("create", "authorization.k8s.io", "selfsubjectrulesreviews", "", ""), "system:basic-user"),
				allowedBy(&auditv1.Event{Verb: "get", RequestURI: "/apis?timeout=32s"}, "system:discovery"),
			},
		},
		"a path that not everybody may read": {
			requests:      []*auditv1.Event{allowedBy(&auditv1.Event{Verb: "get", RequestURI: "/logs/?limit=1"}, "of the test")},
			wantUngranted: []string{`get /logs/: role "of the test" allowed it`},
		},
		"refused, and nowhere granted": {
			requests:      []*auditv1.Event{refused(request("delete", "", "pods", "shop", "web"))},
			wantUngranted: []string{"delete pods web: it was refused"},
		},
		"refused, as was intended": {
			requests: []*auditv1.Event{refused(request("watch", "", "events", "", ""))},
		},
		"a guard that reads which classes encrypt": {
			cluster: guards,
			requests: []*auditv1.Event{answered(request("patch", "admissionregistration.k8s.io", "validatingadmissionpolicies", "",
				"holdfast-guard-storage-claims-baseline"), 201)},
			wantUnused: []string{"delete validatingadmissionpolicies.admissionregistration.k8s.io"},
		},
		"a guard that reads nothing": {
			cluster: guards,
			requests: []*auditv1.Event{answered(request("patch", "admissionregistration.k8s.io", "validatingadmissionpolicies", "",
				"holdfast-guard-ingress-tls-baseline"), 201)},
			wantUnused: []string{"delete validatingadmissionpolicies.admissionregistration.k8s.io", "get encryptedstorageclasses.holdfast.dev"},
		},
		"the prober": {
			prober: true, cluster: observe,
			requests:      []*auditv1.Event{listNamespaces, request("create", "", "pods", "shop", "")},
			wantUnused:    []string{"list pods as the prober"},
			wantUngranted: []string{`create pods as the prober: role "of the test" allowed it`},
		},
		"by a certificate": {
			requests: []*auditv1.Event{byCertificate(request("delete", "", "pods", "shop", "web"))},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			h := &Holder{Namespace: namespace, Prober: tc.prober, Granted: map[Right]bool{}, Lacked: func(r Right) bool { return r.Verb == "watch" }}
			for _, right := range append(rightsOf(tc.cluster, false), rightsOf(tc.own, true)...) {
				right.Prober = tc.prober
				h.Granted[right] = true
			}
			p := NewProof()
			p.Grant(h)
			for _, event := range tc.requests {
				p.Use(h, event)
			}
			var unused []string
			for _, right := range p.Unused() {
				unused = append(unused, right.String())
			}
			if diff := cmp.Diff(tc.wantUnused, unused); diff != "" {
				t.Errorf("unused (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.wantUngranted, p.Ungranted()); diff != "" {
				t.Errorf("ungranted (-want +got):\n%s", diff)
			}
			if differs := len(tc.wantUnused)+len(tc.wantUngranted) > 0; differs != (p.Err() != nil) {
				t.Errorf("error: %v", p.Err())
			}
		})
	}
}

// TestRevoke: what a rule says of other resources stays as it is.
func TestRevoke(t *testing.T) {
	rules := []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"pods", "services"}, Verbs: []string{"list", "watch"}},
		{APIGroups: []string{"apps"}, Resources: []string{"deployments"}, Verbs: []string{"list"}},
	}
	kept, taken := split(rules, "pods", []string{"watch"})
	var got []string
	for _, right := range rightsOf(kept, false) {
		got = append(got, right.String())
	}
	if diff := cmp.Diff([]string{"list services", "watch services", "list pods", "list deployments.apps"}, got); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]Right{{Verb: "watch", Resource: "pods"}}, rightsOf(taken, false)); diff != "" {
		t.Errorf("taken (-want +got):\n%s", diff)
	}
	if _, taken := split(rules, "secrets", []string{"get"}); len(taken) > 0 {
		t.Errorf("taken: %v", taken)
	}
}

// request is what the audit log has of a request with a token that some role allowed.
func request(verb, group, resource, namespace, name string) *auditv1.Event {
	return allowedBy(&auditv1.Event{Verb: verb,
		ObjectRef: &auditv1.ObjectReference{APIGroup: group, Resource: resource, Namespace: namespace, Name: name}}, "of the test")
}

func allowedBy(event *auditv1.Event, role string) *auditv1.Event {
	event.User.Extra = map[string]authenticationv1.ExtraValue{credential: {"JTI=0"}}
	event.Annotations = map[string]string{decision: "allow", reason: `RBAC: allowed by ClusterRoleBinding "any" of ClusterRole "` + role + `" to User "any"`}
	return event
}

func refused(event *auditv1.Event) *auditv1.Event {
	event.Annotations = map[string]string{decision: "forbid", reason: ""}
	return event
}

func byCertificate(event *auditv1.Event) *auditv1.Event {
	event.User.Extra = map[string]authenticationv1.ExtraValue{credential: {"X509SHA256=0"}}
	return event
}

func subresource(event *auditv1.Event, name string) *auditv1.Event {
	event.ObjectRef.Subresource = name
	return event
}

func answered(event *auditv1.Event, code int32) *auditv1.Event {
	event.ResponseStatus = &metav1.Status{Code: code}
	return event
}
