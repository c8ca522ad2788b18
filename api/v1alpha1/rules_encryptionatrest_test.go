package v1alpha1_test

import (
	"slices"
	"strings"
)

// Where the full example has what the rules are about.
const (
	atRest      = "spec.controls[1].encryptionAtRest"
	provisioner = atRest + ".volumes.provisioners[0]"
	attested    = atRest + ".volumes.attestations"
	template    = atRest + ".volumes.classTemplate"
	etcd        = atRest + ".apiServer"
)

func encryptedClassesRules() []rule {
	return []rule{{
		field: "", message: "metadata.name must have at most 96 characters",
		accept: each("metadata.name", strings.Repeat("a", 96)),
		refuse: each("metadata.name", strings.Repeat("a", 97)),
	}}
}

func encryptionAtRestRules() []rule {
	return slices.Concat(clusterScopeRules(), volumeRules(), attestationRules(attested+"[0]"), attestationRules(etcd+".attestation"), apiServerRules())
}

// clusterScopeRules are about what a control wants of the whole cluster.
func clusterScopeRules() []rule {
	const (
		outside = "encryptionAtRest.volumes states guard, defaultClass or classTemplate, which are of the cluster: set scope.cluster to Included, or remove them"
		twice   = "only one control may state guard, defaultClass or classTemplate of encryptionAtRest.volumes: the cluster has one of each for a policy"
	)
	volumes := func(cluster any, fields map[string]any) edits {
		return ofNamespaces(edits{"spec.scope.cluster": cluster, atRest + ".volumes": fields, ofIngress + ".guard": nil})
	}
	second := func(fields map[string]any) edits {
		return edits{"spec.controls[0].networkIsolation": nil, "spec.controls[0].encryptionAtRest": map[string]any{"volumes": fields}}
	}
	return []rule{
		{
			field: "spec.controls", message: outside,
			accept: []edits{
				volumes("Excluded", map[string]any{"minimumLevel": "CustomerManaged"}), volumes(nil, nil),
				volumes("Included", map[string]any{"guard": map[string]any{}}), ofNamespaces(edits{"spec.scope.cluster": nil, atRest + ".volumes": nil, ofIngress + ".guard": nil}),
			},
			refuse: []edits{
				volumes("Excluded", map[string]any{"guard": map[string]any{}}), volumes(nil, map[string]any{"defaultClass": "vault"}),
				volumes("Excluded", map[string]any{"classTemplate": map[string]any{"name": "a", "provisioner": "p"}}),
			},
		},
		{
			field: "spec.controls", message: twice,
			accept: []edits{second(map[string]any{"minimumLevel": "CustomerManaged"})},
			refuse: []edits{
				second(map[string]any{"guard": map[string]any{}}), second(map[string]any{"defaultClass": "vault"}),
				second(map[string]any{"classTemplate": map[string]any{"name": "a", "provisioner": "p"}}),
			},
		},
	}
}

func volumeRules() []rule {
	return []rule{
		{
			field: provisioner + ".reason", message: "reason must say where the level is known from",
			accept: each(provisioner+".reason", "x"),
			refuse: each(provisioner+".reason", "", " \t"),
		},
		parameterNames(provisioner + ".parameters"),
		parameterNames(template + ".parameters"),
		{
			field: template + ".name", message: "name must be a name of a StorageClass: lower-case letters, digits, '-' and '.'",
			accept: each(template+".name", "a", "fast.encrypted-1"),
			refuse: each(template+".name", "", "Fast", "a_b", "-a", "a."),
		},
		{
			field: attested + "[0]", message: "exactly one of the fields in [provisioner storageClass volumeHandles storagePolicy] must be set",
			accept: each(attested+"[0].provisioner", "efs.csi.aws.com"),
			refuse: []edits{{attested + "[0].provisioner": nil}, {attested + "[0].storageClass": "tank"}, {attested + "[0].volumeHandles": []any{"fs-1"}}},
		},
	}
}

func parameterNames(path string) rule {
	named := func(name string) any { return map[string]any{name: "v"} }
	return rule{
		field: path, message: "parameters must have names of 1 to 128 characters",
		accept: each(path, named("a"), named(strings.Repeat("a", 128)), map[string]any{}),
		refuse: each(path, named(""), named(strings.Repeat("a", 129))),
	}
}

// attestationRules are those of the attestation at path.
func attestationRules(path string) []rule {
	said := func(field, message string) rule {
		return rule{field: path + "." + field, message: message, accept: each(path+"."+field, "x"), refuse: each(path+"."+field, "", " \n")}
	}
	return []rule{
		said("ref", "ref must say where the statement is kept"),
		said("signer", "signer must say who made the statement"),
		{
			field: path + ".sha256", message: "sha256 must be 64 lower-case hexadecimal digits",
			accept: each(path+".sha256", strings.Repeat("0f", 32)),
			refuse: each(path+".sha256", "", strings.Repeat("0f", 31), strings.Repeat("0F", 32), strings.Repeat("0g", 32)),
		},
		times(path + ".validUntil"),
	}
}

func apiServerRules() []rule {
	return []rule{
		{
			field: etcd + ".maximumKeyAge", message: "maximumKeyAge must be a duration from 24h to 9999h, such as 2160h",
			accept: each(etcd+".maximumKeyAge", "24h", "1440m", "9999h", "2160h0m0s"),
			refuse: each(etcd+".maximumKeyAge", "", "90d", "23h59m59s", "9999h1s", "-24h", "10000h"),
		},
		{
			field: etcd + ".every", message: "every must be a duration from 30s to 168h, such as 15m",
			accept: each(etcd+".every", "30s", "15m", "168h", "30.5s"),
			refuse: each(etcd+".every", "", "1d", "29s", "29.9s", "168h1s", "169h"),
		},
	}
}
