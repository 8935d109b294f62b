package telemetry

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

var quiet = slog.New(slog.DiscardHandler)

// TestWantsTraces: spans are off unless an endpoint is named, and off with a word where
// what is asked for cannot be had.
func TestWantsTraces(t *testing.T) {
	const endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT"
	for name, test := range map[string]struct {
		env    map[string]string
		wanted bool
		fails  bool
	}{
		"nothing said":        {nil, false, false},
		"an endpoint":         {map[string]string{endpoint: "http://127.0.0.1:4318"}, true, false},
		"one for traces":      {map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"}, true, false},
		"disabled":            {map[string]string{endpoint: "http://127.0.0.1:4318", "OTEL_SDK_DISABLED": "TRUE"}, false, false},
		"no exporter":         {map[string]string{endpoint: "http://127.0.0.1:4318", "OTEL_TRACES_EXPORTER": "none"}, false, false},
		"another exporter":    {map[string]string{endpoint: "http://127.0.0.1:4318", "OTEL_TRACES_EXPORTER": "zipkin"}, false, true},
		"our protocol":        {map[string]string{endpoint: "http://127.0.0.1:4318", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, true, false},
		"another protocol":    {map[string]string{endpoint: "http://127.0.0.1:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, false, true},
		"ours for traces":     {map[string]string{endpoint: "x", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf"}, true, false},
		"only other settings": {map[string]string{"OTEL_SERVICE_NAME": "x"}, false, false},
	} {
		wanted, err := wantsTraces(func(key string) string { return test.env[key] })
		if wanted != test.wanted || (err != nil) != test.fails {
			t.Errorf("%s: wanted %t, %v", name, wanted, err)
		}
	}
}

// someSpans makes spans of each kind.
func someSpans(tracer *Tracer, n int) {
	part := trust.Identity{Role: pb.Role_ROLE_EXECUTOR, Name: "x1"}
	for range n {
		p := tracer.Propose(context.Background(), Call{Tool: "t"})
		p.Intent(trust.Digest{1})
		in := &pb.Intent{Tool: "t", TraceParent: p.Trace().Parent}
		tracer.Decided(part, in, &pb.Decision{}, time.Now(), time.Now())
		_, e := tracer.Execute(context.Background(), part, in, trust.Digest{1}, ledger.Position{Seq: 1}, time.Now())
		e.End(pb.Status_STATUS_FAILED, pb.Reason_REASON_RUN_FAILED)
		p.End("run.failed")
	}
}

// TestTheCollectorGetsSpans, by OTLP over HTTP, at the address that the environment
// names.
func TestTheCollectorGetsSpans(t *testing.T) {
	got := make(chan string, 16)
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			got <- r.URL.Path + " " + r.Header.Get("Content-Type") + " " + string(body)
		}
	}))
	t.Cleanup(collector.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	t.Setenv("OTEL_SERVICE_NAME", "zone-of-mine")
	tracer := OpenTracer(t.Context(), NewMeters(), quiet)
	if tracer == nil {
		t.Fatal("no tracer")
	}
	someSpans(tracer, 1)
	tracer.Close()
	select {
	case text := <-got:
		for _, want := range []string{"/v1/traces application/x-protobuf", "execute_tool t", "decide", "propose t", "zone-of-mine"} {
			if !strings.Contains(text, want) {
				t.Errorf("what was exported lacks %q", want)
			}
		}
	default:
		t.Error("Close returned, and nothing was exported")
	}
}

// TestTheCollectorIsDown: nothing waits for it, not even the end; only a counter
// grows.
func TestTheCollectorIsDown(t *testing.T) {
	silent, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0") // it takes connections, and answers none
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	for name, url := range map[string]string{"nobody there": "http://127.0.0.1:1", "somebody silent": "http://" + silent.Addr().String()} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
			m := NewMeters()
			tracer := OpenTracer(t.Context(), m, quiet)
			made := make(chan struct{})
			go func() {
				defer close(made)
				someSpans(tracer, 4*sdk.DefaultMaxQueueSize) // more than fit
				tracer.Close()
			}()
			select {
			case <-made:
			case <-time.After(time.Minute):
				t.Fatal("a collector that is down holds somebody up")
			}
		})
	}
}

// TestFailuresAreCounted, each, and told rarely.
func TestFailuresAreCounted(t *testing.T) {
	m := NewMeters()
	var told strings.Builder
	fail := failureLog(m, slog.New(slog.NewTextHandler(&told, nil)))
	for range 3 {
		fail(errors.New("refused"))
	}
	wantLines(t, page(t, m, Gauges{}), "portcullis_trace_export_failures_total 3")
	if n := strings.Count(told.String(), "spans are lost"); n != 1 {
		t.Errorf("told %d times: %s", n, told.String())
	}
	failureLog(nil, quiet)(errors.New("refused"))
}

// TestNobodyTraces: a tracer that is not there makes nothing, and does not panic.
func TestNobodyTraces(t *testing.T) {
	var tracer *Tracer
	if p := tracer.Propose(t.Context(), Call{}); p != nil {
		t.Error("a proposal")
	}
	tracer.Decided(trust.Identity{}, &pb.Intent{}, &pb.Decision{}, time.Now(), time.Now())
	ctx, e := tracer.Execute(t.Context(), trust.Identity{}, &pb.Intent{}, trust.Digest{}, ledger.Position{}, time.Now())
	if ctx != t.Context() {
		t.Error("another context")
	}
	e.End(pb.Status_STATUS_EXECUTED, 0)
	tracer.Abandoned(trust.Identity{}, []byte("x"), ledger.Position{}, 0)
	tracer.Close()
}

// FuzzTraceContext: whatever an agent writes there, spans are made, in a trace that is
// valid; and what an intent then carries fits it.
func FuzzTraceContext(f *testing.F) {
	f.Add("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "a=b,c@d=e")
	f.Add("", strings.Repeat("k=v,", 200))
	f.Add("00-00000000000000000000000000000000-0000000000000000-00", "=")
	spans := tracetest.NewInMemoryExporter()
	tracer := NewTracer(sdk.NewSimpleSpanProcessor(spans), nil)
	f.Fuzz(func(t *testing.T, parent, state string) {
		c := Call{Tool: "t", Trace: TraceContext{parent, state}}
		p := tracer.Propose(t.Context(), c)
		defer p.End("")
		if carried := p.Trace(); len(carried.Parent) != 55 || len(carried.State) > maxState {
			t.Errorf("an intent cannot carry %+v", carried)
		}
		part := trust.Identity{Role: pb.Role_ROLE_ENFORCER, Name: "e1"}
		ctx, e := tracer.Execute(t.Context(), part, &pb.Intent{Tool: "t", TraceParent: parent, TraceState: state}, trust.Digest{1}, ledger.Position{}, time.Now())
		e.End(pb.Status_STATUS_EXECUTED, 0)
		if again := contextOf(ctx); len(again.Parent) != 55 {
			t.Errorf("%q: the handler's context is %+v", parent, again)
		}
		spans.Reset()
	})
}
