{{/* === names === */}}

{{- define "promlink.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "promlink.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else if contains (include "promlink.name" .) .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "promlink.name" .) | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "promlink.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride }}
{{- end }}

{{- define "promlink.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "promlink.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "promlink.selectorLabels" -}}
app.kubernetes.io/name: {{ include "promlink.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{/* The daemon's pods, and not the one of `helm test`. */}}
{{- define "promlink.daemonLabels" -}}
{{ include "promlink.selectorLabels" . }}
app.kubernetes.io/component: daemon
{{- end }}

{{- define "promlink.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "promlink.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: promlink
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "promlink.image" -}}
{{- $registry := default .Values.image.registry .Values.global.imageRegistry }}
{{- $name := empty $registry | ternary .Values.image.repository (printf "%s/%s" $registry .Values.image.repository) }}
{{- if .Values.image.digest }}
{{- printf "%s@%s" $name .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" $name (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{- define "promlink.url" -}}
{{- $own := printf "http://%s.%s.svc:%v" (include "promlink.fullname" .) (include "promlink.namespace" .) .Values.service.port }}
{{- default $own .Values.externalUrl | trimSuffix "/" }}
{{- end }}

{{- define "promlink.tokenSecret" -}}
{{- default (printf "%s-grafana" (include "promlink.fullname" .)) (tpl .Values.grafana.existingSecret.name .) }}
{{- end }}

{{- define "promlink.bootstrapSecret" -}}
{{- default (printf "%s-bootstrap" (include "promlink.fullname" .)) (tpl .Values.grafana.bootstrap.existingSecret.name .) }}
{{- end }}

{{/* === names of the stacks, as their own charts make them === */}}

{{- define "promlink.stack.namespace" -}}
{{- default (include "promlink.namespace" .) .Values.stack.namespace }}
{{- end }}

{{/* The full name of kube-prometheus-stack: 26 characters, for its StatefulSets append much. */}}
{{- define "promlink.stack.kubePrometheusStack" -}}
{{- $release := .Values.stack.release }}
{{- $name := contains "kube-prometheus-stack" $release | ternary $release (printf "%s-kube-prometheus-stack" $release) }}
{{- $name | trunc 26 | trimSuffix "-" }}
{{- end }}

{{/* The Grafana that a chart brings along. */}}
{{- define "promlink.stack.grafana" -}}
{{- $release := .Values.stack.release }}
{{- contains "grafana" $release | ternary $release (printf "%s-grafana" $release) | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* The server of the chart prometheus. */}}
{{- define "promlink.stack.prometheusServer" -}}
{{- $release := .Values.stack.release }}
{{- $name := contains "prometheus" $release | ternary $release (printf "%s-prometheus" $release) }}
{{- printf "%s-server" $name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* The full name of victoria-metrics-k8s-stack. */}}
{{- define "promlink.stack.victoriaMetrics" -}}
{{- $release := .Values.stack.release }}
{{- $name := contains "victoria-metrics-k8s-stack" $release | ternary $release (printf "%s-victoria-metrics-k8s-stack" $release) }}
{{- $name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* === configuration === */}}

{{- define "promlink.hasFile" -}}
{{- if or .Values.config .Values.existingConfigMap }}true{{ end }}
{{- end }}

{{/* promlink.yml: what is given, and what other values say. What is given wins. */}}
{{- define "promlink.config" -}}
{{- $config := tpl (toYaml .Values.config) . | fromYaml }}
{{- with $config.Error }}{{ fail (printf "config: is no YAML once its templates are rendered: %s" .) }}{{ end }}
{{- $alarms := default dict $config.alarms }}
{{- if and .Values.cluster (not (dig "labels" "cluster" "" $alarms)) }}
{{- $_ := set $alarms "labels" (merge (dict "cluster" .Values.cluster) (default dict $alarms.labels)) }}
{{- end }}
{{- if and (gt (int .Values.replicas) 1) (not $alarms.resolve) }}
{{- $_ := set $alarms "resolve" "expire" }}
{{- end }}
{{- if $alarms }}{{ $_ := set $config "alarms" $alarms }}{{ end }}
{{- $web := default dict $config.web }}
{{- if and .Values.externalUrl (not $web.external_url) }}
{{- $_ := set $config "web" (merge (dict "external_url" (include "promlink.url" .)) $web) }}
{{- end }}
{{- with dig "grafanas" $.Values.grafana.name nil $config }}
{{- if not (or .authorization .basic_auth) }}
{{- $_ := set . "authorization" (dict "credentials_file" "/etc/promlink-grafana/token") }}
{{- end }}
{{- if and $.Values.grafana.bootstrap.enabled (not .bootstrap) (not .basic_auth) }}
{{- $_ := set . "bootstrap" (dict "user" $.Values.grafana.bootstrap.user "password_file" "/etc/promlink-bootstrap/password") }}
{{- end }}
{{- end }}
{{- toYaml $config }}
{{- end }}

{{/* Where every command of promlink finds it. */}}
{{- define "promlink.args" -}}
{{- if include "promlink.hasFile" . -}}
- --config.file=/etc/promlink/promlink.yml
{{- else -}}
- --discover
- --discover.token-file=/etc/promlink-grafana/token
{{- end }}
{{- end }}

{{- define "promlink.env" -}}
{{- $env := list }}
{{- if not (include "promlink.hasFile" .) }}
{{- with .Values.cluster }}{{ $env = append $env (dict "name" "PROMLINK__ALARMS__LABELS__CLUSTER" "value" .) }}{{ end }}
{{- if gt (int .Values.replicas) 1 }}{{ $env = append $env (dict "name" "PROMLINK__ALARMS__RESOLVE" "value" "expire") }}{{ end }}
{{- with .Values.externalUrl }}{{ $env = append $env (dict "name" "PROMLINK__WEB__EXTERNAL_URL" "value" .) }}{{ end }}
{{- end }}
{{- with concat $env .Values.extraEnv }}{{ toYaml . }}{{ end }}
{{- end }}

{{- define "promlink.volumeMounts" -}}
{{- if include "promlink.hasFile" . }}
{{- /* No subPath: a changed ConfigMap or Secret reaches the running process. */}}
- {name: config, mountPath: /etc/promlink, readOnly: true}
{{- end }}
- {name: grafana, mountPath: /etc/promlink-grafana, readOnly: true}
{{- if .Values.grafana.bootstrap.enabled }}
- {name: bootstrap, mountPath: /etc/promlink-bootstrap, readOnly: true}
{{- end }}
{{- range concat .Values.extraSecretMounts .Values.extraConfigmapMounts }}
- {name: {{ .name | quote }}, mountPath: {{ .mountPath | quote }}, readOnly: true}
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "promlink.volumes" -}}
{{- if include "promlink.hasFile" . }}
- name: config
  configMap: {name: {{ default (include "promlink.fullname" .) .Values.existingConfigMap }}}
{{- end }}
# A Secret may come later: until it does, promlink says what it lacks.
- name: grafana
  secret:
    secretName: {{ include "promlink.tokenSecret" . }}
    optional: true
    items: [{key: {{ .Values.grafana.existingSecret.key | quote }}, path: token}]
{{- if .Values.grafana.bootstrap.enabled }}
- name: bootstrap
  secret:
    secretName: {{ include "promlink.bootstrapSecret" . }}
    optional: true
    items: [{key: {{ .Values.grafana.bootstrap.existingSecret.key | quote }}, path: password}]
{{- end }}
{{- range .Values.extraSecretMounts }}
- name: {{ .name | quote }}
  secret: {secretName: {{ .secretName | quote }}, optional: true}
{{- end }}
{{- range .Values.extraConfigmapMounts }}
- name: {{ .name | quote }}
  configMap: {name: {{ .configMap | quote }}, optional: true}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* What a pod of promlink is made of, the daemon's and the test's. */}}
{{- define "promlink.podCommon" -}}
serviceAccountName: {{ include "promlink.serviceAccount" . }}
automountServiceAccountToken: {{ .Values.automountServiceAccountToken }}
enableServiceLinks: false
securityContext:
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.dnsPolicy }}
dnsPolicy: {{ . }}
{{- end }}
{{- with .Values.dnsConfig }}
dnsConfig:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.hostAliases }}
hostAliases:
  {{- toYaml . | nindent 2 }}
{{- end }}
volumes:
  {{- include "promlink.volumes" . | trim | nindent 2 }}
{{- end }}

{{- define "promlink.containerCommon" -}}
image: {{ include "promlink.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  {{- toYaml .Values.securityContext | nindent 2 }}
{{- with include "promlink.env" . }}
env:
  {{- . | nindent 2 }}
{{- end }}
{{- with .Values.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
volumeMounts:
  {{- include "promlink.volumeMounts" . | trim | nindent 2 }}
{{- end }}

{{/* The label that rules and pushed alarms tell clusters apart by, onto what is scraped. */}}
{{- define "promlink.relabelings" -}}
{{- $relabelings := .monitor.relabelings }}
{{- with .root.Values.cluster }}
{{- $relabelings = prepend $relabelings (dict "targetLabel" "cluster" "replacement" .) }}
{{- end }}
{{- with $relabelings }}
relabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .monitor.metricRelabelings }}
metricRelabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
