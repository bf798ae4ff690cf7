package grafana

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
	"golang.org/x/text/collate"
	"golang.org/x/text/language"
)

// The forms of a variable's query.
var (
	labelValues = regexp.MustCompile(`^label_values\((?:(.+),\s*)?([a-zA-Z_][a-zA-Z0-9_]*)\)\s*$`)
	queryResult = regexp.MustCompile(`(?s)^query_result\((.+)\)\s*$`)

	customPart = regexp.MustCompile(`(?:\\,|[^,])+`)
	customPair = regexp.MustCompile(`^\s*(.+)\s:\s(.+)$`)
	delimited  = regexp.MustCompile(`^/(.*)/(i?)$`)
	number     = regexp.MustCompile(`\d+`)
)

// asked returns the options that Prometheus has for a variable, between two times.
func (f *filler) asked(ctx context.Context, prometheus v1.API, v *variable, from, to time.Time) ([]option, error) {
	if v.Datasource.Type != prometheusType {
		return nil, fmt.Errorf("data of %q is not asked for here", v.Datasource.Type)
	}
	if v.Refresh == 0 {
		return nil, fmt.Errorf("it is never filled")
	}
	query, err := f.fill(string(v.Query), promQL)
	if err != nil {
		return nil, err
	}
	var texts []string
	switch {
	case labelValues.MatchString(query):
		parts := labelValues.FindStringSubmatch(query)
		texts, err = askLabelValues(ctx, prometheus, parts[2], parts[1], from, to)
	case queryResult.MatchString(query):
		texts, err = askResult(ctx, prometheus, queryResult.FindStringSubmatch(query)[1], to)
	default:
		err = fmt.Errorf("the form of %q is not known here", query)
	}
	if err != nil {
		return nil, err
	}
	regex, err := f.fill(v.Regex, pattern)
	if err != nil {
		return nil, err
	}
	options, err := extract(texts, regex)
	if err != nil {
		return nil, err
	}
	return options, sortOptions(options, v.Sort)
}

func askLabelValues(ctx context.Context, prometheus v1.API, label, selector string, from, to time.Time) ([]string, error) {
	var matches []string
	if strings.ReplaceAll(selector, " ", "") != "" && strings.ReplaceAll(selector, " ", "") != "{}" {
		matches = []string{selector}
	}
	values, warnings, _, err := prometheus.LabelValues(ctx, label, matches, from, to)
	if err != nil || len(warnings) > 0 {
		return nil, fmt.Errorf("asking for the values of %s of %q: %w", label, selector, told(err, warnings))
	}
	var texts []string
	for _, value := range values {
		texts = append(texts, string(value))
	}
	return texts, nil
}

// askResult returns the series of an answer, each as a text with its value and the time in
// milliseconds.
func askResult(ctx context.Context, prometheus v1.API, query string, at time.Time) ([]string, error) {
	answer, warnings, _, err := prometheus.Query(ctx, query, at)
	if err != nil || len(warnings) > 0 {
		return nil, fmt.Errorf("asking %s: %w", query, told(err, warnings))
	}
	switch answer := answer.(type) {
	case *model.Scalar:
		return []string{answer.Value.String()}, nil
	case model.Vector:
		var texts []string
		for _, sample := range answer {
			var labels []string
			for name, value := range sample.Metric {
				if name != model.MetricNameLabel {
					labels = append(labels, fmt.Sprintf(`%s="%s"`, name, value))
				}
			}
			slices.Sort(labels)
			texts = append(texts, fmt.Sprintf("%s{%s} %s %d", sample.Metric[model.MetricNameLabel], strings.Join(labels, ","), sample.Value, sample.Timestamp))
		}
		return texts, nil
	default:
		return nil, fmt.Errorf("the answer to %s is a %s", query, answer.Type())
	}
}

// extract makes options of texts, by a regular expression: what its groups text and value, or
// its only group, hold of those that it finds something in.
func extract(texts []string, regex string) ([]option, error) {
	var options []option
	add := func(text, value string) {
		if !slices.ContainsFunc(options, func(o option) bool { return o.Value[0] == value }) {
			options = append(options, option{Text: []string{text}, Value: []string{value}})
		}
	}
	if regex == "" {
		for _, text := range texts {
			add(text, text)
		}
		return options, nil
	}
	compiled, err := compile(regex)
	if err != nil {
		return nil, err
	}
	for _, text := range texts {
		groups := compiled.FindStringSubmatch(text)
		if groups == nil {
			continue
		}
		shown, value := groupOf(compiled, groups, "text"), groupOf(compiled, groups, "value")
		switch {
		case shown != "" || value != "":
			add(cmp.Or(shown, value), cmp.Or(value, shown))
		case len(groups) > 1:
			add(groups[1], groups[1])
		default:
			add(text, text)
		}
	}
	return options, nil
}

func groupOf(regex *regexp.Regexp, groups []string, name string) string {
	if i := regex.SubexpIndex(name); i >= 0 {
		return groups[i]
	}
	return ""
}

// compile takes /…/, or what must be all of a text. Expressions that Go does not know, and
// those that look for several matches, are errors.
func compile(regex string) (*regexp.Regexp, error) {
	if !strings.HasPrefix(regex, "/") {
		return regexp.Compile("^" + regex + "$")
	}
	parts := delimited.FindStringSubmatch(regex)
	if parts == nil {
		return nil, fmt.Errorf("the form of %q is not known here", regex)
	}
	if parts[2] != "" {
		parts[1] = "(?i)" + parts[1]
	}
	return regexp.Compile(parts[1])
}

// sortOptions sorts as the number of an order says: by text, by the number in it, by text
// without regard to case, or so that its numbers are in order, too; each upwards and downwards.
func sortOptions(options []option, order int) error {
	var compare func(a, b option) int
	switch order {
	case 0:
		return nil
	case 1, 2:
		compare = func(a, b option) int { return strings.Compare(a.Text[0], b.Text[0]) }
	case 3, 4:
		compare = func(a, b option) int { return cmp.Compare(numberIn(a), numberIn(b)) }
	case 5, 6:
		compare = func(a, b option) int { return strings.Compare(strings.ToLower(a.Text[0]), strings.ToLower(b.Text[0])) }
	case 7, 8:
		natural := collate.New(language.Und, collate.IgnoreCase, collate.Numeric)
		compare = func(a, b option) int { return natural.CompareString(a.Text[0], b.Text[0]) }
	default:
		return fmt.Errorf("the order %d is not known here", order)
	}
	slices.SortStableFunc(options, compare)
	if order%2 == 0 {
		slices.Reverse(options)
	}
	return nil
}

func numberIn(o option) int {
	n, err := strconv.Atoi(number.FindString(o.Text[0]))
	if err != nil {
		return -1
	}
	return n
}

// listed returns the options of a custom variable: "a,b", or "shown : value,…".
func listed(query string) []option {
	var options []option
	for _, part := range customPart.FindAllString(query, -1) {
		part = strings.ReplaceAll(part, `\,`, ",")
		shown, value := part, part
		if pair := customPair.FindStringSubmatch(part); pair != nil {
			shown, value = pair[1], pair[2]
		}
		options = append(options, option{Text: []string{strings.TrimSpace(shown)}, Value: []string{strings.TrimSpace(value)}})
	}
	return options
}

// told is an error, or that there were warnings.
func told(err error, warnings v1.Warnings) error {
	if err != nil {
		return err
	}
	return fmt.Errorf("warnings: %s", strings.Join(warnings, "; "))
}
