{{- define "holdfast.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains (default .Chart.Name .Values.nameOverride) .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (default .Chart.Name .Values.nameOverride) | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "holdfast.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "holdfast.labels" -}}
{{ include "holdfast.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "holdfast.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "holdfast.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "holdfast.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}
{{- end -}}

{{/* What every pod has: no privilege, no writable file but /tmp and the scratch directory. */}}
{{- define "holdfast.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "holdfast.security" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{/* Settings and secrets that every container has. Secrets come by reference alone. */}}
{{- define "holdfast.environment" -}}
- name: HOLDFAST_STORAGE
  value: {{ .Values.storage.url | quote }}
- name: HOLDFAST_DATABASE
  valueFrom:
    secretKeyRef: {name: {{ .Values.secrets.existingSecret }}, key: {{ .Values.secrets.databaseUrlKey }}}
- name: HOLDFAST_ENCRYPTION_KEY_FILE
  value: /run/secrets/holdfast/master-key
{{- range $name, $value := .Values.settings }}
- name: HOLDFAST_{{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end -}}

{{- define "holdfast.environmentFrom" -}}
{{- if .Values.storage.existingSecret }}
envFrom:
  - secretRef: {name: {{ .Values.storage.existingSecret }}}
{{- end }}
{{- end -}}

{{- define "holdfast.mounts" -}}
- {name: secrets, mountPath: /run/secrets/holdfast, readOnly: true}
- {name: scratch, mountPath: /var/lib/holdfast}
- {name: temporary, mountPath: /tmp}
{{- end -}}

{{- define "holdfast.volumes" -}}
- name: secrets
  secret:
    secretName: {{ .Values.secrets.existingSecret }}
    defaultMode: 0440
    items:
      - {key: {{ .Values.secrets.masterKeyKey }}, path: master-key}
      {{- if .admin }}
      - {key: {{ .Values.secrets.adminPasswordKey }}, path: admin-password}
      {{- end }}
- {name: scratch, emptyDir: {}}
- {name: temporary, emptyDir: {}}
{{- end -}}
