package main

import (
	"context"
	"log/slog"
	"sync/atomic"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/telemetry"
	"github.com/portcullis-dev/portcullis/zone"
)

// monitor is how a process is watched: its counters and spans, and the pages at
// --metrics, which answer from its first moment on.
type monitor struct {
	meters   *telemetry.Meters // nil without --metrics
	tracer   *telemetry.Tracer // nil unless OTEL_… asks for spans
	listener *telemetry.Listener

	zone  atomic.Pointer[zone.Zone]
	begun atomic.Bool // everybody was started, and was ready once
}

// watched gives a command the flag --metrics.
func (g *globals) watched(c *cobra.Command) *cobra.Command {
	c.Flags().StringVar(&g.metrics, "metrics", "", "answer /metrics, /healthz and /readyz at this address, such as 127.0.0.1:9464 (off unless asked; without a host: this machine alone)")
	return c
}

// monitor begins to watch this process. Close it when all else has ended.
func (g *globals) monitor(ctx context.Context, log *slog.Logger) (*monitor, error) {
	m := &monitor{}
	return m, g.monitorWith(ctx, m, telemetry.Pages{Read: m.read, Parts: m.parts, Ended: m.ended, Logger: log})
}

// monitorWith completes a monitor whose pages are given.
func (g *globals) monitorWith(ctx context.Context, m *monitor, pages telemetry.Pages) error {
	if g.metrics != "" {
		m.meters = telemetry.NewMeters()
	}
	m.tracer = telemetry.OpenTracer(ctx, m.meters, pages.Logger)
	if g.metrics == "" {
		return nil
	}
	pages.Meters = m.meters
	var err error
	if m.listener, err = telemetry.Listen(ctx, g.metrics, pages); err != nil {
		m.tracer.Close()
		return err
	}
	g.pages = "http://" + m.listener.Address() + "/metrics"
	pages.Logger.Info("answering for metrics", "url", g.pages)
	return nil
}

// watch makes the zone's members and agents be counted and traced.
func (m *monitor) watch(cfg *zone.Config) { cfg.Meters, cfg.Tracer = m.meters, m.tracer }

// close ends answering, and exports the last spans.
func (m *monitor) close() {
	if m.listener != nil {
		m.listener.Close()
	}
	m.tracer.Close()
}

func (m *monitor) read(ctx context.Context, g *telemetry.Gauges) {
	if z := m.zone.Load(); z != nil {
		z.Gauges(ctx, g)
	}
}

func (m *monitor) ended(context.Context) string {
	if z := m.zone.Load(); z != nil {
		return z.Ended()
	}
	return ""
}

// parts is who runs here; of a process that is still starting somebody might be missing.
func (m *monitor) parts(ctx context.Context) []telemetry.Part {
	z := m.zone.Load()
	if z == nil {
		return nil
	}
	parts := z.Look(ctx)
	if !m.begun.Load() {
		parts = append(parts, telemetry.Part{Role: "process", Name: "portcullis", Why: "it is starting"})
	}
	return parts
}
