package history

import (
	"fmt"
	"time"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/permit"
	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Standing is what governance allowed at a position. Whether a certain intent
// was allowed there, its arguments and the policies said too: see Intent.
type Standing struct {
	Position uint64    `json:"position"`
	LogTime  time.Time `json:"log_time"`
	Epoch    uint64    `json:"epoch"`
	Head     string    `json:"governance_head"` // digest

	Release *Release `json:"release,omitempty"` // in force; nil before the first
	Halts   []Halt   `json:"halts"`             // in force, oldest first
	Revoked []string `json:"revoked"`           // SPIFFE IDs and key ids, in order
	Sealed  bool     `json:"sealed,omitempty"`

	Pulse *Pulse `json:"pulse,omitempty"` // the newest; nil before the first
	// Closed says why no claim at all could have been valid there; "" if one could.
	Closed string `json:"closed,omitempty"`

	Tools  []string        `json:"tools"`
	Agents []AgentStanding `json:"agents"`
}

// Release is the release in force.
type Release struct {
	Version   uint64    `json:"version"`
	Digest    string    `json:"digest"`
	NotBefore time.Time `json:"not_before"`
	Expires   time.Time `json:"expires"`
	InTime    bool      `json:"in_time"` // NotBefore <= log time < Expires
}

// Halt is a halt or a trip in force.
type Halt struct {
	Position uint64    `json:"position"`
	LogTime  time.Time `json:"log_time"`
	ID       string    `json:"id"`
	Scope    string    `json:"scope"`
	Rule     string    `json:"rule,omitempty"` // of a trip
	Reason   string    `json:"reason"`
}

// Pulse is a sentinel's newest word that all is well.
type Pulse struct {
	Position uint64    `json:"position"`
	LogTime  time.Time `json:"log_time"`
	Fresh    bool      `json:"fresh"` // young enough for a claim, and it names this ledger's history
	Fault    string    `json:"fault,omitempty"`
}

// AgentStanding is what one agent of the directory may ask for.
type AgentStanding struct {
	Name  string          `json:"name"`
	Tools map[string]Cell `json:"tools"` // one for each of Standing.Tools
}

// Cell says whether an agent may ask for a tool.
type Cell string

// The cells.
const (
	CellOpen       Cell = "open"        // it may ask, and policies decide
	CellNotGranted Cell = "not_granted" // by the directory
	CellHalted     Cell = "halted"      // by a halt of everything, of the zone, of the tool or of the agent
	CellRevoked    Cell = "revoked"     // the agent's identity is
)

// Standing tells what was allowed at the fold's position. The history must have
// been told as much as the fold has read: the error wraps ErrOrder.
func (h *History) Standing(f *ledger.Fold) (Standing, error) {
	if h.book == nil || f.Seq() != h.seq {
		return Standing{}, fmt.Errorf("%w: the fold stands at %d, the history at %d", ErrOrder, f.Seq(), h.seq)
	}
	s := h.GovernanceStanding(f.Governance(), h.seq, h.LogTime())
	if p := f.Pulse(); p.Seq != 0 {
		s.Pulse = &Pulse{Position: p.Seq, LogTime: p.Time.UTC(), Fresh: permit.Fresh(f)}
		if p.Fault != nil {
			s.Pulse.Fault = p.Fault.Error()
		}
	}
	s.Closed = closed(f)
	return s, nil
}

// GovernanceStanding is Standing for any position that the history was told, without
// what pulses say: governance as it was folded there, and the log time there.
func (h *History) GovernanceStanding(gov *governance.State, at uint64, logTime time.Time) Standing {
	s := Standing{
		Position: at, LogTime: logTime, Epoch: gov.Epoch(), Head: gov.Head().Digest.String(), Sealed: gov.Sealed(),
		Halts: []Halt{}, Revoked: []string{}, Tools: []string{}, Agents: []AgentStanding{},
	}
	for _, halt := range gov.Halts() {
		s.Halts = append(s.Halts, Halt{halt.Sequence, halt.Time.UTC(), halt.ID.String(), governance.ScopeString(halt.Scope), halt.Rule, halt.Reason})
	}
	for _, g := range h.governed {
		if g.Position <= at && g.Revoked != "" {
			s.Revoked = append(s.Revoked, g.Revoked)
		}
	}
	if release := gov.Release(); release != nil {
		s.addRelease(gov, release, logTime)
	}
	return s
}

// closed says why nothing at all could start.
func closed(f *ledger.Fold) string {
	gov := f.Governance()
	_, halted := gov.Halted(governance.Target{Zone: gov.Zone()})
	switch {
	case gov.Sealed():
		return "the ledger is sealed"
	case gov.Release() == nil:
		return "no release is in force"
	case !gov.Release().ValidAt(f.LogTime()):
		return "the release is not in its time"
	case halted:
		return "everything is halted"
	case !permit.Fresh(f):
		return "no fresh pulse"
	default:
		return ""
	}
}

func (s *Standing) addRelease(gov *governance.State, release *governance.Release, now time.Time) {
	p := release.Proto
	s.Release = &Release{p.GetVersion(), release.Digest.String(), p.GetNotBefore().AsTime(), p.GetExpires().AsTime(), release.ValidAt(now)}
	for _, tool := range p.GetTools() {
		s.Tools = append(s.Tools, tool.GetName())
	}
	for _, entry := range p.GetDirectory() {
		if entry.GetRole() != pb.Role_ROLE_AGENT {
			continue
		}
		id := trust.Identity{TrustDomain: gov.TrustDomain(), Zone: gov.Zone(), Role: pb.Role_ROLE_AGENT, Name: entry.GetName()}
		agent := AgentStanding{Name: entry.GetName(), Tools: make(map[string]Cell, len(s.Tools))}
		for _, tool := range s.Tools {
			agent.Tools[tool] = cell(gov, release, id, tool)
		}
		s.Agents = append(s.Agents, agent)
	}
}

func cell(gov *governance.State, release *governance.Release, agent trust.Identity, tool string) Cell {
	_, halted := gov.Halted(governance.Target{Zone: gov.Zone(), Tool: tool, Agent: agent.String()})
	entry, enrolled := release.Identity(agent)
	switch {
	case gov.RevokedID(agent.String()):
		return CellRevoked
	case !enrolled || !entry.MayUse(tool):
		return CellNotGranted
	case halted:
		return CellHalted
	default:
		return CellOpen
	}
}
