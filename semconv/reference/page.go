package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"

	"github.com/prometheus/otlptranslator"
)

//go:embed page.md.tmpl
var pageTemplate string

// page is the registry as a page to read.
func (r *registry) page() ([]byte, error) {
	tmpl, err := template.New("page.md.tmpl").Funcs(template.FuncMap{
		"prometheus":   prometheusNames,
		"attributes":   attributeLine,
		"isSpan":       isSpan,
		"link":         link,
		"standards":    r.standards,
		"standardPage": r.standardPage,
		"cell":         cell,
		"bounds":       bounds,
		"trim":         strings.TrimSpace,
	}).Option("missingkey=error").Parse(pageTemplate)
	if err != nil {
		return nil, err
	}
	var page bytes.Buffer
	if err := tmpl.Execute(&page, r); err != nil {
		return nil, err
	}
	return append(bytes.TrimSpace(blankLines.ReplaceAll(page.Bytes(), []byte("\n\n"))), '\n'), nil
}

// blankLines are more of them than one, which templates leave behind.
var blankLines = regexp.MustCompile(`\n{3,}`)

// prometheusTypes are what instruments become.
var prometheusTypes = map[string]otlptranslator.MetricType{
	"gauge":         otlptranslator.MetricTypeGauge,
	"updowncounter": otlptranslator.MetricTypeNonMonotonicCounter,
	"counter":       otlptranslator.MetricTypeMonotonicCounter,
	"histogram":     otlptranslator.MetricTypeHistogram,
}

// prometheusNames are the names that a metric has in Prometheus: its OTLP
// receiver and the exporter for scrape translate alike.
func prometheusNames(m *metric) ([]string, error) {
	namer := otlptranslator.NewMetricNamer("", otlptranslator.UnderscoreEscapingWithSuffixes)
	name, err := namer.Build(otlptranslator.Metric{Name: m.Name, Unit: m.Unit, Type: prometheusTypes[m.Instrument]})
	if err != nil {
		return nil, fmt.Errorf("%s in Prometheus: %w", m.Name, err)
	}
	if m.Instrument == "histogram" {
		return []string{name + "_bucket", name + "_sum", name + "_count"}, nil
	}
	return []string{name}, nil
}

// attributeLine lists the attributes of a metric: first those that are always
// there, then the others with their condition.
func attributeLine(refs []ref) string {
	var always, others []string
	for _, a := range refs {
		if a.Level.Required {
			always = append(always, link(a.Ref))
		} else {
			others = append(others, link(a.Ref)+" "+a.Level.Condition)
		}
	}
	return strings.Join(append(always, others...), ", ")
}

// isSpan tells whether an event has the attributes of a span.
func isSpan(e *event, s *span) bool {
	return slices.EqualFunc(e.Attributes, s.Attributes, func(a, b ref) bool { return a.Ref == b.Ref })
}

// link leads from an attribute to what it means, further down the page.
func link(key string) string {
	return fmt.Sprintf("[`%s`](#%s)", key, strings.ReplaceAll(key, ".", ""))
}

// standards are the attributes of the standard that are used, each as it is
// first referred to.
func (r *registry) standards() []ref {
	used := map[string]ref{}
	for _, name := range slices.Sorted(maps.Keys(r.Files)) {
		file := r.Files[name]
		var all []ref
		for _, g := range file.Groups {
			all = append(all, g.Attributes...)
		}
		for _, s := range file.signals() {
			all = append(all, s.Attributes...)
		}
		for _, a := range all {
			if _, found := used[a.Ref]; !found && !r.owns(a.Ref) {
				used[a.Ref] = a
			}
		}
	}
	return slices.SortedFunc(maps.Values(used), func(a, b ref) int { return strings.Compare(a.Ref, b.Ref) })
}

// standardPage is where OpenTelemetry describes an attribute.
func (r *registry) standardPage(key string) string {
	namespace, _, _ := strings.Cut(key, ".")
	return fmt.Sprintf("https://github.com/open-telemetry/semantic-conventions/blob/%s/docs/registry/attributes/%s.md",
		r.Manifest.Standard(), namespace)
}

// cell is text on one line of a table.
func cell(text string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(text), " "), "|", `\|`)
}

// bounds writes the bucket bounds of a histogram for people.
func bounds(m *metric) string {
	texts := make([]string, len(m.Annotations.Bounds))
	for i, b := range m.Annotations.Bounds {
		texts[i] = strconv.FormatFloat(b, 'f', -1, 64)
		if strings.HasPrefix(m.Unit, "By") {
			texts[i] = binary(b)
		}
	}
	return strings.Join(texts, ", ")
}

// binary writes bytes by the largest unit that leaves them whole.
func binary(b float64) string {
	for i, unit := range []string{"GiB", "MiB", "KiB"} {
		if size := float64(int64(1) << (30 - 10*i)); b >= size {
			return strconv.FormatFloat(b/size, 'f', -1, 64) + " " + unit
		}
	}
	return strconv.FormatFloat(b, 'f', -1, 64) + " B"
}
