{{/* Nine tenths of a quantity of memory, in bytes: Go collects harder before the kernel
kills. The rest is for what Go does not count. The schema allows these suffixes only. */}}
{{- define "pulltrace.gomemlimit" -}}
{{- $quantity := toString . -}}
{{- $units := dict "" 1 "k" 1000 "M" 1000000 "G" 1000000000 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 -}}
{{- $number := regexFind "^[0-9]+" $quantity -}}
{{- $unit := get $units (trimPrefix $number $quantity) -}}
{{- div (mul (int64 $number) $unit 9) 10 -}}
{{- end -}}
