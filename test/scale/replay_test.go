package scale

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/protobuf/proto"
)

// play has each node push to the receiver at url what it pushes after its past, when the
// time has come, until the test ends.
func (f *fleet) play(t *testing.T, url string, shift time.Duration) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for _, o := range f.originals {
		all.Go(func() {
			if err := o.play(ctx, url, shift); err != nil && ctx.Err() == nil {
				t.Errorf("the copies of %s: %v", o.name, err)
			}
		})
	}
	t.Cleanup(func() {
		cancel()
		all.Wait()
	})
}

func (o *original) play(ctx context.Context, url string, shift time.Duration) error {
	var last time.Time
	for _, p := range o.future {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Until(p.at.Add(shift))):
		}
		// In fake time two exports may fall into one millisecond, and Prometheus takes but one
		// sample of a series for each.
		at := p.at.Truncate(time.Millisecond)
		if !at.After(last) {
			at = last.Add(time.Millisecond)
		}
		last = at
		body, err := shifted(p.body, shift+at.Sub(p.at.Truncate(time.Millisecond)))
		if err != nil {
			return err
		}
		for _, c := range o.copies {
			if err := send(ctx, url, c.renameAll(body)); err != nil {
				return err
			}
		}
	}
	return nil
}

// renameAll gives a request the names of the copy. They are as long as those of the
// original, so that it stays well-formed.
func (c copied) renameAll(body []byte) []byte {
	body = bytes.ReplaceAll(body, []byte(c.of.name), []byte(c.name))
	return bytes.ReplaceAll(body, []byte(c.of.instance), []byte(c.instance))
}

// shifted is a request at another time.
func shifted(body []byte, shift time.Duration) ([]byte, error) {
	var request collectorpb.ExportMetricsServiceRequest
	if err := proto.Unmarshal(body, &request); err != nil {
		return nil, err
	}
	by := uint64(shift) // wraps, as it must where the shift is backwards
	for _, rm := range request.GetResourceMetrics() {
		for _, sm := range rm.GetScopeMetrics() {
			for _, m := range sm.GetMetrics() {
				shiftPoints(m, by)
			}
		}
	}
	return proto.Marshal(&request)
}

func shiftPoints(m *metricspb.Metric, by uint64) {
	for _, p := range numberPoints(m) {
		p.TimeUnixNano += by
		if p.GetStartTimeUnixNano() > 0 {
			p.StartTimeUnixNano += by
		}
	}
	for _, p := range m.GetHistogram().GetDataPoints() {
		p.TimeUnixNano += by
		p.StartTimeUnixNano += by
	}
}

func send(ctx context.Context, url string, body []byte) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-protobuf")
	response, err := client.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", response.Status, answer)
	}
	return err
}

// client is for what goes to the real Prometheus.
var client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: mostOriginals}}
