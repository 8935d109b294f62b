package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/loadtest/profile"
	"github.com/portcullis-dev/portcullis/loadtest/result"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/zone"
)

// together is a crew in this process, as `portcullis up` runs it: connections are memory, and what each role costs is
// told by a profile.
type together struct {
	zone    *zone.Zone // nil before there is a broker
	servers *servers   // of a cluster; nil where the zone's broker is its own

	mu     sync.Mutex
	failed error
}

// member is one to be started.
type member struct {
	role pb.Role
	name string
}

// members are those that a zone runs, in the order in which they are started.
func members(f *fabric.Fabric) ([]member, error) {
	all, err := f.Participants()
	if err != nil {
		return nil, err
	}
	var found []member
	for _, role := range []pb.Role{pb.Role_ROLE_RECORDER, pb.Role_ROLE_SENTINEL, pb.Role_ROLE_ENFORCER, pb.Role_ROLE_EXECUTOR} {
		for _, p := range all {
			if p.Role == role {
				found = append(found, member{role, p.Name})
			}
		}
	}
	return found, nil
}

func startTogether(ctx context.Context, f *fabric.Fabric, p Params, at cluster, log *slog.Logger) (crew, error) {
	all, err := members(f)
	if err != nil {
		return nil, err
	}
	t := &together{}
	cfg := zone.Config{Fabric: f, Logger: log, Port: -1, Limits: Wide(), Handlers: p.Cost.Handlers, Tools: p.Cost.Digest()}
	err = as(ctx, roleBroker, func(ctx context.Context) (err error) {
		if p.Replicas > 1 {
			return t.cluster(ctx, cfg, at)
		}
		t.zone, err = zone.Open(ctx, cfg)
		return err
	})
	if err != nil {
		return nil, errors.Join(err, t.close())
	}
	for _, m := range all {
		err := as(ctx, trust.RoleName(m.role), func(ctx context.Context) error { return t.zone.Start(ctx, m.role, m.name) })
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", m.name, err), t.close())
		}
	}
	if err := t.zone.Ready(ctx); err != nil {
		return nil, errors.Join(err, t.close())
	}
	return t, nil
}

// cluster starts the servers of a replicated ledger and founds it there.
func (t *together) cluster(ctx context.Context, cfg zone.Config, at cluster) (err error) {
	if t.servers, err = at.run(ctx, cfg.Fabric, cfg.Logger); err != nil {
		return err
	}
	broker := zone.BrokerOf(cfg.Fabric)
	if _, err = zone.FoundAt(ctx, cfg.Fabric, broker, cfg.Logger); err != nil {
		return err
	}
	t.zone, err = zone.Join(cfg, broker)
	return err
}

func (t *together) broker() zone.Broker { return t.zone.Broker() }

func (t *together) fault() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	var ofServers chan error
	if t.servers != nil {
		ofServers = t.servers.failed
	}
	select {
	case t.failed = <-t.zone.Failed():
	case t.failed = <-ofServers:
	default:
	}
	return t.failed
}

// measure sums up the profile of this process by role.
func (*together) measure(p *profile.Profile) (stop func() ([]result.Role, error), err error) {
	before, err := processorTime()
	if err != nil {
		return nil, err
	}
	return func() ([]result.Role, error) {
		after, err := processorTime()
		if err != nil {
			return nil, err
		}
		cpu, err := p.Stop()
		if err != nil {
			return nil, err
		}
		return shared(cpu, after-before)
	}, nil
}

func (*together) resident() uint64 { return resident(0) }

func (t *together) close() error {
	if t.zone != nil {
		t.zone.Close()
	}
	if t.servers != nil {
		t.servers.close()
	}
	return nil
}
