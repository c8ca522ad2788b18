package backup

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

// Reasons of RuleEncrypted.
const (
	// ReasonEncrypted surfaces when the location asks for encryption at rest.
	ReasonEncrypted = "Encrypted"
	// ReasonAttested surfaces when a person states that it is encrypted.
	ReasonAttested = "Attested"
	// ReasonAttestationExpired surfaces when that statement has expired.
	ReasonAttestationExpired = control.ReasonAttestationExpired
	// ReasonPlainHTTP surfaces when backups go to the location in the clear.
	ReasonPlainHTTP = "PlainHTTP"
	// ReasonNotVerified surfaces when the server's certificate is not looked at.
	ReasonNotVerified = "CertificateNotVerified"
	// ReasonPasswordKnown surfaces when the data of volumes is encrypted with the
	// password that Velero comes with, or will be.
	ReasonPasswordKnown = "PasswordKnown"
	// ReasonPasswordOwn surfaces when it is another one.
	ReasonPasswordOwn = "PasswordOwn"
)

// passwordEvery is how often the password of repositories is looked at.
const passwordEvery = 15 * time.Minute

// encryptionKeys are the keys of a location's config that ask for encryption at rest,
// by the last part of the provider's name. Velero itself encrypts nothing there.
func encryptionKeys(provider string) []string {
	switch provider[strings.LastIndex(provider, "/")+1:] {
	case "aws":
		return []string{"kmsKeyId", "serverSideEncryption", "customerKeyEncryptionFile", "customerKeyEncryptionSecret"}
	case "gcp":
		return []string{"kmsKeyName"}
	}
	return nil
}

// judgeEncryption judges RuleEncrypted.
func (c *cluster) judgeEncryption() control.Finding {
	f := unjudged(c.in.Snapshot, []string{kindLocations}, control.NeedBackupLocations, control.NeedBackupPlans)
	if f == nil {
		judged := c.verdictOnEncryption()
		f = &judged
	}
	f.Rule = RuleEncrypted
	return *f
}

func (c *cluster) verdictOnEncryption() control.Finding {
	l := c.location()
	if l == nil {
		return deviating(ReasonLocationMissing, "There is no {names}.", "BackupStorageLocations", c.locationRef())
	}
	findings := append(c.verdictsOnTransport(l), c.verdictAtRest(l))
	if c.usesRepository() {
		findings = append(findings, c.verdictOnPassword())
	}
	return worst(findings)
}

// verdictsOnTransport are what is wrong on the way to the location.
func (c *cluster) verdictsOnTransport(l *control.BackupLocation) []control.Finding {
	var findings []control.Finding
	if strings.HasPrefix(strings.ToLower(strings.TrimSpace(l.Config["s3Url"])), "http://") {
		findings = append(findings, deviating(ReasonPlainHTTP, "Backups go to {names} in the clear: its s3Url is http.", "", c.locationRef()))
	}
	if text := l.Config["insecureSkipTLSVerify"]; text != "" {
		if skip, err := strconv.ParseBool(text); skip || err != nil {
			findings = append(findings, deviating(ReasonNotVerified, "Velero does not verify the certificate of {names}: insecureSkipTLSVerify is set.", "", c.locationRef()))
		}
	}
	return findings
}

// verdictAtRest judges whether what lies at the location is encrypted: it asks for
// that itself, or a person states it.
func (c *cluster) verdictAtRest(l *control.BackupLocation) control.Finding {
	for _, key := range encryptionKeys(l.Provider) {
		if l.Config[key] != "" {
			return conforming(ReasonEncrypted, fmt.Sprintf("%s asks for encryption at rest, by %s.", c.locationRef(), key))
		}
	}
	i := slices.IndexFunc(c.v.Attestations, func(a v1alpha1.LocationAttestation) bool { return a.Location == l.Name })
	if i < 0 {
		return undecided(control.ReasonNotTestable, c.locationRef()+" does not show whether it is encrypted at rest: attest to it.")
	}
	return c.verdictByAttestation(&c.v.Attestations[i].Attestation)
}

func (c *cluster) verdictByAttestation(a *v1alpha1.Attestation) control.Finding {
	var f control.Finding
	if c.in.Now.Before(a.ValidUntil.Time) {
		f = conforming(ReasonAttested, fmt.Sprintf("%s is encrypted at rest, as %s states.", c.locationRef(), a.Signer))
		f.Until = a.ValidUntil.Time
	} else {
		f = deviating(ReasonAttestationExpired, "The attestation that {names} is encrypted has expired.", "", c.locationRef())
	}
	f.Basis = control.BasisAttestation
	fact(&f, "attestation", fmt.Sprintf("%s (sha256:%s), signed by %s, valid until %s", a.Ref, a.SHA256, a.Signer, a.ValidUntil.UTC().Format(time.RFC3339)))
	return f
}

// usesRepository reports whether the data of volumes is copied into repositories,
// which one password encrypts: by the plan, or as its runs show that Velero's server
// has it.
func (c *cluster) usesRepository() bool {
	if c.ours() {
		return repositoryMethod(c.spec)
	}
	template := c.template()
	if isSet(template, "defaultVolumesToFsBackup") || isSet(template, "snapshotMoveData") {
		return true
	}
	set := func(flag *bool) bool { return flag != nil && *flag }
	for _, b := range c.runs(nil).all {
		if b.Filters != nil && (set(b.Filters.DefaultVolumesToFsBackup) || set(b.Filters.SnapshotMoveData)) {
			return true
		}
	}
	return false
}

// targets implements planner: the password of the repositories, where there are any.
func (velero) targets(in control.Input) []control.Target {
	c := read(in)
	if unjudged(in.Snapshot, []string{kindSchedules, kindBackups}, control.NeedBackupPlans, control.NeedBackups) != nil || !c.usesRepository() {
		return nil
	}
	return []control.Target{c.passwordTarget()}
}

func (c *cluster) passwordTarget() control.Target {
	return control.Target{Every: passwordEvery, Repository: &control.RepositoryTarget{VeleroNamespace: c.namespace}}
}

// verdictOnPassword judges by what was seen of the password.
func (c *cluster) verdictOnPassword() control.Finding {
	seen := c.passwordSeen()
	where := "of the repositories in " + c.namespace
	var f control.Finding
	switch reason, _ := c.in.Snapshot.Unobserved(control.NeedProbes); {
	case seen == nil && reason != "":
		f = undecided(reason, "The password "+where+" was not looked at yet.")
	case seen == nil:
		f = undecided(control.ReasonInconclusive, "The password "+where+" was not looked at yet.")
	case seen.Reason != "":
		f = undecided(seen.Reason, seen.Message)
	case seen.Password == nil || !c.in.Now.Before(seen.ValidUntil):
		f = undecided(control.ReasonInconclusive, "The password "+where+" was not looked at for too long.")
	case seen.Password.WellKnown:
		f = deviating(ReasonPasswordKnown, "The data of volumes is encrypted with the password that Velero comes with, which everybody knows: {names}.", "", "Secret "+c.namespace+"/velero-repo-credentials")
	case seen.Password.Missing:
		f = deviating(ReasonPasswordKnown, "There is no {names}: Velero will make it, with the password that everybody knows.", "", "Secret "+c.namespace+"/velero-repo-credentials")
	default:
		f = conforming(ReasonPasswordOwn, "The password "+where+" is not the one that Velero comes with.")
	}
	f.Basis = control.BasisBehaviour
	if seen != nil && c.in.Now.Before(seen.ValidUntil) {
		f.Until = seen.ValidUntil
	}
	return f
}

// passwordSeen is what was seen of the password, nil where nobody looked.
func (c *cluster) passwordSeen() *control.Observation {
	target := c.passwordTarget()
	for i := range c.in.Snapshot.Observations {
		if o := &c.in.Snapshot.Observations[i]; o.Key() == target.Key() {
			return o
		}
	}
	return nil
}
