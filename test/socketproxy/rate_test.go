package socketproxy_test

import (
	"testing"
	"time"

	"github.com/pulltrace/pulltrace/test/socketproxy"
)

func TestBusiest(t *testing.T) {
	for name, test := range map[string]struct {
		at   []time.Duration
		want int
	}{
		"none":                     {nil, 0},
		"one each second":          {[]time.Duration{0, time.Second, 2 * time.Second}, 1},
		"a second across two":      {[]time.Duration{0, 900 * time.Millisecond, 1100 * time.Millisecond, 1800 * time.Millisecond, 3 * time.Second}, 3},
		"the last second has most": {[]time.Duration{0, 5 * time.Second, 5 * time.Second, 5 * time.Second}, 3},
	} {
		var calls []socketproxy.Call
		for _, at := range test.at {
			calls = append(calls, socketproxy.Call{Start: time.Unix(0, 0).Add(at)})
		}
		if got := socketproxy.Busiest(calls); got != test.want {
			t.Errorf("%s: %d calls in the busiest second, want %d", name, got, test.want)
		}
	}
}
