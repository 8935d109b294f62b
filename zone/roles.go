package zone

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"

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
	"github.com/portcullis-dev/portcullis/streams/heartbeat"
	"github.com/portcullis-dev/portcullis/telemetry"
)

// Program is what a participant runs, by digest: heartbeats state it, and a
// release may bind an identity to it. The zero value states nothing.
type Program struct {
	Build    trust.Digest // of the executable
	Settings trust.Digest // of the effective configuration

	// Keys are what the parts of one process share; nil: nothing is shared.
	Keys *ledger.Keys

	// Meters and Tracer watch the parts of the process; nil: nobody does.
	Meters *telemetry.Meters
	Tracer *telemetry.Tracer
}

// program is what a member runs in this process. Tools is the digest of what the
// executors' tools are configured to do.
func program(build, tools trust.Digest, id trust.Identity) Program {
	parts := []string{"role", trust.RoleName(id.Role), "name", id.Name}
	if id.Role == pb.Role_ROLE_EXECUTOR {
		parts = append(parts, "tools", tools.String())
	}
	return Program{Build: build, Settings: heartbeat.Digest(parts...)}
}

// Enforcer makes an enforcer of a member on its connection.
func Enforcer(conn *streams.Conn, m *fabric.Member, p Program, log *slog.Logger) (*enforcer.Enforcer, error) {
	return enforcer.New(enforcer.Config{
		Conn: conn, Ledger: m.Bundle.Ledger, ID: m.ID, Key: m.Key, Credential: m.Credential, Logger: log,
		Sealing: m.Sealing, Build: p.Build, Settings: p.Settings, Keys: p.Keys,
		Meter: p.Meters.Enforcer(m.ID.Name), Tracer: p.Tracer,
	})
}

// Sentinel makes a sentinel of a member on its connection.
func Sentinel(conn *streams.Conn, m *fabric.Member, p Program, log *slog.Logger) (*sentinel.Sentinel, error) {
	return sentinel.New(sentinel.Config{
		Conn: conn, Ledger: m.Bundle.Ledger, ID: m.ID, Key: m.Key, Credential: m.Credential, Logger: log,
		Build: p.Build, Settings: p.Settings, Keys: p.Keys, Meter: p.Meters.Sentinel(m.ID.Name),
	})
}

// Auditor makes an auditor of a member on its connection.
func Auditor(conn *streams.Conn, m *fabric.Member, p Program, log *slog.Logger) (*auditor.Auditor, error) {
	return auditor.New(auditor.Config{
		Conn: conn, Ledger: m.Bundle.Ledger, ID: m.ID, Key: m.Key, Credential: m.Credential, Logger: log,
		Build: p.Build, Settings: p.Settings, Keys: p.Keys,
	})
}

// Recorder makes a recorder of a member on its connection. Dir is the folder of
// its tree.
func Recorder(conn *streams.Conn, m *fabric.Member, p Program, e fabric.Evidence, dir string, log *slog.Logger) (*recorder.Recorder, error) {
	keys, err := trust.ParseLogKeys(m.LogKeys)
	if err != nil {
		return nil, fmt.Errorf("zone: the log keys of %s: %w", m.ID, err)
	}
	var witnesses []recorder.Witness
	for _, w := range e.Witnesses {
		witnesses = append(witnesses, recorder.Witness(w))
	}
	return recorder.New(recorder.Config{
		Conn: conn, Ledger: m.Bundle.Ledger, ID: m.ID, Key: m.Key, Credential: m.Credential, LogKeys: keys, Dir: dir, Logger: log,
		Build: p.Build, Settings: p.Settings, Keys: p.Keys, Witnesses: witnesses, Listen: e.Listen,
	})
}

// recorderSettings is the digest of what a recorder is configured to do.
func recorderSettings(id trust.Identity, e fabric.Evidence) trust.Digest {
	parts := []string{"role", trust.RoleName(id.Role), "name", id.Name, "listen", e.Listen}
	for _, w := range e.Witnesses {
		parts = append(parts, "witness", w.Name, w.URL)
	}
	return heartbeat.Digest(parts...)
}

// Hands is what an executor acts with. Handlers are required.
type Hands struct {
	Handlers map[string]executor.Handler
	Mark     executor.Mark
	Brake    executor.Brake
}

// Executor makes an executor of a member on its connection.
func Executor(conn *streams.Conn, m *fabric.Member, p Program, h Hands, log *slog.Logger) (*executor.Executor, error) {
	return executor.New(executor.Config{
		Conn: conn, Ledger: m.Bundle.Ledger, ID: m.ID, Key: m.Key, Credential: m.Credential, Logger: log,
		Handlers: h.Handlers, Mark: h.Mark, Brake: h.Brake, Sealing: m.Sealing, Build: p.Build, Settings: p.Settings, Keys: p.Keys,
		Meter: p.Meters.Executor(m.ID.Name, slices.Collect(maps.Keys(h.Handlers))), Tracer: p.Tracer,
	})
}

// Agent opens an agent of a member on its connection.
func Agent(ctx context.Context, conn *streams.Conn, m *fabric.Member, log *slog.Logger) (*agent.Agent, error) {
	return TracedAgent(ctx, conn, m, nil, log)
}

// TracedAgent is Agent with a tracer, which may be nil.
func TracedAgent(ctx context.Context, conn *streams.Conn, m *fabric.Member, tracer *telemetry.Tracer, log *slog.Logger) (*agent.Agent, error) {
	issuers, err := trust.NewIssuers(m.Bundle.Issuers)
	if err != nil {
		return nil, fmt.Errorf("zone: the bundle of %s: %w", m.ID, err)
	}
	return agent.Open(ctx, agent.Config{
		Conn: conn, Ledger: m.Bundle.Ledger, ID: m.ID, Key: m.Key, Credential: m.Credential, Issuers: issuers, Logger: log, Tracer: tracer,
	})
}
