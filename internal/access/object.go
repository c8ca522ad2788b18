// Package access says who can act on Holdfast and its evidence, as far as RBAC
// shows it. It is pure: it knows no client and no clock.
package access

import (
	"encoding/json"
	"fmt"
)

// ObjectSchema and PeopleSchema are the schemas of an Object and of People.
const (
	ObjectSchema = "holdfast.dev/access/v1"
	PeopleSchema = "holdfast.dev/access-people/v1"
)

// Capability is something that somebody can do to Holdfast or its evidence.
type Capability string

// The capabilities, each with what grants it.
const (
	// ReadSigningKey: read the Secret of the ledger's signing key.
	ReadSigningKey Capability = "ReadSigningKey"
	// ExecIntoOperator: run commands in a pod of the operator's namespace.
	ExecIntoOperator Capability = "ExecIntoOperator"
	// ChangeOperator: change a workload or a pod of the operator's namespace.
	ChangeOperator Capability = "ChangeOperator"
	// WritePolicies: write ControlPolicies.
	WritePolicies Capability = "WritePolicies"
	// WriteSchedules: write EvidenceSchedules.
	WriteSchedules Capability = "WriteSchedules"
	// ApproveExemptions: write the status of ControlExemptions.
	ApproveExemptions Capability = "ApproveExemptions"
	// WriteRecords: write EvidenceRecords.
	WriteRecords Capability = "WriteRecords"
	// ChangeCRDsOrGuards: write CustomResourceDefinitions, or admission policies.
	ChangeCRDsOrGuards Capability = "ChangeCRDsOrGuards"
	// ImpersonateOrEscalate: act as somebody else, or give oneself more.
	ImpersonateOrEscalate Capability = "ImpersonateOrEscalate"
)

// Area is one of four that no one holder should combine.
type Area string

// The areas, and the capabilities in each.
const (
	// AreaPolicy: WritePolicies.
	AreaPolicy Area = "policy"
	// AreaApproval: ApproveExemptions.
	AreaApproval Area = "approval"
	// AreaOperator: ReadSigningKey, ExecIntoOperator and ChangeOperator.
	AreaOperator Area = "operator"
	// AreaEvidence: WriteSchedules and WriteRecords.
	AreaEvidence Area = "evidence"
)

// Limits are what an Object cannot show, each in one sentence. A record prints
// them beside it.
func Limits() []string {
	return []string{
		"Who is a member of a group is known to the identity provider, and not visible here.",
		"Members of the group system:masters may do everything, whatever RBAC says, and are not visible here.",
		"Who may act on the cluster through the cloud provider's own access control is not visible here.",
		"Authorizers other than RBAC are not visible here.",
	}
}

// Object says who can act on Holdfast and its evidence. It is kept as an object
// that AccessObserved names.
type Object struct {
	Schema string `json:"schema"`
	// Unavailable says why RBAC could not be read, such as Forbidden. Nothing
	// else is stated then.
	Unavailable string `json:"unavailable,omitempty"`
	// Namespace is the operator's own, Secret that of the signing key.
	Namespace string `json:"namespace"`
	Secret    string `json:"secret"`
	// Capabilities are all capabilities, by name, whether or not anybody has them.
	Capabilities []CapabilityHolders `json:"capabilities,omitempty"`
	// Combined are the holders that have capabilities in two areas or more.
	Combined []Combination `json:"combined,omitempty"`
	// CombinedPeople is the number of people among those.
	CombinedPeople int `json:"combinedPeople,omitempty"`
	// People is the digest of the object that names the people; it can be erased.
	// Empty where there are none.
	People string `json:"people,omitempty"`
}

// CapabilityHolders are those who have a capability.
type CapabilityHolders struct {
	Capability Capability `json:"capability"`
	// Holders are service accounts, groups and the control plane's own users, in
	// order, at most MaxHolders; More is the number of those beyond.
	Holders []Holder `json:"holders,omitempty"`
	More    int      `json:"more,omitempty"`
	// People is the number of people who have it: they are named in People only.
	People int `json:"people,omitempty"`
}

// MaxHolders bounds the holders that are named of a capability, and the
// combinations that are.
const MaxHolders = 500

// The kinds of holders.
const (
	HolderServiceAccount = "ServiceAccount"
	HolderGroup          = "Group"
	// HolderComponent is a user whose name begins with system:, as those of the
	// control plane and of nodes do.
	HolderComponent = "Component"
)

// Holder is a service account, a group or a component.
type Holder struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
}

// Combination is a holder of capabilities in several areas.
type Combination struct {
	Holder Holder `json:"holder"`
	Areas  []Area `json:"areas"`
}

// People names the people of an Object. It can be erased, and its salt keeps
// anybody from finding out afterwards, by trying names, who was in it.
type People struct {
	Schema string `json:"schema"`
	// Salt is random: 32 bytes in hex.
	Salt         string                  `json:"salt"`
	Capabilities map[Capability][]string `json:"capabilities"`
	// Combined are the areas of people who have capabilities in two or more.
	Combined map[string][]Area `json:"combined,omitempty"`
}

// Decode reads an Object.
func Decode(data []byte) (*Object, error) {
	var o Object
	if err := json.Unmarshal(data, &o); err != nil {
		return nil, fmt.Errorf("access object: %w", err)
	}
	if o.Schema != ObjectSchema {
		return nil, fmt.Errorf("access object: its schema is %q, want %q", o.Schema, ObjectSchema)
	}
	return &o, nil
}

// DecodePeople reads People.
func DecodePeople(data []byte) (*People, error) {
	var p People
	if err := json.Unmarshal(data, &p); err != nil {
		return nil, fmt.Errorf("access object of people: %w", err)
	}
	if p.Schema != PeopleSchema {
		return nil, fmt.Errorf("access object of people: its schema is %q, want %q", p.Schema, PeopleSchema)
	}
	return &p, nil
}
