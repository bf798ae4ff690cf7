package telemetry

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"strconv"
	"strings"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/pulltrace/pulltrace/collector/pull"
)

// TraceID is the trace of a pull. It follows from the runtime's own identity of
// the pull, so that telling a pull twice cannot make two traces of it.
func TraceID(id pull.ID) trace.TraceID {
	return trace.TraceID(hash(identity(id)...)[:16])
}

// spanID is one span of a pull: the root has no path.
func spanID(id pull.ID, path ...string) trace.SpanID {
	return trace.SpanID(hash(append(append(identity(id), "span"), path...)...)[:8])
}

func identity(id pull.ID) []string {
	parts := []string{id.Daemon, id.Namespace, id.Lease, strconv.FormatInt(id.Created, 10), id.Root.String()}
	if id.Again > 0 {
		parts = append(parts, strconv.Itoa(id.Again))
	}
	return parts
}

// hash keeps parts apart by a byte that none of them contains.
func hash(parts ...string) []byte {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return sum[:]
}

type idsKey struct{}

type ids struct {
	trace trace.TraceID
	span  trace.SpanID
}

// withIDs says which IDs the next span gets.
func withIDs(ctx context.Context, t trace.TraceID, s trace.SpanID) context.Context {
	return context.WithValue(ctx, idsKey{}, ids{t, s})
}

// IDGenerator gives the spans of pulls the IDs that follow from the pull, and
// any other span random ones.
func IDGenerator() sdktrace.IDGenerator { return idGenerator{} }

type idGenerator struct{}

func (idGenerator) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	if given, ok := ctx.Value(idsKey{}).(ids); ok {
		return given.trace, given.span
	}
	var random ids
	_, _ = rand.Read(random.trace[:]) // never fails
	_, _ = rand.Read(random.span[:])
	return random.trace, random.span
}

func (g idGenerator) NewSpanID(ctx context.Context, _ trace.TraceID) trace.SpanID {
	_, span := g.NewIDs(ctx)
	return span
}
