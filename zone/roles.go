package zone

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/portcullis-dev/portcullis/agent"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/enforcer"
	"github.com/portcullis-dev/portcullis/executor"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/sentinel"
	"github.com/portcullis-dev/portcullis/streams"
)

// Enforcer makes an enforcer of a member on its connection.
func Enforcer(conn *streams.Conn, m *fabric.Member, log *slog.Logger) (*enforcer.Enforcer, error) {
	return enforcer.New(enforcer.Config{
		Conn: conn, Ledger: m.Bundle.Ledger, ID: m.ID, Key: m.Key, Credential: m.Credential, Logger: log,
	})
}

// Sentinel makes a sentinel of a member on its connection.
func Sentinel(conn *streams.Conn, m *fabric.Member, log *slog.Logger) (*sentinel.Sentinel, error) {
	return sentinel.New(sentinel.Config{
		Conn: conn, Ledger: m.Bundle.Ledger, ID: m.ID, Key: m.Key, Credential: m.Credential, Logger: log,
	})
}

// Executor makes an executor of a member on its connection. Mark may be nil.
func Executor(conn *streams.Conn, m *fabric.Member, handlers map[string]executor.Handler, mark executor.Mark, log *slog.Logger) (*executor.Executor, error) {
	return executor.New(executor.Config{
		Conn: conn, Ledger: m.Bundle.Ledger, ID: m.ID, Key: m.Key, Credential: m.Credential, Logger: log,
		Handlers: handlers, Mark: mark,
	})
}

// Agent opens an agent of a member on its connection.
func Agent(ctx context.Context, conn *streams.Conn, m *fabric.Member, log *slog.Logger) (*agent.Agent, error) {
	issuers, err := trust.NewIssuers(m.Bundle.Issuers)
	if err != nil {
		return nil, fmt.Errorf("zone: the bundle of %s: %w", m.ID, err)
	}
	return agent.Open(ctx, agent.Config{
		Conn: conn, Ledger: m.Bundle.Ledger, ID: m.ID, Key: m.Key, Credential: m.Credential, Issuers: issuers, Logger: log,
	})
}
