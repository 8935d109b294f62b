package story

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/portcullis-dev/portcullis/agent"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/story/process"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/streams/feed"
	"github.com/portcullis-dev/portcullis/zone"
)

// stage is the scene: a fabric, its parts as processes, a bank, and everybody
// who plays.
type stage struct {
	fabric *fabric.Fabric
	broker zone.Broker
	bank   *zone.Bank
	view   *view
	heard  *audience
	parts  []part // in the order in which they were started

	scout, mallory player
	rogue          player // somebody with an executor's keys

	closers []func() // last first
}

// part is one process of the zone.
type part struct {
	role pb.Role
	*process.Process
}

// player is somebody with a participant's keys and connection.
type player struct {
	*fabric.Member
	conn  *streams.Conn
	agent *agent.Agent // nil for executors
}

const stopPatience = 10 * time.Second

// newStage sets the scene. In an empty dir, or none, a fabric is made first.
func newStage(ctx context.Context, cfg Config) (*stage, error) {
	s := &stage{heard: newAudience(cfg)}
	for _, prepare := range []func(context.Context, Config) error{s.openFabric, s.startParts, s.openPlayers} {
		if err := prepare(ctx, cfg); err != nil {
			s.close()
			return nil, err
		}
	}
	return s, nil
}

func (s *stage) atEnd(f func()) { s.closers = append(s.closers, f) }

func (s *stage) close() {
	for len(s.closers) > 0 {
		last := len(s.closers) - 1
		s.closers[last]()
		s.closers = s.closers[:last]
	}
}

// openFabric opens or makes the fabric and opens the bank that its executors
// will call.
func (s *stage) openFabric(ctx context.Context, cfg Config) (err error) {
	dir := cfg.Dir
	if dir == "" {
		temp, err := os.MkdirTemp("", "portcullis-demo-")
		if err != nil {
			return fmt.Errorf("story: no temporary folder: %w", err)
		}
		s.atEnd(func() { _ = os.RemoveAll(temp) })
		dir = filepath.Join(temp, "data")
	}
	var address string
	s.fabric, err = fabric.Open(dir)
	switch {
	case errors.Is(err, fabric.ErrNoFabric):
		if s.fabric, err = fabric.Create(dir, fabric.Params{TrustDomain: "portcullis.local", Zone: "demo", Clock: time.Now}); err != nil {
			return err
		}
		address = "127.0.0.1:0"
	case err != nil:
		return err
	default:
		tools, err := zone.ReadTools(s.fabric)
		if err != nil {
			return err
		}
		address = tools.Bank.Listen
	}
	if s.bank, err = zone.StartBank(ctx, address); err != nil {
		return err
	}
	s.atEnd(s.bank.Close)
	return zone.EnsureTools(s.fabric, s.bank.Address())
}

// startParts starts the broker and then everybody else at once.
func (s *stage) startParts(ctx context.Context, cfg Config) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	common := []string{"--json", "--data", s.fabric.Dir}
	server, err := process.Start(ctx, "server", cfg.Executable, append(common, "server", "--port", "-1")...)
	if err != nil {
		return err
	}
	s.keep(pb.Role_ROLE_UNSPECIFIED, server)
	s.broker = zone.Broker{URL: server.URL}
	participants, err := s.fabric.Participants()
	if err != nil {
		return err
	}
	var mu sync.Mutex
	var g errgroup.Group
	for _, p := range participants {
		if p.Role != pb.Role_ROLE_ENFORCER && p.Role != pb.Role_ROLE_EXECUTOR && p.Role != pb.Role_ROLE_SENTINEL && p.Role != pb.Role_ROLE_RECORDER {
			continue
		}
		g.Go(func() error {
			arguments := append(append([]string(nil), common...), "--server", server.URL, trust.RoleName(p.Role), p.Name)
			started, err := process.Start(ctx, p.Name, cfg.Executable, arguments...)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			s.keep(p.Role, started)
			return nil
		})
	}
	return g.Wait()
}

func (s *stage) keep(role pb.Role, p *process.Process) {
	s.parts = append(s.parts, part{role, p})
	s.atEnd(func() { _ = p.Stop(stopPatience) }) // its end is no part of the story
}

// openPlayers connects scout, mallory, the holder of an executor's keys, and the
// story's own reader.
func (s *stage) openPlayers(ctx context.Context, _ Config) (err error) {
	if s.scout, err = s.player(ctx, pb.Role_ROLE_AGENT, "scout"); err != nil {
		return err
	}
	if s.mallory, err = s.player(ctx, pb.Role_ROLE_AGENT, "mallory"); err != nil {
		return err
	}
	release, err := s.fabric.Release()
	if err != nil {
		return err
	}
	executors := release.Executors("transfer")
	if len(executors) == 0 {
		return errors.New("story: no executor serves the tool transfer; try it with a new data folder")
	}
	if s.rogue, err = s.player(ctx, pb.Role_ROLE_EXECUTOR, executors[0]); err != nil {
		return err
	}
	return s.openView(ctx)
}

func (s *stage) player(ctx context.Context, role pb.Role, name string) (p player, err error) {
	if p.Member, err = s.fabric.Load(role, name, trust.Digest{}); err != nil {
		return player{}, err
	}
	log := slog.New(slog.DiscardHandler)
	if p.conn, err = s.broker.Connect(ctx, p.Member, log); err != nil {
		return player{}, err
	}
	s.atEnd(p.conn.Close)
	if role == pb.Role_ROLE_AGENT {
		if p.agent, err = zone.Agent(ctx, p.conn, p.Member, log); err != nil {
			return player{}, err
		}
		s.atEnd(p.agent.Close)
	}
	return p, nil
}

func (s *stage) openView(ctx context.Context) error {
	log := slog.New(slog.DiscardHandler)
	conn, err := zone.ConnectReader(ctx, s.fabric, s.broker, log)
	if err != nil {
		return err
	}
	s.atEnd(conn.Close)
	if s.heard.before, err = conn.Last(ctx); err != nil {
		return err
	}
	s.view = newView()
	reading, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.view.follow(reading, feed.Config{Conn: conn, Zone: s.fabric.Zone, Ledger: s.fabric.Ledger, Keys: ledger.NewKeys(), Logger: log}, s.heard)
	}()
	s.atEnd(func() { cancel(); <-done })
	return nil
}

// file is the content of a file under the file tool's root; ok is false when
// there is none.
func (s *stage) file(name string) (text string, ok bool, err error) {
	data, err := os.ReadFile(filepath.Join(s.fabric.FilesDir(), filepath.FromSlash(name)))
	if errors.Is(err, fs.ErrNotExist) {
		return "", false, nil
	}
	return string(data), err == nil, err
}
