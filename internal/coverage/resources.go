package coverage

import (
	"cmp"
	"path"
	"slices"
	"strings"
)

// resource is a kind of object, by the names by which a backup's filters call it.
type resource struct {
	plural, singular, short, group string
	// needed is whether a restore is incomplete without it. What controllers make
	// anew by themselves is not, nor what Velero restores never.
	needed bool
}

// name is how Velero calls it once it is resolved.
func (r *resource) name() string {
	if r.group == "" {
		return r.plural
	}
	return r.plural + "." + r.group
}

// needed marks what a restore is incomplete without.
const needed = true

// namespacedResources are those that every API server has, and those that Velero
// knows itself.
var namespacedResources = []resource{
	{"configmaps", "configmap", "cm", "", needed},
	{"limitranges", "limitrange", "limits", "", needed},
	{"persistentvolumeclaims", "persistentvolumeclaim", "pvc", "", needed},
	{"pods", "pod", "po", "", needed},
	{"podtemplates", "podtemplate", "", "", needed},
	{"replicationcontrollers", "replicationcontroller", "rc", "", needed},
	{"resourcequotas", "resourcequota", "quota", "", needed},
	{"secrets", "secret", "", "", needed},
	{"serviceaccounts", "serviceaccount", "sa", "", needed},
	{"services", "service", "svc", "", needed},
	{"controllerrevisions", "controllerrevision", "", "apps", needed},
	{"daemonsets", "daemonset", "ds", "apps", needed},
	{"deployments", "deployment", "deploy", "apps", needed},
	{"replicasets", "replicaset", "rs", "apps", needed},
	{"statefulsets", "statefulset", "sts", "apps", needed},
	{"horizontalpodautoscalers", "horizontalpodautoscaler", "hpa", "autoscaling", needed},
	{"cronjobs", "cronjob", "cj", "batch", needed},
	{"jobs", "job", "", "batch", needed},
	{"ingresses", "ingress", "ing", "networking.k8s.io", needed},
	{"networkpolicies", "networkpolicy", "netpol", "networking.k8s.io", needed},
	{"poddisruptionbudgets", "poddisruptionbudget", "pdb", "policy", needed},
	{"rolebindings", "rolebinding", "", "rbac.authorization.k8s.io", needed},
	{"roles", "role", "", "rbac.authorization.k8s.io", needed},
	{"resourceclaims", "resourceclaim", "", "resource.k8s.io", needed},
	{"resourceclaimtemplates", "resourceclaimtemplate", "", "resource.k8s.io", needed},

	{"events", "event", "ev", "", false},
	{"events", "event", "ev", "events.k8s.io", false},
	{"endpoints", "endpoints", "ep", "", false},
	{"endpointslices", "endpointslice", "", "discovery.k8s.io", false},
	{"leases", "lease", "", "coordination.k8s.io", false},
	{"csistoragecapacities", "csistoragecapacity", "", "storage.k8s.io", false},
	{"pods", "pod", "", "metrics.k8s.io", false},
	// Velero leaves these out itself, and collects those that it makes.
	{"volumesnapshots", "volumesnapshot", "vs", "snapshot.storage.k8s.io", false},
}

// clusterResources are those without a namespace that filters of the old kind often
// leave out: no namespace lacks anything without them.
var clusterResources = []resource{
	{"namespaces", "namespace", "ns", "", false},
	{"nodes", "node", "no", "", false},
	{"persistentvolumes", "persistentvolume", "pv", "", false},
	{"apiservices", "apiservice", "", "apiregistration.k8s.io", false},
	{"certificatesigningrequests", "certificatesigningrequest", "csr", "certificates.k8s.io", false},
	{"clusterrolebindings", "clusterrolebinding", "", "rbac.authorization.k8s.io", false},
	{"clusterroles", "clusterrole", "", "rbac.authorization.k8s.io", false},
	{"csidrivers", "csidriver", "", "storage.k8s.io", false},
	{"csinodes", "csinode", "", "storage.k8s.io", false},
	{"customresourcedefinitions", "customresourcedefinition", "crd", "apiextensions.k8s.io", false},
	{"flowschemas", "flowschema", "", "flowcontrol.apiserver.k8s.io", false},
	{"ingressclasses", "ingressclass", "", "networking.k8s.io", false},
	{"mutatingwebhookconfigurations", "mutatingwebhookconfiguration", "", "admissionregistration.k8s.io", false},
	{"nodes", "node", "", "metrics.k8s.io", false},
	{"priorityclasses", "priorityclass", "pc", "scheduling.k8s.io", false},
	{"prioritylevelconfigurations", "prioritylevelconfiguration", "", "flowcontrol.apiserver.k8s.io", false},
	{"runtimeclasses", "runtimeclass", "", "node.k8s.io", false},
	{"storageclasses", "storageclass", "sc", "storage.k8s.io", false},
	{"validatingadmissionpolicies", "validatingadmissionpolicy", "", "admissionregistration.k8s.io", false},
	{"validatingadmissionpolicybindings", "validatingadmissionpolicybinding", "", "admissionregistration.k8s.io", false},
	{"validatingwebhookconfigurations", "validatingwebhookconfiguration", "", "admissionregistration.k8s.io", false},
	{"volumeattachments", "volumeattachment", "", "storage.k8s.io", false},
	{"volumesnapshotclasses", "volumesnapshotclass", "vsclass", "snapshot.storage.k8s.io", false},
	{"volumesnapshotcontents", "volumesnapshotcontent", "vsc", "snapshot.storage.k8s.io", false},
}

// resourcesByName are all of them, by how Velero calls them.
var resourcesByName = func() map[string]*resource {
	all := map[string]*resource{}
	for _, table := range [][]resource{namespacedResources, clusterResources} {
		for i := range table {
			all[table[i].name()] = &table[i]
		}
	}
	return all
}()

// patterns are the items of a list of resources, each as resource.group or with
// wildcards.
type patterns []string

// patternsOf resolves the items of a list, as discovery does: plurals, singulars and
// short names, with a group, the beginning of one, or none. What is not resolved
// stays as it is.
func patternsOf(items []string) patterns {
	resolved := make(patterns, 0, len(items))
	for _, item := range items {
		resolved = append(resolved, resolve(item))
	}
	return resolved
}

func resolve(item string) string {
	if resourcesByName[item] != nil {
		return item
	}
	name, group, _ := strings.Cut(strings.ToLower(item), ".")
	begins := ""
	for _, table := range [][]resource{namespacedResources, clusterResources} {
		for i := range table {
			switch r := &table[i]; {
			case name == "" || name != r.plural && name != r.singular && name != r.short:
			case group == r.group:
				return r.name()
			case begins == "" && strings.HasPrefix(r.group, group):
				begins = r.name()
			}
		}
	}
	return cmp.Or(begins, item)
}

// match reports whether one of the patterns matches a resource. A pattern that is
// none matches nothing.
func (p patterns) match(name string) bool {
	return slices.ContainsFunc(p, func(pattern string) bool {
		if pattern == "*" {
			return true
		}
		matched, err := path.Match(pattern, name)
		return matched && err == nil
	})
}
