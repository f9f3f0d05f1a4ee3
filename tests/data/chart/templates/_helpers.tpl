{{- define "connect.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- /* The release's name where it holds the chart's. */ -}}
{{- define "connect.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $made := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) -}}
{{- default $made .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "connect.selector" -}}
app.kubernetes.io/name: {{ include "connect.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "connect.labels" -}}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{ include "connect.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "connect.version" -}}
{{- default .Chart.AppVersion .Values.versionOverride -}}
{{- end -}}

{{- define "connect.claim" -}}
{{- default (printf "%s-shared-storage" (include "connect.fullname" .)) .Values.sharedStorage.name -}}
{{- end -}}

{{- define "connect.serviceAccount" -}}
{{- default (include "connect.fullname" .) .Values.rbac.serviceAccount.name -}}
{{- end -}}

{{- define "connect.hasStorage" -}}
{{- if or .Values.sharedStorage.create .Values.sharedStorage.mount -}}true{{- end -}}
{{- end -}}

{{- /* What the chart says by itself, below what the user says. Empty settings of three names are left out. */ -}}
{{- define "connect.config" -}}
{{- $own := dict -}}
{{- $said := deepCopy .Values.config -}}
{{- $direct := .Values.backends.kubernetes -}}
{{- if $direct.enabled -}}
{{- $section := dict "Enabled" true "Namespace" (default .Release.Namespace $direct.namespace) "DefaultResourceJobBase" "/etc/rstudio-connect/job.yaml" -}}
{{- if $direct.defaultResourceServiceBase -}}{{- $_ := set $section "DefaultResourceServiceBase" "/etc/rstudio-connect/service.yaml" -}}{{- end -}}
{{- if $direct.defaultInitContainer.enabled -}}{{- $_ := set $section "ConnectRuntimeDir" "/opt/rstudio-connect-runtime" -}}{{- end -}}
{{- if and (include "connect.hasStorage" .) .Values.sharedStorage.mountContent -}}
{{- $_ := set $section "DataDirPVCName" (include "connect.claim" .) -}}
{{- if .Values.sharedStorage.subPath -}}{{- $_ := set $section "DataDirPVCSubPath" .Values.sharedStorage.subPath -}}{{- end -}}
{{- end -}}
{{- $_ := set $own "Kubernetes" $section -}}
{{- range list "DefaultResourceJobBase" "DefaultResourceServiceBase" "ConnectRuntimeDir" -}}
{{- if and (hasKey (default dict $said.Kubernetes) .) (not (get $said.Kubernetes .)) -}}{{- $_ := unset $said.Kubernetes . -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- if .Values.launcher.enabled -}}
{{- $_ := set $own "Launcher" (dict "Enabled" true "Kubernetes" true "KubernetesNamespace" (default .Release.Namespace .Values.launcher.namespace)) -}}
{{- end -}}
{{- if .Values.executionEnvironments -}}
{{- $_ := set $own "ExecutionEnvironments" (dict "ConfigFilePath" "/etc/rstudio-connect/execution-environments/environments.yaml") -}}
{{- end -}}
{{- if .Values.license.server -}}{{- $_ := set $own "Licensing" (dict "LicenseType" "Remote") -}}{{- end -}}
{{- if .Values.prometheus.enabled -}}{{- $_ := set $own "Metrics" (dict "PrometheusListen" (printf ":%v" .Values.prometheus.port)) -}}{{- end -}}
{{- include "connect.gcfg" (mergeOverwrite $own $said) -}}
{{- end -}}

{{- /* The base of content's Jobs, with the containers that the chart adds. */ -}}
{{- define "connect.jobBase" -}}
{{- $job := deepCopy .Values.backends.kubernetes.defaultResourceJobBase -}}
{{- $init := .Values.backends.kubernetes.defaultInitContainer -}}
{{- $_ := set $job "apiVersion" (default "batch/v1" $job.apiVersion) -}}
{{- $_ := set $job "kind" (default "Job" $job.kind) -}}
{{- if $init.enabled -}}
{{- $spec := dict -}}
{{- $image := printf "%s:%s" $init.repository (default (include "connect.version" .) $init.tag) -}}
{{- $runtime := default "/opt/rstudio-connect-runtime" (default dict .Values.config.Kubernetes).ConnectRuntimeDir -}}
{{- $added := list (dict "list" "initContainers" "name" "connect-content-init" "image" $image "path" "/mnt/rstudio-connect-runtime/") (dict "list" "containers" "name" "connect-content" "path" $runtime) -}}
{{- $_ := set $job "spec" (default dict $job.spec) -}}
{{- $_ := set $job.spec "template" (default dict $job.spec.template) -}}
{{- $_ := set $job.spec.template "spec" (default dict $job.spec.template.spec) -}}
{{- $spec = $job.spec.template.spec -}}
{{- range $add := $added -}}
{{- $all := list -}}
{{- $found := false -}}
{{- $mount := dict "name" "rsc-volume" "mountPath" $add.path -}}
{{- range (default list (get $spec $add.list)) -}}
{{- $one := deepCopy . -}}
{{- if eq (default "" $one.name) $add.name -}}
{{- $found = true -}}
{{- if and $add.image (not $one.image) -}}{{- $_ := set $one "image" $add.image -}}{{- end -}}
{{- $_ := set $one "volumeMounts" (append (default list $one.volumeMounts) $mount) -}}
{{- end -}}
{{- $all = append $all $one -}}
{{- end -}}
{{- if not $found -}}
{{- $one := dict "name" $add.name "volumeMounts" (list $mount) -}}
{{- if $add.image -}}{{- $_ := set $one "image" $add.image -}}{{- end -}}
{{- $all = append $all $one -}}
{{- end -}}
{{- $_ := set $spec $add.list $all -}}
{{- end -}}
{{- $volumes := default list $spec.volumes -}}
{{- $there := false -}}
{{- range $volumes -}}{{- if eq (default "" .name) "rsc-volume" -}}{{- $there = true -}}{{- end -}}{{- end -}}
{{- if not $there -}}{{- $_ := set $spec "volumes" (append $volumes (dict "name" "rsc-volume" "emptyDir" dict)) -}}{{- end -}}
{{- end -}}
{{- toYaml $job -}}
{{- end -}}
