{{- /* Made from values.yaml by "go run ./hack/chart". Do not edit. */}}
{{/* Fails, with one sentence, where a text does not have the form that it needs. */}}
{{- define "holdfast.checkForms" -}}
{{- if not (regexMatch `^([a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?)?$` (toString (default "" .Values.fullnameOverride))) -}}
{{- fail (printf "fullnameOverride: %q is not a name of up to 40 lower-case letters, digits and dashes" (toString (default "" .Values.fullnameOverride))) -}}
{{- end -}}
{{- if not (regexMatch `^[a-z0-9][-a-z0-9._/]*$` (toString (default "" .Values.image.repository))) -}}
{{- fail (printf "image.repository: %q is not a repository, such as holdfast-dev/holdfast" (toString (default "" .Values.image.repository))) -}}
{{- end -}}
{{- if not (regexMatch `^([A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?$` (toString (default "" .Values.image.tag))) -}}
{{- fail (printf "image.tag: %q is not a tag, such as 0.1.0" (toString (default "" .Values.image.tag))) -}}
{{- end -}}
{{- if not (regexMatch `^(sha256:[0-9a-f]{64})?$` (toString (default "" .Values.image.digest))) -}}
{{- fail (printf "image.digest: %q is not a digest, as sha256: and 64 hexadecimal digits" (toString (default "" .Values.image.digest))) -}}
{{- end -}}
{{- if not (regexMatch `^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?)?$` (toString (default "" .Values.serviceAccount.name))) -}}
{{- fail (printf "serviceAccount.name: %q is not a name of lower-case letters, digits, dashes and dots" (toString (default "" .Values.serviceAccount.name))) -}}
{{- end -}}
{{- if not (regexMatch `^([0-9]+([.][0-9]+)?(ns|us|µs|ms|s|m|h))+$` (toString (default "" .Values.progressTimeout))) -}}
{{- fail (printf "progressTimeout: %q is not a duration, such as 2m" (toString (default "" .Values.progressTimeout))) -}}
{{- end -}}
{{- if not (regexMatch `^([a-z0-9]([-a-z0-9]*[a-z0-9])?/[a-z0-9]([-a-z0-9]*[a-z0-9])?)?$` (toString (default "" .Values.dnsService))) -}}
{{- fail (printf "dnsService: %q is not a service, as namespace/name" (toString (default "" .Values.dnsService))) -}}
{{- end -}}
{{- if not (regexMatch `^[0-9]+([.][0-9]+)?(Ki|Mi|Gi|Ti|k|M|G|T)?$` (toString (default "" .Values.ledger.persistence.size))) -}}
{{- fail (printf "ledger.persistence.size: %q is not a quantity, such as 10Gi" (toString (default "" .Values.ledger.persistence.size))) -}}
{{- end -}}
{{- if not (regexMatch `^[0-9]+([.][0-9]+)?(Ki|Mi|Gi|Ti|k|M|G|T)?$` (toString (default "" .Values.ledger.ephemeralSizeLimit))) -}}
{{- fail (printf "ledger.ephemeralSizeLimit: %q is not a quantity, such as 10Gi" (toString (default "" .Values.ledger.ephemeralSizeLimit))) -}}
{{- end -}}
{{- if not (regexMatch `^[0-9]+([.][0-9]+)?(Ki|Mi|Gi|Ti|k|M|G|T)?$` (toString (default "" .Values.exports.size))) -}}
{{- fail (printf "exports.size: %q is not a quantity, such as 10Gi" (toString (default "" .Values.exports.size))) -}}
{{- end -}}
{{- if not (regexMatch `^([0-9]+(ms|s|m|h))?$` (toString (default "" .Values.metrics.serviceMonitor.interval))) -}}
{{- fail (printf "metrics.serviceMonitor.interval: %q is not a duration, such as 30s" (toString (default "" .Values.metrics.serviceMonitor.interval))) -}}
{{- end -}}
{{- end -}}
