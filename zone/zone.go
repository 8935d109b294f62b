package zone

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/portcullis-dev/portcullis/agent"
	"github.com/portcullis-dev/portcullis/auditor"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/enforcer"
	"github.com/portcullis-dev/portcullis/executor"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/recorder"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/sentinel"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/streams/door"
	"github.com/portcullis-dev/portcullis/telemetry"
)

// Config is what a zone in one process needs.
type Config struct {
	Fabric *fabric.Fabric
	Logger *slog.Logger
	Port   int          // of the embedded broker; 0 means the fabric's, -1 any free one
	Build  trust.Digest // digest of this executable
	Tools  trust.Digest // digest of what the tools are configured to do, see ToolsConfig.Digest

	LedgerBytes int64       // bound on the ledger; 0 means the default of package streams
	Limits      door.Limits // of each agent that connects to the embedded broker over the network; zero: door.DefaultLimits

	// Meters and Tracer watch everybody who runs here; nil: nobody is watched.
	Meters *telemetry.Meters
	Tracer *telemetry.Tracer

	// Evidence says how recorders serve and whom they ask; nil means evidence.yaml
	// in the fabric's folder.
	Evidence *fabric.Evidence

	// Handlers makes the handlers of one executor for the tools that the
	// directory lets it serve.
	Handlers func(name string, tools []string) (map[string]executor.Handler, error)
}

// Zone is the members that were started in one process, and its broker unless
// that runs elsewhere. Safe for concurrent use.
type Zone struct {
	cfg   Config
	at    Broker
	brake *fabric.Brake
	keys  *ledger.Keys // of all parts: what one of them signed, no other checks

	mu      sync.Mutex
	members map[trust.Identity]*member
	failed  chan error // capacity 1: the first member that ended by itself, or the store's fault

	unwatch context.CancelFunc // ends watchStore; nil when the broker runs elsewhere
	watch   sync.WaitGroup
}

// member is one running role.
type member struct {
	conn   *streams.Conn
	cancel context.CancelFunc
	done   chan struct{}

	enforcer *enforcer.Enforcer
	executor *executor.Executor
	sentinel *sentinel.Sentinel
	recorder *recorder.Recorder
	auditor  *auditor.Auditor
}

// Open starts the broker and brings its ledger up to date. Nobody is started.
func Open(ctx context.Context, cfg Config) (*Zone, error) {
	if cfg.Fabric == nil || cfg.Logger == nil {
		return nil, errors.New("zone: Fabric and Logger are required")
	}
	server, err := StartServer(cfg.Fabric, cfg.Port, cfg.LedgerBytes, cfg.Limits, cfg.Logger.With("part", "broker"))
	if err != nil {
		return nil, err
	}
	z := newZone(cfg, Broker{Server: server, URL: server.URL()})
	if err := Found(ctx, cfg.Fabric, z.Broker(), cfg.Logger); err != nil {
		server.Shutdown()
		return nil, err
	}
	ctx, z.unwatch = context.WithCancel(context.WithoutCancel(ctx))
	z.watch.Go(func() { z.watchStore(ctx) })
	return z, nil
}

// Join is Open for a broker that runs elsewhere, whose ledger somebody else
// brings up to date. Nothing is connected before a member is started.
func Join(cfg Config, at Broker) (*Zone, error) {
	if cfg.Fabric == nil || cfg.Logger == nil || at == (Broker{}) {
		return nil, errors.New("zone: Fabric, Logger and where the broker is are required")
	}
	return newZone(cfg, at), nil
}

func newZone(cfg Config, at Broker) *Zone {
	return &Zone{cfg: cfg, at: at, brake: cfg.Fabric.Brake(), keys: ledger.NewKeys(), members: make(map[trust.Identity]*member), failed: make(chan error, 1)}
}

// Broker is the zone's broker.
func (z *Zone) Broker() Broker { return z.at }

// URL is where others connect to the broker.
func (z *Zone) URL() string { return z.at.URL }

// Failed yields the error of the first member that ended by itself, or the fault
// of the embedded broker's store.
func (z *Zone) Failed() <-chan error { return z.failed }

// Reload lets participants connect that were enrolled since the broker started.
// A broker elsewhere is reloaded by whoever runs it.
func (z *Zone) Reload() error {
	if z.at.Server == nil {
		return nil
	}
	participants, err := Participants(z.cfg.Fabric)
	if err != nil {
		return err
	}
	return z.at.Server.Reload(participants)
}

// runs are the roles that a zone runs, in the order in which they are stopped:
// nothing is to start that nobody watches, and recorders see the last of it.
var runs = []pb.Role{pb.Role_ROLE_EXECUTOR, pb.Role_ROLE_ENFORCER, pb.Role_ROLE_SENTINEL, pb.Role_ROLE_AUDITOR, pb.Role_ROLE_RECORDER}

// StartAll starts everybody of the directory that a zone runs, whose folder is in
// the fabric and that does not run here already. Executors of gateways are left to
// their gateways.
func (z *Zone) StartAll(ctx context.Context) error {
	participants, err := z.cfg.Fabric.Participants()
	if err != nil {
		return err
	}
	release, err := z.cfg.Fabric.Release()
	if err != nil {
		return err
	}
	for _, p := range participants {
		if !slices.Contains(runs, p.Role) || slices.Contains(z.Running(p.Role), p.Name) || p.Role == pb.Role_ROLE_EXECUTOR && ofGateway(release, p.Name) {
			continue
		}
		if err := z.Start(ctx, p.Role, p.Name); err != nil {
			return err
		}
	}
	return nil
}

// Start starts one member.
func (z *Zone) Start(ctx context.Context, role pb.Role, name string) error {
	m, err := z.cfg.Fabric.Load(role, name, z.cfg.Build)
	if err != nil {
		return err
	}
	log := z.cfg.Logger.With("part", trust.RoleName(role), "name", name)
	conn, err := z.Broker().Connect(ctx, m, log)
	if err != nil {
		return err
	}
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	one := &member{conn: conn, cancel: cancel, done: make(chan struct{})}
	run, err := z.prepare(one, m, log)
	if err != nil {
		cancel()
		conn.Close()
		return err
	}
	z.mu.Lock()
	defer z.mu.Unlock()
	if _, twice := z.members[m.ID]; twice {
		cancel()
		conn.Close()
		return fmt.Errorf("zone: %s runs already", m.ID)
	}
	z.members[m.ID] = one
	go z.supervise(running, m.ID, one, run)
	return nil
}

func (z *Zone) prepare(one *member, m *fabric.Member, log *slog.Logger) (run func(context.Context) error, err error) {
	switch m.ID.Role { //nolint:exhaustive // the other roles are not run by a zone
	case pb.Role_ROLE_ENFORCER:
		if one.enforcer, err = Enforcer(one.conn, m, z.program(m), log); err != nil {
			return nil, err
		}
		return one.enforcer.Run, nil
	case pb.Role_ROLE_SENTINEL:
		if one.sentinel, err = Sentinel(one.conn, m, z.program(m), log); err != nil {
			return nil, err
		}
		return one.sentinel.Run, nil
	case pb.Role_ROLE_AUDITOR:
		if one.auditor, err = Auditor(one.conn, m, z.program(m), log); err != nil {
			return nil, err
		}
		return one.auditor.Run, nil
	case pb.Role_ROLE_RECORDER:
		return z.prepareRecorder(one, m, log)
	case pb.Role_ROLE_EXECUTOR:
		return z.prepareExecutor(one, m, log)
	default:
		return nil, fmt.Errorf("zone: a %s is not run by a zone", trust.RoleName(m.ID.Role))
	}
}

func (z *Zone) program(m *fabric.Member) Program {
	p := program(z.cfg.Build, z.cfg.Tools, m.ID)
	p.Keys, p.Meters, p.Tracer = z.keys, z.cfg.Meters, z.cfg.Tracer
	return p
}

func (z *Zone) prepareRecorder(one *member, m *fabric.Member, log *slog.Logger) (run func(context.Context) error, err error) {
	e, err := z.evidence(m.ID.Name)
	if err != nil {
		return nil, err
	}
	p := z.program(m)
	p.Settings = recorderSettings(m.ID, e)
	if one.recorder, err = Recorder(one.conn, m, p, e, z.cfg.Fabric.RecorderDir(m.ID.Name), log); err != nil {
		return nil, err
	}
	return one.recorder.Run, nil
}

// evidence is how one recorder serves. Of several with one address the first here
// has it.
func (z *Zone) evidence(recorder string) (e fabric.Evidence, err error) {
	if z.cfg.Evidence != nil {
		return *z.cfg.Evidence, nil
	}
	if e, err = z.cfg.Fabric.Evidence(); err != nil || e.Listen == "" {
		return e, err
	}
	participants, err := z.cfg.Fabric.Participants()
	first := slices.IndexFunc(participants, func(p fabric.Participant) bool { return p.Role == pb.Role_ROLE_RECORDER })
	if first >= 0 && participants[first].Name != recorder {
		e.Listen = ""
	}
	return e, err
}

// Brake is the local kill switch of the executors that run here.
func (z *Zone) Brake() *fabric.Brake { return z.brake }

func (z *Zone) prepareExecutor(one *member, m *fabric.Member, log *slog.Logger) (run func(context.Context) error, err error) {
	release, err := z.cfg.Fabric.Release()
	if err != nil {
		return nil, err
	}
	entry, ok := release.Identity(m.ID)
	if !ok || z.cfg.Handlers == nil {
		return nil, fmt.Errorf("zone: %s: the directory does not list it, or no handlers were given", m.ID)
	}
	handlers, err := z.cfg.Handlers(m.ID.Name, entry.Proto.GetTools())
	if err != nil {
		return nil, err
	}
	mark, err := fabric.OpenMark(z.cfg.Fabric.MarkPath(m.ID.Name))
	if err != nil {
		return nil, err
	}
	hands := Hands{Handlers: handlers, Mark: mark, Brake: z.brake}
	if one.executor, err = Executor(one.conn, m, z.program(m), hands, log); err != nil {
		return nil, err
	}
	return one.executor.Run, nil
}

func (z *Zone) supervise(ctx context.Context, id trust.Identity, one *member, run func(context.Context) error) {
	defer close(one.done)
	err := run(ctx)
	one.conn.Close()
	if ctx.Err() != nil {
		return
	}
	select {
	case z.failed <- fmt.Errorf("%s stopped: %w", id, err):
	default:
	}
}

// Stop stops one member and waits for it.
func (z *Zone) Stop(role pb.Role, name string) {
	id := trust.Identity{TrustDomain: z.cfg.Fabric.TrustDomain, Zone: z.cfg.Fabric.Zone, Role: role, Name: name}
	z.mu.Lock()
	one := z.members[id]
	delete(z.members, id)
	z.mu.Unlock()
	if one != nil {
		one.cancel()
		<-one.done
	}
}

// Close stops the members, executors first, then the broker.
func (z *Zone) Close() {
	for _, role := range runs {
		for _, name := range z.Running(role) {
			z.Stop(role, name)
		}
	}
	if z.at.Server != nil {
		z.unwatch()
		z.watch.Wait()
		z.at.Server.Shutdown()
	}
}

// Running names the members of a role that run here.
func (z *Zone) Running(role pb.Role) []string {
	z.mu.Lock()
	defer z.mu.Unlock()
	var names []string
	for id := range z.members {
		if id.Role == role {
			names = append(names, id.Name)
		}
	}
	return names
}

// Agent connects and opens an agent; close both when done.
func (z *Zone) Agent(ctx context.Context, name string) (*agent.Agent, *streams.Conn, error) {
	m, err := z.cfg.Fabric.Load(pb.Role_ROLE_AGENT, name, z.cfg.Build)
	if err != nil {
		return nil, nil, err
	}
	log := z.cfg.Logger.With("part", "agent", "name", name)
	conn, err := z.Broker().Connect(ctx, m, log)
	if err != nil {
		return nil, nil, err
	}
	a, err := TracedAgent(ctx, conn, m, z.cfg.Tracer, log)
	if err != nil {
		conn.Close()
		return nil, nil, err
	}
	return a, conn, nil
}

const readyPoll = 10 * time.Millisecond

// Ready waits until every started member can do its work: enforcers decide,
// executors are armed, sentinels pulse, recorders have compared the ledger with
// what they signed. Auditors take the time that the ledger's past takes. The error
// says who is not ready, and why.
func (z *Zone) Ready(ctx context.Context) error {
	for {
		why := z.NotReady()
		if why == "" {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("zone: not ready: %s: %w", why, ctx.Err())
		case err := <-z.failed:
			return err
		case <-time.After(readyPoll):
		}
	}
}

// NotReady says which started member cannot do its work, and why; "" if all can.
func (z *Zone) NotReady() string {
	z.mu.Lock()
	defer z.mu.Unlock()
	for id, one := range z.members {
		switch {
		case one.enforcer != nil && !one.enforcer.Status().CaughtUp:
			return id.String() + " is catching up"
		case one.enforcer != nil && one.enforcer.Status().Disarmed != "":
			return id.String() + ": " + one.enforcer.Status().Disarmed
		case one.executor != nil && one.executor.Status().Disarmed != "":
			return id.String() + ": " + one.executor.Status().Disarmed
		case one.sentinel != nil && one.sentinel.Status().Silent != "":
			return id.String() + ": " + one.sentinel.Status().Silent
		case one.recorder != nil && !settled(one.recorder.Status()):
			return id.String() + ": " + one.recorder.Status().Silent
		}
	}
	return ""
}

// settled reports whether a recorder has found out what it signed and what the
// ledger holds. It may have ended there: a fork is for governors to settle, on a
// zone that runs.
func settled(s recorder.Status) bool {
	return s.Silent == "" || s.Checkpoint.Size > 0 || len(s.Findings) > 0
}

// Recording is what a recorder that runs here says.
type Recording struct {
	Name    string
	Address string // at which its tree is served; "" if it is not
	Fork    string // how the ledger contradicts what it signed; "" if it does not
}

// Recordings lists the recorders that run here, by name.
func (z *Zone) Recordings() []Recording {
	z.mu.Lock()
	defer z.mu.Unlock()
	var all []Recording
	for id, one := range z.members {
		if one.recorder == nil {
			continue
		}
		s := one.recorder.Status()
		r := Recording{Name: id.Name, Address: s.Address}
		if len(s.Findings) > 0 {
			r.Fork = s.Findings[0].GetDetail()
		}
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b Recording) int { return strings.Compare(a.Name, b.Name) })
	return all
}
