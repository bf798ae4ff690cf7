// Package containerd is the source of pulls that watches containerd from
// outside: its leases, content ingests, blobs, snapshots, images and events,
// over its own gRPC API, reading only.
//
// Every pull opens a lease before it resolves the name, hangs on it all that it touches,
// and deletes it when it ends (client/pull.go:86, core/transfer/local/pull.go:40 @v2.4.2).
// The manifest in the content store gives the pull its layers, ListStatuses their
// progress, and the times are containerd's own: CreatedAt of leases and blobs, Created of
// snapshots, and the times of events.
//
// This package asks, and hands what it gets to the package judge, which decides what is a
// pull and says what else to ask for.
package containerd

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/errdefs"
	"github.com/containerd/errdefs/pkg/errgrpc"
	"github.com/containerd/platforms"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/pulltrace/pulltrace/collector/containerd/judge"
	"github.com/pulltrace/pulltrace/collector/limits"
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
	config     Config
	client     *client
	daemon     daemon // that answered last
	namespaces map[string]*judge.Namespace
	asked      time.Time      // by Observe, when it last went well: when that began
	observed   moment         // and when it was done
	beyond     map[string]int // leases of a namespace that are too many to be looked at

	sightings  pace      // of leases, by Watch
	imageCalls allowance // of Watch
	otherCalls allowance // of Observe, for dormant leases

	mu    sync.Mutex
	lost  moment             // when containerd was last known to answer no more; zero while it does
	inbox inbox              // what Watch has for the next Observe
	quiet map[seenLease]bool // leases that Watch need not look at
}

// New returns a source for the containerd at an address. It does not wait for
// containerd to be there; the error is of a bad address.
func New(config Config) (*Source, error) {
	c, err := dial(config.Address)
	if err != nil {
		return nil, fmt.Errorf("containerd at %s: %w", config.Address, err)
	}
	return &Source{
		config: config, client: c, lost: now(),
		namespaces: make(map[string]*judge.Namespace), beyond: make(map[string]int), inbox: newInbox(),
		sightings: pace{least: sightGap}, imageCalls: allowance{most: limits.RecordCalls, rate: limits.RecordCallsPerSec},
		otherCalls: allowance{most: limits.OtherCalls, rate: limits.OtherCallsPerSec},
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

// Observe asks containerd for its pulls. Namespaces fail one by one: one that cannot be
// read is said to be unread, and the next call reads all of it that this one would have.
// It is an error if none can be read. After an error the next call starts afresh, also with
// another containerd at the same address.
func (s *Source) Observe(ctx context.Context) (pull.Observation, error) {
	o := pull.Observation{Asked: time.Now().Round(0)}
	looks, err := s.observe(ctx, &o)
	at := now()
	o.Time = at.wall // as all of containerd's times are
	if err != nil {
		s.lose(at)
		return o, err
	}
	o.Stepped = at.stepped(s.observed)
	s.daemon.follow(o.Stepped)
	s.asked, s.observed = o.Asked, at
	for _, look := range looks {
		look.Done()
	}
	s.noteQuiet(at.wall)
	o.Omitted = s.takeOmitted()
	return o, nil
}

func (s *Source) observe(ctx context.Context, o *pull.Observation) (looks []*judge.Look, err error) {
	if err := s.identify(ctx); err != nil {
		return nil, err
	}
	o.Daemon, o.Slots, o.CommitEvents = s.daemon.UUID, s.daemon.slots, s.daemon.commitEvents
	names, err := s.listNamespaces(ctx)
	if err != nil {
		return nil, err
	}
	var failed error
	for _, name := range names {
		look, err := s.observeNamespace(ctx, name)
		if err != nil {
			err = fmt.Errorf("namespace %s: %w", name, err)
			failed = errors.Join(failed, err)
			o.Unread = append(o.Unread, pull.Unread{Namespace: name, Err: err})
			if broken(err) {
				s.lose(now()) // another containerd may answer next
			}
			continue
		}
		if look != nil {
			readings, candidates := look.Readings()
			o.Pulls = append(o.Pulls, readings...)
			o.Candidates += candidates
			looks = append(looks, look)
		}
	}
	if len(o.Unread) > 0 && len(o.Unread) == len(names) {
		return nil, failed
	}
	return looks, nil
}

// listNamespaces are those to watch. What was known of others is forgotten.
func (s *Source) listNamespaces(ctx context.Context) ([]string, error) {
	names := s.config.Namespaces
	if len(names) == 0 {
		var err error
		if names, err = s.client.listNamespaces(ctx); err != nil {
			return nil, err
		}
	}
	for name := range s.namespaces {
		if !slices.Contains(names, name) {
			delete(s.namespaces, name)
			delete(s.beyond, name)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inbox.keepOnly(names)
	return names, nil
}

// observeNamespace looks at a namespace. The look is nil if there is nothing to look at.
func (s *Source) observeNamespace(ctx context.Context, name string) (*judge.Look, error) {
	n := s.namespaces[name]
	if n == nil {
		n = judge.NewNamespace(name, platforms.Default(), s.daemon.met)
		s.namespaces[name] = n
	}
	ctx = namespaces.WithNamespace(ctx, name)
	s.handLeases(name, n)
	s.handRecords(name, n) // before the leases are listed: that of a record which is there is listed then
	listing := judge.Listing{Daemon: s.daemon.Daemon}
	list, err := s.client.leases.List(ctx, judge.PullLeases)
	if err != nil {
		return nil, fmt.Errorf("listing leases: %w", err)
	}
	listing.Now = time.Now()
	oldest := s.oldest(name, list)
	unasked := func(l leases.Lease) bool { return l.CreatedAt.Before(oldest) }
	if len(list) == 0 && !n.Waits() {
		return nil, nil
	}
	quiet := func(l leases.Lease) bool {
		return unasked(l) || n.IsQuiet(l, listing.Now) || (n.IsDormant(l, listing.Now) && !s.otherCalls.take(listing.Now))
	}
	if listing.Leases, err = s.listAll(ctx, n, list, quiet); err != nil {
		return nil, err
	}
	if listing.Ingests, err = s.client.content.ListStatuses(ctx); err != nil {
		return nil, fmt.Errorf("listing ingests: %w", err)
	}
	if n.HasNew(listing) { // one of the quiet ones may have opened it
		if listing.Leases, err = s.listAll(ctx, n, list, unasked); err != nil {
			return nil, err
		}
	}
	look := n.Look(listing)
	s.handRecords(name, n) // those of leases that have just gone; the next look is at them too
	return look, s.answer(ctx, name, look)
}

// oldest is the creation of the oldest lease of a namespace that is looked at, zero if all are.
func (s *Source) oldest(namespace string, list []leases.Lease) time.Time {
	more := max(len(list)-limits.Leases, 0)
	if grown := more - s.beyond[namespace]; grown > 0 {
		s.omit(pull.OmittedLeases, grown)
	}
	s.beyond[namespace] = more
	if more == 0 {
		return time.Time{}
	}
	times := make([]time.Time, len(list))
	for i, l := range list {
		times[i] = l.CreatedAt
	}
	slices.SortFunc(times, time.Time.Compare)
	return times[more]
}

// listAll lists what leases hold, but for builders' and for those that are not to be asked.
// After limits.OthersTime only those of pulls are asked; the others are next time the first.
func (s *Source) listAll(ctx context.Context, n *judge.Namespace, list []leases.Lease, unasked func(leases.Lease) bool) (listed []judge.Listed, err error) {
	began := time.Now()
	n.SortByNeed(list)
	for _, item := range list {
		switch {
		case judge.IsBuilders(item):
			continue
		case unasked(item), time.Since(began) > limits.OthersTime && !n.IsPull(item):
			if n.Knows(item) {
				listed = append(listed, judge.Listed{Lease: item, Same: true})
			}
			continue
		}
		seen, err := s.listResources(ctx, item)
		switch {
		case errdefs.IsNotFound(err): // it has just gone
		case err != nil:
			return nil, fmt.Errorf("listing resources of lease %s: %w", item.ID, err)
		default:
			listed = append(listed, seen)
		}
	}
	return listed, nil
}

func (s *Source) listResources(ctx context.Context, l leases.Lease) (judge.Listed, error) {
	asked := time.Now()
	resources, err := s.client.leases.ListResources(ctx, l)
	return judge.Listed{Lease: l, Asked: asked, Resources: resources}, err
}

// versionForm is how containerd's versions begin. Distributions add parts of their own, not
// all of which are semantic versions: 2.1.4~ds1.
var versionForm = regexp.MustCompile(`^v?(\d+)\.(\d+)`)

// isSince21 tells whether a version is 2.1 or a later one. Since then all pulls share the
// download slots (transfer.go:59, images/service.go:114 @v2.4.2), and each commit of a blob
// has an event (content.go:631 @v2.4.2); before, every pull had slots of its own, and opened
// an ingest only with a slot in hand. A version that cannot be read is taken for a newer one.
func isSince21(version string) bool {
	parts := versionForm.FindStringSubmatch(version)
	if parts == nil {
		return true
	}
	major, _ := strconv.Atoi(parts[1])
	minor, _ := strconv.Atoi(parts[2])
	return major > 2 || (major == 2 && minor >= 1)
}
