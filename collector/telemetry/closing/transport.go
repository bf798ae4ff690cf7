package closing

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// Unary is an interceptor for an exporter by gRPC. It sees each try.
func (c *Closer) Unary(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	request, ok := req.(*collectorpb.ExportMetricsServiceRequest)
	if !ok {
		return invoke(ctx, method, req, reply, cc, opts...)
	}
	p := c.prepare(request)
	err := invoke(ctx, method, p.request, reply, cc, opts...)
	if err == nil { // also where some points were rejected: they are not to be sent again
		c.arrived(p)
	}
	return err
}

// Transport wraps the transport of an exporter by HTTP. It sees each try.
func (c *Closer) Transport(next http.RoundTripper) http.RoundTripper { return transport{c, next} }

type transport struct {
	closer *Closer
	next   http.RoundTripper
}

// RoundTrip sends a request with what is to be closed. One that it cannot read
// it sends as it is.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		return t.next.RoundTrip(r)
	}
	body, err := io.ReadAll(r.Body)
	_ = r.Body.Close() // it was read
	if err != nil {
		return nil, err
	}
	var request collectorpb.ExportMetricsServiceRequest
	compressed := r.Header.Get("Content-Encoding") == "gzip"
	if err := decode(body, compressed, &request); err != nil {
		return t.next.RoundTrip(withBody(r, body))
	}
	p := t.closer.prepare(&request)
	if p.request != &request {
		if body, err = encode(p.request, compressed); err != nil {
			return nil, err
		}
	}
	response, err := t.next.RoundTrip(withBody(r, body))
	if err == nil && response.StatusCode/100 == 2 {
		t.closer.arrived(p)
	}
	return response, err
}

// withBody is a copy of a request, for a transport does not change the one it is
// given.
func withBody(r *http.Request, body []byte) *http.Request {
	r = r.Clone(r.Context())
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	r.Body, _ = r.GetBody()
	r.ContentLength = int64(len(body))
	return r
}

func decode(body []byte, compressed bool, request *collectorpb.ExportMetricsServiceRequest) error {
	if compressed {
		unzip, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return err
		}
		if body, err = io.ReadAll(unzip); err != nil {
			return err
		}
	}
	return proto.Unmarshal(body, request)
}

func encode(request *collectorpb.ExportMetricsServiceRequest, compress bool) ([]byte, error) {
	body, err := proto.Marshal(request)
	if err != nil || !compress {
		return body, err
	}
	var zipped bytes.Buffer
	zip := gzip.NewWriter(&zipped)
	if _, err := zip.Write(body); err != nil {
		return nil, err
	}
	err = zip.Close()
	return zipped.Bytes(), err
}
