// Package kubernetes watches the pods of one node for those that wait for an
// image. It holds one watch on the API server, narrowed to the node, reads
// nothing but pods, and writes nothing.
//
// It is built on the reflector of client-go and types of its own that decode no
// more of a pod than is needed: see docs/adr/009-lean-kubernetes-client.md.
package kubernetes

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"

	"github.com/pulltrace/pulltrace/collector/pull"
)

// Config says which pods to watch, and through which API server.
type Config struct {
	Node       string // name of the node, as Kubernetes has it
	Kubeconfig string // path of a file; the cluster that this process runs in when empty
	Logger     *slog.Logger
}

// Pods are the pods of a node.
type Pods struct {
	node     string
	client   *rest.RESTClient
	log      *slog.Logger
	patience patience
}

// patience is how long to wait for the API server.
type patience struct {
	answer  time.Duration // for a list, and for the beginning of a watch
	silence time.Duration // within a watch; the API server sends a bookmark each minute (apiserver, cacher.go:78 @v0.37.2)

	retry *wait.Backoff // after a failure; as client-go has it (up to 30 s, and as much by chance) when nil
}

// New returns the pods of a node. It does not connect: the API server may come
// later. What is wrong with the configuration is an error.
func New(c Config) (*Pods, error) {
	if c.Node == "" {
		return nil, errors.New("watching pods: the node has no name")
	}
	quiet(c.Logger)
	client, err := connect(c.Kubeconfig)
	if err != nil {
		return nil, err
	}
	return &Pods{
		node: c.Node, client: client, log: c.Logger,
		patience: patience{answer: 30 * time.Second, silence: 3 * time.Minute},
	}, nil
}

// Watch hands to emit, one after another, what the API server shows of the pods
// that wait, whenever that changes, until ctx is done. The API server may be
// away, deny or be slow at any time: that is told, and Watch goes on.
//
// An attempt to pull that had failed before Watch first saw the pods is not told.
func (p *Pods) Watch(ctx context.Context, emit func(pull.Waiting)) {
	l := newLevel(p.node, p.log, emit)
	defer l.close()
	pause := relist.DelayWithReset(clock.RealClock{}, relistReset)
	for {
		p.reflect(ctx, l)
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause()):
		}
	}
}

// A version is too old when the API server has started again. The reflector would then wait
// with its list as after one more failure, up to a minute if there were some just before,
// in which no pod is seen. So another one takes its place, which lists first. All
// nodes do so at about the same time, hence the chance in it.
var relist = wait.Backoff{Duration: time.Second, Factor: 2, Jitter: 1, Steps: 6, Cap: 30 * time.Second}

const relistReset = 2 * time.Minute

// reflect keeps the level, until ctx is done or the version to watch from is too old.
func (p *Pods) reflect(ctx context.Context, l *level) {
	ctx, end := context.WithCancel(ctx)
	defer end()
	w := &watcher{pods: p, level: l, running: ctx, expired: end}
	r := cache.NewReflectorWithOptions(w, &Pod{}, l, cache.ReflectorOptions{Name: "pods", Backoff: p.patience.retry})
	// It may sleep between two attempts for longer than ctx lasts.
	go r.RunWithContext(ctx)
	<-ctx.Done()
}
