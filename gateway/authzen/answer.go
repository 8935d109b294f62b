package authzen

import (
	"context"
	"encoding/hex"
	"net/http"
	"time"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/zone/pdp"
)

// decision is a Decision (AuthZEN 1.0, section 5.5). The zero value denies.
type decision struct {
	Decision bool     `json:"decision"`
	Context  *account `json:"context,omitempty"`
}

// account is the context of a decision: why, and from where on the ledger.
type account struct {
	Error *failure `json:"error,omitempty"` // an evaluation among others that says too little

	Reasons     []string          `json:"reasons,omitempty"` // codes, see docs/reasons.md
	Policies    []string          `json:"policies,omitempty"`
	ReasonAdmin map[string]string `json:"reason_admin,omitempty"` // not for users
	At          string            `json:"at,omitempty"`           // the ledger's newest record then
	LogTime     *time.Time        `json:"log_time,omitempty"`
	Release     string            `json:"release,omitempty"`
	Intent      string            `json:"intent,omitempty"` // of a recorded evaluation
	IntentAt    string            `json:"intent_at,omitempty"`
	DecidedAt   string            `json:"decided_at,omitempty"`
}

type failure struct {
	Status  int    `json:"status"`
	Message string `json:"message"`
}

// failed denies one evaluation among others.
func failed(err error) decision {
	return decision{Context: &account{Error: &failure{http.StatusBadRequest, err.Error()}}}
}

// told is an answer as the client gets it.
func (s *Server) told(a pdp.Answer) decision {
	d := decision{Decision: a.Allowed}
	if s.cfg.Reasons {
		d.Context = &account{
			Reasons: schemas.ReasonCodes(a.Reasons), Policies: a.Policies, ReasonAdmin: english(a.Explanation),
			At: a.At.String(), LogTime: &a.LogTime, Release: hex.EncodeToString(a.Release[:]),
		}
	}
	return d
}

func english(text string) map[string]string {
	if text == "" {
		return nil
	}
	return map[string]string{"en": text}
}

// Asked is one evaluation, for a Recorder.
type Asked struct {
	Tool       string       // by its name in the registry
	Definition trust.Digest // of the tool, as the release pins it; zero if it does not
	Quorum     int          // how many enforcers must agree
	pdp.Question
}

// Recorded is what a quorum has decided on a recorded evaluation.
type Recorded struct {
	Allowed     bool
	Intent      trust.Digest
	At          ledger.Position // of the intent
	DecidedAt   ledger.Position
	Reasons     []pb.Reason
	Policies    []string
	Explanation string
}

// record asks for a decision that stands on the ledger. No record is a denial.
func (s *Server) record(ctx context.Context, b *book, q pdp.Question) decision {
	if q.Agent != s.cfg.As {
		return s.unrecorded("only evaluations of " + s.cfg.As + " can be recorded here")
	}
	tool := b.tool(q.Action)
	if tool == nil || tool.GetResourceType() != q.ResourceType {
		return s.unrecorded("no tool of the release has this action on this type of resource, so there is nothing to record")
	}
	r, err := s.cfg.Recorder.Record(ctx, Asked{
		Tool: tool.GetName(), Definition: trust.DigestIn(tool.GetDefinitionDigest()), Quorum: int(b.release.Proto.GetDecisionThreshold()), Question: q,
	})
	if err != nil {
		s.cfg.Logger.Warn("an evaluation was not recorded, so it is denied", "action", q.Action, "err", err)
		return s.unrecorded("no decision was recorded")
	}
	d := decision{Decision: r.Allowed && len(r.Reasons) == 0}
	if s.cfg.Reasons {
		d.Context = &account{
			Reasons: schemas.ReasonCodes(r.Reasons), Policies: r.Policies, ReasonAdmin: english(r.Explanation),
			Intent: r.Intent.String(), IntentAt: r.At.String(), DecidedAt: r.DecidedAt.String(),
		}
	}
	return d
}

func (s *Server) unrecorded(why string) decision {
	if !s.cfg.Reasons {
		return decision{}
	}
	return decision{Context: &account{ReasonAdmin: english(why)}}
}
