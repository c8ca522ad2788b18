{{/* The name of this release's objects: holdfast in a release called holdfast. */}}
{{- define "holdfast.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* The labels by which the operator's pods are selected. They never change. */}}
{{- define "holdfast.selectorLabels" -}}
app.kubernetes.io/name: holdfast
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* The labels of every object. */}}
{{- define "holdfast.labels" -}}
{{ include "holdfast.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: holdfast
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The operator's service account. */}}
{{- define "holdfast.serviceAccountName" -}}
{{- default (include "holdfast.fullname" .) .Values.serviceAccount.name -}}
{{- end -}}

{{/* The image, by digest where one is stated. */}}
{{- define "holdfast.image" -}}
{{- with .Values.image -}}
{{- with .registry }}{{ . }}/{{ end -}}
{{- .repository -}}
{{- if .digest -}}@{{ .digest }}{{- else -}}:{{ default $.Chart.AppVersion .tag }}{{- end -}}
{{- end -}}
{{- end -}}

{{/*
Nine tenths of the memory limit, in bytes, for Go's garbage collector: the rest
is for what it does not count. Empty without a limit.
*/}}
{{- define "holdfast.goMemoryLimit" -}}
{{- with (.Values.resources.limits).memory -}}
{{- $units := dict "" 1 "k" 1000 "M" 1000000 "G" 1000000000 "T" 1000000000000 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 -}}
{{- $quantity := toString . -}}
{{- $unit := regexFind "[A-Za-z]*$" $quantity -}}
{{- if not (hasKey $units $unit) -}}
{{- fail (printf "resources.limits.memory: %q has a unit that is no unit of memory: use one of k, M, G, T, Ki, Mi, Gi or Ti" $quantity) -}}
{{- end -}}
{{- mulf (trimSuffix $unit $quantity) (get $units $unit) 0.9 | int64 -}}
{{- end -}}
{{- end -}}

{{/* The claim of the ledger's volume, where it has one. */}}
{{- define "holdfast.ledgerClaim" -}}
{{- default (printf "%s-ledger" (include "holdfast.fullname" .)) .Values.ledger.persistence.existingClaim -}}
{{- end -}}

{{/* The claim of the exports' volume. */}}
{{- define "holdfast.exportsClaim" -}}
{{- default (printf "%s-exports" (include "holdfast.fullname" .)) .Values.exports.existingClaim -}}
{{- end -}}

{{/* What is in the spec of a claim, of values such as ledger.persistence. */}}
{{- define "holdfast.claimSpec" -}}
accessModes: [{{ .accessMode }}]
{{- if eq .storageClassName "-" }}
storageClassName: ""
{{- else if .storageClassName }}
storageClassName: {{ .storageClassName | quote }}
{{- end }}
resources:
  requests:
    storage: {{ .size }}
{{- end -}}

{{/*
Fails where a claim that does not exist yet would wait for ever, for want of a
storage class. It is called with the root, the path of the values, the values,
and the name of the claim. A cluster that is not asked, as by helm template,
is not judged.
*/}}
{{- define "holdfast.checkStorageClass" -}}
{{- $class := .values.storageClassName -}}
{{- $connected := lookup "v1" "Namespace" "" "kube-system" -}}
{{- if and $connected (ne $class "-") (not (lookup "v1" "PersistentVolumeClaim" .root.Release.Namespace .claim)) -}}
{{- if not $class -}}
{{- $default := false -}}
{{- range (lookup "storage.k8s.io/v1" "StorageClass" "" "").items -}}
{{- if eq (get (default dict .metadata.annotations) "storageclass.kubernetes.io/is-default-class") "true" -}}
{{- $default = true -}}
{{- end -}}
{{- end -}}
{{- if not $default -}}
{{- fail (printf "%s: the cluster has no default storage class, so that the claim %s would wait for ever: name a class in %s.storageClassName, or a claim that exists in %s.existingClaim" .path .claim .path .path) -}}
{{- end -}}
{{- else if not (lookup "storage.k8s.io/v1" "StorageClass" "" $class) -}}
{{- fail (printf "%s.storageClassName: the cluster has no storage class %q: create it, or name another (kubectl get storageclasses)" .path $class) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The operator's arguments: every flag that docs/flags.md lists and a value sets. */}}
{{- define "holdfast.args" -}}
- --namespace={{ .Release.Namespace }}
- --ledger-dir=/var/lib/holdfast/ledger
{{- if not .Values.ledger.persistence.enabled }}
- --ledger-ephemeral
{{- end }}
{{- if .Values.exports.enabled }}
- --export-dir=/var/lib/holdfast/exports
{{- end }}
- --ledger-bind-address={{ ternary ":8082" "0" .Values.ledger.serve }}
- --metrics-bind-address={{ ternary ":8443" "0" .Values.metrics.enabled }}
- --health-probe-bind-address=:8081
- --contention-threshold={{ .Values.contentionThreshold | int }}
- --progress-timeout={{ .Values.progressTimeout }}
{{- with .Values.dnsService }}
- --dns-service={{ . }}
{{- end }}
- --zap-log-level={{ .Values.log.level }}
- --zap-encoder={{ .Values.log.encoder }}
- --zap-time-encoding={{ .Values.log.timeEncoding }}
- --zap-stacktrace-level={{ .Values.log.stacktraceLevel }}
{{- end -}}

{{/*
The annotations of what is kept when all else is removed: by Helm, by Argo CD and
by Flux, which prune what is no longer among their manifests.
*/}}
{{- define "holdfast.keep" -}}
helm.sh/resource-policy: keep
argocd.argoproj.io/sync-options: Prune=false,Delete=false
kustomize.toolkit.fluxcd.io/prune: disabled
{{- end -}}

{{/* The annotations of a claim, of values such as ledger.persistence. */}}
{{- define "holdfast.claimAnnotations" -}}
{{- $annotations := deepCopy .annotations -}}
{{- if .keep -}}
{{- $annotations = merge $annotations (include "holdfast.keep" . | fromYaml) -}}
{{- end -}}
{{- with $annotations -}}
annotations: {{- toYaml . | nindent 2 }}
{{- end -}}
{{- end -}}

{{/* Fails, with one sentence, where a value is wrong that the schema accepts. */}}
{{- define "holdfast.checkValues" -}}
{{- include "holdfast.checkForms" . -}}
{{- with .Values -}}
{{- if not (or .serviceAccount.create .serviceAccount.name) -}}
{{- fail "serviceAccount.name: name the service account to use, or have the chart create one (serviceAccount.create=true)" -}}
{{- end -}}
{{- if and .metrics.serviceMonitor.enabled (not .metrics.enabled) -}}
{{- fail "metrics.serviceMonitor.enabled: there is nothing to scrape unless metrics are served (metrics.enabled=true)" -}}
{{- end -}}
{{- if and .metrics.readers (not .roles.create) -}}
{{- fail "metrics.readers: readers are bound to the role metrics-reader, which the chart does not create (roles.create=true)" -}}
{{- end -}}
{{- if and .tlsSecrets.namespaces (not .tlsSecrets.read) -}}
{{- fail "tlsSecrets.namespaces: nothing is read there unless TLS Secrets may be read (tlsSecrets.read=true)" -}}
{{- end -}}
{{- range $value, $labels := dict "commonLabels" .commonLabels "podLabels" .podLabels -}}
{{- range $key := keys $labels | sortAlpha -}}
{{- if or (hasPrefix "app.kubernetes.io/" $key) (hasPrefix "helm.sh/" $key) -}}
{{- fail (printf "%s: the chart sets the label %s itself: take another name" $value $key) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
