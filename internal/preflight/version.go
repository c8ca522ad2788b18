package preflight

import (
	"fmt"

	"k8s.io/apimachinery/pkg/util/version"
)

// OldestServer is the oldest Kubernetes whose API servers take the CRDs: their
// rules use the format library of CEL, which API servers know since 1.31 and let
// new rules use one release later. The chart's kubeVersion says the same.
const OldestServer = "1.32"

// checkVersion reports an API server that is too old. What cannot be read as a
// version is let through: the CRDs tell.
func checkVersion(gitVersion string) error {
	server, err := version.ParseGeneric(gitVersion)
	if err != nil {
		return nil //nolint:nilerr // a distribution may call its version what it likes
	}
	if server.AtLeast(version.MustParseGeneric(OldestServer)) {
		return nil
	}
	return &Problem{What: fmt.Sprintf("the API server is of Kubernetes %s, and Holdfast needs %s or newer", gitVersion, OldestServer),
		Remedy: "upgrade the cluster, and until then do without Holdfast"}
}
