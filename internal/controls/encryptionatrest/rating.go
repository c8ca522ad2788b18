package encryptionatrest

import (
	"fmt"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

// Reasons of findings on classes and volumes.
const (
	// ReasonEncrypted surfaces when the level is at least the minimum.
	ReasonEncrypted = "Encrypted"
	// ReasonUnencrypted surfaces when nothing encrypts.
	ReasonUnencrypted = "Unencrypted"
	// ReasonBelowMinimum surfaces when it is encrypted, at a lower level than the minimum.
	ReasonBelowMinimum = "BelowMinimum"
	// ReasonUnknownProvisioner surfaces when the provisioner is not in the table.
	ReasonUnknownProvisioner = "UnknownProvisioner"
	// ReasonNotShown surfaces when nothing in the API shows it for this provisioner.
	ReasonNotShown = "NotShown"
	// ReasonUnproven surfaces when a volume's class, as it is now, does not show how
	// the volume was made.
	ReasonUnproven = "Unproven"
)

// rating is how a class or volume is encrypted, as far as can be seen.
type rating struct {
	level level
	// unproven says why a class does not count for the volume, as a clause: the
	// level is then what is known without it.
	unproven string
	// listed is whether the table, or the control, knows the provisioner.
	listed bool
	// rests says what the level rests on.
	rests string
	// final is whether no attestation outweighs it: the volume itself says so.
	final bool
}

// known is what the control knows of a provisioner: its own rule, or else the row of the table.
type known struct {
	rule *v1alpha1.ProvisionerRule
	row  *row
}

// provisionerOf returns what is known of a provisioner, by its name.
func provisionerOf(v *v1alpha1.VolumeEncryption, name string) known {
	return known{rule: ruleOf(v, name), row: builtin().provisioner(name)}
}

// sourceOf returns what is known of a volume's source.
func sourceOf(v *v1alpha1.VolumeEncryption, name string) known {
	return known{rule: ruleOf(v, name), row: builtin().source(name)}
}

func ruleOf(v *v1alpha1.VolumeEncryption, name string) *v1alpha1.ProvisionerRule {
	for i := range v.Provisioners {
		if v.Provisioners[i].Provisioner == name {
			return &v.Provisioners[i]
		}
	}
	return nil
}

func (k known) listed() bool { return k.rule != nil || k.row != nil }

// judging returns the row that judges: that of the control before that of the table.
func (k known) judging() *row {
	if k.rule == nil {
		return k.row
	}
	return asRow(k.rule, k.row)
}

// asRow writes a rule of the control as a row. How names of parameters are written,
// and what volumes say, it has from the table.
func asRow(rule *v1alpha1.ProvisionerRule, of *row) *row {
	r := &row{Provisioners: []string{rule.Provisioner}}
	if of != nil {
		r.FoldKeys, r.Attributes, r.PolicyParameter = of.FoldKeys, of.Attributes, of.PolicyParameter
	}
	if len(rule.Parameters) == 0 {
		r.Otherwise = rule.Level
		return r
	}
	parameters := map[string]string{}
	for key, value := range rule.Parameters {
		if r.FoldKeys {
			key = strings.ToLower(key)
		}
		parameters[key] = string(value)
	}
	r.Levels, r.Otherwise = []condition{{Parameters: parameters, Level: rule.Level}}, rule.Otherwise
	return r
}

// source says where a level is known from.
func (k known) source() string {
	switch {
	case k.rule != nil:
		return "the control's own rule: " + k.rule.Reason
	case k.row != nil && k.row.Note != "":
		return "the table of provisioners: " + k.row.Note
	case k.row != nil:
		return "the table of provisioners"
	default:
		return "nothing: the provisioner is not in the table"
	}
}

// finding returns the verdict on something that has a rating, in which what is
// the subject in words, and culprit what makes it deviate.
func (r rating) finding(in control.Input, rule, what, culprit string, match func(*v1alpha1.VolumeAttestation) bool) control.Finding {
	v := in.Control.EncryptionAtRest.Volumes
	a := attested(v, match)
	var f control.Finding
	switch {
	case r.level >= minimum(v):
		f = conforming(rule, ReasonEncrypted, fmt.Sprintf("%s is encrypted at level %s.", what, r.level))
	case a == nil || r.final:
		f = r.deviation(rule, what, culprit, minimum(v))
	case expired(&a.Attestation, in.Now):
		f = deviating(rule, ReasonAttestationExpired, "The attestation "+a.Ref+", on which the encryption of "+what+" rests, has expired.", "culprits", culprit)
		rest(&f, &a.Attestation, in.Now)
	default:
		f = conforming(rule, ReasonAttested, fmt.Sprintf("%s is encrypted at level %s, as %s states.", what, a.Level, a.Signer))
		rest(&f, &a.Attestation, in.Now)
	}
	fact(&f, "level", r.level.String())
	fact(&f, "rests on", r.rests)
	fact(&f, "table", builtin().String())
	return f
}

func (r rating) deviation(rule, what, culprit string, least level) control.Finding {
	reason, message := ReasonBelowMinimum, fmt.Sprintf("%s is encrypted at level %s, below the minimum %s", what, r.level, least)
	switch {
	case r.unproven != "":
		reason, message = ReasonUnproven, what+" is not shown to be encrypted at level "+least.String()+": "+r.unproven
	case r.level == none:
		reason, message = ReasonUnencrypted, what+" is not encrypted"
	case r.level == unknown && !r.listed:
		reason, message = ReasonUnknownProvisioner, what+" is not known to be encrypted: its provisioner is in no table, and nobody attests it"
	case r.level == unknown:
		reason, message = ReasonNotShown, what+" is not known to be encrypted: the API does not show it, and nobody attests it"
	}
	return deviating(rule, reason, message+".", "culprits", culprit)
}

// seconds cuts a time to the resolution of creation times.
func seconds(t time.Time) time.Time { return t.Truncate(time.Second) }
