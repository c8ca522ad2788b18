package control

import (
	"encoding/json"
	"time"
)

// Prober is a control type that rests on observed effects. What it wants probed
// is probed beside the loop; what was seen comes back as Observations of the
// snapshot, which the evaluator judges as everything else: so a verdict on
// behaviour can be made again from the ledger.
type Prober interface {
	// Targets are what is to be probed in the scope as it stands, in a stable
	// order. Those of several controls that are equal are probed once, at the
	// shortest of their intervals.
	Targets(in Input) []Target
}

// The kinds of probes.
const (
	ProbeCanary      = "Canary"
	ProbeHandshake   = "Handshake"
	ProbeCertificate = "Certificate"
	ProbeGuard       = "Guard"
	// ProbeRepository reads the password of Velero's repositories.
	ProbeRepository = "Repository"
	// ProbeRestore restores a backup.
	ProbeRestore = "RestoreTest"
)

// Target is what a probe looks at. Exactly one of the pointers is set, and Key is
// the same for equal targets only.
type Target struct {
	// Every is the interval of the probe. A result holds for twice as long.
	Every time.Duration `json:"-"`
	// Revision stands for what the result depends on besides, such as the state of
	// the Ingress that a host is of: when it changes, the target is probed at once.
	// It is no part of the key. Empty means nothing.
	Revision string `json:"-"`
	// Canary writes an object through an API server, and reads from its metrics how
	// it was stored.
	Canary *CanaryTarget `json:"canary,omitempty"`
	// Handshake connects to a host with TLS.
	Handshake *HandshakeTarget `json:"handshake,omitempty"`
	// Certificate reads the public half of a TLS Secret.
	Certificate *CertificateTarget `json:"certificate,omitempty"`
	// Guard has the API server refuse, in a dry run, what a guard is to refuse.
	Guard *GuardTarget `json:"guard,omitempty"`
	// Repository looks at the password of Velero's repositories.
	Repository *RepositoryTarget `json:"repository,omitempty"`
	// Restore restores the newest backup of a namespace.
	Restore *RestoreTarget `json:"restore,omitempty"`
}

// Kind returns which kind of probe the target is for, or "" where none is set.
func (t *Target) Kind() string {
	switch {
	case t.Canary != nil:
		return ProbeCanary
	case t.Handshake != nil:
		return ProbeHandshake
	case t.Certificate != nil:
		return ProbeCertificate
	case t.Guard != nil:
		return ProbeGuard
	case t.Repository != nil:
		return ProbeRepository
	case t.Restore != nil:
		return ProbeRestore
	}
	return ""
}

// Key is what tells the target from others. Observations are sorted by it.
func (t *Target) Key() string {
	key, err := json.Marshal(t)
	if err != nil { // an object of a guard that is no JSON: it is none of an API server's
		return t.Kind()
	}
	return string(key)
}

// CanaryTarget is a resource of one API server.
type CanaryTarget struct {
	// Endpoint is the API server's address and port.
	Endpoint string `json:"endpoint"`
	// Resource is secrets or configmaps.
	Resource string `json:"resource"`
}

// HandshakeTarget is a host, where it is served.
type HandshakeTarget struct {
	// Address is an IP address or a DNS name, Port where TLS is served, and
	// HTTPPort where plain HTTP would be; 0 means that it is not looked at.
	Address  string `json:"address"`
	Port     int32  `json:"port"`
	HTTPPort int32  `json:"httpPort,omitempty"`
	// Host is the server name that is asked for; a wildcard is asked for by a name
	// that it covers, and "" asks for none.
	Host string `json:"host"`
	// Secret is the TLS Secret whose certificate is to be served: it is read beside
	// the connection, so that both are of one moment, and PublicHalf says so too.
	Secret *CertificateTarget `json:"secret,omitempty"`
}

// CertificateTarget is a TLS Secret.
type CertificateTarget struct {
	Namespace string `json:"namespace"`
	Secret    string `json:"secret"`
}

// GuardTarget is an object that a guard is to refuse.
type GuardTarget struct {
	// Policy is the name of the ValidatingAdmissionPolicy.
	Policy string `json:"policy"`
	// Object is created in a dry run, by an identity that can do nothing else.
	Object map[string]any `json:"object"`
}

// Observation is what a probe saw, or why it saw nothing. It holds no secrets,
// and no times of its own but At: equal sights are equal but for At.
type Observation struct {
	Target `json:",inline"`
	// At is when the probe ended, ValidUntil until when what it saw counts.
	At         time.Time `json:"at"`
	ValidUntil time.Time `json:"validUntil"`
	// Reason is the reason of a NotEvaluated finding where nothing was seen, and
	// Message says why in one sentence. Both are empty otherwise.
	Reason  string `json:"reason,omitempty"`
	Message string `json:"message,omitempty"`

	Stored *Stored `json:"stored,omitempty"`
	Served *Served `json:"served,omitempty"`
	// PublicHalf is nil for a handshake where the Secret may not be read.
	PublicHalf *PublicHalf `json:"publicHalf,omitempty"`
	Refused    *Refused    `json:"refused,omitempty"`
	// Password is of a Repository, Restored of a Restore.
	Password *RepositoryPassword `json:"password,omitempty"`
	Restored *Restored           `json:"restored,omitempty"`
}

// Stored is how an API server stored a canary.
type Stored struct {
	// Prefixes are those by which the resource was transformed to storage, such as
	// k8s:enc:aesgcm:v1: or, for identity, the empty one; inner prefixes, which name
	// a local key, are in Keys by that name. Each counts 1: how much others wrote
	// meanwhile says nothing.
	Prefixes map[string]int `json:"prefixes,omitempty"`
	Keys     map[string]int `json:"keys,omitempty"`
	// NoTransformer is true where the API server counts nothing at all: it has no
	// encryption config.
	NoTransformer bool `json:"noTransformer,omitempty"`
	// Unlabelled is true where the metric does not say of which resource it speaks
	// (before Kubernetes 1.32).
	Unlabelled bool `json:"unlabelled,omitempty"`
	// ReadInTheClear is how many objects of the resource the API server read in the
	// clear since it started, at least: rounded down to one digit and zeros.
	ReadInTheClear int64 `json:"readInTheClear,omitempty"`
	// KeyIDs are the hashes of the KMS key ids that were used to write since the API
	// server started, newest first where that is known.
	KeyIDs []string `json:"keyIDs,omitempty"`
	// ConfigHash is that of the encryption config, where it is reloaded.
	ConfigHash string `json:"configHash,omitempty"`
	// FirstSeen is when Holdfast first saw the key that is in use: its age is at
	// least as much.
	FirstSeen time.Time `json:"firstSeen,omitzero"`
}

// Served is what a host served.
type Served struct {
	// Plain is true where something answered in the clear on the TLS port.
	Plain bool `json:"plain,omitempty"`
	// Refused is true where nothing listens.
	Refused bool `json:"refused,omitempty"`
	// Versions are the TLS versions that were accepted, of 1.0, 1.1, 1.2 and 1.3;
	// Cipher is that of the newest.
	Versions []string `json:"versions,omitempty"`
	Cipher   string   `json:"cipher,omitempty"`
	// Leaf is the certificate that was served; Trusted is whether it leads to a
	// root of the system.
	Leaf    *X509 `json:"leaf,omitempty"`
	Trusted bool  `json:"trusted,omitempty"`
	// HTTP is what plain HTTP answered: one of the constants below or, where it was
	// not looked at, empty. HTTPStatus is the status code, and HTTPTo the scheme and
	// host of a redirect elsewhere.
	HTTP       string `json:"http,omitempty"`
	HTTPStatus int    `json:"httpStatus,omitempty"`
	HTTPTo     string `json:"httpTo,omitempty"`
}

// What plain HTTP answers.
const (
	// HTTPRedirect leads to https of the same host.
	HTTPRedirect = "Redirect"
	// HTTPRedirectElsewhere leads to http, or to another host.
	HTTPRedirectElsewhere = "RedirectElsewhere"
	// HTTPContent is any other answer, an error of HTTP included.
	HTTPContent = "Content"
	// HTTPRefused is that nothing listens.
	HTTPRefused = "Refused"
	// HTTPUnanswered is that no answer of HTTP came within the time limit, as where
	// a firewall drops what is sent.
	HTTPUnanswered = "Unanswered"
)

// PublicHalf is what a TLS Secret says in public.
type PublicHalf struct {
	// Missing is true where there is no such Secret; Type is its type.
	Missing bool   `json:"missing,omitempty"`
	Type    string `json:"type,omitempty"`
	// Leaf is the first certificate; nil where none can be read.
	Leaf *X509 `json:"leaf,omitempty"`
	// Chain is whether each further certificate signed the one before.
	Chain bool `json:"chain,omitempty"`
	// KeyMatches is whether the private key is that of the leaf.
	KeyMatches bool `json:"keyMatches,omitempty"`
}

// X509 is what is looked at of a certificate.
type X509 struct {
	// SHA256 is that of the certificate, in hex.
	SHA256    string    `json:"sha256"`
	NotBefore time.Time `json:"notBefore"`
	NotAfter  time.Time `json:"notAfter"`
	// Names are the DNS names and IP addresses, at most 100, sorted.
	Names []string `json:"names,omitempty"`
	// Key is RSA, ECDSA, Ed25519 or another algorithm's name, Bits its size.
	Key  string `json:"key"`
	Bits int    `json:"bits,omitempty"`
	// Signature is the algorithm of the signature, such as SHA256-RSA.
	Signature string `json:"signature"`
	// SelfSigned is whether it was signed with its own key.
	SelfSigned bool `json:"selfSigned,omitempty"`
}

// Refused is what became of an object that a guard is to refuse.
type Refused struct {
	// By are the ValidatingAdmissionPolicies that refused it, or warned, sorted:
	// none where it was let through.
	Denied []string `json:"denied,omitempty"`
	Warned []string `json:"warned,omitempty"`
	// Otherwise says what else refused it, where something did.
	Otherwise string `json:"otherwise,omitempty"`
}
