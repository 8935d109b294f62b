package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/loadtest/profile"
	"github.com/portcullis-dev/portcullis/loadtest/result"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/zone"
)

// World is a whole zone under load: broker, roles, agents, and a follower of its ledger.
type World struct {
	Params Params
	Fabric *fabric.Fabric
	Dir    string // everything that it keeps on the disk

	log     *slog.Logger
	servers cluster       // nowhere for an embedded broker
	bound   time.Duration // B of the release
	crew    crew
	broker  zone.Broker
	gov     *zone.Governing
	clients []*client
	traces  *traces
	ledger  *observer
	driven  []*recording
	begun   time.Time        // when measuring began
	profile *profile.Profile // while it is measured
	limit   time.Duration    // of a second's p99, above which a trace is kept; 0: none

	close func() error // once
}

// crew runs broker and roles: in this process, or in processes of their own.
type crew interface {
	broker() zone.Broker
	// fault is why a role does not run any more; nil while all do.
	fault() error
	// measure begins to count what each role uses; stop says it, and ends the profile.
	measure(*profile.Profile) (stop func() ([]result.Role, error), err error)
	resident() uint64 // bytes
	close() error
}

// Open makes a zone in an empty folder, starts everybody and waits until the zone is armed.
func Open(ctx context.Context, dir string, p Params, log *slog.Logger) (*World, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("loadtest: %w", err)
	}
	var servers cluster
	if p.Replicas > 1 {
		var err error
		if servers, err = newCluster(p.Replicas); err != nil {
			return nil, err
		}
	}
	f, err := p.create(dir, servers)
	if err != nil {
		return nil, err
	}
	release, err := f.Release()
	if err != nil {
		return nil, err
	}
	w := &World{Params: p, Fabric: f, Dir: dir, log: log, servers: servers, bound: release.Bounds.Start, traces: newTraces(p.K)}
	w.close = sync.OnceValue(w.shut)
	if err := w.start(ctx); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

// startWithin is how long a zone and its agents may take to be ready, beside what each agent adds.
const (
	startWithin  = 2 * time.Minute
	startOfAgent = 50 * time.Millisecond
)

func (w *World) start(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, startWithin+time.Duration(w.Params.Agents)*startOfAgent)
	defer cancel()
	if w.Params.Processes {
		w.crew, err = startProcesses(ctx, w.Fabric, w.Params, w.servers)
	} else {
		w.crew, err = startTogether(ctx, w.Fabric, w.Params, w.servers, w.log)
	}
	if err != nil {
		return fmt.Errorf("loadtest: starting the zone: %w", err)
	}
	w.broker = w.crew.broker()
	if w.gov, err = zone.Govern(ctx, w.Fabric, w.broker, w.log); err != nil {
		return fmt.Errorf("loadtest: connecting a governor: %w", err)
	}
	if err := as(ctx, roleObserver, func(ctx context.Context) error { return w.observe(ctx) }); err != nil {
		return err
	}
	return as(ctx, roleAgents, func(ctx context.Context) error { return w.connect(ctx) })
}

func (w *World) observe(ctx context.Context) (err error) {
	g, err := w.governor(ctx)
	if err != nil {
		return err
	}
	if w.ledger, err = observe(ctx, g, w.traces); err != nil {
		g.Close()
	}
	return err
}

// governorName is the only governor's.
const governorName = "g1"

// governor connects the fabric's governor once more: one who may read the ledger.
func (w *World) governor(ctx context.Context) (*streams.Conn, error) {
	g, err := w.Fabric.Governor(governorName)
	if err != nil {
		return nil, err
	}
	return w.broker.ConnectGovernor(ctx, g, w.log)
}

// connecting is how many agents connect at a time.
const connecting = 8

// connect opens every agent's own connection, with its own key: nobody shares one, because the broker lets nobody.
func (w *World) connect(ctx context.Context) error {
	w.clients = make([]*client, w.Params.Agents)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(connecting)
	for i := range w.clients {
		group.Go(func() (err error) {
			w.clients[i], err = connect(ctx, w.Fabric, w.broker, AgentName(i), w.Params.MaxList, w.log)
			if err != nil {
				return fmt.Errorf("loadtest: agent %d of %d: %w", i+1, len(w.clients), err)
			}
			return nil
		})
	}
	return group.Wait()
}

// Governing is a governor's connection to the zone.
func (w *World) Governing() *zone.Governing { return w.gov }

// Append appends bytes as an agent, as anybody may who has stolen its key to the broker.
func (w *World) Append(ctx context.Context, agent int, subject string, data []byte) error {
	_, err := w.clients[agent].conn.Append(ctx, subject, data)
	return err
}

// Key is an agent's signing key.
func (w *World) Key(agent int) *trust.SigningKey { return w.clients[agent].member.Key }

// fault is why measuring makes no sense any more: a role has stopped, or the ledger cannot be followed.
func (w *World) fault() error { return errors.Join(w.crew.fault(), w.ledger.fault()) }

// Close ends everything that runs. What is on the disk stays. It may be called again.
func (w *World) Close() error { return w.close() }

func (w *World) shut() error {
	var closing errgroup.Group
	closing.SetLimit(connecting)
	for _, c := range w.clients {
		if c != nil {
			closing.Go(func() error { c.close(); return nil })
		}
	}
	err := closing.Wait()
	if w.ledger != nil {
		w.ledger.close()
	}
	if w.gov != nil {
		w.gov.Close()
	}
	if w.crew != nil {
		err = errors.Join(err, w.crew.close())
	}
	return err
}
