package permissions

// The API groups.
const (
	coreGroup            = ""
	holdfastGroup        = "holdfast.dev"
	rbacGroup            = "rbac.authorization.k8s.io"
	networkingGroup      = "networking.k8s.io"
	discoveryGroup       = "discovery.k8s.io"
	storageGroup         = "storage.k8s.io"
	admissionGroup       = "admissionregistration.k8s.io"
	crdGroup             = "apiextensions.k8s.io"
	apiServiceGroup      = "apiregistration.k8s.io"
	gatewayGroup         = "gateway.networking.k8s.io"
	gatewayTrialGroup    = "gateway.networking.x-k8s.io"
	policyGroup          = "policy.networking.k8s.io"
	ciliumGroup          = "cilium.io"
	calicoGroup          = "projectcalico.org"
	calicoCRDGroup       = "crd.projectcalico.org"
	istioSecurityGroup   = "security.istio.io"
	istioNetworkingGroup = "networking.istio.io"
	certManagerGroup     = "cert-manager.io"
	veleroGroup          = "velero.io"
	snapshotGroup        = "snapshot.storage.k8s.io"
)
