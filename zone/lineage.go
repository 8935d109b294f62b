package zone

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/history"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/verdict"
	"github.com/portcullis-dev/portcullis/fabric"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/streams/feed"
)

// LineageStep takes one message of a ledger, folded: the record, or an empty one
// for noise, and what was read in it ahead.
type LineageStep func(f *ledger.Fold, rec ledger.Record, a history.Ahead) error

// LineageSource is a ledger that can be read from its first position up to and
// including position last, as often as needed: a live one, or an export.
type LineageSource interface {
	Read(ctx context.Context, last uint64, step LineageStep) error
}

// liveLineage reads a ledger where it grows.
type liveLineage struct {
	cfg feed.Config
}

// LiveLineage reads a fabric's ledger over a connection.
func LiveLineage(f *fabric.Fabric, conn *streams.Conn) LineageSource {
	return liveLineage{feed.Config{Conn: conn, Zone: f.Zone, Ledger: f.Ledger, Keys: ledger.NewKeys(), Logger: slog.New(slog.DiscardHandler)}}
}

func (s liveLineage) Read(ctx context.Context, last uint64, step LineageStep) error {
	return feed.Until(ctx, s.cfg, last, history.Read, func(f *ledger.Fold, ev feed.Event[history.Ahead]) error {
		return step(f, ev.Record, ev.Ahead)
	})
}

// ReadHistory builds the history of a ledger up to a position.
func ReadHistory(ctx context.Context, source LineageSource, c history.Config, last uint64) (*history.History, error) {
	h := history.New(c)
	if err := source.Read(ctx, last, h.Step); err != nil {
		return nil, fmt.Errorf("zone: reading the ledger's history: %w", err)
	}
	return h, nil
}

// PositionAt is the last position, up to and including last, whose log time is not
// after t; 0 if the ledger begins later.
func PositionAt(ctx context.Context, source LineageSource, last uint64, t time.Time) (at uint64, err error) {
	err = source.Read(ctx, last, func(f *ledger.Fold, _ ledger.Record, _ history.Ahead) error {
		if !f.LogTime().After(t) {
			at = f.Seq()
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("zone: looking for a time on the ledger: %w", err)
	}
	return at, nil
}

// LimitUsed is what an agent had used of a limit at a position.
type LimitUsed struct {
	Limit  string        `json:"limit"`
	Tool   string        `json:"tool,omitempty"` // absent for a limit that is kept for the agent, whatever the tool
	Used   int64         `json:"used"`
	Max    int64         `json:"max"`
	Window time.Duration `json:"window_ns"`
}

// StandingAt is what was allowed at a position, and what one agent had used.
type StandingAt struct {
	history.Standing
	Agent    string      `json:"agent,omitempty"` // SPIFFE ID; absent if none was asked about
	Sessions []string    `json:"sessions,omitempty"`
	Limits   []LimitUsed `json:"limits,omitempty"`
	// Blind says that limits could not be told: arguments that are sealed count in
	// them, and no key to open them is here.
	Blind bool `json:"blind,omitempty"`
}

// AllowedAt tells what was allowed at a position, which must exist. If an agent is
// named, every verdict up to there is derived again to learn what it had used.
func AllowedAt(ctx context.Context, source LineageSource, c history.Config, at uint64, agent string) (StandingAt, error) {
	told, h, replica := StandingAt{}, history.New(c), verdict.NewReplica(verdict.ReplicaConfig{})
	err := source.Read(ctx, at, func(f *ledger.Fold, rec ledger.Record, a history.Ahead) error {
		if err := h.Step(f, rec, a); err != nil {
			return err
		}
		if agent != "" {
			if _, err := replica.Step(f, rec, a.Contents()); err != nil {
				return err
			}
		}
		if f.Seq() != at {
			return nil
		}
		standing, err := h.Standing(f)
		if told.Standing = standing; err == nil && agent != "" {
			told.addAgent(f, h, replica, agent)
		}
		return err
	})
	if err != nil {
		return StandingAt{}, fmt.Errorf("zone: reading what was allowed at position %d: %w", at, err)
	}
	return told, nil
}

func (s *StandingAt) addAgent(f *ledger.Fold, h *history.History, replica *verdict.Replica, agent string) {
	id, rules := trust.Identity{TrustDomain: f.Governance().TrustDomain(), Zone: f.Governance().Zone(), Role: pb.Role_ROLE_AGENT, Name: agent}, replica.Rules(f)
	s.Agent, s.Sessions = id.String(), h.Sessions(id.String())
	if rules == nil {
		return
	}
	if replica.Blind(f) {
		s.Blind = true
		return
	}
	replica.State().Expire(f.LogTime().UnixNano())
	for _, limit := range rules.Release.Proto.GetLimits() {
		s.Limits = append(s.Limits, limitUsed(f, rules, replica.State(), id, limit)...)
	}
}

// limitUsed asks what policy would be told of a limit. One that is kept for each
// session is left out: a position has many sessions.
func limitUsed(f *ledger.Fold, rules *verdict.Rules, state *verdict.State, agent trust.Identity, limit *pb.Limit) (all []LimitUsed) {
	entry, enrolled := rules.Release.Identity(agent)
	if !enrolled || limit.GetKey() == pb.LimitKey_LIMIT_KEY_SESSION {
		return nil
	}
	for _, tool := range rules.Release.Proto.GetTools() {
		name := tool.GetName()
		if !entry.MayUse(name) || !governance.LimitCovers(limit, name) {
			continue
		}
		request, ok := state.PolicyRequest(f, rules, verdict.Intent{
			Signer:  trust.Credential{ID: agent},
			Content: &pb.Intent{Agent: agent.String(), Sequence: 1, Tool: name, Arguments: []byte(`{}`)},
		})
		if !ok {
			continue
		}
		used := LimitUsed{Limit: limit.GetId(), Tool: name, Used: request.Usage[limit.GetId()], Max: limit.GetMax(), Window: limit.GetWindow().AsDuration()}
		if limit.GetKey() == pb.LimitKey_LIMIT_KEY_AGENT {
			used.Tool = ""
			return []LimitUsed{used}
		}
		all = append(all, used)
	}
	return all
}
