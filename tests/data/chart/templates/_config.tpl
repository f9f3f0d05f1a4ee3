{{- /* Sections in byte order, settings in byte order, a line for each element of a list; values as Go prints them, never quoted. */ -}}
{{- define "connect.gcfg" -}}
{{- range $section, $settings := . -}}
{{ printf "[%s]\n" $section }}
{{- range $key, $value := $settings -}}
{{- range ternary $value (list $value) (kindIs "slice" $value) -}}
{{ $key }} = {{ . }}{{ "\n" }}
{{- end -}}
{{- end -}}
{{ "\n" }}
{{- end -}}
{{- end -}}
