package telemetry

import (
	"context"
	"errors"

	"github.com/containerd/errdefs"
	"go.opentelemetry.io/otel/attribute"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/pulltrace/pulltrace/semconv"
)

// pollError is why a poll failed. Clients of runtimes tell it as gRPC does, or as
// containerd's packages do.
func pollError(err error) attribute.KeyValue {
	switch code := status.Code(err); {
	case errors.Is(err, context.DeadlineExceeded), code == codes.DeadlineExceeded:
		return semconv.ErrorTypeTimeout
	case errdefs.IsUnavailable(err), code == codes.Unavailable:
		return semconv.ErrorTypeConnection
	default:
		return semconv.ErrorTypeOther
	}
}
