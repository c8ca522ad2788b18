package chart_test

import (
	"errors"
	"strings"
	"testing"
)

// TestRefused shows what helm says of values that are wrong: one line each, with
// the value's name.
func TestRefused(t *testing.T) {
	cases := []struct{ set, want string }{
		{"enfore.networkIsolation=true", "- at '': additional properties 'enfore' not allowed"},
		{"enforce.networkisolation=true", "- at '/enforce': additional properties 'networkisolation' not allowed"},
		{"ledger.persistance.size=1Gi", "- at '/ledger': additional properties 'persistance' not allowed"},
		{"enforce.networkIsolation=yes", "- at '/enforce/networkIsolation': got string, want boolean"},
		{"observe.cilium=true", "- at '/observe/cilium': got boolean, want string"},
		{"observe.cilium=enabled", "- at '/observe/cilium': value must be one of 'Auto', 'Enabled', 'Disabled'"},
		{"image.digest=sha256:0123", `image.digest: "sha256:0123" is not a digest, as sha256: and 64 hexadecimal digits`},
		{"image.pullSecrets[0]=pull", "- at '/image/pullSecrets/0': got string, want object"},
		{"replicas=2", "- at '/replicas': maximum: got 2, want 1"},
		{"contentionThreshold=0", "- at '/contentionThreshold': minimum: got 0, want 1"},
		{"progressTimeout=2", "- at '/progressTimeout': got number, want string"},
		{"dnsService=kube-dns", `dnsService: "kube-dns" is not a service, as namespace/name`},
		{"ledger.persistence.size=10GB", `ledger.persistence.size: "10GB" is not a quantity, such as 10Gi`},
		{"progressTimeout=soon", `progressTimeout: "soon" is not a duration, such as 2m`},
		{"fullnameOverride=Holdfast", `fullnameOverride: "Holdfast" is not a name of up to 40 lower-case letters, digits and dashes`},
		{"ledger.persistence.accessMode=ReadOnlyMany", "- at '/ledger/persistence/accessMode': value must be one of 'ReadWriteOnce', 'ReadWriteOncePod', 'ReadWriteMany'"},
		{"networkPolicy.ledgerFrom[0].cidr=192.0.2.0/24", "- at '/networkPolicy/ledgerFrom/0': additional properties 'cidr' not allowed"},
		{"networkPolicy.apiServer.ports={0}", "- at '/networkPolicy/apiServer/ports/0': minimum: got 0, want 1"},
		{"nodeSelector.fast=true", "- at '/nodeSelector/fast': got boolean, want string"},
		{"metrics.readers[0].name=prometheus", "- at '/metrics/readers/0': missing property 'namespace'"},

		{"serviceAccount.create=false",
			"serviceAccount.name: name the service account to use, or have the chart create one (serviceAccount.create=true)"},
		{"metrics.enabled=false,metrics.serviceMonitor.enabled=true",
			"metrics.serviceMonitor.enabled: there is nothing to scrape unless metrics are served (metrics.enabled=true)"},
		{"roles.create=false,metrics.readers[0].namespace=monitoring,metrics.readers[0].name=prometheus",
			"metrics.readers: readers are bound to the role metrics-reader, which the chart does not create (roles.create=true)"},
		{`podLabels.app\.kubernetes\.io/name=other`, "podLabels: the chart sets the label app.kubernetes.io/name itself: take another name"},
		{`commonLabels.helm\.sh/chart=other`, "commonLabels: the chart sets the label helm.sh/chart itself: take another name"},
		{"metrics.rules.enabled=true,metrics.rules.overrides.HoldfastAbsent.fro=5m", "- at '/metrics/rules/overrides/HoldfastAbsent': additional properties 'fro' not allowed"},
		{"tlsSecrets.namespaces={web}", "tlsSecrets.namespaces: nothing is read there unless TLS Secrets may be read (tlsSecrets.read=true)"},
		{"tlsSecrets.read=true,tlsSecrets.namespaces[0].name=web", "- at '/tlsSecrets/namespaces/0': got object, want string"},
		{"resources.limits.memory=512MB",
			`resources.limits.memory: "512MB" has a unit that is no unit of memory: use one of k, M, G, T, Ki, Mi, Gi or Ti`},
	}
	for _, tc := range cases {
		t.Run(tc.set, func(t *testing.T) {
			_, err := run(helm(t, "template", "holdfast", chart, "--set", tc.set))
			if got := sentence(t, err); got != tc.want {
				t.Errorf("helm says %q, want %q", got, tc.want)
			}
		})
	}
}

// sentence is what helm says is wrong, without how it comes to say so.
func sentence(t *testing.T, err error) string {
	t.Helper()
	var f *failure
	if !errors.As(err, &f) {
		t.Fatalf("helm accepts it: %v", err)
	}
	text, _, _ := strings.Cut(f.stderr, "\n\nUse --debug")
	const bySchema = "Error: values don't meet the specifications of the schema(s) in the following chart(s):\nholdfast:\n"
	if said, ok := strings.CutPrefix(text, bySchema); ok {
		return said
	}
	_, said, ok := strings.Cut(text, "): ")
	if !ok || !strings.HasPrefix(text, "Error: execution error at (holdfast/templates/") {
		t.Fatalf("helm fails for another reason: %s", f.stderr)
	}
	return said
}

// TestOldCluster shows what helm says of a cluster that is too old.
func TestOldCluster(t *testing.T) {
	for version, want := range map[string]string{
		"1.28":          "Error: chart requires kubeVersion: >=1.32.0-0 which is incompatible with Kubernetes v1.28",
		"1.31.9":        "Error: chart requires kubeVersion: >=1.32.0-0 which is incompatible with Kubernetes v1.31.9",
		"v1.32.0-gke.1": "",
		"1.36.3":        "",
	} {
		t.Run(version, func(t *testing.T) {
			_, err := run(helm(t, "template", "holdfast", chart, "--kube-version", version))
			var f *failure
			got := ""
			if errors.As(err, &f) {
				got, _, _ = strings.Cut(f.stderr, "\n")
			}
			if got != want {
				t.Errorf("helm says %q, want %q", got, want)
			}
		})
	}
}
