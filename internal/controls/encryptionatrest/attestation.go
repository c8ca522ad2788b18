package encryptionatrest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

// Reasons of findings that rest on an attestation.
const (
	// ReasonAttested surfaces when a person states what cannot be observed.
	ReasonAttested = "Attested"
	// ReasonAttestationExpired surfaces when that statement has expired.
	ReasonAttestationExpired = control.ReasonAttestationExpired
)

// expired reports whether an attestation counts no more.
func expired(a *v1alpha1.Attestation, now time.Time) bool { return !now.Before(a.ValidUntil.Time) }

// stated is how a fact names an attestation.
func stated(a *v1alpha1.Attestation) string {
	return fmt.Sprintf("%s (sha256:%s), signed by %s, valid until %s", a.Ref, a.SHA256, a.Signer, a.ValidUntil.UTC().Format(time.RFC3339))
}

// rest makes a finding rest on an attestation.
func rest(f *control.Finding, a *v1alpha1.Attestation, now time.Time) {
	f.Basis = control.BasisAttestation
	fact(f, "attestation", stated(a))
	if !expired(a, now) {
		f.Until = control.Earlier(f.Until, a.ValidUntil.Time)
	}
}

// attested returns, of the attestations that match and state the minimum, the one
// that expires last, or expired last. It returns nil where there is none.
func attested(v *v1alpha1.VolumeEncryption, match func(*v1alpha1.VolumeAttestation) bool) *v1alpha1.VolumeAttestation {
	var best *v1alpha1.VolumeAttestation
	for i := range v.Attestations {
		a := &v.Attestations[i]
		if levelOf(a.Level) >= minimum(v) && match(a) && (best == nil || best.ValidUntil.Before(&a.ValidUntil)) {
			best = a
		}
	}
	return best
}

// holding are the attestations that state the minimum and have not expired.
func holding(v *v1alpha1.VolumeEncryption, now time.Time) []v1alpha1.VolumeAttestation {
	return slices.DeleteFunc(slices.Clone(v.Attestations), func(a v1alpha1.VolumeAttestation) bool {
		return levelOf(a.Level) < minimum(v) || expired(&a.Attestation, now)
	})
}

// ofHandle reports whether an attestation is about a volume with this handle.
func ofHandle(a *v1alpha1.VolumeAttestation, handle string) bool {
	before, _, _ := strings.Cut(handle, ":")
	return slices.ContainsFunc(a.VolumeHandles, func(h string) bool { return h == handle || h == before })
}
