package main

import (
	"github.com/grafana/grafana-foundation-sdk/go/bargauge"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/table"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

// Colours that follow the theme, light or dark.
const (
	calm   = "text"
	good   = "green"
	moving = "blue"
	warn   = "orange"
	bad    = "red"
)

// step is from where on a value has a colour.
type step struct {
	from   float64
	colour string
}

// colours are those of values: the first up to the first step.
func colours(first string, steps ...step) *dashboard.ThresholdsConfigBuilder {
	thresholds := []dashboard.Threshold{{Color: first}}
	for _, s := range steps {
		thresholds = append(thresholds, dashboard.Threshold{Value: new(s.from), Color: s.colour})
	}
	return dashboard.NewThresholdsConfigBuilder().Mode(dashboard.ThresholdsModeAbsolute).Steps(thresholds)
}

// instant asks for what is true now.
func instant(query string) *prometheus.DataqueryBuilder {
	return prometheus.NewDataqueryBuilder().Expr(query).Instant()
}

// course asks for what was true all along; the legend names its series.
func course(query, legend string) *prometheus.DataqueryBuilder {
	return prometheus.NewDataqueryBuilder().Expr(query).Range().LegendFormat(legend)
}

// rows asks for what is true now, a row for each series.
func rows(refID, query string) *prometheus.DataqueryBuilder {
	return instant(query).RefId(refID).Format(prometheus.PromQueryFormatTable)
}

// number is a panel with one number, and what it says where there is none.
func number(title, description, query, unit, none string) *stat.PanelBuilder {
	return stat.NewPanelBuilder().
		Title(title).Description(description).
		Datasource(prom).
		WithTarget(instant(query)).
		Unit(unit).NoValue(none).
		Height(4).Span(4).
		ReduceOptions(common.NewReduceDataOptionsBuilder().Calcs([]string{"lastNotNull"})).
		GraphMode(common.BigValueGraphModeNone).
		ColorMode(common.BigValueColorModeValue).
		Thresholds(colours(calm))
}

// fine are the colours of a number that should be zero, or less than the first step. Where
// there is none, what the panel says of it is neither good nor bad.
func fine(steps ...step) *dashboard.ThresholdsConfigBuilder {
	return colours(calm, append([]step{{0, good}}, steps...)...)
}

// lines is a panel with what happened in time.
func lines(title, description, unit, none string, queries ...*prometheus.DataqueryBuilder) *timeseries.PanelBuilder {
	p := timeseries.NewPanelBuilder().
		Title(title).Description(description).
		Datasource(prom).
		Unit(unit).NoValue(none).Min(0).
		Height(8).Span(8).
		LineWidth(1).FillOpacity(0).
		ShowPoints(common.VisibilityModeNever).
		Legend(common.NewVizLegendOptionsBuilder().
			DisplayMode(common.LegendDisplayModeList).Placement(common.LegendPlacementBottom).ShowLegend(true)).
		Tooltip(common.NewVizTooltipOptionsBuilder().Mode(common.TooltipDisplayModeMulti).Sort(common.SortOrderDescending))
	for _, q := range queries {
		p.WithTarget(q)
	}
	return p
}

// stacked is lines whose series add up to something.
func stacked(title, description, unit, none string, queries ...*prometheus.DataqueryBuilder) *timeseries.PanelBuilder {
	return lines(title, description, unit, none, queries...).
		FillOpacity(40).
		Stacking(common.NewStackingConfigBuilder().Mode(common.StackingModeNormal))
}

// counts is a panel of bars, each of what happened in one interval of a minute or more.
func counts(title, description, none string, queries ...*prometheus.DataqueryBuilder) *timeseries.PanelBuilder {
	return stacked(title, description, "short", none, queries...).
		Interval("1m").
		Decimals(0).
		DrawStyle(common.GraphDrawStyleBars).FillOpacity(80).LineWidth(0)
}

// bars is a panel with a bar for each of some numbers of the time that is shown.
func bars(title, description, unit, none string, queries ...*prometheus.DataqueryBuilder) *bargauge.PanelBuilder {
	p := bargauge.NewPanelBuilder().
		Title(title).Description(description).
		Datasource(prom).
		Unit(unit).NoValue(none).Min(0).
		Height(8).Span(8).
		Orientation(common.VizOrientationHorizontal).
		DisplayMode(common.BarGaugeDisplayModeBasic).
		ReduceOptions(common.NewReduceDataOptionsBuilder().Calcs([]string{"lastNotNull"})).
		ColorScheme(dashboard.NewFieldColorBuilder().Mode(dashboard.FieldColorModeIdFixed).FixedColor(moving))
	for _, q := range queries {
		p.WithTarget(q)
	}
	return p
}

// column is one of a table.
type column struct {
	field      string  // what it is called where it comes from
	title      string  // none: it is not shown
	width, min float64 // in pixels
	properties []dashboard.DynamicConfigValue
}

// grid is a panel with a row for each thing that the queries tell of by the same
// labels, and the columns in this order; it says what it means that there is no row.
func grid(title, description, none string, columns []column, queries ...*prometheus.DataqueryBuilder) *table.PanelBuilder {
	p := table.NewPanelBuilder().
		Title(title).Description(description).
		Datasource(prom).
		NoValue(none).
		Height(8).Span(12).
		CellHeight(common.TableCellHeightSm).
		Footer(noFooter())
	for _, q := range queries {
		p.WithTarget(q)
	}
	for _, t := range joined(len(queries)) {
		p.WithTransformation(t)
	}
	return arrange(p, columns)
}

// arrange gives a table its columns.
func arrange(p *table.PanelBuilder, columns []column) *table.PanelBuilder {
	p.WithTransformation(arrangement(columns))
	p.Mappings([]dashboard.ValueMapping{dash(dashboard.SpecialValueMatchNullAndNan), dash(dashboard.SpecialValueMatchEmpty)})
	for _, c := range columns {
		if c.title == "" {
			continue
		}
		properties := c.properties
		if c.width > 0 {
			properties = append(properties, dashboard.DynamicConfigValue{Id: "custom.width", Value: c.width})
		}
		if c.min > 0 {
			properties = append(properties, dashboard.DynamicConfigValue{Id: "custom.minWidth", Value: c.min})
		}
		if len(properties) > 0 {
			p.OverrideByName(c.title, properties)
		}
	}
	return p
}

// joined makes one table of several queries, a row of what has the same labels.
//
// Of a query without an answer Grafana makes a table that has columns and no rows, and
// shows their heads instead of what the panel says of there being none. Split by time,
// which is the same in all rows, a table is one where it has rows, and none else.
func joined(queries int) []dashboard.DataTransformerConfig {
	if queries == 1 {
		return nil
	}
	return []dashboard.DataTransformerConfig{{Id: "merge", Options: map[string]any{}}, noneWithoutRows("Time")}
}

// noneWithoutRows splits a table by a column that is the same in all rows.
func noneWithoutRows(column string) dashboard.DataTransformerConfig {
	return dashboard.DataTransformerConfig{Id: "partitionByValues", Options: map[string]any{
		"fields": []string{column}, "keepFields": false, "naming": map[string]any{"asLabels": false},
	}}
}

// noFooter is what a table has below its rows. The schema wants to be told.
func noFooter() *common.TableFooterOptionsBuilder {
	return common.NewTableFooterOptionsBuilder().Show(false).Reducer([]string{"sum"})
}

// arrangement shows the columns that have a title, and no other.
func arrangement(columns []column) dashboard.DataTransformerConfig {
	include, index, titles := make(map[string]bool), make(map[string]int), make(map[string]string)
	for i, c := range columns {
		if c.title != "" {
			include[c.field], index[c.field], titles[c.field] = true, i, c.title
		}
	}
	return dashboard.DataTransformerConfig{Id: "organize", Options: map[string]any{
		"includeByName": include, "indexByName": index, "renameByName": titles,
	}}
}

// Properties of columns.

func unit(name string) dashboard.DynamicConfigValue {
	return dashboard.DynamicConfigValue{Id: "unit", Value: name}
}

// dash shows a dash in place of what is not there. Else Grafana writes into a cell what
// the panel says when it is empty.
func dash(match dashboard.SpecialValueMatch) dashboard.ValueMapping {
	return dashboard.ValueMapping{SpecialValueMap: &dashboard.SpecialValueMap{
		Type: dashboard.MappingTypeSpecialValue,
		Options: dashboard.DashboardSpecialValueMapOptions{
			Match:  match,
			Result: dashboard.ValueMappingResult{Text: new("–")},
		},
	}}
}

// left puts a column to the left, where texts are; one of numbers is to the right.
func left() dashboard.DynamicConfigValue {
	return dashboard.DynamicConfigValue{Id: "custom.align", Value: "left"}
}

func mapped(mappings ...map[string]any) dashboard.DynamicConfigValue {
	return dashboard.DynamicConfigValue{Id: "mappings", Value: mappings}
}

// coloured gives the text of a column the colour of its value.
func coloured(first string, steps ...step) []dashboard.DynamicConfigValue {
	thresholds, err := colours(first, steps...).Build()
	if err != nil {
		panic(err) // constants
	}
	return []dashboard.DynamicConfigValue{
		{Id: "thresholds", Value: thresholds},
		{Id: "custom.cellOptions", Value: map[string]any{"type": "color-text"}},
	}
}

// wrapped shows a text that is too long for a column in several lines.
func wrapped() dashboard.DynamicConfigValue {
	return dashboard.DynamicConfigValue{Id: "custom.wrapText", Value: true}
}

// bar shows a column as bars, from 0 to 1.
func bar() []dashboard.DynamicConfigValue {
	return []dashboard.DynamicConfigValue{
		unit("percentunit"),
		{Id: "decimals", Value: 0},
		{Id: "min", Value: 0},
		{Id: "max", Value: 1},
		{Id: "color", Value: map[string]any{"mode": "fixed", "fixedColor": moving}},
		{Id: "custom.cellOptions", Value: map[string]any{"type": "gauge", "mode": "basic", "valueDisplayMode": "text"}},
	}
}

func links(links ...map[string]any) dashboard.DynamicConfigValue {
	return dashboard.DynamicConfigValue{Id: "links", Value: links}
}
