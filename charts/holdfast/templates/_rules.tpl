{{/*
The groups of rules, with what metrics.rules.overrides changes, as an object of
one field. Rules are data here: they hold templates of Prometheus's own.
*/}}
{{- define "holdfast.rules" -}}
{{- $overrides := .Values.metrics.rules.overrides -}}
{{- $groups := list -}}
{{- $alerts := list -}}
{{- range $path, $_ := .Files.Glob "rules/*.yaml" -}}
{{- range $group := ($.Files.Get $path | fromYaml).groups -}}
{{- $rules := list -}}
{{- range $rule := $group.rules -}}
{{- $override := get $overrides (toString $rule.alert) | default dict -}}
{{- if $rule.alert -}}
{{- $alerts = append $alerts $rule.alert -}}
{{- end -}}
{{- if not $override.disabled -}}
{{- $rules = append $rules (mergeOverwrite $rule (omit $override "disabled")) -}}
{{- end -}}
{{- end -}}
{{- if $rules -}}
{{- $groups = append $groups (set $group "rules" $rules) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $name := keys $overrides | sortAlpha -}}
{{- if not (has $name $alerts) -}}
{{- fail (printf "metrics.rules.overrides: there is no alert %s: take one of %s" $name (sortAlpha $alerts | join ", ")) -}}
{{- end -}}
{{- end -}}
{{- dict "groups" $groups | toYaml -}}
{{- end -}}
