package chart_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// rendering is what the chart makes of values.
type rendering struct {
	values []string
	// want is what is at "Kind/name path"; empty means nothing.
	want map[string]string
}

// Paths that several renderings look at.
const (
	container = "Deployment/holdfast .spec.template.spec.containers[0]"
	pod       = "Deployment/holdfast .spec.template.spec"
	digest    = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
)

// renderings turn every value on or off, or to something else, at least once.
func renderings() map[string]rendering {
	all := map[string]rendering{}
	for _, some := range []map[string]rendering{
		operatorRenderings(), rightsRenderings(), podRenderings(), volumeRenderings(), networkRenderings(), monitoringRenderings(),
	} {
		maps.Copy(all, some)
	}
	return all
}

func operatorRenderings() map[string]rendering {
	return map[string]rendering{
		"defaults": {want: map[string]string{
			"Deployment/holdfast .spec.replicas":                  "1",
			"Deployment/holdfast .spec.strategy.type":             "Recreate",
			container + ".image":                                  "holdfast-dev/holdfast:0.1.0",
			container + `.env[?(@.name=="OPERATOR_IMAGE")].value`: "holdfast-dev/holdfast:0.1.0",
			container + `.env[?(@.name=="GOMEMLIMIT")].value`:     "483183820", // 90 % of 512Mi
			pod + ".terminationGracePeriodSeconds":                "60",
			"ClusterRole/holdfast-observe .kind":                  "ClusterRole",
			"ClusterRole/holdfast-enforce-networkisolation .kind": "",
			"ClusterRole/holdfast-observe-cilium .kind":           "",
			`CustomResourceDefinition/controlpolicies.holdfast.dev .metadata.annotations.helm\.sh/resource-policy`: "keep",
		}},
		"no CustomResourceDefinitions": {
			values: []string{"crds.install=false"},
			want:   map[string]string{"CustomResourceDefinition/controlpolicies.holdfast.dev .kind": ""},
		},
		"CustomResourceDefinitions that go with the release": {
			values: []string{"crds.keep=false"},
			want:   map[string]string{`CustomResourceDefinition/controlpolicies.holdfast.dev .metadata.annotations.helm\.sh/resource-policy`: ""},
		},
		"an image by digest": {
			values: []string{"image.registry=registry.example.com", "image.tag=v9", "image.digest=" + digest, "image.pullPolicy=Always", "image.pullSecrets[0].name=pull"},
			want: map[string]string{
				container + ".image": "registry.example.com/holdfast-dev/holdfast@" + digest,
				container + `.env[?(@.name=="OPERATOR_IMAGE")].value`: "registry.example.com/holdfast-dev/holdfast@" + digest,
				container + ".imagePullPolicy":                        "Always",
				pod + ".imagePullSecrets[0].name":                     "pull",
			},
		},
		"an image by tag": {
			values: []string{"image.repository=example/holdfast", "image.tag=v9"},
			want:   map[string]string{container + ".image": "example/holdfast:v9"},
		},
		"a service account that exists": {
			values: []string{"serviceAccount.create=false", "serviceAccount.name=default"},
			want: map[string]string{
				"ServiceAccount/holdfast .kind":                         "",
				pod + ".serviceAccountName":                             "default",
				"ClusterRoleBinding/holdfast-observe .subjects[0].name": "default",
			},
		},
		"a service account of another name": {
			values: []string{"serviceAccount.name=other", `serviceAccount.annotations.example\.com/role=holdfast`},
			want: map[string]string{
				pod + ".serviceAccountName":                                    "other",
				`ServiceAccount/other .metadata.annotations.example\.com/role`: "holdfast",
			},
		},
		"no roles of people, nor rules at admission": {
			values: []string{"roles.create=false", "approvals.separate=false", "records.protect=false"},
			want: map[string]string{
				"ClusterRole/holdfast-auditor .kind":                 "",
				"ValidatingAdmissionPolicy/holdfast-records .kind":   "",
				"ValidatingAdmissionPolicy/holdfast-approvals .kind": "",
			},
		},
		"settings of the operator": {
			values: []string{"contentionThreshold=7", "progressTimeout=5m30s", "dnsService=dns/resolver", "log.level=debug", "log.encoder=console", "log.timeEncoding=iso8601", "log.stacktraceLevel=panic"},
			want: map[string]string{container + ".args": arguments("--namespace=holdfast-system", "--ledger-dir=/var/lib/holdfast/ledger",
				"--ledger-bind-address=:8082", "--metrics-bind-address=:8443", "--health-probe-bind-address=:8081",
				"--contention-threshold=7", "--progress-timeout=5m30s", "--dns-service=dns/resolver",
				"--zap-log-level=debug", "--zap-encoder=console", "--zap-time-encoding=iso8601", "--zap-stacktrace-level=panic")},
		},
		"other names and labels": {
			values: []string{"fullnameOverride=controls", `commonLabels.example\.com/team=security`},
			want: map[string]string{
				`Deployment/controls .metadata.labels.example\.com/team`:                                   "security",
				`Deployment/controls .spec.template.metadata.labels.example\.com/team`:                     "security",
				`CustomResourceDefinition/controlpolicies.holdfast.dev .metadata.labels.example\.com/team`: "security",
				"Service/holdfast-ledger .metadata.name":                                                   "holdfast-ledger",
			},
		},
		"stopped": {
			values: []string{"replicas=0"},
			want:   map[string]string{"Deployment/holdfast .spec.replicas": "0"},
		},
	}
}

// rightsRenderings grant what is not granted by default, or less.
func rightsRenderings() map[string]rendering {
	return map[string]rendering{
		"repairs": {
			values: []string{"enforce.networkIsolation=true"},
			want: map[string]string{
				"ClusterRole/holdfast-enforce-networkisolation .kind":    "ClusterRole",
				"ClusterRole/holdfast-enforce-encryptionatrest .kind":    "",
				"ClusterRole/holdfast-prober-encryptionatrest .kind":     "",
				"ServiceAccount/holdfast-prober .kind":                   "ServiceAccount",
				"ValidatingAdmissionPolicyBinding/holdfast-prober .kind": "ValidatingAdmissionPolicyBinding",
			},
		},
		"repairs and guards of encryption": {
			values: []string{"enforce.encryptionAtRest=true", "enforce.encryptionInTransit=true"},
			want: map[string]string{
				"ClusterRole/holdfast-enforce-encryptionatrest .rules[0]":           `{"apiGroups":["storage.k8s.io"],"resources":["storageclasses"],"verbs":["create","patch"]}`,
				"ClusterRole/holdfast-enforce-encryptionintransit .kind":            "ClusterRole",
				"ClusterRoleBinding/holdfast-prober-encryptionatrest .subjects":     `[{"kind":"ServiceAccount","name":"holdfast-prober","namespace":"holdfast-system"}]`,
				"ClusterRoleBinding/holdfast-prober-encryptionintransit .subjects":  `[{"kind":"ServiceAccount","name":"holdfast-prober","namespace":"holdfast-system"}]`,
				"ClusterRoleBinding/holdfast-enforce-encryptionintransit .subjects": `[{"kind":"ServiceAccount","name":"holdfast","namespace":"holdfast-system"}]`,
			},
		},
		"restore tests": {
			values: []string{"probe.restoreTests=true", "enforce.backup=true", "veleroRepository.read=true"},
			want: map[string]string{
				"ClusterRole/holdfast-enforce-backup .rules[0]":                 `{"apiGroups":["velero.io"],"resources":["schedules"],"verbs":["create","patch"]}`,
				"ClusterRoleBinding/holdfast-probe-restoretests .subjects":      `[{"kind":"ServiceAccount","name":"holdfast","namespace":"holdfast-system"}]`,
				"ValidatingAdmissionPolicyBinding/holdfast-restore-tests .kind": "ValidatingAdmissionPolicyBinding",
				"ClusterRole/holdfast-velero-repository .rules":                 `[{"apiGroups":[""],"resourceNames":["velero-repo-credentials"],"resources":["secrets"],"verbs":["get"]}]`,
			},
		},
		"no probes": {
			values: []string{"probe.enabled=false", "probe.restoreTests=true", "enforce.encryptionAtRest=true", "enforce.encryptionInTransit=true"},
			want: map[string]string{
				"ClusterRole/holdfast-probe .kind":                       "",
				"Role/holdfast-probe .kind":                              "",
				"ClusterRole/holdfast-prober-encryptionatrest .kind":     "",
				"ClusterRole/holdfast-prober-encryptionintransit .kind":  "",
				"ServiceAccount/holdfast-prober .kind":                   "",
				"ValidatingAdmissionPolicy/holdfast-prober .kind":        "",
				"ClusterRole/holdfast-probe-restoretests .kind":          "",
				"ValidatingAdmissionPolicy/holdfast-restore-tests .kind": "",
				"NetworkPolicy/holdfast .spec.egress[*].ports[0].port":   "53 443 80",
			},
		},
		"TLS Secrets everywhere": {
			values: []string{"tlsSecrets.read=true"},
			want: map[string]string{
				"ClusterRole/holdfast-tls-secrets .rules":           `[{"apiGroups":[""],"resources":["secrets"],"verbs":["get"]}]`,
				"ClusterRoleBinding/holdfast-tls-secrets .subjects": `[{"kind":"ServiceAccount","name":"holdfast","namespace":"holdfast-system"}]`,
			},
		},
		"TLS Secrets of some namespaces": {
			values: []string{"tlsSecrets.read=true", "tlsSecrets.namespaces={default,kube-public}"},
			want: map[string]string{
				"ClusterRoleBinding/holdfast-tls-secrets .kind":              "",
				"RoleBinding/holdfast-tls-secrets .metadata.namespace":       "default",
				"RoleBinding/holdfast-tls-secrets .roleRef":                  `{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"holdfast-tls-secrets"}`,
				"RoleBinding/kube-public/holdfast-tls-secrets .roleRef.name": "holdfast-tls-secrets",
			},
		},
		"optional kinds": {
			values: []string{"observe.gatewayAPI=Enabled", "observe.clusterNetworkPolicy=Enabled", "observe.cilium=Enabled", "observe.calico=Enabled",
				"observe.istio=Enabled", "observe.certManager=Enabled", "observe.velero=Enabled", "observe.volumeSnapshots=Enabled"},
			want: map[string]string{
				"ClusterRole/holdfast-observe-gatewayapi .kind":           "ClusterRole",
				"ClusterRole/holdfast-observe-clusternetworkpolicy .kind": "ClusterRole",
				"ClusterRole/holdfast-observe-cilium .kind":               "ClusterRole",
				"ClusterRole/holdfast-observe-calico .kind":               "ClusterRole",
				"ClusterRole/holdfast-observe-istio .kind":                "ClusterRole",
				"ClusterRole/holdfast-observe-certmanager .kind":          "ClusterRole",
				"ClusterRole/holdfast-observe-velero .kind":               "ClusterRole",
				"ClusterRole/holdfast-observe-volumesnapshots .kind":      "ClusterRole",
			},
		},
	}
}

func podRenderings() map[string]rendering {
	return map[string]rendering{
		"where the pod runs": {
			values: []string{
				"priorityClassName=system-cluster-critical", "nodeSelector.disk=fast",
				"tolerations[0].key=control-plane", "tolerations[0].operator=Exists",
				"affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].key=zone",
				"affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].operator=Exists",
				"topologySpreadConstraints[0].maxSkew=1", "topologySpreadConstraints[0].topologyKey=zone", "topologySpreadConstraints[0].whenUnsatisfiable=ScheduleAnyway",
			},
			want: map[string]string{
				pod + ".priorityClassName":                        "system-cluster-critical",
				pod + ".nodeSelector.disk":                        "fast",
				pod + ".tolerations[0].key":                       "control-plane",
				pod + ".topologySpreadConstraints[0].topologyKey": "zone",
				pod + ".affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].key": "zone",
			},
		},
		"labels and annotations of the pod": {
			values: []string{"podLabels.team=security", `podAnnotations.example\.com/note=text`},
			want: map[string]string{
				"Deployment/holdfast .spec.template.metadata.labels.team":                   "security",
				`Deployment/holdfast .spec.template.metadata.annotations.example\.com/note`: "text",
			},
		},
		"more memory": {
			values: []string{"resources.limits.memory=2Gi", "resources.limits.cpu=2", "resources.requests.memory=1G"},
			want: map[string]string{
				container + `.env[?(@.name=="GOMEMLIMIT")].value`: "1932735283",
				container + ".resources.limits.cpu":               "2",
			},
		},
		"memory without a limit": {
			values: []string{"resources.limits=null"},
			want:   map[string]string{container + `.env[?(@.name=="GOMEMLIMIT")].name`: ""},
		},
	}
}

func volumeRenderings() map[string]rendering {
	return map[string]rendering{
		"a ledger without a volume": {
			values: []string{"ledger.persistence.enabled=false", "ledger.ephemeralSizeLimit=512Mi"},
			want: map[string]string{
				"PersistentVolumeClaim/holdfast-ledger .kind":               "",
				pod + `.volumes[?(@.name=="ledger")].emptyDir.sizeLimit`:    "512Mi",
				container + ".args[2]":                                      "--ledger-ephemeral",
				pod + `.volumes[?(@.name=="ledger")].persistentVolumeClaim`: "",
			},
		},
		"a ledger on a claim that exists": {
			values: []string{"ledger.persistence.existingClaim=kept"},
			want: map[string]string{
				"PersistentVolumeClaim/holdfast-ledger .kind":                         "",
				pod + `.volumes[?(@.name=="ledger")].persistentVolumeClaim.claimName`: "kept",
			},
		},
		"a ledger on a claim of its own": {
			values: []string{"ledger.persistence.storageClassName=fast", "ledger.persistence.accessMode=ReadWriteOncePod", "ledger.persistence.size=50Gi",
				"ledger.persistence.keep=false", `ledger.persistence.annotations.example\.com/backup=daily`},
			want: map[string]string{
				"PersistentVolumeClaim/holdfast-ledger .spec.storageClassName":           "fast",
				"PersistentVolumeClaim/holdfast-ledger .spec.accessModes[0]":             "ReadWriteOncePod",
				"PersistentVolumeClaim/holdfast-ledger .spec.resources.requests.storage": "50Gi",
				"PersistentVolumeClaim/holdfast-ledger .metadata.annotations":            `{"example.com/backup":"daily"}`,
			},
		},
		"a ledger on a volume that is made by hand": {
			values: []string{"ledger.persistence.storageClassName=-"},
			want: map[string]string{
				"PersistentVolumeClaim/holdfast-ledger .spec": `{"accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"10Gi"}},"storageClassName":""}`,
				"PersistentVolumeClaim/holdfast-ledger .metadata.annotations": `{"argocd.argoproj.io/sync-options":"Prune=false,Delete=false",` +
					`"helm.sh/resource-policy":"keep","kustomize.toolkit.fluxcd.io/prune":"disabled"}`,
			},
		},
		"exports": {
			values: []string{"exports.enabled=true", "exports.accessMode=ReadWriteMany"},
			want: map[string]string{
				container + ".args[2]": "--export-dir=/var/lib/holdfast/exports",
				container + `.volumeMounts[?(@.name=="exports")].mountPath`:            "/var/lib/holdfast/exports",
				pod + `.volumes[?(@.name=="exports")].persistentVolumeClaim.claimName`: "holdfast-exports",
				"PersistentVolumeClaim/holdfast-exports .spec.accessModes[0]":          "ReadWriteMany",
			},
		},
		"exports to a claim that exists": {
			values: []string{"exports.enabled=true", "exports.existingClaim=reports"},
			want: map[string]string{
				"PersistentVolumeClaim/holdfast-exports .kind":                         "",
				pod + `.volumes[?(@.name=="exports")].persistentVolumeClaim.claimName`: "reports",
			},
		},
	}
}

func networkRenderings() map[string]rendering {
	return map[string]rendering{
		"no isolation of the operator": {
			values: []string{"networkPolicy.enabled=false"},
			want:   map[string]string{"NetworkPolicy/holdfast .kind": ""},
		},
		"isolation with stated peers": {
			values: []string{
				`networkPolicy.metricsFrom[0].namespaceSelector.matchLabels.kubernetes\.io/metadata\.name=monitoring`,
				"networkPolicy.ledgerFrom[0].ipBlock.cidr=192.0.2.0/28",
				`networkPolicy.dns.to[0].podSelector.matchLabels.k8s-app=kube-dns`, "networkPolicy.dns.ports={5353}",
				"networkPolicy.apiServer.to[0].ipBlock.cidr=192.0.2.1/32", "networkPolicy.apiServer.ports={16443}", "networkPolicy.anchors.ports=null",
				"networkPolicy.probes.ports=null",
			},
			want: map[string]string{
				"NetworkPolicy/holdfast .spec.ingress": `[{"from":[{"namespaceSelector":{"matchLabels":{"kubernetes.io/metadata.name":"monitoring"}}}],"ports":[{"port":"metrics"}]},` +
					`{"from":[{"ipBlock":{"cidr":"192.0.2.0/28"}}],"ports":[{"port":"ledger"}]}]`,
				"NetworkPolicy/holdfast .spec.egress": `[{"ports":[{"port":5353,"protocol":"UDP"},{"port":5353,"protocol":"TCP"}],"to":[{"podSelector":{"matchLabels":{"k8s-app":"kube-dns"}}}]},` +
					`{"ports":[{"port":16443}],"to":[{"ipBlock":{"cidr":"192.0.2.1/32"}}]}]`,
			},
		},
		"anchors at one address": {
			values: []string{"networkPolicy.anchors.to[0].ipBlock.cidr=198.51.100.7/32", "networkPolicy.anchors.ports={443}"},
			want:   map[string]string{"NetworkPolicy/holdfast .spec.egress[2]": `{"ports":[{"port":443}],"to":[{"ipBlock":{"cidr":"198.51.100.7/32"}}]}`},
		},
		"hosts that are probed in one namespace": {
			values: []string{"networkPolicy.probes.to[0].namespaceSelector.matchLabels.team=edge", "networkPolicy.probes.ports={8443}"},
			want: map[string]string{
				"NetworkPolicy/holdfast .spec.egress[3]": `{"ports":[{"port":8443}],"to":[{"namespaceSelector":{"matchLabels":{"team":"edge"}}}]}`,
			},
		},
		"nothing is served": {
			values: []string{"metrics.enabled=false", "ledger.serve=false"},
			want: map[string]string{
				"Service/holdfast-ledger .kind":        "",
				"Service/holdfast-metrics .kind":       "",
				"NetworkPolicy/holdfast .spec.ingress": "[]",
				container + ".args[2]":                 "--ledger-bind-address=0",
				container + ".args[3]":                 "--metrics-bind-address=0",
				container + ".ports":                   `[{"containerPort":8081,"name":"probes"}]`,
			},
		},
	}
}

func monitoringRenderings() map[string]rendering {
	return map[string]rendering{
		"monitoring": {
			values: []string{
				"metrics.readers[0].namespace=monitoring", "metrics.readers[0].name=prometheus",
				"metrics.serviceMonitor.enabled=true", "metrics.serviceMonitor.interval=1m", "metrics.serviceMonitor.labels.release=stack",
				"metrics.rules.enabled=true", "metrics.rules.labels.release=stack",
				"metrics.rules.overrides.HoldfastContested.disabled=true", "metrics.rules.overrides.HoldfastUnanchored.for=3h",
				"metrics.rules.overrides.HoldfastUnanchored.labels.severity=critical",
				"metrics.dashboard.enabled=true", `metrics.dashboard.annotations.grafana_folder=Controls`,
			},
			want: map[string]string{
				"ClusterRoleBinding/holdfast-metrics-reader .subjects":                                            `[{"kind":"ServiceAccount","name":"prometheus","namespace":"monitoring"}]`,
				"ServiceMonitor/holdfast .spec.endpoints[0].interval":                                             "1m",
				"ServiceMonitor/holdfast .metadata.labels.release":                                                "stack",
				"PrometheusRule/holdfast .metadata.labels.release":                                                "stack",
				`PrometheusRule/holdfast .spec.groups[*].rules[?(@.alert=="HoldfastContested")].alert`:            "",
				`PrometheusRule/holdfast .spec.groups[*].rules[?(@.alert=="HoldfastUnanchored")].for`:             "3h",
				`PrometheusRule/holdfast .spec.groups[*].rules[?(@.alert=="HoldfastUnanchored")].labels.severity`: "critical",
				"ConfigMap/holdfast-dashboard .metadata.labels.grafana_dashboard":                                 "1",
				"ConfigMap/holdfast-dashboard .metadata.annotations.grafana_folder":                               "Controls",
			},
		},
	}
}

// arguments are a container's, as a JSONPath prints them.
func arguments(args ...string) string {
	return `["` + strings.Join(args, `","`) + `"]`
}

// testMatrix renders the chart with many values. The API server accepts what
// comes of them, the operator's pod in a namespace for restricted ones included.
func (s suite) testMatrix(t *testing.T) {
	for _, account := range []string{"holdfast", "other"} {
		s.kubectl(t, "", "create", "serviceaccount", account, "--namespace", namespace)
		defer s.kubectl(t, "", "delete", "serviceaccount", account, "--namespace", namespace)
	}
	accepted := map[string]bool{} // many renderings have the same objects
	for name, tc := range renderings() {
		t.Run(name, func(t *testing.T) {
			all := render(t, tc.values...)
			got := map[string]string{}
			for where := range tc.want {
				id, path, _ := strings.Cut(where, " ")
				got[where] = all.at(t, id, path)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("rendered (-want +got):\n%s", diff)
			}
			all["Pod/holdfast"] = all.pod(t)
			for id, o := range all {
				content := fmt.Sprint(o.Object)
				if accepted[content] {
					continue
				}
				if err := s.try(t, o); err != nil {
					t.Errorf("%s is refused: %v", id, err)
				}
				accepted[content] = true
			}
		})
	}
	t.Run("a field that is misspelt", func(t *testing.T) {
		service := render(t)["Service/holdfast-ledger"]
		service.Object["spec"].(map[string]any)["port"] = int64(80)
		if err := s.try(t, service); err == nil || !strings.Contains(err.Error(), `unknown field "spec.port"`) {
			t.Errorf("creating it: %v", err)
		}
	})
	t.Run("a pod that is not restricted", func(t *testing.T) {
		pod := render(t).pod(t)
		pod.Object["spec"].(map[string]any)["hostNetwork"] = true
		if err := s.try(t, pod); err == nil || !strings.Contains(err.Error(), `violates PodSecurity "restricted:latest": host namespaces`) {
			t.Errorf("creating it: %v", err)
		}
	})
}

// try has the API server check the object, and returns why it refuses it.
func (s suite) try(t *testing.T, o *unstructured.Unstructured) error {
	t.Helper()
	err := s.client.Create(t.Context(), o.DeepCopy(), client.DryRunAll)
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

// pod is the pod that the Deployment asks for.
func (all objects) pod(t *testing.T) *unstructured.Unstructured {
	t.Helper()
	for _, o := range all {
		if o.GetKind() != "Deployment" {
			continue
		}
		template, _, err := unstructured.NestedMap(o.Object, "spec", "template")
		if err != nil {
			t.Fatal(err)
		}
		made := &unstructured.Unstructured{Object: template}
		made.SetAPIVersion("v1")
		made.SetKind("Pod")
		made.SetName("holdfast")
		made.SetNamespace(o.GetNamespace())
		return made
	}
	t.Fatal("there is no Deployment")
	return nil
}
