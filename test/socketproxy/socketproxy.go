// Package socketproxy stands in front of a gRPC server's unix socket and
// records which methods are called on it, with which metadata. Neither side
// notices it: messages pass as the bytes they are.
//
//	proxy, err := socketproxy.Start(daemon.Socket)
//	defer proxy.Close()
//
//	// … something uses proxy.Socket …
//
//	for _, call := range proxy.Calls() {
//		call.Method                      // "/containerd.services.leases.v1.Leases/List"
//		call.Metadata.Get("traceparent") // as it was sent
//	}
//
// It can also stand in the way of a method, see [Proxy.Cut], [Proxy.Refuse],
// [Proxy.RefuseIn] and [Proxy.Delay], and change what is answered, see [Proxy.Rewrite].
package socketproxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

const maxMessage = 16 << 20 // bytes, as in containerd's own client and server

// Call is one call, recorded when it began.
type Call struct {
	Method   string
	Metadata metadata.MD
	Start    time.Time
}

// Proxy is a running proxy.
type Proxy struct {
	// Socket is the path of the unix socket the proxy listens on.
	Socket string

	dir     string
	backend *grpc.ClientConn
	server  *grpc.Server

	mu     sync.Mutex
	calls  []Call
	faults map[string]*fault // by method
}

// Start starts a proxy to the server on the unix socket at backend.
func Start(backend string) (*Proxy, error) {
	conn, err := grpc.NewClient("unix://"+backend, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(rawCodec{}), grpc.MaxCallRecvMsgSize(maxMessage), grpc.MaxCallSendMsgSize(maxMessage)))
	if err != nil {
		return nil, fmt.Errorf("starting proxy to %s: %w", backend, err)
	}
	dir, err := os.MkdirTemp("", "pulltrace-proxy-")
	if err != nil {
		return nil, fmt.Errorf("starting proxy to %s: %w", backend, err)
	}
	p := &Proxy{Socket: filepath.Join(dir, "proxy.sock"), dir: dir, backend: conn, faults: map[string]*fault{}}
	l, err := net.Listen("unix", p.Socket)
	if err != nil {
		return nil, fmt.Errorf("starting proxy to %s: %w", backend, err)
	}
	p.server = grpc.NewServer(grpc.ForceServerCodecV2(rawCodec{}), grpc.UnknownServiceHandler(p.forward),
		grpc.MaxRecvMsgSize(maxMessage), grpc.MaxSendMsgSize(maxMessage))
	go p.server.Serve(l) // returns when stopped
	return p, nil
}

// Close stops the proxy, ends the calls in flight and removes the socket.
func (p *Proxy) Close() error {
	p.server.Stop()
	return errors.Join(p.backend.Close(), os.RemoveAll(p.dir))
}

// Calls returns the calls so far, in order of their beginning.
func (p *Proxy) Calls() []Call {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clip(p.calls)
}

// Forget drops the record of the calls so far.
func (p *Proxy) Forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls = nil
}

// forward handles every call, of whatever service: all are streams of messages.
func (p *Proxy) forward(_ any, in grpc.ServerStream) error {
	method, ok := grpc.MethodFromServerStream(in)
	if !ok {
		return status.Error(codes.Internal, "a call without a method")
	}
	md, _ := metadata.FromIncomingContext(in.Context())
	p.mu.Lock()
	p.calls = append(p.calls, Call{Method: method, Metadata: md.Copy(), Start: time.Now()})
	p.mu.Unlock()

	ctx, cancel := context.WithCancel(metadata.NewOutgoingContext(in.Context(), md))
	defer cancel()
	done, err := p.faultOf(method).begin(in.Context(), cancel)
	if err != nil {
		return err
	}
	defer done()
	out, err := p.backend.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, method)
	if err != nil {
		return err
	}
	go func() {
		err := copyMessages(out, in)
		if err == nil {
			err = out.CloseSend()
		}
		if err != nil {
			cancel()
		}
	}()
	if header, err := out.Header(); err == nil {
		if err := in.SendHeader(header); err != nil {
			return err
		}
	}
	err = copyMessages(in, &delayed{stream: out, fault: p.faultOf(method)})
	in.SetTrailer(out.Trailer())
	return err
}

type stream interface {
	SendMsg(any) error
	RecvMsg(any) error
}

// copyMessages passes on what from receives until it ends; a clean end is nil.
func copyMessages(to, from stream) error {
	for {
		var msg raw
		if err := from.RecvMsg(&msg); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := to.SendMsg(&msg); err != nil {
			return err
		}
	}
}
