package main

import (
	"context"
	"errors"
	"log/slog"

	"github.com/portcullis-dev/portcullis/agent"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/gateway/desk"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/zone"
)

// gatewayParts are the two parts that every gateway has in its process.
type gatewayParts struct {
	agent, executor string       // names in the directory
	config          trust.Digest // of what the gateway is configured to do, for heartbeats
}

// withDesk runs a gateway's executor and agent, and the given function while they can
// work. The context ends with the first part that fails, whose error is returned.
func (g *globals) withDesk(ctx context.Context, parts gatewayParts, serve func(context.Context, *fabric.Fabric, *desk.Desk, *agent.Agent, *slog.Logger) error) error {
	f, log, err := g.open()
	if err != nil {
		return err
	}
	unhold, err := f.Hold(parts.executor)
	if err != nil {
		return err
	}
	defer unhold()
	watch, err := g.monitor(ctx, log)
	if err != nil {
		return err
	}
	defer watch.close()
	z, d, err := g.joinDesk(f, parts, watch, log)
	if err != nil {
		return err
	}
	defer z.Close()
	watch.zone.Store(z)
	unlisten := brakeOnSignal(z.Brake(), log)
	defer unlisten()
	settled := g.quietStart()
	if err := startGateway(ctx, z, parts.executor); err != nil {
		return orEnded(ctx, orUnreachable(err))
	}
	a, conn, err := z.Agent(ctx, parts.agent)
	if err != nil {
		return orEnded(ctx, err)
	}
	defer conn.Close()
	defer a.Close()
	settled()
	watch.begun.Store(true)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case err := <-z.Failed():
			cancel(err)
		case <-ctx.Done():
		}
	}()
	err = serve(ctx, f, d, a, log)
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return orEnded(ctx, err)
}

func (g *globals) joinDesk(f *fabric.Fabric, parts gatewayParts, watch *monitor, log *slog.Logger) (*zone.Zone, *desk.Desk, error) {
	broker, err := g.broker(f)
	if err != nil {
		return nil, nil, err
	}
	build, err := fabric.BuildDigest()
	if err != nil {
		return nil, nil, err
	}
	d := &desk.Desk{}
	cfg := zone.Config{Fabric: f, Logger: log, Build: build, Handlers: d.Handlers, Tools: parts.config}
	watch.watch(&cfg)
	z, err := zone.Join(cfg, broker)
	return z, d, err
}

// startGateway starts the executor and waits until it could act.
func startGateway(ctx context.Context, z *zone.Zone, executor string) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	if err := z.Start(ctx, pb.Role_ROLE_EXECUTOR, executor); err != nil {
		return err
	}
	return z.Ready(ctx)
}
