package telemetry

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Attributes of the OpenTelemetry semantic conventions for generative AI, span
// execute_tool, status Development. Its arguments and result, which it leaves to the
// user's choice, are not attributes here by choice of ours.
const (
	operationKey = attribute.Key("gen_ai.operation.name")
	toolKey      = attribute.Key("gen_ai.tool.name")
	callKey      = attribute.Key("gen_ai.tool.call.id") // the intent's digest, as portcullis show takes it
	agentKey     = attribute.Key("gen_ai.agent.name")
	errorKey     = attribute.Key("error.type")

	executeTool = "execute_tool"
)

// Attributes of our own.
const (
	partKey     = attribute.Key("portcullis.part")     // role and name
	positionKey = attribute.Key("portcullis.position") // of the intent on the ledger
	verdictKey  = attribute.Key("portcullis.verdict")
	roundKey    = attribute.Key("portcullis.round")
	reasonsKey  = attribute.Key("portcullis.reasons")
	policiesKey = attribute.Key("portcullis.policies")
	epochKey    = attribute.Key("portcullis.epoch")
	claimKey    = attribute.Key("portcullis.claim")
	statusKey   = attribute.Key("portcullis.status")
)

// Call is what spans know of an intent.
type Call struct {
	Tool, Agent string // the tool's name and the agent's
	Trace       TraceContext
}

// CallOf is the call of an intent that was read; of none, one without a name.
func CallOf(in *pb.Intent) Call {
	c := Call{Tool: in.GetTool(), Trace: TraceContext{in.GetTraceParent(), in.GetTraceState()}}
	if id, err := trust.ParseIdentity(in.GetAgent()); err == nil {
		c.Agent = id.Name
	}
	return c
}

func (c Call) attributes() []attribute.KeyValue {
	all := []attribute.KeyValue{operationKey.String(executeTool), toolKey.String(c.Tool)}
	if c.Agent != "" {
		all = append(all, agentKey.String(c.Agent))
	}
	return all
}

// begin starts a span under the trace context of a call, or in the intent's own trace.
func (t *Tracer) begin(ctx context.Context, name string, kind trace.SpanKind, c Call, intent trust.Digest, part trust.Identity, at time.Time) (context.Context, trace.Span) {
	ctx = context.WithValue(c.Trace.into(trace.ContextWithSpan(ctx, nil)), intentKey{}, intent)
	ctx, span := t.tracer.Start(ctx, name, trace.WithSpanKind(kind), trace.WithTimestamp(at))
	if span.IsRecording() {
		span.SetAttributes(append(c.attributes(), callKey.String(intent.String()), partKey.String(trust.RoleName(part.Role)+" "+part.Name))...)
	}
	return ctx, span
}

// Proposal is the span of an agent that proposes and waits; nil is none.
type Proposal struct {
	span  trace.Span
	trace TraceContext
}

// Propose begins an agent's span. Its parent is the trace context that the call has
// or, if it has none, the span of ctx.
func (t *Tracer) Propose(ctx context.Context, c Call) *Proposal {
	if t == nil {
		return nil
	}
	ctx, span := t.tracer.Start(c.Trace.into(ctx), "propose "+c.Tool, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(c.attributes()...))
	return &Proposal{span, contextOf(ctx)}
}

// Trace is what the intent is to carry, so that who decides and acts continues here.
func (p *Proposal) Trace() TraceContext { return p.trace }

// Intent names the intent that was made.
func (p *Proposal) Intent(digest trust.Digest) { p.span.SetAttributes(callKey.String(digest.String())) }

// End ends the span: with a class of error, such as a reason's code, or "" for an
// action that was executed.
func (p *Proposal) End(class string) { end(p.span, class, time.Now()) }

// Decided makes the span of an enforcer for a decision that it derived between two
// moments. A denial is no error of the enforcer's. The span's name is always the same:
// an agent may name tools that do not exist.
func (t *Tracer) Decided(part trust.Identity, in *pb.Intent, d *pb.Decision, from, until time.Time) {
	if t == nil || in == nil {
		return
	}
	_, span := t.begin(context.Background(), "decide", trace.SpanKindServer, CallOf(in), trust.DigestIn(d.GetIntentDigest()), part, from)
	if span.IsRecording() {
		span.SetAttributes(
			positionKey.String(ledger.PositionOf(d.GetIntent()).String()), verdictKey.String(verdictName(d)),
			roundKey.Int64(int64(d.GetRound())), epochKey.Int64(int64(d.GetEpoch())), //nolint:gosec // an epoch counts records
			reasonsKey.StringSlice(codesOf(d.GetReasons())), policiesKey.StringSlice(d.GetPolicies()))
	}
	span.End(trace.WithTimestamp(until))
}

// verdictName spells a verdict as labels do.
func verdictName(d *pb.Decision) string {
	switch {
	case d.GetVerdict() == pb.Verdict_VERDICT_ALLOW:
		return "allow"
	case schemas.Pending(d):
		return "pending"
	default:
		return "deny"
	}
}

func codesOf(reasons []pb.Reason) []string {
	all := make([]string, 0, len(reasons))
	for _, r := range reasons {
		all = append(all, schemas.ReasonCode(r))
	}
	return all
}

// Execution is the span of an executor that acts; nil is none.
type Execution struct{ span trace.Span }

// Execute begins the span of an action, which the returned context carries to the
// handler.
func (t *Tracer) Execute(ctx context.Context, part trust.Identity, in *pb.Intent, intent trust.Digest, claim ledger.Position, at time.Time) (context.Context, *Execution) {
	if t == nil || in == nil {
		return ctx, nil
	}
	ctx, span := t.begin(ctx, executeTool+" "+in.GetTool(), trace.SpanKindInternal, CallOf(in), intent, part, at)
	span.SetAttributes(claimKey.String(claim.String()))
	return ctx, &Execution{span}
}

// End ends the span with what became of the action.
func (e *Execution) End(status pb.Status, reason pb.Reason) {
	if e == nil {
		return
	}
	class := ""
	if status != pb.Status_STATUS_EXECUTED {
		class = schemas.ReasonCode(reason)
	}
	e.span.SetAttributes(statusKey.String(statusName(status)))
	end(e.span, class, time.Now())
}

// Abandoned makes the span of an action that was claimed and not started. The bytes
// are the intent's; of those that cannot be read there is no span.
func (t *Tracer) Abandoned(part trust.Identity, intent []byte, claim ledger.Position, reason pb.Reason) {
	if t == nil {
		return
	}
	in := new(pb.Intent)
	if schemas.Decode(intent, schemas.MaxIntent, in) != nil {
		return
	}
	_, e := t.Execute(context.Background(), part, in, trust.DigestOf(intent), claim, time.Now())
	e.End(pb.Status_STATUS_ABANDONED, reason)
}

// end states a class of error and no words: those of handlers may quote arguments.
func end(span trace.Span, class string, at time.Time) {
	if class != "" {
		span.SetAttributes(errorKey.String(class))
		span.SetStatus(codes.Error, class)
	}
	span.End(trace.WithTimestamp(at))
}
