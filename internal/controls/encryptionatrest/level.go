package encryptionatrest

import (
	"cmp"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// level is how something is encrypted at rest, from the lowest to the highest.
type level int

const (
	unknown level = iota
	none
	providerManaged
	customerManaged
)

func levelOf(l v1alpha1.EncryptionLevel) level {
	switch l {
	case v1alpha1.EncryptionNone:
		return none
	case v1alpha1.EncryptionProviderManaged:
		return providerManaged
	case v1alpha1.EncryptionCustomerManaged:
		return customerManaged
	default:
		return unknown
	}
}

func (l level) String() string {
	switch l {
	case none:
		return string(v1alpha1.EncryptionNone)
	case providerManaged:
		return string(v1alpha1.EncryptionProviderManaged)
	case customerManaged:
		return string(v1alpha1.EncryptionCustomerManaged)
	default:
		return "Unknown"
	}
}

// minimum returns the least that a control accepts.
func minimum(v *v1alpha1.VolumeEncryption) level {
	return levelOf(cmp.Or(v.MinimumLevel, v1alpha1.EncryptionProviderManaged))
}
