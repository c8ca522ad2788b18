package networkisolation

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/enforce"
	"github.com/holdfast-dev/holdfast/test/controlplane"
)

// TestApplied: a real API server keeps every wanted object as it is sent, and
// what is read back is what the control wants.
func TestApplied(t *testing.T) {
	cp, err := controlplane.Start(t.Context(), controlplane.Options{NoControllerManager: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cp.Stop(); err != nil {
			t.Error(err)
		}
	})
	admin, err := kubernetes.NewForConfig(cp.RESTConfig())
	if err != nil {
		t.Fatal(err)
	}
	scenes := map[string]*scene{
		"every-kind": everything(t),
		"networks": enforced(t, "Egress, Ingress", `{type: DNS, cidrs: [10.0.0.53/32, "fd00:1::/64"]}, {type: APIServer, cidrs: [10.1.0.0/28]},
			{type: Rule, rule: {name: all-to-all, direction: Egress, peers: [{ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8, 169.254.169.254/32]}}, {ipBlock: {cidr: "::/0"}}]}},
			{type: Rule, rule: {name: a, direction: Ingress, podSelector: {matchExpressions: [{key: app, operator: Exists}, {key: tier, operator: NotIn, values: [b, a]}]},
				peers: [{namespaceSelector: {}, podSelector: {}}, {namespaceSelector: {matchLabels: {a: b}}}, {podSelector: {matchLabels: {c: d}}}],
				ports: [{port: 1, endPort: 65535}, {protocol: SCTP, port: 7}, {name: https}]}}`).
			lifelines(kubeDNS).lifelines(`dns: {nodeLocal: true, hostNetwork: true, clusterIPs: [10.96.0.10, "fd00:96::a"], ports: [{protocol: UDP, port: 5353}]}`).
			lifelines(`apiServer: [{address: "fd00::2", protocol: TCP, port: 6443}, {address: 172.18.0.2, protocol: TCP, port: 6444}]`),
		"labels": enforced(t, "Ingress", "{type: AdmissionBackends}").
			backend(`service: hook, port: 443, selector: {app.kubernetes.io/name: hook, tier: ""}, targets: [{protocol: TCP, port: 9443}, {protocol: TCP, port: 1}]`),
	}
	for name, s := range scenes {
		t.Run(name, func(t *testing.T) {
			namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
			if _, err := admin.CoreV1().Namespaces().Create(t.Context(), namespace, metav1.CreateOptions{}); err != nil {
				t.Fatal(err)
			}
			s.Snapshot.Namespace.Name = name
			changes, err := Control{}.Wants(s.Input)
			if err != nil {
				t.Fatal(err)
			}
			apply(t, cp.RESTConfig(), changes)
			live, err := admin.NetworkingV1().NetworkPolicies(name).List(t.Context(), metav1.ListOptions{})
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range live.Items {
				s.Snapshot.NetworkPolicies = append(s.Snapshot.NetworkPolicies, control.NetworkPolicy{Name: p.Name, Spec: p.Spec, Ours: true})
			}
			changes, err = Control{}.Wants(s.Input)
			if err != nil || len(changes) != len(live.Items) {
				t.Errorf("%d objects, wanted then %v, %v", len(live.Items), briefly(changes), err)
			}
			for _, c := range changes {
				if !c.InPlace {
					t.Errorf("%s is not in place once it is applied", c.Name)
				}
			}
		})
	}
}

func apply(t *testing.T, cfg *rest.Config, changes []control.Change) {
	t.Helper()
	client, err := rest.HTTPClientFor(cfg)
	if err != nil {
		t.Fatal(err)
	}
	mapper, err := apiutil.NewDynamicRESTMapper(cfg, client)
	if err != nil {
		t.Fatal(err)
	}
	applier, err := enforce.NewApplier(cfg, client, mapper)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range changes {
		result, err := applier.Apply(t.Context(), c, "")
		if err != nil || result.Differs != "" {
			t.Errorf("apply %s: %v, differs %q", c.Name, err, result.Differs)
		}
	}
}
