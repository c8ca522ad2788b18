package synthetic

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/controls/networkisolation"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/occurrence"

	networkingv1 "k8s.io/api/networking/v1"
)

// The policies of the chronicle, beside BackupPolicy.
const (
	protection = "data-protection"
	staging    = "staging"
)

// protectionSpec is the policy over what holds customer data.
func (c *chronicle) protectionSpec() v1alpha1.ControlPolicySpec {
	return v1alpha1.ControlPolicySpec{
		Description: "What holds customer data is encrypted, and isolated", Mode: v1alpha1.ModeEnforce, Tolerance: tolerance(time.Hour),
		Scope: v1alpha1.Scope{NamespaceSelector: selecting(production), BuiltinExclusions: builtinExclusions(), Cluster: v1alpha1.ClusterIncluded},
		Controls: []v1alpha1.ControlSpec{
			{ID: "ENC-1", Statement: "Volumes and API secrets are encrypted at rest.", Owner: "platform-team", Criteria: []v1alpha1.Criterion{"CC6.1", "C1.1"},
				OperatingFrom: &metav1.Time{Time: c.start.Add(30 * time.Minute)},
				EncryptionAtRest: &v1alpha1.EncryptionAtRest{
					Volumes: &v1alpha1.VolumeEncryption{MinimumLevel: v1alpha1.EncryptionProviderManaged, DefaultClass: "gold", Attestations: []v1alpha1.VolumeAttestation{{
						StorageClass: "tank", Level: v1alpha1.EncryptionProviderManaged, Attestation: v1alpha1.Attestation{Ref: "DOC-7", SHA256: ledger.Digest([]byte("DOC-7")),
							Signer: "ciso", ValidUntil: metav1.Time{Time: c.start.Add(20 * time.Hour)}}}}},
					APIServer: &v1alpha1.APIServerEncryption{Resources: []string{"secrets"}, Every: &metav1.Duration{Duration: 12 * time.Hour}}}},
			{ID: "ENC-2", Statement: "Ingresses serve every host with TLS.", Owner: "web-team", Criteria: []v1alpha1.Criterion{"CC6.7"}, Mode: v1alpha1.ModeObserve,
				EncryptionInTransit: &v1alpha1.EncryptionInTransit{Ingress: &v1alpha1.IngressEncryption{MinimumTLSVersion: v1alpha1.TLS12,
					ExpiryThreshold: &metav1.Duration{Duration: 30 * day}, PlainHTTP: v1alpha1.JudgementRecord, Certificates: "Ignore"}}},
			isolating("NET-1", "Namespaces deny ingress that is not explicitly allowed.", []v1alpha1.Criterion{"CC6.6"},
				v1alpha1.NetworkIsolation{DefaultDeny: []v1alpha1.Direction{v1alpha1.DirectionIngress}}),
		},
	}
}

// chronicleBackups is the policy over backups: Holdfast keeps the plan.
func chronicleBackups() v1alpha1.ControlPolicySpec {
	spec := resilienceSpec()
	spec.Mode = v1alpha1.ModeEnforce
	spec.Controls[0].Backup.Velero = &v1alpha1.VeleroBackup{Namespace: veleroNamespace}
	return spec
}

// stagingSpec observes what is not production.
func stagingSpec() v1alpha1.ControlPolicySpec {
	return v1alpha1.ControlPolicySpec{Mode: v1alpha1.ModeObserve, Scope: v1alpha1.Scope{NamespaceSelector: selecting("staging"), BuiltinExclusions: builtinExclusions()},
		Controls: []v1alpha1.ControlSpec{isolating("NET-1", "Namespaces deny ingress that is not explicitly allowed.", nil,
			v1alpha1.NetworkIsolation{DefaultDeny: []v1alpha1.Direction{v1alpha1.DirectionIngress}})}}
}

// build makes the cluster as it is at the start.
func (c *chronicle) build() {
	created := c.start.Add(-90 * day)
	cluster := control.ClusterNamespace(c.dice.uid(), created)
	c.install(created, cluster.UID, c.dice)
	c.scopes[control.Cluster] = &control.Snapshot{Namespace: cluster, StorageClasses: []control.StorageClass{
		c.class("gold", "ebs.csi.aws.com", map[string]string{"encrypted": "true"}, true), c.class("tank", "zfs.csi.openebs.io", nil, false)}}
	for name, tier := range map[string]string{"kube-system": "", "pay": production, "shop": production, "trial": "staging"} {
		c.namespace(name, tier, created)
	}
	c.scopes["kube-system"].Namespace.UID = cluster.UID
	c.scopes["shop"].Ingresses = []control.Ingress{c.ingress("web", true)}
	c.scopes["trial"].Ingresses = []control.Ingress{c.ingress("trial", false)}
	c.scopes["pay"].Volumes = []control.Volume{{Meta: c.meta("pv-1"), Claim: "data", Phase: "Bound", Source: "ebs.csi.aws.com", Handle: "vol-1",
		Provisioner: "ebs.csi.aws.com", ClassName: "gold", Class: &c.scopes[control.Cluster].StorageClasses[0]}}
}

// namespace adds a namespace.
func (c *chronicle) namespace(name, tier string, created time.Time) {
	ns := control.Namespace{Name: name, UID: newDice(4, "namespace "+name).uid(), CreatedAt: created.Truncate(time.Second)}
	if tier != "" {
		ns.Labels = map[string]string{tierLabel: tier}
	}
	c.scopes[name] = &control.Snapshot{Namespace: ns, Lifelines: lifelines()}
}

func (c *chronicle) meta(name string) control.Meta {
	return control.Meta{Name: name, UID: newDice(4, "object "+name).uid(), CreatedAt: c.now.Add(-time.Hour)}
}

func (c *chronicle) class(name, provisioner string, parameters map[string]string, byDefault bool) control.StorageClass {
	return control.StorageClass{Meta: c.meta(name), Provisioner: provisioner, Parameters: parameters, Default: byDefault}
}

// ingress is an Ingress that serves its host with TLS, or without.
func (c *chronicle) ingress(name string, tls bool) control.Ingress {
	host := name + ".example.com"
	i := control.Ingress{Meta: c.meta(name), Class: "nginx", Controller: "k8s.io/ingress-nginx", Hosts: []string{host}}
	if tls {
		i.TLS = []control.IngressTLS{{Hosts: []string{host}, Secret: name}}
	}
	return i
}

// denied is what Holdfast applied in a namespace, or nothing.
func (c *chronicle) denied(name string, is bool) {
	c.scopes[name].NetworkPolicies = nil
	if is {
		c.scopes[name].NetworkPolicies = []control.NetworkPolicy{{Name: networkisolation.DenyIngressName, Ours: true, Spec: networkingv1.NetworkPolicySpec{
			PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}, Ingress: []networkingv1.NetworkPolicyIngressRule{}}}}
	}
}

// denial is that object, as an entry names it.
func (c *chronicle) denial(namespace string, before bool) ledger.ObjectBody {
	uid := newDice(4, "denial "+namespace).uid()
	body := ledger.ObjectBody{APIVersion: "networking.k8s.io/v1", Kind: "NetworkPolicy", Namespace: namespace, Name: networkisolation.DenyIngressName, After: c.made(uid, 2)}
	if before {
		body.Before, body.Manager = c.made(uid, 1), "kubectl-edit"
	}
	return body
}

// look has a scope's snapshot show Velero as it is.
func (c *chronicle) look(name string) {
	snapshot := c.scopes[name]
	if there := c.there(c.now); snapshot.Namespace.IsCluster() {
		snapshot.Backups = telling(there, func(*control.Backup) bool { return true })
		snapshot.BackupLocations = []control.BackupLocation{c.location(c.now)}
	} else {
		snapshot.Backups = telling(there, occurrence.Ended)
	}
}
