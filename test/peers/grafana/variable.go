package grafana

import (
	"encoding/json"
	"fmt"
	"slices"
)

// variable is a variable, as the file says it.
type variable struct {
	Type             string
	Name             string
	Query            text
	Datasource       source
	Current          option
	Multi            bool
	IncludeAll       bool
	AllValue         string
	Regex            string
	Sort             int
	Refresh          int
	Options          []option
	Label            string
	Description      string
	Definition       string
	Hide             int
	SkipURLSync      bool `json:"skipUrlSync"`
	AllowCustomValue bool

	// Of a variable that is an interval, but written for each.
	Auto      bool
	AutoMin   string `json:"auto_min"`
	AutoCount int    `json:"auto_count"`
}

// option is a value and how it is shown. Of those that are in force there may be several.
type option struct {
	Text, Value texts
	Selected    bool
}

const (
	datasourceType = "datasource"
	queryType      = "query"
	customType     = "custom"
	constantType   = "constant"
	textboxType    = "textbox"

	allOfThem = "$__all"
	allText   = "All"

	onTimeRange = 2 // a variable is filled anew for another time, not for the last six hours
)

// text is a text, or an object that has one as its query.
type text string

// UnmarshalJSON reads either.
func (t *text) UnmarshalJSON(raw []byte) error {
	var query struct {
		Query   string
		RefID   string `json:"refId"`
		QryType int
	}
	if json.Unmarshal(raw, (*string)(t)) == nil {
		return nil
	}
	err := strict(raw, &query)
	*t = text(query.Query)
	return err
}

// texts are one text, or a list.
type texts []string

// UnmarshalJSON reads either.
func (t *texts) UnmarshalJSON(raw []byte) error {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		*t = texts{one}
		return nil
	}
	return json.Unmarshal(raw, (*[]string)(t))
}

// needs returns the names of what must be filled before the variable is.
func (v *variable) needs() []string {
	return slices.Concat(refersTo(string(v.Query)), refersTo(v.Regex), refersTo(v.Datasource.UID))
}

// inOrder returns the variables in an order in which they can be filled.
func inOrder(variables []*variable) ([]*variable, error) {
	var ordered []*variable
	for len(ordered) < len(variables) {
		before := len(ordered)
		for _, v := range variables {
			if slices.Contains(ordered, v) {
				continue
			}
			waits := slices.ContainsFunc(variables, func(other *variable) bool {
				return slices.Contains(v.needs(), other.Name) && !slices.Contains(ordered, other)
			})
			if !waits {
				ordered = append(ordered, v)
			}
		}
		if len(ordered) == before {
			return nil, fmt.Errorf("variables refer to each other in a ring")
		}
	}
	return ordered, nil
}

// choose returns the value that is in force when a dashboard is opened, of the options that
// there are: the one of the file if it is one of them, or else all, or else the first.
func (v *variable) choose(options []option) value {
	switch {
	case slices.Equal(v.Current.Value, texts{allOfThem}) && v.IncludeAll,
		len(options) == 0 && v.IncludeAll:
		return v.allOf(options)
	case len(options) == 0 && v.Multi:
		return value{}
	case len(options) == 0:
		return single("")
	}
	if chosen := v.valid(options); len(chosen) > 0 {
		return value{texts: chosen}
	}
	if v.IncludeAll {
		return v.allOf(options)
	}
	return value{texts: options[0].Value}
}

// valid returns what of the file's value is among the options. A single value may also be
// that which is shown as the file says.
func (v *variable) valid(options []option) []string {
	var chosen []string
	for _, current := range v.Current.Value {
		if slices.ContainsFunc(options, func(o option) bool { return o.Value[0] == current }) {
			chosen = append(chosen, current)
		}
	}
	if v.Multi || len(chosen) > 0 {
		return chosen
	}
	for _, o := range options {
		if slices.Equal(o.Text, v.Current.Text) {
			chosen = o.Value
		}
	}
	return chosen
}

func (v *variable) allOf(options []option) value {
	all := value{isAll: true, all: v.AllValue}
	for _, o := range options {
		all.texts = append(all.texts, o.Value...)
	}
	return all
}

// given returns the value that was chosen by the user.
func (v *variable) given(values []string, options []option) (value, error) {
	switch {
	case slices.Equal(values, []string{allOfThem}) && v.IncludeAll:
		return v.allOf(options), nil
	case len(values) != 1 && !v.Multi:
		return value{}, fmt.Errorf("%d values were given to %s, which has one", len(values), v.Name)
	}
	return value{texts: values}, nil
}
