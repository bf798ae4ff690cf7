package export

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.opentelemetry.io/otel"
)

// logged is a log that a test reads.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logged) count(what string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), what)
}

// A backend refuses, takes, and refuses again. Each try that fails is counted,
// each change is logged.
func TestFailuresAreCountedAndLoggedOnce(t *testing.T) {
	for protocol, variables := range protocols {
		t.Run(protocol, func(t *testing.T) {
			r, log := newReceiver(t, nil), &logged{}
			sdk := setUpWith(t, Config{Log: slog.New(slog.NewTextHandler(log, nil))}, variables(r, "http")...)
			const times = 3
			for round := range 2 {
				r.refuse(true)
				for range times {
					sdk.emit(t, 1)
					if err := sdk.Flush(t.Context()); err == nil {
						t.Fatal("a refused export has no error")
					}
				}
				r.refuse(false)
				for range times {
					sdk.emit(t, 1)
					sdk.flush(t)
				}
				want := int64(times * (round + 1))
				f := &sdk.Failures
				if f.Metrics.Load() != want || f.Traces.Load() != want || f.Logs.Load() != want {
					t.Errorf("%d, %d and %d failures, want %d of each signal", f.Metrics.Load(), f.Traces.Load(), f.Logs.Load(), want)
				}
				for _, signal := range []string{"metrics", "traces", "logs"} {
					failed, works := `level=WARN msg="export failed" signal=`+signal, `level=INFO msg="exports work again" signal=`+signal
					if log.count(failed) != round+1 || log.count(works) != round+1 {
						t.Errorf("%s: logged %d and %d times, want %d", signal, log.count(failed), log.count(works), round+1)
					}
				}
			}
			if n := log.count("\n"); n != 12 {
				t.Errorf("%d lines, want 12:\n%s", n, log.text.String())
			}
		})
	}
}

// Only the signal that fails is counted, and metrics that arrived are delivered.
func TestFailureOfOneSignal(t *testing.T) {
	works, refuses := newReceiver(t, nil), newReceiver(t, nil)
	refuses.refuse(true)
	sdk := setUp(t, "OTEL_LOGS_EXPORTER=otlp", "OTEL_EXPORTER_OTLP_ENDPOINT=http://"+works.grpc, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://"+refuses.grpc)
	sdk.flush(t)
	if f := &sdk.Failures; f.Metrics.Load() != 0 || f.Traces.Load() != 1 || f.Logs.Load() != 0 {
		t.Errorf("%d, %d and %d failures, want the one of traces", f.Metrics.Load(), f.Traces.Load(), f.Logs.Load())
	}
}

// An export that we end ourselves has not failed.
func TestEndedExportIsNoFailure(t *testing.T) {
	log, failures := &logged{}, &atomic.Int64{}
	d := &destination{log: slog.New(slog.NewTextHandler(log, nil)), failures: failures}
	ctx, cancel := context.WithCancel(t.Context())
	err := d.export(ctx, func(ctx context.Context) error { cancel(); <-ctx.Done(); return ctx.Err() })
	if !errors.Is(err, context.Canceled) || failures.Load() != 0 || log.count("\n") != 0 {
		t.Errorf("%v, %d failures, log %s", err, failures.Load(), log.text.String())
	}
}

// What the SDK reports of its own is logged once per cause, numbers apart, and
// not without end.
func TestProblemsOfTheSDK(t *testing.T) {
	log := &logged{}
	setUpWith(t, Config{Log: slog.New(slog.NewTextHandler(log, nil))}, "OTEL_METRICS_EXPORTER=none", "OTEL_TRACES_EXPORTER=none")
	for range 5 {
		otel.Handle(errors.New("odd thing on port 38122"))
		otel.Handle(errors.New("odd thing on port 4"))
		otel.Handle(told{errors.New("a failed export")})
	}
	if log.count("\n") != 1 || log.count("odd thing") != 1 {
		t.Errorf("logged %s", log.text.String())
	}
	for i := range 100 {
		otel.Handle(errors.New(strings.Repeat("x", i)))
	}
	if n := log.count("\n"); n != maxNews {
		t.Errorf("%d lines, want %d", n, maxNews)
	}
}
