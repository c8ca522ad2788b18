package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TLSVersion is a version of TLS.
//
// +kubebuilder:validation:Enum="1.2";"1.3"
type TLSVersion string

// The versions that may be asked for.
const (
	TLS12 TLSVersion = "1.2"
	TLS13 TLSVersion = "1.3"
)

// EncryptionInTransit states that traffic is encrypted.
//
// +kubebuilder:validation:MinProperties=1
type EncryptionInTransit struct {
	// ingress states what holds for Ingresses.
	// +optional
	Ingress *IngressEncryption `json:"ingress,omitempty"`
	// gateway states what holds for Gateways and their routes (Gateway API).
	// +optional
	Gateway *GatewayEncryption `json:"gateway,omitempty"`
	// mesh states that workloads accept authenticated, encrypted traffic only.
	// +optional
	Mesh *MeshEncryption `json:"mesh,omitempty"`
	// services states what holds for the ports of Services.
	// +optional
	Services *ServiceEncryption `json:"services,omitempty"`
	// certificates states what holds for the Certificates of cert-manager.
	// +optional
	Certificates *CertificateHealth `json:"certificates,omitempty"`
	// apiServer states what API servers must offer. It is judged where
	// scope.cluster is Included.
	// +optional
	APIServer *APIServerTLS `json:"apiServer,omitempty"`
}

// IngressEncryption states what holds for Ingresses.
type IngressEncryption struct {
	// minimumTLSVersion is the least that a host may accept: 1.2 (the default) or 1.3.
	// +optional
	// +kubebuilder:default="1.2"
	MinimumTLSVersion TLSVersion `json:"minimumTLSVersion,omitempty"`
	// expiryThreshold is how long before its end a certificate is a deviation: a
	// duration from 1h to 8760h, 720h by default.
	// +optional
	// +kubebuilder:default="720h"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=30
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,4}h)?([0-9]{1,6}m)?([0-9]{1,7}([.][0-9]{1,9})?s)?$') && self != '' && duration(self) >= duration('1h') && duration(self) <= duration('8760h')",message="expiryThreshold must be a duration from 1h to 8760h, such as 720h"
	ExpiryThreshold *metav1.Duration `json:"expiryThreshold,omitempty"`
	// plainHTTP is what becomes of hosts that serve content without TLS in the stead
	// of redirecting: Forbid (the default) or Record.
	// +optional
	// +kubebuilder:default=Forbid
	PlainHTTP Judgement `json:"plainHTTP,omitempty"`
	// certificates says whether the certificates in TLS Secrets are judged: Judge
	// (the default), which needs the right to read them, or Ignore.
	// +optional
	// +kubebuilder:default=Judge
	// +kubebuilder:validation:Enum=Judge;Ignore
	Certificates string `json:"certificates,omitempty"`
	// handshake probes hosts with real TLS connections. Absent means that what is
	// served is not probed, and that configuration is all that a verdict rests on.
	// +optional
	Handshake *HandshakeProbe `json:"handshake,omitempty"`
	// takeOver are the fields of Ingresses that Enforce mode may set: Redirect sets
	// the annotation by which the Ingress's controller redirects to https, where the
	// certificates were found valid, the annotation is absent, and the controller is
	// one whose annotation is known.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=1
	// +kubebuilder:validation:items:Enum=Redirect
	TakeOver []string `json:"takeOver,omitempty"`
	// certificateTemplate is the cert-manager Certificate that Enforce mode creates
	// for a TLS entry whose Secret does not exist.
	// +optional
	CertificateTemplate *CertificateTemplate `json:"certificateTemplate,omitempty"`
	// guard keeps Ingresses without TLS from being created. It is applied in Enforce
	// mode, and needs scope.cluster to be Included. One control of a policy may state it.
	// +optional
	Guard *IngressGuard `json:"guard,omitempty"`
}

// HandshakeProbe says how hosts are probed.
type HandshakeProbe struct {
	// every is the interval of the probe: a duration from 30s to 168h, 6h by default.
	// A result counts for twice as long. A host is probed at once when its Ingress
	// changes.
	// +optional
	// +kubebuilder:default="6h"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=30
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,4}h)?([0-9]{1,6}m)?([0-9]{1,7}([.][0-9]{1,9})?s)?$') && self != '' && duration(self) >= duration('30s') && duration(self) <= duration('168h')",message="every must be a duration from 30s to 168h, such as 6h"
	Every *metav1.Duration `json:"every,omitempty"`
	// endpoints say where the Ingresses of a class are served: at most 16. Absent
	// means the addresses in the Ingress's status, with ports 443 and 80.
	// +optional
	// +listType=map
	// +listMapKey=ingressClassName
	// +kubebuilder:validation:MaxItems=16
	Endpoints []IngressEndpoint `json:"endpoints,omitempty"`
	// trust says whether the served certificate must lead to a root of the system:
	// System, or Any (the default), as behind a private authority. That it is the
	// one in the Secret, where that may be read, is judged either way.
	// +optional
	// +kubebuilder:default=Any
	// +kubebuilder:validation:Enum=System;Any
	Trust string `json:"trust,omitempty"`
}

// IngressEndpoint is where the Ingresses of a class are served.
type IngressEndpoint struct {
	// ingressClassName is the class; "" means Ingresses without one.
	// +required
	// +kubebuilder:validation:MaxLength=253
	IngressClassName string `json:"ingressClassName"`
	// address is an IP address or a DNS name, such as that of the controller's
	// Service: ingress-nginx-controller.ingress-nginx.svc.
	// +required
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="isIP(self) || !format.dns1123Subdomain().validate(self).hasValue()",message="address must be an IP address or a DNS name, such as ingress-nginx-controller.ingress-nginx.svc, without scheme and port"
	Address string `json:"address"`
	// httpsPort is where TLS is served: 443 by default.
	// +optional
	// +kubebuilder:default=443
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	HTTPSPort int32 `json:"httpsPort,omitempty"`
	// httpPort is where plain HTTP would be served: 80 by default.
	// +optional
	// +kubebuilder:default=80
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	HTTPPort int32 `json:"httpPort,omitempty"`
}

// CertificateTemplate is a cert-manager Certificate to be created.
type CertificateTemplate struct {
	// issuerRef names the issuer of the certificates.
	// +required
	IssuerRef IssuerReference `json:"issuerRef"`
}

// IssuerReference names an issuer of cert-manager's, or of one that it works with.
type IssuerReference struct {
	// name is the issuer's name.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
	// kind is Issuer or ClusterIssuer (the default), or another issuer's.
	// +optional
	// +kubebuilder:default=ClusterIssuer
	// +kubebuilder:validation:MaxLength=63
	Kind string `json:"kind,omitempty"`
	// group is the issuer's API group: cert-manager.io by default.
	// +optional
	// +kubebuilder:default="cert-manager.io"
	// +kubebuilder:validation:MaxLength=253
	Group string `json:"group,omitempty"`
}

// IngressGuard keeps Ingresses without TLS from being created.
type IngressGuard struct {
	// rollout is what becomes of what the guard would refuse: Audit (the default) notes
	// it in the API server's audit log and metrics, Warn tells the client besides, and
	// Deny refuses it.
	// +optional
	// +kubebuilder:default=Audit
	Rollout GuardRollout `json:"rollout,omitempty"`
}

// GatewayEncryption states what holds for Gateways.
type GatewayEncryption struct {
	// plainHTTP is what becomes of HTTP listeners with a route that does not
	// redirect to https: Forbid (the default) or Record.
	// +optional
	// +kubebuilder:default=Forbid
	PlainHTTP Judgement `json:"plainHTTP,omitempty"`
	// expiryThreshold is how long before its end a certificate is a deviation: a
	// duration from 1h to 8760h, 720h by default.
	// +optional
	// +kubebuilder:default="720h"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=30
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,4}h)?([0-9]{1,6}m)?([0-9]{1,7}([.][0-9]{1,9})?s)?$') && self != '' && duration(self) >= duration('1h') && duration(self) <= duration('8760h')",message="expiryThreshold must be a duration from 1h to 8760h, such as 720h"
	ExpiryThreshold *metav1.Duration `json:"expiryThreshold,omitempty"`
}

// MeshEncryption states that workloads accept authenticated, encrypted traffic only.
type MeshEncryption struct {
	// provider is Istio or Linkerd. One that is not installed is a deviation.
	// +required
	// +kubebuilder:validation:Enum=Istio;Linkerd
	Provider string `json:"provider"`
	// rootNamespace is the mesh's own namespace: istio-system, or linkerd, by default.
	// PeerAuthentications of another one are not observed: workloads that inherit from
	// them are not evaluated.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	RootNamespace string `json:"rootNamespace,omitempty"`
	// plainPorts are ports of workloads that may accept plain traffic, such as those
	// of health checks: at most 16.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:Minimum=1
	// +kubebuilder:validation:items:Maximum=65535
	PlainPorts []int32 `json:"plainPorts,omitempty"`
	// strictAfter is how long this process must have seen no pod of a namespace that
	// has no proxy before Enforce mode applies a PeerAuthentication STRICT: a duration
	// from 1m to 2160h, 24h by default. A restart begins anew.
	// +optional
	// +kubebuilder:default="24h"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=30
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,4}h)?([0-9]{1,6}m)?([0-9]{1,7}([.][0-9]{1,9})?s)?$') && self != '' && duration(self) >= duration('1m') && duration(self) <= duration('2160h')",message="strictAfter must be a duration from 1m to 2160h, such as 24h"
	StrictAfter *metav1.Duration `json:"strictAfter,omitempty"`
}

// ServiceEncryption states what holds for the ports of Services.
type ServiceEncryption struct {
	// plainPorts are ports that may be in the clear, each with a reason: at most 64.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	PlainPorts []PlainPort `json:"plainPorts,omitempty"`
	// meshed is what becomes of ports whose pods are all meshed, and accept
	// authenticated traffic only: Accept (the default) or Judge, as others are.
	// +optional
	// +kubebuilder:default=Accept
	// +kubebuilder:validation:Enum=Accept;Judge
	Meshed string `json:"meshed,omitempty"`
}

// PlainPort is a port that may be in the clear.
type PlainPort struct {
	// namespaces are where it may be: exact names, at most 64. Absent means everywhere.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:items:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Namespaces []string `json:"namespaces,omitempty"`
	// services are the exact names of the Services: at most 64. Absent means all.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:items:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Services []string `json:"services,omitempty"`
	// ports are the Services' ports: 1 to 64.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:Minimum=1
	// +kubebuilder:validation:items:Maximum=65535
	Ports []int32 `json:"ports"`
	// reason says why they are in the clear: 1 to 256 characters.
	// +required
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule="self.trim() != ''",message="reason must say why the ports are in the clear"
	Reason string `json:"reason"`
}

// CertificateHealth states what holds for the Certificates of cert-manager.
type CertificateHealth struct {
	// expiryThreshold is how long before its end a certificate is a deviation: a
	// duration from 1h to 8760h, 168h by default. cert-manager renews after two thirds
	// of the lifetime.
	// +optional
	// +kubebuilder:default="168h"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=30
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,4}h)?([0-9]{1,6}m)?([0-9]{1,7}([.][0-9]{1,9})?s)?$') && self != '' && duration(self) >= duration('1h') && duration(self) <= duration('8760h')",message="expiryThreshold must be a duration from 1h to 8760h, such as 168h"
	ExpiryThreshold *metav1.Duration `json:"expiryThreshold,omitempty"`
}

// APIServerTLS states what API servers must offer.
type APIServerTLS struct {
	// minimumTLSVersion is the least that an API server may accept: 1.2 (the
	// default) or 1.3.
	// +optional
	// +kubebuilder:default="1.2"
	MinimumTLSVersion TLSVersion `json:"minimumTLSVersion,omitempty"`
	// every is the interval of the probe: a duration from 30s to 168h, 6h by default.
	// A result counts for twice as long.
	// +optional
	// +kubebuilder:default="6h"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=30
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,4}h)?([0-9]{1,6}m)?([0-9]{1,7}([.][0-9]{1,9})?s)?$') && self != '' && duration(self) >= duration('30s') && duration(self) <= duration('168h')",message="every must be a duration from 30s to 168h, such as 6h"
	Every *metav1.Duration `json:"every,omitempty"`
}
