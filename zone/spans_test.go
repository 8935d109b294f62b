package zone_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/portcullis-dev/portcullis/agent"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/executor"
	"github.com/portcullis-dev/portcullis/fabric"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/telemetry"
	"github.com/portcullis-dev/portcullis/zone"
)

// traced is a zone whose spans are kept.
type traced struct {
	*live

	spans *tracetest.InMemoryExporter
}

// tracedOf is liveOf with a tracer.
func tracedOf(t *testing.T, handler executor.HandlerFunc, replace ...string) traced {
	t.Helper()
	f, err := fabric.Create(filepath.Join(t.TempDir(), "fabric"), fabric.Params{
		Clock: time.Now, TrustDomain: "example.test", Zone: "home", Release: edited(t, replace...),
	})
	must(t, err)
	spans := tracetest.NewInMemoryExporter()
	w := traced{&live{t: t, fabric: f, config: zone.Config{
		Fabric: f, Logger: slog.New(slog.DiscardHandler), Port: -1, Handlers: handlersOf(handler),
		Tracer: telemetry.NewTracer(sdk.NewSimpleSpanProcessor(spans), nil),
	}}, spans}
	w.open()
	return w
}

// span waits for a span by the beginning of its name.
func (w traced) span(name string) tracetest.SpanStub {
	w.t.Helper()
	for deadline := time.Now().Add(60 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		all := w.spans.GetSpans()
		if i := slices.IndexFunc(all, func(s tracetest.SpanStub) bool { return strings.HasPrefix(s.Name, name) }); i >= 0 {
			return all[i]
		}
	}
	w.t.Fatalf("no span %s among %v", name, w.spans.GetSpans())
	return tracetest.SpanStub{}
}

// spanSays compares attributes of a span, as text.
func spanSays(t *testing.T, s tracetest.SpanStub, want map[attribute.Key]string) {
	t.Helper()
	got := map[attribute.Key]string{}
	for _, a := range s.Attributes {
		got[a.Key] = a.Value.String()
	}
	for key, value := range want {
		if got[key] != value {
			t.Errorf("%s: %s is %q, want %q", s.Name, key, got[key], value)
		}
	}
}

// child demands that one span is the other's parent.
func child(t *testing.T, s tracetest.SpanStub, parent trace.SpanContext) {
	t.Helper()
	if s.Parent.SpanID() != parent.SpanID() || s.SpanContext.TraceID() != parent.TraceID() {
		t.Errorf("%s: parent %s in trace %s, want %s in %s", s.Name, s.Parent.SpanID(), s.SpanContext.TraceID(), parent.SpanID(), parent.TraceID())
	}
}

const caller = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

// secret stands in for what spans must never tell.
const secret = "correct horse battery staple"

// noSecrets demands that no span has a word of arguments, results or errors.
func noSecrets(t *testing.T, spans tracetest.SpanStubs) {
	t.Helper()
	for _, s := range spans {
		if text := fmt.Sprintf("%+v", s); strings.Contains(text, secret) {
			t.Errorf("a span tells what it must not: %s", text)
		}
	}
}

func readReport() agent.Request {
	return agent.Request{
		Tool: "file-read", Resource: "reports/" + secret, Arguments: json.RawMessage(`{"path":"reports/` + secret + `"}`), TraceParent: caller,
	}
}

// TestOneTrace: the spans of an agent, its enforcer, its executor and the handler
// belong to the caller's trace.
func TestOneTrace(t *testing.T) {
	inside := make(chan trace.SpanContext, 1)
	w := tracedOf(t, func(ctx context.Context, _ executor.Action) (executor.Result, error) {
		inside <- trace.SpanContextFromContext(ctx)
		return executor.Result{Data: []byte(secret)}, nil
	})
	out, err := w.agent("scout").Propose(t.Context(), readReport())
	must(t, err)
	proposed, decided, executed := w.span("propose"), w.span("decide"), w.span("execute_tool")
	child(t, decided, proposed.SpanContext)
	child(t, executed, proposed.SpanContext)
	if proposed.Parent.SpanID().String() != "00f067aa0ba902b7" || proposed.SpanContext.TraceID().String() != "4bf92f3577b34da6a3ce929d0e0e4736" {
		t.Errorf("the agent's span is not the caller's child: %+v", proposed.Parent)
	}
	if handler := <-inside; handler.SpanID() != executed.SpanContext.SpanID() {
		t.Errorf("the handler runs in span %s", handler.SpanID())
	}
	call := map[attribute.Key]string{
		"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "file-read", "gen_ai.tool.call.id": out.Intent.String(), "gen_ai.agent.name": "scout",
	}
	for _, s := range []tracetest.SpanStub{proposed, decided, executed} {
		spanSays(t, s, call)
		if s.Status.Code != codes.Unset || s.EndTime.Before(s.StartTime) {
			t.Errorf("%s: status %v, from %v to %v", s.Name, s.Status, s.StartTime, s.EndTime)
		}
	}
	spanSays(t, decided, map[attribute.Key]string{"portcullis.part": "enforcer e1", "portcullis.verdict": "allow", "portcullis.round": "0"})
	spanSays(t, executed, map[attribute.Key]string{"portcullis.part": "executor x1", "portcullis.status": "executed", "portcullis.claim": out.Claim.String(), "error.type": ""})
	if executed.Name != "execute_tool file-read" || executed.SpanKind != trace.SpanKindInternal {
		t.Errorf("the conventions want execute_tool file-read, internal; it is %s, %s", executed.Name, executed.SpanKind)
	}
	noSecrets(t, w.spans.GetSpans())
}

// TestSpansOfARefusal: a denial is an error of the call's, and none of the enforcer's;
// nobody executes. The tool's name, which the agent chose, names no span but its own.
func TestSpansOfARefusal(t *testing.T) {
	w := tracedOf(t, nothing)
	r := readReport()
	r.Tool = "no-such-tool"
	_, err := w.agent("scout").Propose(t.Context(), r)
	if !errors.Is(err, agent.ErrRefused) {
		t.Fatal(err)
	}
	proposed, decided := w.span("propose"), w.span("decide")
	child(t, decided, proposed.SpanContext)
	spanSays(t, proposed, map[attribute.Key]string{"error.type": "tool.unknown"})
	spanSays(t, decided, map[attribute.Key]string{"portcullis.verdict": "deny", "portcullis.reasons": `["tool.unknown"]`, "error.type": ""})
	if proposed.Status.Code != codes.Error || decided.Status.Code != codes.Unset || decided.Name != "decide" {
		t.Errorf("status %v of %s, %v of %s", proposed.Status, proposed.Name, decided.Status, decided.Name)
	}
	if spans := w.spans.GetSpans(); len(spans) != 2 {
		t.Errorf("%d spans: somebody executed", len(spans))
	}
	noSecrets(t, w.spans.GetSpans())
}

// TestSpansOfAFailure: a handler's words stay out of spans; an action that was not
// started has a span that says so.
func TestSpansOfAFailure(t *testing.T) {
	for name, test := range map[string]struct {
		replace []string
		reason  pb.Reason
		status  string
		class   string
	}{
		"failed":    {nil, pb.Reason_REASON_RUN_FAILED, "failed", "run.failed"},
		"abandoned": {[]string{"start: 250ms", "start: 1us"}, pb.Reason_REASON_START_LATE, "abandoned", "start.late"},
	} {
		t.Run(name, func(t *testing.T) {
			w := tracedOf(t, func(context.Context, executor.Action) (executor.Result, error) {
				return executor.Result{}, errors.New("cannot open " + secret)
			}, test.replace...)
			_, err := w.agent("scout").Propose(t.Context(), readReport())
			if failed, ok := errors.AsType[*agent.NotExecuted](err); !ok || failed.Reason != test.reason {
				t.Fatal(err)
			}
			proposed, executed := w.span("propose"), w.span("execute_tool")
			child(t, executed, proposed.SpanContext)
			spanSays(t, proposed, map[attribute.Key]string{"error.type": test.class})
			spanSays(t, executed, map[attribute.Key]string{"error.type": test.class, "portcullis.status": test.status})
			if executed.Status.Code != codes.Error || len(executed.Events) > 0 {
				t.Errorf("status %v, events %v", executed.Status, executed.Events)
			}
			noSecrets(t, w.spans.GetSpans())
		})
	}
}

// TestTraceContextIsNotBelieved: an agent writes what it likes, up to the length that
// the schema allows. What is no trace context is none, and changes no verdict; the
// intent's spans then meet in a trace that its digest names. What its caller does not
// sample nobody records.
func TestTraceContextIsNotBelieved(t *testing.T) {
	w := tracedOf(t, nothing)
	m, err := w.fabric.Load(pb.Role_ROLE_AGENT, "scout", trust.Digest{})
	must(t, err)
	conn, err := w.Broker().Connect(t.Context(), m, slog.New(slog.DiscardHandler))
	must(t, err)
	defer conn.Close()
	untraced, err := zone.Agent(t.Context(), conn, m, slog.New(slog.DiscardHandler))
	must(t, err)
	defer untraced.Close()
	for _, parent := range []string{
		"", "x", "00", caller[:54], strings.ToUpper(caller), "ff" + caller[2:], "00-" + strings.Repeat("0", 32) + caller[35:],
		caller[:36] + strings.Repeat("0", 16) + "-01", strings.Repeat("-", 55), "00\n" + caller[3:], "zz" + caller[2:],
	} {
		w.spans.Reset()
		r := readReport()
		r.TraceParent, r.TraceState = parent, "=,=garbage\t"
		out, err := untraced.Propose(t.Context(), r)
		must(t, err)
		decided, executed := w.span("decide"), w.span("execute_tool")
		for _, s := range []tracetest.SpanStub{decided, executed} {
			if s.Parent.IsValid() || s.SpanContext.TraceID().String() != out.Intent.String()[:32] {
				t.Errorf("%q: %s has parent %s in trace %s, want none in %s", parent, s.Name, s.Parent.SpanID(), s.SpanContext.TraceID(), out.Intent.String()[:32])
			}
		}
	}
	w.spans.Reset()
	r := readReport()
	r.TraceParent = caller[:54] + "0"
	_, err = untraced.Propose(t.Context(), r)
	must(t, err)
	r.TraceParent = ""
	_, err = untraced.Propose(t.Context(), r)
	must(t, err)
	w.span("execute_tool")
	for _, s := range w.spans.GetSpans() {
		if s.SpanContext.TraceID().String() == caller[3:35] {
			t.Errorf("%s is in a trace that its caller does not sample", s.Name)
		}
	}
}
