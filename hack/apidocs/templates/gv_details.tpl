{{- define "gvDetails" }}
All kinds are of `apiVersion: {{ .GroupVersionString }}`, without a namespace, and in the category `holdfast`
(`kubectl get holdfast`).

| Kind | |
|---|---|
{{- $gv := . }}
{{- range .SortedKinds }}
{{- $type := $gv.TypeForKind . }}
| {{ markdownRenderTypeLink $type }} | {{ template "line" (trimPrefix (print $type.Name " ") $type.Doc) }} |
{{- end }}

## Kinds
{{ range .SortedKinds }}{{ template "type" ($gv.TypeForKind .) }}{{ end }}
## Types
{{ range .SortedTypes }}{{ if not .GVK }}{{ template "type" . }}{{ end }}{{ end }}
{{- end -}}
