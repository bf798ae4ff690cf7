package containerd

import (
	"context"
	"slices"
	"strings"
	"testing"

	contentapi "github.com/containerd/containerd/api/services/content/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// Every method of the content service but the three that read is refused before
// it is sent.
func TestGuardRefusesWhatIsNotAllowed(t *testing.T) {
	reading := []string{"Info", "ListStatuses", "Read"}
	sent := func(context.Context, string, any, any, *grpc.ClientConn, ...grpc.CallOption) error { return nil }
	for _, m := range contentapi.Content_ServiceDesc.Methods {
		method := "/" + contentapi.Content_ServiceDesc.ServiceName + "/" + m.MethodName
		err := guardUnary(t.Context(), method, nil, nil, nil, sent)
		checkGuard(t, method, err, slices.Contains(reading, m.MethodName))
	}
	opened := func(context.Context, *grpc.StreamDesc, *grpc.ClientConn, string, ...grpc.CallOption) (grpc.ClientStream, error) {
		return nil, nil
	}
	for _, m := range contentapi.Content_ServiceDesc.Streams {
		method := "/" + contentapi.Content_ServiceDesc.ServiceName + "/" + m.StreamName
		_, err := guardStream(t.Context(), nil, nil, method, opened)
		checkGuard(t, method, err, slices.Contains(reading, m.StreamName))
	}
}

func checkGuard(t *testing.T, method string, err error, allowed bool) {
	t.Helper()
	if refused := status.Code(err) == codes.PermissionDenied; refused == allowed || (err != nil) == allowed {
		t.Errorf("%s: error %v, want it allowed: %t", method, err, allowed)
	}
}

func TestGuardSendsAnUnsampledParentAndADeadline(t *testing.T) {
	sent := func(ctx context.Context, _ string, _, _ any, _ *grpc.ClientConn, _ ...grpc.CallOption) error {
		if _, ok := ctx.Deadline(); !ok {
			t.Error("a call without a deadline")
		}
		md, _ := metadata.FromOutgoingContext(ctx)
		parent := strings.Join(md.Get("traceparent"), " ")
		if parts := strings.Split(parent, "-"); len(parts) != 4 || !strings.HasSuffix(parts[1], "ffffffffffffffff") || parts[3] != "00" {
			t.Errorf("traceparent %q, want one that no sampler takes", parent)
		}
		return nil
	}
	if err := guardUnary(t.Context(), "/containerd.services.version.v1.Version/Version", nil, nil, nil, sent); err != nil {
		t.Error(err)
	}
}
