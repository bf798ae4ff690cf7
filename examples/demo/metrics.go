package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"charm.land/lipgloss/v2"
	"charm.land/lipgloss/v2/table"

	"github.com/pulltrace/pulltrace/test/otlp"
)

// metricsTable lists the metrics that arrived: their range, and as far as there
// is room how many series and points they had and of which kind they are.
func metricsTable(backend *otlp.Receiver, width int) string {
	metrics := make(map[string][]otlp.Point)
	for _, p := range backend.Points("") {
		if !p.NoValue {
			metrics[p.Metric] = append(metrics[p.Metric], p)
		}
	}
	columns := 2
	for _, more := range []int{70, 78, 96} { // columns of the terminal that each further column takes
		if width >= more {
			columns++
		}
	}
	t := table.New().Headers([]string{"metric", "range", "series", "points", "kind"}[:columns]...).
		Border(lipgloss.NormalBorder()).BorderStyle(faint).
		BorderTop(false).BorderBottom(false).BorderLeft(false).BorderRight(false).BorderColumn(false).
		StyleFunc(func(row, column int) lipgloss.Style {
			style := lipgloss.NewStyle().PaddingLeft(2).Bold(row == table.HeaderRow)
			if column == 2 || column == 3 {
				style = style.Align(lipgloss.Right)
			}
			return style
		})
	for _, name := range slices.Sorted(maps.Keys(metrics)) {
		points := metrics[name]
		row := []string{name, extent(points), fmt.Sprint(len(series(points))), fmt.Sprint(len(points)), string(points[0].Kind)}
		t.Row(row[:columns]...)
	}
	return t.String()
}

// series are the points of a metric by their attributes, the last one of each.
func series(points []otlp.Point) map[string]otlp.Point {
	last := make(map[string]otlp.Point)
	for _, p := range points {
		last[fmt.Sprint(p.Attributes)] = p // fmt sorts the keys
	}
	return last
}

// extent is the range of a gauge, the sum of a counter, count and mean of a
// histogram.
func extent(points []otlp.Point) string {
	unit := points[0].Unit
	switch points[0].Kind {
	case otlp.Counter:
		sum := 0.0
		for _, p := range series(points) {
			sum += p.Value
		}
		return quantity(sum, unit) + " in all"
	case otlp.Histogram:
		count, sum := uint64(0), 0.0
		for _, p := range series(points) {
			count, sum = count+p.Count, sum+p.Sum
		}
		return fmt.Sprintf("%d times, mean %s", count, quantity(sum/float64(count), unit))
	default:
		byValue := func(a, b otlp.Point) int { return cmp.Compare(a.Value, b.Value) }
		least, most := slices.MinFunc(points, byValue).Value, slices.MaxFunc(points, byValue).Value
		from, _, _ := strings.Cut(quantity(least, unit), " ")
		return from + " … " + quantity(most, unit)
	}
}

// quantity is a value in its UCUM unit, as people read it.
func quantity(v float64, unit string) string {
	switch unit {
	case "By", "By/s":
		return mebibytes(int64(v)) + unit[len("By"):]
	case "s":
		return fmt.Sprintf("%.1f s", v)
	case "1":
		return fmt.Sprintf("%.2f", v)
	default: // {pull} and the like are counts
		return fmt.Sprint(v)
	}
}
