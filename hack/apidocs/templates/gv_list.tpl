{{- define "gvList" -}}
# API reference

What each field means, and what it may hold. `make generate` writes this page from the Go types in
[api/v1alpha1](../api/v1alpha1); `kubectl explain` says the same on a cluster. Rules that concern several fields stand
in the descriptions, and are checked by the API server, which refuses what breaks them in one sentence. How the kinds are
used is told by [a first policy](first-policy.md), [network isolation](controls/network-isolation.md) and
[evidence for an examination](evidence.md).
{{ range . }}{{ template "gvDetails" . }}{{ end }}
{{- end -}}
