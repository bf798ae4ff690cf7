package telemetry

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	"go.opentelemetry.io/otel/attribute"
	standard "go.opentelemetry.io/otel/semconv/v1.43.0"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/pulltrace/pulltrace/collector/pull"
	"github.com/pulltrace/pulltrace/semconv"
)

// What is told of a pull that has ended; nil is what must not be told.
func TestEndedPull(t *testing.T) {
	value := func(v float64) *float64 { return &v }
	type expected map[*semconv.Metric]*float64
	for name, test := range map[string]struct {
		pull func() pull.Pull
		want expected
	}{
		"it went well": {
			func() pull.Pull {
				p := ended("a", pull.Success, 600)
				p.Cached, p.Queued, p.Waited = 400, 1500*time.Millisecond, 3*time.Second
				return p
			},
			expected{
				&semconv.PullDuration: value(10), &semconv.PullQueueDuration: value(3), &semconv.PullSlotWaitDuration: value(1.5), &semconv.PullResolveDuration: value(1),
				&semconv.PullDownloadDuration: value(5), &semconv.PullUnpackDuration: value(2),
				&semconv.PullDownloaded: value(600), &semconv.PullRate: value(120),
				&semconv.DownloadWasted: value(0), &semconv.CacheHit: value(400),
			},
		},
		"all was there, since when is not known": {
			func() pull.Pull {
				p := ended("a", pull.Success, 0)
				p.Cached, p.Queued, p.Waited, p.Layers = 1000, -1, -1, nil
				p.Estimated = []pull.Estimate{pull.ResolveEnd}
				return p
			},
			expected{
				&semconv.PullDuration: value(10), &semconv.PullQueueDuration: nil, &semconv.PullSlotWaitDuration: nil, &semconv.PullResolveDuration: nil,
				&semconv.PullDownloadDuration: nil, &semconv.PullUnpackDuration: nil,
				&semconv.PullDownloaded: value(0), &semconv.PullRate: nil,
				&semconv.DownloadWasted: value(0), &semconv.CacheHit: value(1000),
			},
		},
		"it failed": {
			func() pull.Pull {
				p := ended("a", pull.Failure, 500)
				p.Cached = 100
				return p
			},
			expected{
				&semconv.PullDuration: value(10), &semconv.PullQueueDuration: value(0), &semconv.PullSlotWaitDuration: value(0), &semconv.PullResolveDuration: value(1),
				&semconv.PullDownloadDuration: value(8), &semconv.PullUnpackDuration: nil,
				&semconv.PullDownloaded: value(500), &semconv.PullRate: value(62.5),
				&semconv.DownloadWasted: value(500), &semconv.CacheHit: value(100),
			},
		},
		"it failed while it waited": {
			func() pull.Pull {
				p := ended("a", pull.Failure, 0)
				p.TotalKnown, p.Layers, p.Resolved, p.Queued, p.Waited = false, nil, time.Time{}, 9*time.Second, -1
				return p
			},
			expected{
				&semconv.PullDuration: value(10), &semconv.PullQueueDuration: nil, &semconv.PullSlotWaitDuration: value(9), &semconv.PullResolveDuration: nil,
				&semconv.PullDownloadDuration: nil, &semconv.PullUnpackDuration: nil,
				&semconv.PullDownloaded: value(0), &semconv.PullRate: nil,
				&semconv.DownloadWasted: value(0), &semconv.CacheHit: value(0),
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRecorded(t)
			p := test.pull()
			r.Report(pull.Update{Time: at(11), SourceUp: true, Ended: []pull.Pull{p}})
			for m, want := range test.want {
				points := r.points(t, *m)
				switch {
				case want == nil && len(points) > 0:
					t.Errorf("%s is told as %v, want nothing", m.Name, points)
				case want != nil && (len(points) != 1 || points[0].value != *want):
					t.Errorf("%s is told as %v, want %g", m.Name, points, *want)
				}
				if m.Instrument != semconv.Histogram || want == nil {
					continue
				}
				attrs := []attribute.KeyValue{standard.K8SNodeName("n1"), semconv.RegistryKey.String("docker.io"), semconv.OutcomeKey.String(string(p.Outcome))}
				if m.Name == semconv.PullDuration.Name && p.Err != "" {
					attrs = append(attrs, semconv.ErrorTypeOther)
				}
				if set := attribute.NewSet(attrs...); len(points) == 1 && !points[0].attrs.Equals(&set) {
					t.Errorf("%s has attributes %v, want %v", m.Name, points[0].attrs.ToSlice(), set.ToSlice())
				}
			}
		})
	}
}

// Each time that a pull goes over the threshold is one stall.
func TestStalls(t *testing.T) {
	r := newRecorded(t)
	p := running("a", 10)
	p.Stalled = true
	for _, changes := range [][]pull.Change{
		{{Kind: pull.Started, Pull: &p}},
		{{Kind: pull.Stalled, Pull: &p}},
		nil, // it is stalled still
		{{Kind: pull.Resumed, Pull: &p}},
		{{Kind: pull.Stalled, Pull: &p}},
	} {
		r.Report(pull.Update{Time: at(1), SourceUp: true, Active: []pull.Pull{p}, Changes: changes})
	}
	if got := r.only(t, semconv.PullStalls); got != 2 {
		t.Errorf("%g stalls, want 2", got)
	}
}

func TestPolls(t *testing.T) {
	r := newRecorded(t)
	r.Report(pull.Update{SourceUp: true, Took: 250 * time.Millisecond})
	for _, err := range []error{
		fmt.Errorf("listing leases: %w", context.DeadlineExceeded),
		status.Error(codes.DeadlineExceeded, "too late"),
		fmt.Errorf("listing leases: %w", errdefs.ErrUnavailable),
		fmt.Errorf("asking: %w", status.Error(codes.Unavailable, "no such socket")),
		errors.New("something else"),
	} {
		r.Report(pull.Update{Took: time.Second, Err: err})
	}
	want := map[string]float64{"": 0.25, "timeout": 2, "connection": 2, "_OTHER": 1}
	points := r.points(t, semconv.SourcePollDuration)
	for _, p := range points {
		why, _ := p.attrs.Value(standard.ErrorTypeKey)
		if p.value != want[why.AsString()] {
			t.Errorf("polls with error %q took %g s, want %g", why.AsString(), p.value, want[why.AsString()])
		}
	}
	if len(points) != len(want) {
		t.Errorf("%d series of polls, want %d", len(points), len(want))
	}
	if got := r.only(t, semconv.SourceUp); got != 0 {
		t.Errorf("source.up is %g, want 0", got)
	}
}
