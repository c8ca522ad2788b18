package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/internal/permissions"
)

const root = "../.."

func TestTheFilesAreUpToDate(t *testing.T) {
	table := permissions.Holdfast()
	all, err := files(&table)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range all {
		got, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Errorf("%s (-want +got); make generate writes it:\n%s", path, diff)
		}
	}
	found, err := filepath.Glob(filepath.Join(root, templates, "rbac-*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range found {
		if _, made := all[filepath.Join(templates, filepath.Base(path))]; !made {
			t.Errorf("%s is of no role; make generate removes it", path)
		}
	}
}

// novel is a table of roles that there are not yet.
func novel() permissions.Table {
	const probe, prober, look = permissions.Role("probe"), permissions.Role("prober"), permissions.Role("look")
	return permissions.Table{
		Grants: []permissions.Grant{
			{Role: probe, Account: permissions.OperatorAccount, Doc: "What Holdfast needs to probe."},
			{Role: prober, Extensible: true, Doc: "Asks for probes."},
			{Role: look, Account: permissions.ProberAccount, Value: "look.on", Namespaces: "look.namespaces", Doc: "What it takes to look."},
		},
		Parts: []permissions.Part{{Role: probe, Name: "netIso", Value: "probe.netIso", Doc: "probes of a type"}},
		Rules: []permissions.Rule{
			{Role: probe, Part: "netIso", Namespaced: true, Resources: []string{"pods"}, Verbs: []string{"create", "delete"},
				Feature: "A pod that tries a connection.", Without: "Nothing is tried."},
			{Role: prober, Group: "holdfast.dev", Resources: []string{"probes"}, Verbs: []string{"create"}, Feature: "To ask."},
			{Role: look, Resources: []string{"nodes"}, Verbs: []string{"get"}, Feature: "To look.", Without: "Nothing is seen."},
		},
	}
}

// TestANovelRole: a role that is new takes a line in the table and nothing else.
func TestANovelRole(t *testing.T) {
	table := novel()
	labels := "  labels:\n    {{- include \"holdfast.labels\" . | nindent 4 }}\n"
	want := map[int]string{
		0: `{{- /* Made from internal/permissions by "go run ./hack/permissions". Do not edit. */}}
{{- if .Values.probe.netIso }}
---
# Granted by the value probe.netIso: probes of a type.
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: {{ include "holdfast.fullname" . }}-probe-netiso
  namespace: {{ .Release.Namespace }}
` + labels + `rules:
# A pod that tries a connection.
- apiGroups: [""]
  resources: [pods]
  verbs: [create, delete]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: {{ include "holdfast.fullname" . }}-probe-netiso
  namespace: {{ .Release.Namespace }}
` + labels + `roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {{ include "holdfast.fullname" . }}-probe-netiso
subjects:
- kind: ServiceAccount
  name: {{ include "holdfast.serviceAccountName" . }}
  namespace: {{ .Release.Namespace }}
{{- end }}
`,
		1: `{{- /* Made from internal/permissions by "go run ./hack/permissions". Do not edit. */}}
{{- if .Values.roles.create }}
---
# Asks for probes. Its rules are those of every ClusterRole with this label, and
# are filled in by the cluster.
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: {{ include "holdfast.fullname" . }}-prober
` + labels + `aggregationRule:
  clusterRoleSelectors:
  - matchLabels:
      rbac.holdfast.dev/aggregate-to-prober: "true"
---
# What prober has of Holdfast's own.
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: {{ include "holdfast.fullname" . }}-prober-base
` + labels + `    rbac.holdfast.dev/aggregate-to-prober: "true"
rules:
# To ask.
- apiGroups: [holdfast.dev]
  resources: [probes]
  verbs: [create]
{{- end }}
`,
		2: `{{- /* Made from internal/permissions by "go run ./hack/permissions". Do not edit. */}}
{{- if .Values.look.on }}
---
# What it takes to look.
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: {{ include "holdfast.fullname" . }}-look
` + labels + `rules:
# To look.
- apiGroups: [""]
  resources: [nodes]
  verbs: [get]
{{- range .Values.look.namespaces }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: {{ include "holdfast.fullname" $ }}-look
  namespace: {{ . | quote }}
  labels:
    {{- include "holdfast.labels" $ | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: {{ include "holdfast.fullname" $ }}-look
subjects:
- kind: ServiceAccount
  name: holdfast-prober
  namespace: {{ $.Release.Namespace }}
{{- else }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: {{ include "holdfast.fullname" . }}-look
` + labels + `roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: {{ include "holdfast.fullname" . }}-look
subjects:
- kind: ServiceAccount
  name: holdfast-prober
  namespace: {{ .Release.Namespace }}
{{- end }}
{{- end }}
`,
	}
	for i, want := range want {
		if diff := cmp.Diff(want, chart(&table, &table.Grants[i])); diff != "" {
			t.Errorf("template of %s (-want +got):\n%s", table.Grants[i].Role, diff)
		}
	}
	text, err := page(&table)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| `holdfast-probe-netiso` | Role in Holdfast's namespace | Probes of a type. | `probe.netIso=true` |",
		"| `create`, `delete` | `pods`, in Holdfast's namespace | A pod that tries a connection. | Nothing is tried. |",
		"| `holdfast-prober` | ClusterRole | Asks for probes. | `roles.create` (by default), and a binding of yours |",
		"| `create` | `probes` of `holdfast.dev` | To ask. |",
		"| `holdfast-look` | ClusterRole | What it takes to look. | `look.on=true`, in the namespaces of `look.namespaces` or, where there are none, everywhere |",
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("the page has no line %q", want)
		}
	}
}

func TestCondition(t *testing.T) {
	always, byValue := permissions.Grant{}, permissions.Grant{Value: "probe.enabled"}
	optional := permissions.Part{Value: "observe.x", APIs: []string{"a/v1", "b/v2"}}
	cases := map[string]struct {
		grant permissions.Grant
		part  *permissions.Part
		want  string
	}{
		"a role":                    {always, nil, ""},
		"a role by a value":         {byValue, nil, ".Values.probe.enabled"},
		"a control type":            {always, &permissions.Part{Value: "enforce.x"}, ".Values.enforce.x"},
		"a control type by a value": {byValue, &permissions.Part{Value: "enforce.x"}, "and .Values.probe.enabled .Values.enforce.x"},
		"an optional API": {always, &optional, `or (eq .Values.observe.x "Enabled") (and (eq .Values.observe.x "Auto")` +
			` (or (.Capabilities.APIVersions.Has "a/v1") (.Capabilities.APIVersions.Has "b/v2")))`},
		"an optional API by a value": {byValue, &optional, `and .Values.probe.enabled (or (eq .Values.observe.x "Enabled")` +
			` (and (eq .Values.observe.x "Auto") (or (.Capabilities.APIVersions.Has "a/v1") (.Capabilities.APIVersions.Has "b/v2"))))`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := condition(&tc.grant, tc.part); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}
