package peers

import (
	"cmp"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

// row is a question to Prometheus and the true answer.
type row struct {
	metric string // as OpenTelemetry names it
	query  string // PromQL, in which $ stands for the way's matchers
	at     time.Time
	want   between

	// running, in place of want, is the truth about a running pull: of the moment
	// of the sample, which is that of the poll before it.
	running func(from, to time.Time) between
	moment  string // series whose sample has that moment; query when empty
}

// between is the truth and what is as good.
type between struct{ low, high float64 }

func exactly[T int | int64 | float64](v T) between { return between{float64(v), float64(v)} }

// around is a value that differs from another clock's by as much.
func around(v, off float64) between { return between{v - off, v + off} }

// none is the truth about a series that must not be there.
var none = between{math.NaN(), math.NaN()}

func (b between) String() string {
	switch {
	case math.IsNaN(b.low):
		return "absent"
	case b.low == b.high:
		return number(b.low)
	default:
		return number(b.low) + " to " + number(b.high)
	}
}

func (b between) holds(v float64) bool {
	return v >= b.low && v <= b.high || math.IsNaN(v) && math.IsNaN(b.low)
}

func number(v float64) string {
	switch {
	case math.IsNaN(v):
		return "absent"
	case v == math.Trunc(v) && math.Abs(v) < 1e15:
		return fmt.Sprintf("%.0f", v)
	default:
		return fmt.Sprintf("%.4g", v)
	}
}

// check asks for a row by some ways, holds the answers against the truth and adds
// them to the table.
func (n *node) check(tb *table, r row, by ...way) {
	n.Helper()
	cells := []string{r.metric, r.query, ""}
	for _, w := range ways {
		cell := ""
		for _, asked := range by {
			if asked == w {
				cell = n.checkBy(&r, w)
			}
		}
		cells = append(cells, cell)
	}
	cells[2] = r.want.String()
	tb.add(cells...)
}

// checkBy asks for a row by one way, and returns the answer.
func (n *node) checkBy(r *row, w way) string {
	n.Helper()
	query := strings.ReplaceAll(r.query, "$", w.selector())
	if r.running != nil {
		from, to := n.momentOf(cmp.Or(strings.ReplaceAll(r.moment, "$", w.selector()), query), r.at)
		r.want = r.running(from, to)
	}
	got := n.value(query, r.at)
	if !r.want.holds(got) {
		n.Errorf("%s by %s is %s, want %s:\n%s", r.metric, w.name, number(got), r.want, query)
	}
	return number(got)
}

// value is the one value that a query answers, NaN for none.
func (n *node) value(query string, at time.Time) float64 {
	n.Helper()
	switch answer := n.prometheus.Query(query, at); len(answer) {
	case 0:
		return math.NaN()
	case 1:
		return float64(answer[0].Value)
	default:
		n.Fatalf("the answer to %s has %d series:\n%s", query, len(answer), answer)
		return 0
	}
}

// momentOf is when what a series tells was true: between the time of its sample and
// the poll before that.
func (n *node) momentOf(series string, at time.Time) (from, to time.Time) {
	n.Helper()
	const poll = 1200 * time.Millisecond // and the time it takes
	seconds := n.value("timestamp("+series+")", at)
	if math.IsNaN(seconds) {
		return at, at
	}
	to = model.TimeFromUnixNano(int64(seconds * float64(time.Second))).Time()
	return to.Add(-poll), to
}
