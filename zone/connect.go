package zone

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/streams"
)

// Broker says where a zone's broker is: an embedded server in this process, or
// a context of the nats command, or URLs with commas. The first that is set counts.
type Broker struct {
	Server  *streams.Server
	Context string
	URL     string
	CA      string // authorities of tls:// servers, in PEM; "" means this machine's
}

// Connect connects a member to the broker, as itself.
func (b Broker) Connect(ctx context.Context, m *fabric.Member, log *slog.Logger) (*streams.Conn, error) {
	return b.connect(ctx, m.ID.Zone, m.ID.Name, m.NKeySeed, log)
}

// ConnectGovernor connects a governor to the broker.
func (b Broker) ConnectGovernor(ctx context.Context, g *fabric.Governor, log *slog.Logger) (*streams.Conn, error) {
	return b.connect(ctx, g.ID.Zone, g.ID.Name, g.NKeySeed, log)
}

// connectAnyGovernor connects as the fabric's first governor, to read; none is the
// error where no governor's connection seed is here.
func (b Broker) connectAnyGovernor(ctx context.Context, f *fabric.Fabric, none error, log *slog.Logger) (*streams.Conn, error) {
	conn, err := b.ConnectRelay(ctx, f, log)
	if errors.Is(err, fabric.ErrNoSeat) {
		return nil, none
	}
	return conn, err
}

func (b Broker) connect(ctx context.Context, zone, name string, seed []byte, log *slog.Logger) (*streams.Conn, error) {
	cfg := streams.ConnConfig{Server: b.Server, Seed: seed, Zone: zone, Name: name, Logger: log}
	switch {
	case b.Server != nil:
	case b.Context != "":
		cfg.Context = b.Context
	default:
		cfg.URL, cfg.RootCAs = b.URL, b.CA
	}
	conn, err := streams.Connect(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("zone: connecting %s: %w", name, err)
	}
	return conn, nil
}
