package containerd

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"time"

	"github.com/containerd/containerd/v2/client"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// allowed are the gRPC methods that may be called on containerd, all of which
// only read. Any other call fails in the client, before it is sent.
var allowed = map[string]bool{
	"/containerd.services.content.v1.Content/Info":               true,
	"/containerd.services.content.v1.Content/ListStatuses":       true,
	"/containerd.services.content.v1.Content/Read":               true,
	"/containerd.services.events.v1.Events/Subscribe":            true,
	"/containerd.services.images.v1.Images/Get":                  true,
	"/containerd.services.images.v1.Images/List":                 true,
	"/containerd.services.introspection.v1.Introspection/Server": true,
	"/containerd.services.leases.v1.Leases/List":                 true,
	"/containerd.services.leases.v1.Leases/ListResources":        true,
	"/containerd.services.namespaces.v1.Namespaces/List":         true,
	"/containerd.services.snapshots.v1.Snapshots/Stat":           true,
	"/containerd.services.version.v1.Version/Version":            true,
}

// callTimeout bounds every unary call, and how long a reconnect backs off.
const callTimeout = 3 * time.Second

// dial returns a client of the containerd that listens, or will listen, on a
// unix socket. It connects by itself, and again after containerd was restarted.
func dial(address string) (*client.Client, error) {
	return client.New(address,
		client.WithTimeout(callTimeout),
		client.WithExtraDialOpts([]grpc.DialOption{
			grpc.WithUnaryInterceptor(guardUnary),
			grpc.WithStreamInterceptor(guardStream),
		}))
}

func guardUnary(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	if err := permit(method); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(untraced(ctx), callTimeout)
	defer cancel()
	return invoke(ctx, method, req, reply, cc, opts...)
}

// guardStream sets no deadline: the event stream has none, and a reader's comes
// from its context. A stream waits for containerd to be there, so that no event
// is lost between its return and the next try.
func guardStream(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, stream grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	if err := permit(method); err != nil {
		return nil, err
	}
	return stream(untraced(ctx), desc, cc, method, append(opts, grpc.WaitForReady(true))...)
}

func permit(method string) error {
	if !allowed[method] {
		return status.Errorf(codes.PermissionDenied, "pulltrace only reads from containerd and does not call %s", method)
	}
	return nil
}

// untraced marks a call as part of an unsampled trace, so that a containerd
// that exports traces of its own does not record our polling. The low bytes of
// the trace ID are the highest there are, which ratio samplers reject as well.
func untraced(ctx context.Context) context.Context {
	var id, span [8]byte
	binary.BigEndian.PutUint64(id[:], rand.Uint64()|1)   //nolint:gosec // an ID, not a secret
	binary.BigEndian.PutUint64(span[:], rand.Uint64()|1) //nolint:gosec // an ID, not a secret
	return metadata.AppendToOutgoingContext(ctx, "traceparent",
		"00-"+hex.EncodeToString(id[:])+"ffffffffffffffff-"+hex.EncodeToString(span[:])+"-00")
}
