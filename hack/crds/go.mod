// Pins the projects of which tests install the real CustomResourceDefinitions, by
// test/crds. Nothing of them is built: "go mod download" is all that this module is
// for.
module github.com/holdfast-dev/holdfast/hack/crds

go 1.26.0

require (
	github.com/cert-manager/cert-manager v1.21.2
	github.com/kubernetes-csi/external-snapshotter/client/v8 v8.7.0
	istio.io/api v1.31.1
	sigs.k8s.io/gateway-api v1.6.3
)
