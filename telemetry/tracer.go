package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Tracer makes the spans of one process. Safe for concurrent use; nil makes none.
type Tracer struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
}

// scope is the instrumentation scope of every span.
const scope = "github.com/portcullis-dev/portcullis"

// NewTracer hands ended spans to a processor. The sampler is the one of
// OTEL_TRACES_SAMPLER; by default what the caller samples, and all else.
func NewTracer(processor sdk.SpanProcessor, about *resource.Resource) *Tracer {
	options := []sdk.TracerProviderOption{sdk.WithSpanProcessor(processor), sdk.WithIDGenerator(ids{})}
	if about != nil {
		options = append(options, sdk.WithResource(about))
	}
	provider := sdk.NewTracerProvider(options...)
	return &Tracer{provider: provider, tracer: provider.Tracer(scope)}
}

// OpenTracer makes the tracer that the standard environment asks for: spans go to
// OTEL_EXPORTER_OTLP_ENDPOINT (or …_TRACES_ENDPOINT) by OTLP over HTTP. Where neither
// is set, or OTEL_SDK_DISABLED or OTEL_TRACES_EXPORTER say none, there is no tracer.
// What cannot be understood is logged, and there is none either: no role fails for
// want of spans. What goes wrong later is counted and logged once a minute.
func OpenTracer(ctx context.Context, m *Meters, log *slog.Logger) *Tracer {
	wanted, err := wantsTraces(os.Getenv)
	if err != nil {
		log.Warn("no spans are made", "why", err)
	}
	if !wanted {
		return nil
	}
	otel.SetErrorHandler(failureLog(m, log))
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		log.Warn("no spans are made", "why", err)
		return nil
	}
	// What the environment says of the process comes last, and wins.
	about, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithAttributes(attribute.String("service.name", "portcullis")), resource.WithFromEnv())
	if err != nil {
		log.Warn("spans do not say all that OTEL_RESOURCE_ATTRIBUTES does", "why", err)
	}
	return NewTracer(sdk.NewBatchSpanProcessor(exporter), about) // its queue is bounded; what does not fit is dropped
}

// wantsTraces reports whether the environment asks for spans. An error says what it
// asks for and cannot have.
func wantsTraces(env func(string) string) (bool, error) {
	endpoint := env("OTEL_EXPORTER_OTLP_ENDPOINT") + env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
	if endpoint == "" || strings.EqualFold(env("OTEL_SDK_DISABLED"), "true") {
		return false, nil
	}
	switch kind := env("OTEL_TRACES_EXPORTER"); kind {
	case "", "otlp":
	case "none":
		return false, nil
	default:
		return false, fmt.Errorf("OTEL_TRACES_EXPORTER is %q; this program exports otlp alone", kind)
	}
	protocol := env("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL")
	if protocol == "" {
		protocol = env("OTEL_EXPORTER_OTLP_PROTOCOL")
	}
	if protocol != "" && protocol != "http/protobuf" {
		return false, fmt.Errorf("the protocol for OTLP is %q; this program speaks http/protobuf alone, on a collector's port 4318", protocol)
	}
	return true, nil
}

// failureLog counts every error of the SDK, and logs one a minute.
func failureLog(m *Meters, log *slog.Logger) otel.ErrorHandlerFunc {
	var told atomic.Int64
	failed := func() {}
	if m != nil {
		failed = m.counter(exportFailures).Inc
	}
	return func(err error) {
		failed()
		now, last := time.Now().Unix(), told.Load()
		if now-last >= int64(time.Minute/time.Second) && told.CompareAndSwap(last, now) {
			log.Warn("spans are lost; nothing else is", "err", err)
		}
	}
}

// closeWithin is how long the last spans may take to be exported.
const closeWithin = 2 * time.Second

// Close exports what is queued, for a short while.
func (t *Tracer) Close() {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeWithin)
	defer cancel()
	_ = t.provider.Shutdown(ctx) // its error went to the handler
}
