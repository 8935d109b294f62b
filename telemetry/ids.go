package telemetry

import (
	"context"
	"crypto/rand"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/portcullis-dev/portcullis/core/trust"
)

// ids names spans. An intent without a trace context makes a trace of its own, whose
// id is the first half of the intent's digest: whatever else is known of the intent,
// its enforcers' and executors' spans meet there.
type ids struct{}

type intentKey struct{}

// NewIDs implements sdk.IDGenerator.
func (g ids) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	var id trace.TraceID
	if intent, ok := ctx.Value(intentKey{}).(trust.Digest); ok {
		copy(id[:], intent[:])
	}
	if !id.IsValid() {
		_, _ = rand.Read(id[:]) // it never fails
	}
	return id, g.NewSpanID(ctx, id)
}

// NewSpanID implements sdk.IDGenerator.
func (ids) NewSpanID(context.Context, trace.TraceID) (id trace.SpanID) {
	_, _ = rand.Read(id[:]) // it never fails
	return id
}

// TraceContext is W3C Trace Context as it stands in an intent: written by its agent,
// believed by nobody, and good for joining spans alone.
type TraceContext struct{ Parent, State string }

// into makes the span that a context names the parent of those made under ctx. What
// is no trace context is as good as none.
func (c TraceContext) into(ctx context.Context) context.Context {
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{"traceparent": c.Parent, "tracestate": c.State})
}

// maxState is the longest trace state that an intent holds.
const maxState = 512

// contextOf is the inverse of into; a state that is too long is left out.
func contextOf(ctx context.Context) TraceContext {
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	c := TraceContext{Parent: carrier["traceparent"], State: carrier["tracestate"]}
	if len(c.State) > maxState {
		c.State = ""
	}
	return c
}
