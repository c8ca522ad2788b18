{{- define "type" }}
{{- if markdownShouldRenderType . }}
### {{ .Name }}

{{ .Doc }}
{{- if .SortedReferences }}

In: {{ range $i, $reference := .SortedReferences }}{{ if $i }}, {{ end }}{{ markdownRenderTypeLink $reference }}{{ end }}
{{- end }}
{{- range .Validation }}
{{- if contains "OneOf:" . }}

{{ . }}
{{- end }}
{{- end }}
{{- if .EnumValues }}

| Value | |
|---|---|
{{- range .EnumValues }}
| `{{ .Name }}` | {{ template "line" (regexReplaceAll "^\\S+ " .Doc "") }} |
{{- end }}
{{- else if .Members }}

| Field | Type | | Rules |
|---|---|---|---|
{{- range .Members }}
| `{{ .Name }}` | {{ markdownRenderType .Type }} | {{ template "type_members" . }} | {{ template "rules" . }} |
{{- end }}
{{- end }}
{{ end }}
{{- end -}}
