{{- define "type_members" -}}
{{- if eq .Name "metadata" -}}
Name, labels, annotations, as of all objects.
{{- else -}}
{{ template "line" .Doc }}
{{- end -}}
{{- end -}}

{{- define "line" -}}
{{- . | replace "\n\n" " " | replace "\n" " " | replace "|" "\\|" | replace "<" "&lt;" | trim -}}
{{- end -}}

{{- define "rules" -}}
{{- $rules := list -}}
{{- range .Validation -}}
{{- if hasPrefix "Required:" . -}}{{- $rules = append $rules "required" -}}
{{- else if not (hasPrefix "Optional:" .) -}}{{- $rules = append $rules (. | replace "|" "\\|" | replace "items:" "each ") -}}
{{- end -}}
{{- end -}}
{{- if .Default -}}{{- $rules = append $rules (printf "default `%s`" .Default) -}}{{- end -}}
{{- join "; " $rules -}}
{{- end -}}
