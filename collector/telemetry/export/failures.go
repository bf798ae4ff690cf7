package export

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// Failures counts exports that failed, by signal.
type Failures struct {
	Metrics, Traces, Logs atomic.Int64
}

// destination is one exporter, watched: what it returns is counted, and logged
// when it is news.
type destination struct {
	log      *slog.Logger // says which signal, and by which exporter
	failures *atomic.Int64
	timeout  time.Duration // of one export with all its tries; 0 where there is none

	mu   sync.Mutex
	news news
}

// export exports once. A dead endpoint fails every few seconds: the log has each
// cause once, and once that the exports work again.
func (d *destination) export(ctx context.Context, export func(context.Context) error) error {
	limited := ctx
	if d.timeout > 0 {
		var cancel context.CancelFunc
		limited, cancel = context.WithTimeout(ctx, d.timeout)
		defer cancel()
	}
	err := export(limited)
	d.mu.Lock()
	defer d.mu.Unlock()
	if err == nil {
		if len(d.news) > 0 {
			d.log.Info("exports work again")
			d.news = nil
		}
		return nil
	}
	if !errors.Is(ctx.Err(), context.Canceled) { // by us, at the end
		d.failures.Add(1)
		if d.news.is(err) {
			d.log.Warn("export failed", "error", err)
		}
	}
	return told{err}
}

// told is an error that the log has. The SDK hands it to the error handler, too.
type told struct{ error }

func (t told) Unwrap() error { return t.error }

// errorHandler logs what else the SDK finds wrong, each cause once.
func errorHandler(log *slog.Logger) otel.ErrorHandler {
	var mu sync.Mutex
	var n news
	return otel.ErrorHandlerFunc(func(err error) {
		mu.Lock()
		defer mu.Unlock()
		if !errors.As(err, new(told)) && n.is(err) {
			log.Warn("OpenTelemetry reports a problem", "error", err)
		}
	})
}

// news are the errors that were said.
type news map[string]bool

// maxNews bounds them: what a server answers may be new each time.
const maxNews = 20

// is tells whether an error was not said before. Numbers make no other error of
// it: they are ports of our own, or times.
func (n *news) is(err error) bool {
	cause := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return -1
		}
		return r
	}, err.Error())
	if (*n)[cause] || len(*n) == maxNews {
		return false
	}
	if *n == nil {
		*n = make(news)
	}
	(*n)[cause] = true
	return true
}

type watchedMetrics struct {
	sdkmetric.Exporter
	*destination
}

func (w watchedMetrics) Export(ctx context.Context, data *metricdata.ResourceMetrics) error {
	return w.export(ctx, func(ctx context.Context) error { return w.Exporter.Export(ctx, data) })
}

type watchedTraces struct {
	sdktrace.SpanExporter
	*destination
}

func (w watchedTraces) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	return w.export(ctx, func(ctx context.Context) error { return w.SpanExporter.ExportSpans(ctx, spans) })
}

type watchedLogs struct {
	sdklog.Exporter
	*destination
}

func (w watchedLogs) Export(ctx context.Context, records []sdklog.Record) error {
	return w.export(ctx, func(ctx context.Context) error { return w.Exporter.Export(ctx, records) })
}
