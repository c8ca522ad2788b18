package encryptionintransit

import (
	"cmp"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

// What holds where a policy does not say otherwise. The API server defaults the
// same; a policy that never went through it is judged alike.
const (
	defaultExpiryThreshold = 720 * time.Hour
	defaultIssuedThreshold = 168 * time.Hour
	defaultHandshakeEvery  = 6 * time.Hour
	// secretEvery is how often certificates are read where no handshakes are made.
	secretEvery = 15 * time.Minute
	// guardEvery is how often a guard is tried.
	guardEvery         = 15 * time.Minute
	defaultStrictAfter = 24 * time.Hour
	httpsPort          = 443
	httpPort           = 80
)

func duration(d *metav1.Duration, otherwise time.Duration) time.Duration {
	if d == nil {
		return otherwise
	}
	return d.Duration
}

func minimum(version v1alpha1.TLSVersion) v1alpha1.TLSVersion { return cmp.Or(version, v1alpha1.TLS12) }

func acceptsMeshed(s *v1alpha1.ServiceEncryption) bool { return cmp.Or(s.Meshed, "Accept") == "Accept" }

func recordsOnly(j v1alpha1.Judgement) bool { return j == v1alpha1.JudgementRecord }

// judgesCertificates reports whether the Secrets of Ingresses are read.
func judgesCertificates(i *v1alpha1.IngressEncryption) bool {
	return cmp.Or(i.Certificates, "Judge") == "Judge"
}

func takesOverRedirect(i *v1alpha1.IngressEncryption) bool {
	return slices.Contains(i.TakeOver, "Redirect")
}

// trustsSystem reports whether served certificates must lead to a root of the system.
func trustsSystem(i *v1alpha1.IngressEncryption) bool {
	return i.Handshake != nil && i.Handshake.Trust == "System"
}

func handshakeEvery(i *v1alpha1.IngressEncryption) time.Duration {
	return duration(i.Handshake.Every, defaultHandshakeEvery)
}

func certificatesEvery(i *v1alpha1.IngressEncryption) time.Duration {
	if i == nil || i.Handshake == nil {
		return secretEvery
	}
	return handshakeEvery(i)
}

// rootNamespace returns the mesh's own namespace.
func rootNamespace(m *v1alpha1.MeshEncryption) string {
	if m.Provider == meshLinkerd {
		return cmp.Or(m.RootNamespace, "linkerd")
	}
	return cmp.Or(m.RootNamespace, control.IstioRoot)
}
