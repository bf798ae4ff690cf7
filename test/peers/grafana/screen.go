package grafana

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
)

const (
	defaultWidth = 1600 // pixels
	columns      = 24   // of a dashboard
	unfilled     = 6 * time.Hour
)

// Screen is what a user sets.
type Screen struct {
	To     time.Time           // the end of the time that is shown
	Length time.Duration       // of that time; the dashboard's own where it is 0
	Width  int                 // in pixels; 1600 where it is 0
	Given  map[string][]string // values of variables, by their names; "$__all" is all of them
}

// Opened is a dashboard on a screen, its variables filled.
type Opened struct {
	*Dashboard
	Screen Screen
	filler *filler
}

// Query is what one query of a panel asks Prometheus.
type Query struct {
	Row, Panel string // titles
	PanelType  string
	RefID      string

	Expr       string
	Instant    bool // at End; or else from Start to End
	Start, End time.Time
	Step       time.Duration

	Exemplar bool // exemplars are asked for, too
	Legend   string
}

// String names the query within its dashboard.
func (q Query) String() string { return q.Panel + "/" + q.RefID }

// Open fills the variables of a dashboard, in the order in which they refer to each other.
func (d *Dashboard) Open(ctx context.Context, prometheus v1.API, screen Screen) (*Opened, error) {
	if screen.Length == 0 {
		screen.Length = d.length
	}
	if screen.Width == 0 {
		screen.Width = defaultWidth
	}
	f := &filler{variables: d.variables, values: make(map[string]value)}
	for name := range screen.Given {
		if f.named(name) == nil {
			return nil, fmt.Errorf("%s has no variable %s", d.Title, name)
		}
	}
	ordered, err := inOrder(d.variables)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d.Title, err)
	}
	for _, v := range ordered {
		if f.values[v.Name], err = f.valueOf(ctx, prometheus, v, screen); err != nil {
			return nil, fmt.Errorf("%s: variable %s: %w", d.Title, v.Name, err)
		}
	}
	return &Opened{d, screen, f}, nil
}

// valueOf asks for the options of a variable, and chooses one. It is a data source's that is
// its only one.
func (f *filler) valueOf(ctx context.Context, prometheus v1.API, v *variable, screen Screen) (value, error) {
	var options []option
	var err error
	switch v.Type {
	case datasourceType:
		only := []string{string(v.Query)}
		options = []option{{Text: only, Value: only}}
	case queryType:
		length := unfilled
		if v.Refresh == onTimeRange {
			length = screen.Length
		}
		f.builtIn = ranges(length)
		f.builtIn["__interval"], f.builtIn["__interval_ms"] = shortly(scrapeInterval), strconv.FormatInt(scrapeInterval.Milliseconds(), 10)
		options, err = f.asked(ctx, prometheus, v, screen.To.Add(-length), screen.To)
	case customType:
		f.builtIn = nil
		var query string
		query, err = f.fill(string(v.Query), glob)
		options = listed(query)
	case constantType, textboxType:
		if _, given := screen.Given[v.Name]; !given {
			return single(string(v.Query)), nil
		}
	default:
		err = fmt.Errorf("the type %q is not known here", v.Type)
	}
	if err != nil {
		return value{}, err
	}
	if values, ok := screen.Given[v.Name]; ok {
		return v.given(values, options)
	}
	return v.choose(options), nil
}

func ranges(length time.Duration) map[string]string {
	seconds := strconv.FormatInt(int64(length.Round(time.Second)/time.Second), 10)
	return map[string]string{"__range": seconds + "s", "__range_s": seconds, "__range_ms": strconv.FormatInt(length.Milliseconds(), 10)}
}

// Value is what a variable stands for in a query, where no format is asked for.
func (o *Opened) Value(name string) (string, error) {
	return o.filler.fill("${"+name+"}", promQL)
}

// Queries returns what all panels ask Prometheus, in their order. What they ask others must
// refer to no variable that there is not, and is left out.
func (o *Opened) Queries() ([]Query, error) {
	var queries []Query
	for _, p := range o.panels {
		targets, err := p.targets(prometheusType)
		for _, t := range targets {
			var asked []Query
			if asked, err = o.queriesOf(p, t); err != nil {
				err = fmt.Errorf("query %s: %w", t.RefID, err)
				break
			}
			queries = append(queries, asked...)
		}
		if err == nil {
			err = o.checkReferences(p)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: panel %s: %w", o.Title, p.Title, err)
		}
	}
	return queries, nil
}

// checkReferences checks what the title and all queries of a panel refer to.
func (o *Opened) checkReferences(p panel) error {
	for _, text := range append([]json.RawMessage{json.RawMessage(p.Title)}, p.Targets...) {
		for _, name := range refersTo(string(text)) {
			if o.filler.named(name) == nil && !group.MatchString(name) && !strings.HasPrefix(name, "__") {
				return fmt.Errorf("there is no variable %s", name)
			}
		}
	}
	return nil
}

// queriesOf are one query, or two where both the course and the end are asked for.
func (o *Opened) queriesOf(p panel, t target) ([]Query, error) {
	points := int64(p.MaxDataPoints)
	if points == 0 {
		points = int64(float64(o.Screen.Width) * p.GridPos.W / columns)
	}
	if points <= 0 {
		return nil, fmt.Errorf("the panel has no width")
	}
	every, err := intervalsOf(o.Screen.Length, points, p.Interval, t.Interval, t.IntervalFactor)
	if err != nil {
		return nil, err
	}
	q := Query{Row: p.row, Panel: p.Title, PanelType: p.Type, RefID: t.RefID, Exemplar: t.Exemplar, Legend: t.LegendFormat}
	o.filler.builtIn = ranges(o.Screen.Length)
	o.filler.builtIn["__interval"], o.filler.builtIn["__interval_ms"] = shortly(every.step), strconv.FormatInt(every.step.Milliseconds(), 10)
	o.filler.builtIn["__rate_interval"], o.filler.builtIn["__rate_interval_ms"] = every.rate.String(), strconv.FormatInt(every.rate.Milliseconds(), 10)
	if q.Expr, err = o.filler.fill(t.Expr, promQL); err != nil {
		return nil, err
	}
	var queries []Query
	if t.Range || !t.Instant {
		course := q
		course.Step = every.step
		course.Start, course.End = o.Screen.To.Add(-o.Screen.Length).Truncate(every.step), o.Screen.To.Truncate(every.step)
		queries = append(queries, course)
	}
	if t.Instant {
		end := q
		end.Instant, end.End = true, o.Screen.To
		queries = append(queries, end)
	}
	return queries, nil
}

// Ask asks Prometheus. A warning is an error, too; what Prometheus only remarks is not.
func (q Query) Ask(ctx context.Context, prometheus v1.API) (model.Value, error) {
	var answer model.Value
	var warnings v1.Warnings
	var err error
	if q.Instant {
		answer, warnings, _, err = prometheus.Query(ctx, q.Expr, q.End)
	} else {
		answer, warnings, _, err = prometheus.QueryRange(ctx, q.Expr, v1.Range{Start: q.Start, End: q.End, Step: q.Step})
	}
	if err != nil || len(warnings) > 0 {
		return nil, fmt.Errorf("%s: asking %s: %w", q, q.Expr, told(err, warnings))
	}
	return answer, nil
}

// Has tells whether the dashboard has a variable of a name.
func (d *Dashboard) Has(name string) bool {
	return slices.ContainsFunc(d.variables, func(v *variable) bool { return v.Name == name })
}
