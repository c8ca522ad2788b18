// Pins the Prometheus operator, of which tests read the kinds. Nothing of it is
// built: "go mod download" is all that this module is for.
module github.com/holdfast-dev/holdfast/hack/tools/prometheus-operator

go 1.26.0

require github.com/prometheus-operator/prometheus-operator v0.94.1
