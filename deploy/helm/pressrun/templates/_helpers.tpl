{{/* At most 40 characters, so that the name of a reader's pod has at most the 64 of a READER_ID. */}}
{{- define "pressrun.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What selects pods of a component: (list . "reader"). Never changes. */}}
{{- define "pressrun.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ $root.Chart.Name }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{- define "pressrun.labels" -}}
{{- $root := index . 0 -}}
{{ include "pressrun.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version }}
{{- end -}}

{{- define "pressrun.image" -}}
{{- $root := index . 0 -}}
image: {{ printf "%spressrun-%s:%s" $root.Values.image.prefix (index . 1) ($root.Values.image.tag | default $root.Chart.AppVersion) }}
imagePullPolicy: {{ $root.Values.image.pullPolicy }}
{{- end -}}

{{/* Nobody's: the programs write nowhere, ask the cluster nothing, and are not root. */}}
{{- define "pressrun.podSecurity" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile:
    type: RuntimeDefault
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "pressrun.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end -}}

{{- define "pressrun.databaseUrl" -}}
- name: DATABASE_URL
  valueFrom:
    secretKeyRef:
      name: {{ required "database.existingSecret: the secret that holds DATABASE_URL" .Values.database.existingSecret }}
      key: {{ .Values.database.key }}
{{- end -}}

{{- define "pressrun.redisUrl" -}}
- name: REDIS_URL
  valueFrom:
    secretKeyRef:
      name: {{ required "redis.existingSecret: the secret that holds REDIS_URL" .Values.redis.existingSecret }}
      key: {{ .Values.redis.key }}
{{- if .Values.redis.ca.existingSecret }}
- name: REDIS_TLS_CA_FILE
  value: /etc/pressrun/redis-ca/{{ .Values.redis.ca.key }}
{{- end }}
{{- end -}}

{{/* Settings that writers and readers share. */}}
{{- define "pressrun.processEnv" -}}
- name: DRAIN_DELAY
  value: {{ printf "%ds" (int .Values.shutdown.drainDelaySeconds) }}
- name: SHUTDOWN_GRACE
  value: {{ printf "%ds" (int .Values.shutdown.graceSeconds) }}
- name: RUST_LOG
  value: {{ .Values.logs.filter | quote }}
- name: LOG_FORMAT
  value: {{ .Values.logs.format }}
{{- with .Values.traces.endpoint }}
- name: OTEL_EXPORTER_OTLP_ENDPOINT
  value: {{ . | quote }}
{{- end }}
{{- end -}}

{{- define "pressrun.env" -}}
{{- range $name, $value := . }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end -}}

{{- define "pressrun.end" -}}
{{- with .Values.shutdown -}}
terminationGracePeriodSeconds: {{ add .preStopSeconds .drainDelaySeconds .graceSeconds .marginSeconds }}
{{- end -}}
{{- end -}}

{{- define "pressrun.preStop" -}}
{{- with .Values.shutdown.preStopSeconds }}
lifecycle:
  preStop:
    sleep:
      seconds: {{ . }}
{{- end }}
{{- end -}}

{{/* A restart helps who is not alive; who is not ready waits for something else. */}}
{{- define "pressrun.probes" -}}
startupProbe:
  httpGet: { path: /livez, port: admin }
  periodSeconds: 1
  failureThreshold: 60
livenessProbe:
  httpGet: { path: /livez, port: admin }
  periodSeconds: 10
  timeoutSeconds: 3
  failureThreshold: 3
readinessProbe:
  httpGet: { path: /readyz, port: admin }
  periodSeconds: 2
  timeoutSeconds: 2
  failureThreshold: 1
{{- end -}}

{{/* A NetworkPolicy's rule: (list "from" peers ports..). Without peers the rule names none: everybody. */}}
{{- define "pressrun.rule" -}}
- ports:
    {{- range slice . 2 }}
    - { protocol: TCP, port: {{ . }} }
    {{- end }}
  {{- with index . 1 }}
  {{ index $ 0 }}:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}
