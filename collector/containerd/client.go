package containerd

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"

	imagesapi "github.com/containerd/containerd/api/services/images/v1"
	leasesapi "github.com/containerd/containerd/api/services/leases/v1"
	namespacesapi "github.com/containerd/containerd/api/services/namespaces/v1"
	snapshotsapi "github.com/containerd/containerd/api/services/snapshots/v1"
	versionapi "github.com/containerd/containerd/api/services/version/v1"
	"github.com/containerd/containerd/v2/core/content"
	contentproxy "github.com/containerd/containerd/v2/core/content/proxy"
	"github.com/containerd/containerd/v2/core/events"
	eventsproxy "github.com/containerd/containerd/v2/core/events/proxy"
	"github.com/containerd/containerd/v2/core/introspection"
	introspectionproxy "github.com/containerd/containerd/v2/core/introspection/proxy"
	"github.com/containerd/containerd/v2/core/leases"
	leasesproxy "github.com/containerd/containerd/v2/core/leases/proxy"
	"github.com/containerd/containerd/v2/core/snapshots"
	snapshotsproxy "github.com/containerd/containerd/v2/core/snapshots/proxy"
	"github.com/containerd/containerd/v2/defaults"
	"github.com/containerd/containerd/v2/pkg/dialer"
	"github.com/containerd/errdefs/pkg/errgrpc"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/pulltrace/pulltrace/collector/limits"
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

// client is containerd's API as far as it is called, by the proxies that containerd's
// own client is made of. That one also links what it takes to fetch, unpack and run
// images, which is 2.7 MB.
type client struct {
	conn          *grpc.ClientConn
	content       content.Store
	events        events.Subscriber
	images        imagesapi.ImagesClient
	introspection introspection.Service
	leases        leases.Manager
	namespaces    namespacesapi.NamespacesClient
	snapshots     snapshotsapi.SnapshotsClient
	version       versionapi.VersionClient
}

// dial returns a client of the containerd that listens, or will listen, on a
// unix socket. It connects by itself, and again after containerd was restarted.
// The connection is as containerd's own client makes it (client.go:137 @v2.4.2).
func dial(address string) (*client, error) {
	retry := backoff.DefaultConfig
	retry.MaxDelay = limits.CallTime
	conn, err := grpc.NewClient(dialer.DialAddress(address),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: retry, MinConnectTimeout: limits.CallTime}),
		grpc.WithContextDialer(dialer.ContextDialer),
		grpc.WithDefaultCallOptions(
			grpc.MaxCallRecvMsgSize(defaults.DefaultMaxRecvMsgSize),
			grpc.MaxCallSendMsgSize(defaults.DefaultMaxSendMsgSize)),
		grpc.WithUnaryInterceptor(guardUnary),
		grpc.WithStreamInterceptor(guardStream))
	if err != nil {
		return nil, err
	}
	return &client{
		conn:          conn,
		content:       contentproxy.NewContentStore(conn),
		events:        eventsproxy.NewRemoteEvents(conn),
		images:        imagesapi.NewImagesClient(conn),
		introspection: introspectionproxy.NewIntrospectionProxy(conn),
		leases:        leasesproxy.NewLeaseManager(leasesapi.NewLeasesClient(conn)),
		namespaces:    namespacesapi.NewNamespacesClient(conn),
		snapshots:     snapshotsapi.NewSnapshotsClient(conn),
		version:       versionapi.NewVersionClient(conn),
	}, nil
}

// snapshotter returns the one of that name.
func (c *client) snapshotter(name string) snapshots.Snapshotter {
	return snapshotsproxy.NewSnapshotter(c.snapshots, name)
}

// listNamespaces returns the names of all namespaces.
func (c *client) listNamespaces(ctx context.Context) ([]string, error) {
	list, err := c.namespaces.List(ctx, &namespacesapi.ListNamespacesRequest{})
	if err != nil {
		return nil, fmt.Errorf("listing namespaces: %w", errgrpc.ToNative(err))
	}
	var names []string
	for _, ns := range list.GetNamespaces() {
		names = append(names, ns.GetName())
	}
	return names, nil
}

func guardUnary(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	if err := permit(method); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(untraced(ctx), limits.CallTime)
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
