package flood

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/portcullis-dev/portcullis/agent"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/executor"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/zone"
)

// site is a zone with a door, its good agents, and the one that floods.
type site struct {
	fabric *fabric.Fabric
	zone   *zone.Zone
	good   []*guest
	flood  attacker
}

// guest is one of those who want nothing but be served.
type guest struct {
	conn  *streams.Conn
	agent *agent.Agent
}

const (
	floodName = "flood"
	zoneName  = "home"
)

func goodName(i int) string { return fmt.Sprintf("good-%d", i) }

// open makes a zone in an empty folder. Everything runs in this process; agents,
// the hostile one too, connect over TCP.
func open(ctx context.Context, dir string, o Options, log *slog.Logger) (_ *site, err error) {
	params := fabric.Params{
		Clock: time.Now, TrustDomain: "flood.test", Zone: zoneName, Durability: o.durability(),
		Agents: []fabric.Agent{{Name: floodName, Groups: []string{"staff"}, Tools: []string{"file-read", "file-write"}}},
	}
	for i := range o.Good {
		params.Agents = append(params.Agents, fabric.Agent{Name: goodName(i), Groups: []string{"staff"}, Tools: []string{"file-read"}})
	}
	f, err := fabric.Create(filepath.Join(dir, "fabric"), params)
	if err != nil {
		return nil, err
	}
	s := &site{fabric: f}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.zone, err = zone.Open(ctx, zone.Config{Fabric: f, Logger: log, Port: -1, Limits: o.Limits, Handlers: handlers}); err != nil {
		return nil, err
	}
	if err := s.zone.StartAll(ctx); err != nil {
		return nil, err
	}
	if err := s.zone.Ready(ctx); err != nil {
		return nil, err
	}
	if err := s.aim(); err != nil {
		return nil, err
	}
	return s, s.connect(ctx, f, o, log)
}

// aim loads the agent that floods.
func (s *site) aim() error {
	at, err := url.Parse(s.zone.URL())
	if err != nil {
		return err
	}
	s.flood.address = at.Host
	s.flood.member, err = s.fabric.Load(pb.Role_ROLE_AGENT, floodName, trust.Digest{})
	return err
}

// handlers do nothing, quickly, but what the flood asks for.
func handlers(_ string, tools []string) (map[string]executor.Handler, error) {
	all := make(map[string]executor.Handler, len(tools))
	large := executor.Result{Data: []byte(strings.Repeat("x", schemas.MaxResult/64))}
	for _, tool := range tools {
		all[tool] = executor.HandlerFunc(func(ctx context.Context, a executor.Action) (executor.Result, error) {
			switch a.Intent.GetResource() {
			case "out/slow":
				<-ctx.Done()
				return executor.Result{}, context.Cause(ctx)
			case "reports/large":
				return large, nil
			}
			return executor.Result{}, nil
		})
	}
	return all, nil
}

// connect brings in the good agents.
func (s *site) connect(ctx context.Context, f *fabric.Fabric, o Options, log *slog.Logger) error {
	for i := range o.Good {
		one, err := join(ctx, f, goodName(i), s.flood.address, log)
		if err != nil {
			return err
		}
		s.good = append(s.good, one)
		if err := one.ask(ctx); err != nil {
			return fmt.Errorf("flood: %s is not served even when it is quiet: %w", goodName(i), err)
		}
	}
	return nil
}

// join connects a good agent to an address.
func join(ctx context.Context, f *fabric.Fabric, name, address string, log *slog.Logger) (*guest, error) {
	m, err := f.Load(pb.Role_ROLE_AGENT, name, trust.Digest{})
	if err != nil {
		return nil, err
	}
	issuers, err := trust.NewIssuers(m.Bundle.Issuers)
	if err != nil {
		return nil, err
	}
	conn, err := zone.Broker{URL: "nats://" + address}.Connect(ctx, m, log)
	if err != nil {
		return nil, err
	}
	a, err := agent.Open(ctx, agent.Config{
		Conn: conn, Ledger: f.Ledger, ID: m.ID, Key: m.Key, Credential: m.Credential, Issuers: issuers, Logger: log,
	})
	if err != nil {
		conn.Close()
		return nil, err
	}
	return &guest{conn: conn, agent: a}, nil
}

// ask asks for one action and waits for what becomes of it.
func (g *guest) ask(ctx context.Context) error {
	_, err := g.agent.Propose(ctx, agent.Request{
		Tool: "file-read", Resource: "reports/q3.txt", Arguments: json.RawMessage(`{"path":"reports/q3.txt"}`), Timeout: askWithin,
	})
	if _, late := errors.AsType[*agent.NotExecuted](err); late {
		return nil // an answer too: the start bound held
	}
	return err
}

const askWithin = 20 * time.Second

func (g *guest) close() {
	g.agent.Close()
	g.conn.Close()
}

func (s *site) close() {
	for _, g := range s.good {
		g.close()
	}
	if s.zone != nil {
		s.zone.Close()
	}
}
