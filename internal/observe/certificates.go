package observe

import (
	"cmp"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// kindCertificates is the id of cert-manager's Certificates.
const kindCertificates = "certificates." + certManagerGroup

func certificateKinds() []optional {
	return []optional{{
		group: certManagerGroup, resource: "certificates", kind: "Certificate",
		needs: []control.Need{control.NeedCertificates}, keep: keepCertificate,
	}}
}

// certificateSpec and certificateStatus are what is read of a Certificate.
type certificateSpec struct {
	SecretName string   `json:"secretName"`
	DNSNames   []string `json:"dnsNames"`
	Issuer     struct {
		Group string `json:"group"`
		Kind  string `json:"kind"`
		Name  string `json:"name"`
	} `json:"issuerRef"`
}

type certificateStatus struct {
	Conditions []struct {
		Type   string                 `json:"type"`
		Status metav1.ConditionStatus `json:"status"`
		Reason string                 `json:"reason"`
	} `json:"conditions"`
	NotAfter       metav1.Time `json:"notAfter"`
	RenewalTime    metav1.Time `json:"renewalTime"`
	FailedAttempts int         `json:"failedIssuanceAttempts"`
}

type wireCertificate = wireOf[certificateSpec, certificateStatus]

func keepCertificate(s *source, gvk schema.GroupVersionKind) {
	s.example, s.connect = &wireCertificate{}, wireClient[certificateSpec, certificateStatus](gvk, s.resource)
	manager := s.fieldManager
	s.convert = converting(func(c *wireCertificate) *objectItem[control.Certificate] { return convertCertificate(c, manager) })
	s.table = objectTable[control.Certificate]{
		kind: s.id, needs: s.needs, in: func(st *store) *placed[control.Certificate] { return &st.objects.certificates },
		meta: func(c *control.Certificate) *control.Meta { return &c.Meta },
	}
}

// convertCertificate keeps what is judged of a Certificate.
func convertCertificate(c *wireCertificate, fieldManager string) *objectItem[control.Certificate] {
	certificate := control.Certificate{
		Secret:         intern(c.Spec.SecretName),
		NotAfter:       c.Status.NotAfter.UTC(),
		RenewalTime:    c.Status.RenewalTime.UTC(),
		FailedAttempts: c.Status.FailedAttempts,
	}
	issuer := c.Spec.Issuer
	certificate.Issuer = intern(cmp.Or(issuer.Kind, "Issuer") + "." + cmp.Or(issuer.Group, certManagerGroup) + "/" + issuer.Name)
	certificate.Meta, certificate.Ours = metaOf(&c.ObjectMeta, fieldManager, body{})
	for _, name := range c.Spec.DNSNames {
		certificate.DNSNames = append(certificate.DNSNames, intern(name))
	}
	for _, condition := range c.Status.Conditions {
		if condition.Type == "Ready" {
			certificate.Ready, certificate.Reason = intern(string(condition.Status)), intern(condition.Reason)
		}
	}
	return inNamespace(kindCertificates, c.Namespace, c.Name, certificate)
}
