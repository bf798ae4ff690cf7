package socketproxy

import (
	"context"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// Cut ends the calls of a method that are in flight, and every further one,
// until it is mended.
func (p *Proxy) Cut(method string) {
	f := p.faultOf(method)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refusal = codes.Unavailable
	for _, cancel := range f.calls {
		cancel()
	}
}

// Refuse answers every further call of a method with this code, until it is
// mended.
func (p *Proxy) Refuse(method string, code codes.Code) {
	f := p.faultOf(method)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refusal = code
}

// RefuseIn answers every further call of a method in one namespace of containerd
// with this code, each after some time, until the method is mended.
func (p *Proxy) RefuseIn(namespace, method string, code codes.Code, after time.Duration) {
	f := p.faultOf(method)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.namespaces[namespace] = refusal{code, after}
}

// Rewrite hands on what change makes of each message that is answered to a method,
// until it is mended.
func (p *Proxy) Rewrite(method string, change func(message []byte) []byte) {
	f := p.faultOf(method)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.change = change
}

// Delay holds back each message that is answered to a method for so long; they
// stay in order.
func (p *Proxy) Delay(method string, d time.Duration) {
	f := p.faultOf(method)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.delay = d
}

// Mend lets a method pass as it is.
func (p *Proxy) Mend(method string) {
	f := p.faultOf(method)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refusal, f.delay, f.change = codes.OK, 0, nil
	clear(f.namespaces)
}

// fault is what is wrong with a method.
type fault struct {
	mu         sync.Mutex
	refusal    codes.Code         // OK while calls pass
	namespaces map[string]refusal // further refusals, each in one namespace alone
	delay      time.Duration
	change     func([]byte) []byte // nil while answers pass as they are
	next       int
	calls      map[int]context.CancelFunc
}

type refusal struct {
	code  codes.Code
	after time.Duration
}

func (p *Proxy) faultOf(method string) *fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	f, ok := p.faults[method]
	if !ok {
		f = &fault{calls: map[int]context.CancelFunc{}, namespaces: map[string]refusal{}}
		p.faults[method] = f
	}
	return f
}

// begin takes note of a call that cancel ends, unless the method is cut or refused.
func (f *fault) begin(ctx context.Context, cancel context.CancelFunc) (done func(), err error) {
	if err := f.refusedIn(ctx); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refusal != codes.OK {
		return nil, status.Error(f.refusal, "refused by the proxy")
	}
	id := f.next
	f.next++
	f.calls[id] = cancel
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.calls, id)
	}, nil
}

// refusedIn waits and returns the error of a call in a namespace where the method is
// refused, and nil elsewhere.
func (f *fault) refusedIn(ctx context.Context) error {
	namespaces := metadata.ValueFromIncomingContext(ctx, "containerd-namespace")
	if len(namespaces) == 0 {
		return nil
	}
	f.mu.Lock()
	r, refused := f.namespaces[namespaces[0]]
	f.mu.Unlock()
	if !refused {
		return nil
	}
	select {
	case <-time.After(r.after):
	case <-ctx.Done():
	}
	return status.Error(r.code, "refused by the proxy")
}

// changed is a message as it is handed on.
func (f *fault) changed(msg raw) raw {
	f.mu.Lock()
	change := f.change
	f.mu.Unlock()
	if change == nil {
		return msg
	}
	return change(msg)
}

// held returns how long a message is to be held back.
func (f *fault) held() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.delay
}

// delayed is a stream whose messages are received some time after they came.
type delayed struct {
	stream
	fault *fault

	once sync.Once
	came chan message
}

type message struct {
	at  time.Time
	msg raw
	err error
}

// RecvMsg waits for the next message that came, and then until it is its time.
func (d *delayed) RecvMsg(m any) error {
	d.once.Do(func() {
		d.came = make(chan message, maxDelayed)
		go d.receive()
	})
	next := <-d.came
	time.Sleep(time.Until(next.at))
	*m.(*raw) = next.msg
	return next.err
}

// maxDelayed is how many messages wait in the proxy; further ones wait in the
// server.
const maxDelayed = 1 << 14

func (d *delayed) receive() {
	for {
		var next message
		if next.err = d.stream.RecvMsg(&next.msg); next.err == nil {
			next.msg = d.fault.changed(next.msg)
		}
		next.at = time.Now().Add(d.fault.held())
		d.came <- next
		if next.err != nil {
			return
		}
	}
}
