package agent

import (
	"context"
	"errors"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	"github.com/portcullis-dev/portcullis/telemetry"
)

// traced begins the span of a proposal and makes the request carry it; what it
// returns ends the span with what Propose returned.
func (s *Session) traced(ctx context.Context, r *Request) (ended func(error)) {
	span := s.a.cfg.Tracer.Propose(ctx, telemetry.Call{
		Tool: r.Tool, Agent: s.a.cfg.ID.Name, Trace: telemetry.TraceContext{Parent: r.TraceParent, State: r.TraceState},
	})
	if span == nil {
		return func(error) {}
	}
	carried := span.Trace()
	r.TraceParent, r.TraceState = carried.Parent, carried.State
	proposing := r.Proposing
	r.Proposing = func(intent trust.Digest) {
		span.Intent(intent)
		if proposing != nil {
			proposing(intent)
		}
	}
	return func(err error) { span.End(errorClass(err)) }
}

// errorClass is the kind of an error that Propose returns, one of few and without
// its words; "" for nil.
func errorClass(err error) string {
	if refused, ok := errors.AsType[*Refused](err); ok && len(refused.Reasons) > 0 {
		return schemas.ReasonCode(refused.Reasons[0])
	}
	if failed, ok := errors.AsType[*NotExecuted](err); ok {
		return schemas.ReasonCode(failed.Reason)
	}
	for _, known := range []struct {
		err   error
		class string
	}{
		{nil, ""},
		{ErrUnanswered, "unanswered"},
		{ErrNotSent, "not_sent"},
		{ErrClosed, "closed"},
		{context.Canceled, "cancelled"},
		{context.DeadlineExceeded, "timeout"},
	} {
		if errors.Is(err, known.err) {
			return known.class
		}
	}
	return "_OTHER" // what the conventions call an error without a class
}
