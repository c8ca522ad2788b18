package permissions_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/internal/permissions"
)

// permission is a question about what somebody may do.
type permission struct {
	verb, group, resource, subresource, namespace, name string
	// path is of the API server, in the stead of a resource.
	path string

	want bool
}

// always are what Holdfast's service account may do by default, and may not.
func always() []permission {
	const own = byDefault
	return []permission{
		{verb: "watch", group: "holdfast.dev", resource: "controlpolicies", want: true},
		{verb: "patch", group: "holdfast.dev", resource: "controlpolicies", subresource: "status", want: true},
		{verb: "patch", group: "holdfast.dev", resource: "controlpolicies"},
		{verb: "delete", group: "holdfast.dev", resource: "controlpolicies"},
		{verb: "watch", group: "holdfast.dev", resource: "evidenceschedules", want: true},
		{verb: "patch", group: "holdfast.dev", resource: "evidenceschedules", subresource: "status", want: true},
		{verb: "patch", group: "holdfast.dev", resource: "evidenceschedules"},
		{verb: "create", group: "holdfast.dev", resource: "evidencerecords", want: true},
		{verb: "list", group: "holdfast.dev", resource: "evidencerecords", want: true},
		{verb: "delete", group: "holdfast.dev", resource: "evidencerecords", want: true},
		{verb: "patch", group: "holdfast.dev", resource: "evidencerecords"},
		{verb: "update", group: "holdfast.dev", resource: "evidencerecords"},
		{verb: "deletecollection", group: "holdfast.dev", resource: "evidencerecords"},
		{verb: "list", group: "rbac.authorization.k8s.io", resource: "clusterroles", want: true},
		{verb: "list", group: "rbac.authorization.k8s.io", resource: "clusterrolebindings", want: true},
		{verb: "list", group: "rbac.authorization.k8s.io", resource: "rolebindings", namespace: own, want: true},
		{verb: "list", group: "rbac.authorization.k8s.io", resource: "rolebindings", namespace: "default"},
		{verb: "bind", group: "rbac.authorization.k8s.io", resource: "clusterroles"},
		{verb: "watch", resource: "namespaces", want: true},
		{verb: "patch", resource: "namespaces"},
		{verb: "delete", resource: "namespaces"},
		{verb: "watch", resource: "pods", want: true},
		{verb: "create", resource: "pods", subresource: "exec"},
		{verb: "get", resource: "pods", subresource: "log"},
		{verb: "delete", resource: "pods"},
		{verb: "watch", group: "networking.k8s.io", resource: "networkpolicies", want: true},
		{verb: "update", group: "networking.k8s.io", resource: "networkpolicies", namespace: "default"},
		{verb: "deletecollection", group: "networking.k8s.io", resource: "networkpolicies", namespace: "default"},
		{verb: "watch", resource: "services", want: true},
		{verb: "patch", resource: "services", namespace: "default"},
		{verb: "watch", group: "discovery.k8s.io", resource: "endpointslices", want: true},
		{verb: "watch", group: "networking.k8s.io", resource: "ingresses", want: true},
		{verb: "watch", group: "admissionregistration.k8s.io", resource: "mutatingwebhookconfigurations", want: true},
		{verb: "patch", group: "admissionregistration.k8s.io", resource: "mutatingwebhookconfigurations"},
		{verb: "watch", group: "apiextensions.k8s.io", resource: "customresourcedefinitions", want: true},
		{verb: "patch", group: "apiextensions.k8s.io", resource: "customresourcedefinitions"},
		{verb: "watch", group: "apiregistration.k8s.io", resource: "apiservices", want: true},
		{verb: "create", group: "events.k8s.io", resource: "events", namespace: "default", want: true},
		{verb: "create", resource: "events", namespace: "default"},
		{verb: "create", group: "authorization.k8s.io", resource: "selfsubjectrulesreviews", want: true},
		{verb: "create", group: "authorization.k8s.io", resource: "subjectaccessreviews", want: true},
		{verb: "create", group: "authentication.k8s.io", resource: "tokenreviews", want: true},
		{verb: "create", group: "coordination.k8s.io", resource: "leases", namespace: own, want: true},
		{verb: "update", group: "coordination.k8s.io", resource: "leases", namespace: own, name: "holdfast.dev", want: true},
		{verb: "update", group: "coordination.k8s.io", resource: "leases", namespace: own, name: "other"},
		{verb: "update", group: "coordination.k8s.io", resource: "leases", namespace: "kube-node-lease", name: "holdfast.dev"},
		{verb: "get", resource: "configmaps", namespace: own, name: "holdfast-ledger-head", want: true},
		{verb: "update", resource: "configmaps", namespace: own, name: "holdfast-ledger-head", want: true},
		{verb: "get", resource: "configmaps", namespace: own, name: "kube-root-ca.crt"},
		{verb: "list", resource: "configmaps", namespace: own},
		{verb: "create", resource: "secrets", namespace: own, want: true},
		{verb: "get", resource: "secrets", namespace: own, name: "holdfast-ledger-key", want: true},
		{verb: "update", resource: "secrets", namespace: own, name: "holdfast-ledger-key"},
		{verb: "delete", resource: "secrets", namespace: own, name: "holdfast-ledger-key"},
		{verb: "get", resource: "secrets", namespace: own, name: "other"},
		{verb: "list", resource: "secrets", namespace: own},
		{verb: "get", resource: "secrets", namespace: "default", name: "holdfast-ledger-key"},
		{verb: "delete", resource: "secrets", namespace: own, name: "holdfast-canary", want: true},
		{verb: "get", resource: "secrets", namespace: own, name: "holdfast-canary"},
		{verb: "delete", resource: "configmaps", namespace: own, name: "holdfast-canary", want: true},
		{verb: "delete", resource: "configmaps", namespace: own, name: "holdfast-ledger-head"},
		{verb: "create", resource: "serviceaccounts", subresource: "token", namespace: own, name: "holdfast-prober", want: true},
		{verb: "create", resource: "serviceaccounts", subresource: "token", namespace: own, name: "holdfast"},
		{verb: "create", resource: "serviceaccounts", subresource: "token", namespace: "default", name: "holdfast-prober"},
		{verb: "get", path: "/metrics", want: true},
		{verb: "get", path: "/logs"},
		{verb: "watch", group: "storage.k8s.io", resource: "storageclasses", want: true},
		{verb: "watch", resource: "persistentvolumes", want: true},
		{verb: "watch", group: "admissionregistration.k8s.io", resource: "validatingadmissionpolicybindings", want: true},
		{verb: "watch", group: "holdfast.dev", resource: "encryptedstorageclasses", want: true},
		{verb: "escalate", group: "rbac.authorization.k8s.io", resource: "clusterroles"},
		{verb: "impersonate", resource: "users"},
		{verb: "get", group: "networking.k8s.io", resource: "networkpolicies", namespace: "default"},
		{verb: "get", resource: "namespaces", name: "kube-system", want: true},
		{verb: "get", resource: "namespaces", name: "default"},
		{verb: "create", resource: "events", namespace: own},
	}
}

// byValue are what values of the chart give Holdfast's service account besides.
func byValue() []permission {
	return []permission{
		{verb: "get", group: "networking.k8s.io", resource: "networkpolicies", namespace: "default", want: true},
		{verb: "create", group: "networking.k8s.io", resource: "networkpolicies", namespace: "default", want: true},
		{verb: "patch", group: "networking.k8s.io", resource: "networkpolicies", namespace: "default", want: true},
		{verb: "delete", group: "networking.k8s.io", resource: "networkpolicies", namespace: "default", want: true},
		{verb: "watch", group: "gateway.networking.k8s.io", resource: "httproutes", want: true},
		{verb: "watch", group: "policy.networking.k8s.io", resource: "clusternetworkpolicies", want: true},
		{verb: "watch", group: "cilium.io", resource: "ciliumnetworkpolicies", want: true},
		{verb: "watch", group: "crd.projectcalico.org", resource: "globalnetworkpolicies", want: true},
		{verb: "watch", group: "projectcalico.org", resource: "globalnetworkpolicies", want: true},
		{verb: "watch", group: "gateway.networking.k8s.io", resource: "referencegrants", want: true},
		{verb: "watch", group: "security.istio.io", resource: "peerauthentications", want: true},
		{verb: "watch", group: "networking.istio.io", resource: "destinationrules", want: true},
		{verb: "watch", group: "cert-manager.io", resource: "certificates", want: true},
		{verb: "patch", group: "storage.k8s.io", resource: "storageclasses", want: true},
		{verb: "create", group: "admissionregistration.k8s.io", resource: "validatingadmissionpolicies", want: true},
		{verb: "patch", group: "holdfast.dev", resource: "encryptedstorageclasses", want: true},
		{verb: "patch", group: "networking.k8s.io", resource: "ingresses", namespace: "default", want: true},
		{verb: "create", group: "security.istio.io", resource: "peerauthentications", namespace: "default", want: true},
		{verb: "delete", group: "security.istio.io", resource: "peerauthentications", namespace: "default", want: true},
		{verb: "create", group: "cert-manager.io", resource: "certificates", namespace: "default", want: true},
		{verb: "get", resource: "secrets", namespace: "default", name: "shop-tls", want: true},
		{verb: "watch", group: "velero.io", resource: "backups", want: true},
		{verb: "watch", group: "snapshot.storage.k8s.io", resource: "volumesnapshots", want: true},
		{verb: "patch", group: "velero.io", resource: "schedules", namespace: "velero", want: true},
		{verb: "create", group: "velero.io", resource: "backups", namespace: "velero", want: true},
		{verb: "delete", group: "velero.io", resource: "restores", namespace: "velero", want: true},
		{verb: "get", resource: "secrets", namespace: "velero", name: "velero-repo-credentials", want: true},
		{verb: "delete", resource: "namespaces", name: "default", want: true}, // which an admission policy refuses
		{verb: "get", resource: "configmaps", namespace: "default", name: "holdfast-sentinel", want: true},
	}
}

// never are what no value gives Holdfast's service account.
func never() []permission {
	return []permission{
		{verb: "list", resource: "secrets", namespace: "default"},
		{verb: "watch", resource: "secrets"},
		{verb: "patch", resource: "secrets", namespace: "default", name: "shop-tls"},
		{verb: "delete", resource: "secrets", namespace: "default", name: "shop-tls"},
		{verb: "delete", group: "storage.k8s.io", resource: "storageclasses"},
		{verb: "delete", group: "holdfast.dev", resource: "encryptedstorageclasses"},
		{verb: "patch", resource: "persistentvolumes"},
		{verb: "delete", resource: "persistentvolumes"},
		{verb: "delete", resource: "persistentvolumeclaims", namespace: "default", name: "data"},
		{verb: "get", resource: "configmaps", namespace: "default", name: "settings"},
		{verb: "delete", resource: "pods", namespace: "default", name: "web"},
		{verb: "create", resource: "pods", subresource: "exec", namespace: "default"},
		{verb: "patch", resource: "namespaces", name: "default"},
		{verb: "patch", resource: "configmaps", namespace: "default", name: "holdfast-sentinel"},
		{verb: "get", resource: "serviceaccounts", namespace: "default", name: "builder"},
		{verb: "delete", group: "velero.io", resource: "backups", namespace: "velero"},
		{verb: "delete", group: "velero.io", resource: "schedules", namespace: "velero"},
		{verb: "create", group: "velero.io", resource: "deletebackuprequests", namespace: "velero"},
		{verb: "patch", group: "velero.io", resource: "backupstoragelocations", namespace: "velero"},
		{verb: "patch", group: "velero.io", resource: "restores", namespace: "velero"},
		{verb: "delete", group: "snapshot.storage.k8s.io", resource: "volumesnapshots", namespace: "default"},
		{verb: "create", group: "networking.k8s.io", resource: "ingresses", namespace: "default"},
		{verb: "delete", group: "networking.k8s.io", resource: "ingresses", namespace: "default"},
		{verb: "patch", group: "admissionregistration.k8s.io", resource: "validatingwebhookconfigurations"},
		{verb: "patch", group: "gateway.networking.k8s.io", resource: "gateways", namespace: "default"},
		{verb: "patch", group: "networking.istio.io", resource: "destinationrules", namespace: "default"},
		{verb: "delete", group: "cert-manager.io", resource: "certificates", namespace: "default"},
		{verb: "patch", group: "apps", resource: "deployments", namespace: "default"},
	}
}

// ofProber are what the prober may do where guards may be applied.
func ofProber() []permission {
	return []permission{
		{verb: "create", resource: "persistentvolumeclaims", namespace: "default", want: true},
		{verb: "create", resource: "persistentvolumes", want: true},
		{verb: "create", group: "storage.k8s.io", resource: "storageclasses", want: true},
		{verb: "create", group: "networking.k8s.io", resource: "ingresses", namespace: "default", want: true},
		{verb: "update", resource: "persistentvolumeclaims", namespace: "default"},
		{verb: "delete", resource: "persistentvolumeclaims", namespace: "default"},
		{verb: "get", resource: "persistentvolumes"},
		{verb: "list", resource: "secrets", namespace: everything},
		{verb: "create", resource: "secrets", namespace: everything},
		{verb: "create", resource: "pods", namespace: everything},
		{verb: "create", resource: "serviceaccounts", subresource: "token", namespace: everything, name: "holdfast-prober"},
		{verb: "create", group: "admissionregistration.k8s.io", resource: "validatingadmissionpolicies"},
		{verb: "get", path: "/metrics"},
	}
}

// ofAuditor are what the roles for an auditor give, and do not: nothing that
// changes anything, and no Secret (E40).
func ofAuditor() []permission {
	const own = byDefault
	return []permission{
		{verb: "list", group: "holdfast.dev", resource: "controlpolicies", want: true},
		{verb: "list", group: "holdfast.dev", resource: "evidenceschedules", want: true},
		{verb: "get", group: "holdfast.dev", resource: "evidencerecords", want: true},
		{verb: "delete", group: "holdfast.dev", resource: "evidencerecords"},
		{verb: "create", group: "holdfast.dev", resource: "evidencerecords"},
		{verb: "patch", group: "holdfast.dev", resource: "evidenceschedules"},
		{verb: "get", resource: "services", subresource: "proxy", namespace: own, name: "holdfast-ledger", want: true},
		{verb: "get", resource: "services", subresource: "proxy", namespace: own, name: "other"},
		{verb: "get", resource: "services", subresource: "proxy", namespace: "default", name: "holdfast-ledger"},
		{verb: "create", resource: "services", subresource: "proxy", namespace: own, name: "holdfast-ledger"},
		{verb: "get", resource: "configmaps", namespace: own, name: "holdfast-ledger-head", want: true},
		{verb: "update", resource: "configmaps", namespace: own, name: "holdfast-ledger-head"},
		{verb: "patch", group: "networking.k8s.io", resource: "networkpolicies", namespace: "default"},
		{verb: "list", resource: "secrets"},
		{verb: "get", resource: "secrets", namespace: own, name: "holdfast-ledger-key"},
		{verb: "create", resource: "pods", subresource: "exec", namespace: own},
		{verb: "list", resource: "namespaces"},
	}
}

// ofReperformer are what reperforming takes besides, and nothing more.
func ofReperformer() []permission {
	return []permission{
		{verb: "list", resource: "namespaces", want: true},
		{verb: "list", resource: "pods", want: true},
		{verb: "list", group: "networking.k8s.io", resource: "networkpolicies", want: true},
		{verb: "watch", group: "networking.k8s.io", resource: "networkpolicies"},
		{verb: "patch", group: "networking.k8s.io", resource: "networkpolicies", namespace: "default"},
		{verb: "list", resource: "secrets"},
		{verb: "list", group: "cilium.io", resource: "ciliumnetworkpolicies"},
		{verb: "get", resource: "services", subresource: "proxy", namespace: byDefault, name: "holdfast-ledger"},
	}
}

// refused are permissions that are not given.
func refused(of []permission) []permission {
	for i := range of {
		of[i].want = false
	}
	return of
}

// testReviews asks the API server what is allowed.
func (s *suite) testReviews(t *testing.T) {
	admin := s.as(t, "")
	cases := map[string]struct {
		user string
		want []permission
	}{
		"operator":                  {operator("holdfast", byDefault), always()},
		"operator, no value set":    {operator("holdfast", byDefault), refused(byValue())},
		"operator, all values set":  {operator("everything", everything), byValue()},
		"operator, whatever is set": {operator("everything", everything), never()},
		"prober":                    {prober(everything), ofProber()},
		"prober, no value set":      {prober(byDefault), refused(ofProber())},
		"auditor":                   {"auditor", ofAuditor()},
		"auditor who reperforms":    {"auditor-reperform", ofReperformer()},
		"somebody else's account":   {"system:serviceaccount:default:default", refused(byValue())},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			for _, p := range tc.want {
				t.Run(p.String(), func(t *testing.T) {
					if err := p.check(t.Context(), admin, tc.user); err != nil {
						t.Error(err)
					}
				})
			}
		})
	}
}

// testExtensions: what an installation grants by a ClusterRole with a label.
func (s *suite) testExtensions(t *testing.T) {
	admin := s.as(t, "")
	cases := map[permissions.Role]struct{ user, other string }{
		permissions.Observe:     {operator("holdfast", byDefault), "auditor"},
		permissions.Auditor:     {"auditor", "approver"},
		permissions.PolicyAdmin: {"policy-admin", "approver"},
		permissions.Approver:    {"approver", "policy-admin"},
	}
	for role, tc := range cases {
		t.Run(string(role), func(t *testing.T) {
			resource := "deployments-for-" + string(role)
			meta := named("test-extends-" + string(role))
			meta.Labels = map[string]string{permissions.AggregateTo(role): "true"}
			extension := &rbacv1.ClusterRole{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{
				{APIGroups: []string{"apps"}, Resources: []string{resource}, Verbs: []string{"list"}},
			}}
			if err := admin.Create(t.Context(), extension); err != nil {
				t.Fatal(err)
			}
			given := permission{verb: "list", group: "apps", resource: resource, want: true}
			eventually(t, func(ctx context.Context) error { return given.check(ctx, admin, tc.user) })
			given.want = false
			if err := given.check(t.Context(), admin, tc.other); err != nil {
				t.Error(err)
			}
		})
	}
}

// String names the permission as kubectl auth can-i does.
func (p permission) String() string {
	resource := strings.TrimSuffix(p.resource+"."+p.group, ".")
	return strings.Join([]string{p.verb, resource + p.path, p.subresource, p.namespace, p.name}, " ")
}

// check asks the API server, and returns an error where the answer is another.
func (p permission) check(ctx context.Context, admin client.Client, user string) error {
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{User: user, Groups: []string{"system:authenticated"}}}
	if p.path != "" {
		review.Spec.NonResourceAttributes = &authorizationv1.NonResourceAttributes{Verb: p.verb, Path: p.path}
	} else {
		review.Spec.ResourceAttributes = &authorizationv1.ResourceAttributes{
			Verb: p.verb, Group: p.group, Resource: p.resource, Subresource: p.subresource, Namespace: p.namespace, Name: p.name,
		}
	}
	if err := admin.Create(ctx, review); err != nil {
		return err
	}
	if review.Status.EvaluationError != "" {
		return errors.New(review.Status.EvaluationError)
	}
	if review.Status.Allowed != p.want {
		return fmt.Errorf("%s may %s: %t (%s), want %t", user, p, review.Status.Allowed, review.Status.Reason, p.want)
	}
	return nil
}
