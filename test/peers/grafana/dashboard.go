package grafana

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"time"
)

// Dashboard is a classic dashboard, as its file says.
type Dashboard struct {
	UID   string
	Title string

	length    time.Duration // of time that is shown by default
	variables []*variable
	panels    []panel
}

// The parts of a file that have a say in what is asked.
type (
	file struct {
		UID   string
		Title string
		Time  struct {
			From, To string
		}
		Templating  struct{ List []json.RawMessage }
		Annotations struct{ List []annotation }
		Panels      []panel
	}

	panel struct {
		Type          string
		Title         string
		Datasource    source
		Targets       []json.RawMessage
		MaxDataPoints float64
		Interval      string
		GridPos       struct{ W float64 }
		Panels        []panel // of a row that is closed

		// With these, other queries would be asked.
		TimeFrom, TimeShift, Repeat string
		LibraryPanel                json.RawMessage

		row string
	}

	target struct {
		RefID      string `json:"refId"`
		Datasource source
		Hide       bool

		// Of Prometheus.
		Expr           string
		Range, Instant bool
		Exemplar       bool
		Interval       string
		IntervalFactor int64
		Format         string
		LegendFormat   string
		EditorMode     string
	}

	annotation struct {
		Name       string
		Enable     bool
		Datasource source
	}

	source struct {
		Type string `json:"type"`
		UID  string `json:"uid"`
	}
)

const (
	prometheusType = "prometheus"
	grafanaType    = "grafana"    // its own annotations
	sharedType     = "datasource" // the answer of another panel
)

// Read reads a dashboard's file.
func Read(path string) (*Dashboard, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	d, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return d, nil
}

func parse(text []byte) (*Dashboard, error) {
	var f file
	if err := json.Unmarshal(text, &f); err != nil {
		return nil, err
	}
	d := &Dashboard{UID: f.UID, Title: f.Title}
	var err error
	if d.length, err = rangeLength(f.Time.From, f.Time.To); err != nil {
		return nil, err
	}
	for _, raw := range f.Templating.List {
		v := &variable{}
		if err := strict(raw, v); err != nil {
			return nil, fmt.Errorf("a variable: %w", err)
		}
		if slices.ContainsFunc(d.variables, func(other *variable) bool { return other.Name == v.Name }) {
			return nil, fmt.Errorf("there are two variables %s", v.Name)
		}
		d.variables = append(d.variables, v)
	}
	for _, a := range f.Annotations.List {
		if a.Datasource.Type != grafanaType {
			return nil, fmt.Errorf("annotation %s: of %q, which is not read here", a.Name, a.Datasource.Type)
		}
	}
	return d, d.addPanels(f.Panels, "")
}

// addPanels adds panels and those of the rows among them. Of a row that is open, the panels
// follow it.
func (d *Dashboard) addPanels(panels []panel, row string) error {
	for _, p := range panels {
		if p.Type == "row" {
			row = p.Title
			if err := d.addPanels(p.Panels, row); err != nil {
				return err
			}
			continue
		}
		p.row = row
		if err := p.check(); err != nil {
			return fmt.Errorf("panel %s: %w", p.Title, err)
		}
		d.panels = append(d.panels, p)
	}
	return nil
}

func (p panel) check() error {
	silent := p.Type == "text" || p.Type == "dashlist"
	switch {
	case p.TimeFrom != "" || p.TimeShift != "" || p.Repeat != "":
		return fmt.Errorf("times of its own and repetition are not read here")
	case len(p.LibraryPanel) > 0:
		return fmt.Errorf("it is kept in a library, not in this file")
	case silent != (len(p.Targets) == 0):
		return fmt.Errorf("a %s with %d queries", p.Type, len(p.Targets))
	}
	return nil
}

// targets returns what the panel asks of data sources of a type, and whose answers it shows.
func (p panel) targets(ofType string) ([]target, error) {
	var targets []target
	named := make(map[string]bool)
	for _, raw := range p.Targets {
		var t target
		if err := json.Unmarshal(raw, &t); err != nil {
			return nil, err
		}
		if t.Datasource.Type == "" {
			t.Datasource = p.Datasource
		}
		if t.RefID == "" {
			t.RefID = unusedName(named)
		}
		named[t.RefID] = true
		switch {
		case t.Datasource.Type == "":
			return nil, fmt.Errorf("query %s has no data source", t.RefID)
		case t.Datasource.Type != ofType || t.Hide:
			continue
		}
		if err := strict(raw, &target{}); err != nil {
			return nil, fmt.Errorf("query %s: %w", t.RefID, err)
		}
		if t.Expr == "" {
			return nil, fmt.Errorf("query %s asks nothing", t.RefID)
		}
		targets = append(targets, t)
	}
	return targets, nil
}

// unusedName is the name that Grafana gives a query without one.
func unusedName(used map[string]bool) string {
	name := 'A'
	for used[string(name)] {
		name++
	}
	return string(name)
}

// strict reads what may have no other fields than those of v.
func strict(raw []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	return d.Decode(v)
}
