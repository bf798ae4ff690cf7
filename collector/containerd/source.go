// Package containerd is the source of pulls that watches containerd from
// outside: its leases, content ingests, blobs, snapshots, images and events,
// over its own gRPC API, reading only.
//
// A lease is a pull. Every pull opens a lease before it resolves the name, hangs
// on it all that it touches, and deletes it when it ends (client/pull.go:86,
// core/transfer/local/pull.go:40 @v2.4.2). The manifest in the content store
// gives the pull its layers, ListStatuses their progress, and the times are
// containerd's own: CreatedAt of leases and blobs, Created of snapshots, and
// the times of events.
package containerd

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/errdefs"
	"github.com/containerd/errdefs/pkg/errgrpc"
	"github.com/opencontainers/go-digest"
	"golang.org/x/mod/semver"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/pulltrace/pulltrace/collector/pull"
)

// Config says which containerd to watch.
type Config struct {
	Address    string   // path of its unix socket, which need not exist yet
	Namespaces []string // those to watch; all when empty

	// MaxConcurrentDownloads is as in containerd's own configuration, which
	// its API does not tell.
	MaxConcurrentDownloads int
}

// Source watches one containerd. It is made by [New]; one goroutine may call
// Observe while another one is in Watch.
type Source struct {
	config Config
	client *client
	daemon daemon // that answered last
	leases map[leaseKey]*lease

	open map[string]ingests // as last seen, by namespace

	observed time.Time             // by Observe, when it last went well
	watching time.Time             // since when leases are looked at
	ended    map[rootKey]time.Time // pulls that are gone, by root: when the last one was

	sighted time.Time // by Watch, when it last looked at leases

	mu      sync.Mutex
	lost    time.Time              // when containerd was last known to answer no more; zero while it does
	records []record               // image records that events told of lately
	unread  []record               // those that no look has been at
	seen    map[leaseKey]*sighting // leases that were there when an event came
}

// daemon is one run of a containerd.
type daemon struct {
	uuid       string // of all runs
	pid, pidns uint64 // of this one
	slots      int    // shared by all pulls; 0 where each has its own

	// began is when the pulls of an earlier run were over, at the latest.
	// Leases that are older were left by it, for up to 24 hours.
	began time.Time
}

type leaseKey struct{ namespace, id string }

// ingests are open ones by the digest of their blob.
type ingests map[digest.Digest]content.Status

// New returns a source for the containerd at an address. It does not wait for
// containerd to be there; the error is of a bad address.
func New(config Config) (*Source, error) {
	c, err := dial(config.Address)
	if err != nil {
		return nil, fmt.Errorf("containerd at %s: %w", config.Address, err)
	}
	return &Source{
		config: config, client: c, lost: time.Now(),
		leases: make(map[leaseKey]*lease), open: make(map[string]ingests),
		ended: make(map[rootKey]time.Time), seen: make(map[leaseKey]*sighting),
	}, nil
}

// Close ends the connection.
func (s *Source) Close() error { return s.client.conn.Close() }

// Version is containerd's version, as it tells it.
func (s *Source) Version(ctx context.Context) (string, error) {
	v, err := s.client.version.Version(ctx, &emptypb.Empty{})
	if err != nil {
		return "", fmt.Errorf("asking containerd for its version: %w", errgrpc.ToNative(err))
	}
	return strings.TrimPrefix(v.GetVersion(), "v"), nil
}

// Observe asks containerd for its pulls. After an error the next call starts
// afresh, also with another containerd at the same address.
func (s *Source) Observe(ctx context.Context) (pull.Observation, error) {
	o := pull.Observation{Asked: time.Now().Round(0)}
	err := s.observe(ctx, &o)
	now := time.Now()
	o.Time = now.Round(0) // by the wall clock, as all of containerd's times are
	if err != nil {
		s.lose(o.Time)
		return o, err
	}
	o.Stepped = s.stepped(now)
	s.observed = now
	s.forgetRoots(now)
	return o, err
}

func (s *Source) observe(ctx context.Context, o *pull.Observation) error {
	if err := s.identify(ctx); err != nil {
		return err
	}
	o.Slots = s.daemon.slots
	namespaces, err := s.namespaces(ctx)
	if err != nil {
		return err
	}
	for _, ns := range namespaces {
		if err := s.observeNamespace(ctx, ns, o); err != nil {
			return fmt.Errorf("namespace %s: %w", ns, err)
		}
	}
	return nil
}

// slots is the number of download slots that all pulls share. That is so since
// 2.1 (transfer.go:59, images/service.go:114 @v2.4.2); before, every pull had
// its own, and opened an ingest only with a slot in hand.
func (s *Source) slots(version string) int {
	if semver.Compare(semver.MajorMinor("v"+version), "v2.1") < 0 {
		return 0
	}
	return s.config.MaxConcurrentDownloads
}

func (s *Source) namespaces(ctx context.Context) ([]string, error) {
	if len(s.config.Namespaces) > 0 {
		return s.config.Namespaces, nil
	}
	return s.client.listNamespaces(ctx)
}

// pullLeases finds the leases that may be pulls: those that expire by
// themselves. Containers hold leases without that label for as long as they
// run (sandbox_run.go:97 @v2.4.2).
const pullLeases = `labels."containerd.io/gc.expire"`

// observeNamespace adds a reading of each pull in a namespace.
func (s *Source) observeNamespace(ctx context.Context, ns string, o *pull.Observation) error {
	ctx = namespaces.WithNamespace(ctx, ns)
	records := s.takeUnread(ns) // before the leases: one of theirs that is there is listed
	list, err := s.client.leases.List(ctx, pullLeases)
	if err != nil {
		return fmt.Errorf("listing leases: %w", err)
	}
	now := time.Now()
	known, err := s.refresh(ctx, ns, list, now)
	if err != nil || len(known)+len(records) == 0 {
		return err
	}
	look := look{ctx: ctx, source: s, namespace: ns, now: now, before: s.open[ns], held: make(map[digest.Digest]bool)}
	if look.ingests, err = s.ingests(ctx); err != nil {
		return err
	}
	s.open[ns] = look.ingests
	for _, l := range known {
		for d := range l.content {
			look.held[d] = true
		}
	}
	for _, l := range known {
		if l.leftover {
			continue
		}
		r, isPull, err := look.read(l)
		switch {
		case err != nil:
			return fmt.Errorf("lease %s: %w", l.id, err)
		case isPull:
			o.Pulls = append(o.Pulls, r)
		case now.Sub(l.created) < candidateTime:
			o.Candidates++
		}
		if isPull && l.gone {
			s.over(ns, l)
		}
		if l.gone && (isPull || l.waitedForRecord(now)) {
			delete(s.leases, leaseKey{ns, l.id})
		}
	}
	unseen, err := look.unseen(records, known)
	o.Pulls = append(o.Pulls, unseen...)
	return err
}

// candidateTime is how long a lease without a root is looked at closely.
// Registries are given up long before.
const candidateTime = 5 * time.Minute

// refresh brings the known leases of a namespace up to date with those listed,
// and returns them. What is no longer listed is gone.
func (s *Source) refresh(ctx context.Context, ns string, list []leases.Lease, now time.Time) ([]*lease, error) {
	s.meet(ns)
	listed := make(map[string]bool, len(list))
	var known []*lease
	for _, item := range list {
		l := s.lease(ns, item)
		if l.gone {
			continue // left behind by a containerd that has ended
		}
		listed[item.ID] = true
		askedAt := time.Now()
		resources, err := s.client.leases.ListResources(ctx, item)
		switch {
		case errdefs.IsNotFound(err):
			delete(listed, item.ID) // it has just gone
			continue
		case err != nil:
			return nil, fmt.Errorf("listing resources of lease %s: %w", item.ID, err)
		}
		l.hold(resources)
		l.askedAt = askedAt
		known = append(known, l)
	}
	for key, l := range s.leases {
		switch {
		case key.namespace != ns, listed[key.id]:
		case l.leftover:
			delete(s.leases, key)
		default:
			l.leave(now)
			known = append(known, l)
		}
	}
	return known, nil
}

// ingests are the open ingests of the namespace by the digest of their blob.
func (s *Source) ingests(ctx context.Context) (ingests, error) {
	statuses, err := s.client.content.ListStatuses(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing ingests: %w", err)
	}
	open := make(ingests, len(statuses))
	for _, st := range statuses {
		if _, d, ok := refDigest(st.Ref); ok {
			open[d] = st
		}
	}
	return open, nil
}
