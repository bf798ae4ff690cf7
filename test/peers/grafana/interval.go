package grafana

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

const (
	// scrapeInterval is what a data source is taken to have by default.
	scrapeInterval = 15 * time.Second
	// safePoints is how many steps Prometheus answers at most.
	safePoints = 11000

	day = 24 * time.Hour
)

// rangeLength is how long "now-6h" to "now" is.
func rangeLength(from, to string) (time.Duration, error) {
	ago, ok := strings.CutPrefix(from, "now-")
	if !ok || to != "now" {
		return 0, fmt.Errorf("the time from %q to %q is not read here", from, to)
	}
	return duration(ago)
}

func duration(text string) (time.Duration, error) {
	d, err := model.ParseDuration(text)
	return time.Duration(d), err
}

// rounded are the steps that are taken, each for what is at most the one beside it.
var rounded = []struct{ atMost, step time.Duration }{
	{15 * time.Millisecond, 10 * time.Millisecond},
	{35 * time.Millisecond, 20 * time.Millisecond},
	{75 * time.Millisecond, 50 * time.Millisecond},
	{150 * time.Millisecond, 100 * time.Millisecond},
	{350 * time.Millisecond, 200 * time.Millisecond},
	{750 * time.Millisecond, 500 * time.Millisecond},
	{1500 * time.Millisecond, time.Second},
	{3500 * time.Millisecond, 2 * time.Second},
	{7500 * time.Millisecond, 5 * time.Second},
	{12500 * time.Millisecond, 10 * time.Second},
	{17500 * time.Millisecond, 15 * time.Second},
	{25 * time.Second, 20 * time.Second},
	{45 * time.Second, 30 * time.Second},
	{90 * time.Second, time.Minute},
	{210 * time.Second, 2 * time.Minute},
	{450 * time.Second, 5 * time.Minute},
	{750 * time.Second, 10 * time.Minute},
	{1050 * time.Second, 15 * time.Minute},
	{1500 * time.Second, 20 * time.Minute},
	{45 * time.Minute, 30 * time.Minute},
	{90 * time.Minute, time.Hour},
	{150 * time.Minute, 2 * time.Hour},
	{270 * time.Minute, 3 * time.Hour},
	{9 * time.Hour, 6 * time.Hour},
	{day, 12 * time.Hour},
	{7 * day, day},
	{21 * day, 7 * day},
	{42 * day, 30 * day},
	{math.MaxInt64, 365 * day},
}

func roundInterval(d time.Duration) time.Duration {
	for _, r := range rounded {
		if d <= r.atMost {
			return r.step
		}
	}
	return d
}

// intervals are the times between points of a query, and that which rates are taken over.
type intervals struct{ step, rate time.Duration }

// intervalsOf are those of a query over a length of time, in a panel that shows so many
// points. minimum is the panel's least interval and own the query's; both may be empty.
func intervalsOf(length time.Duration, points int64, minimum, own string, factor int64) (intervals, error) {
	least, scrape := scrapeInterval, scrapeInterval
	var err error
	if minimum != "" {
		if least, err = duration(minimum); err != nil {
			return intervals{}, err
		}
	}
	panel := max(least, roundInterval(length/time.Duration(points))) // as the browser computes it
	least = panel
	if own != "" {
		if least, err = duration(own); err != nil {
			return intervals{}, err
		}
		scrape = least
	}
	step := length / time.Duration(points)
	if step < least {
		step = least
	} else {
		step = roundInterval(step)
	}
	step = max(step, roundInterval(length/safePoints)) * time.Duration(max(factor, 1))
	return intervals{step: step, rate: max(panel+scrape, 4*scrape)}, nil
}

// shortly writes a duration in its largest unit, what is left over cut off.
func shortly(d time.Duration) string {
	for _, unit := range []struct {
		name   string
		length time.Duration
	}{{"y", 365 * day}, {"d", day}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}} {
		if d >= unit.length {
			return fmt.Sprintf("%d%s", d/unit.length, unit.name)
		}
	}
	return fmt.Sprintf("%dms", max(d.Milliseconds(), 1))
}
