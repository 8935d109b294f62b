package sim

import (
	"google.golang.org/protobuf/proto"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/verdict"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// spoken is the first verdict on an intent that an honest enforcer arrived at.
type spoken struct {
	by   string
	data []byte // nil: none, it is a re-send
}

// heard is S5: every honest enforcer that was shown the whole ledger says the
// same, and it is what section 7 defines.
func (w *World) heard(e *enforcer, at ledger.Position, d *pb.Decision) {
	if e.liar || e.node.victim || w.cfg.lies() {
		return
	}
	var data []byte
	if d != nil {
		data, _ = verdict.Encode(d) // what cannot be encoded is not equal to anything
	}
	first, known := w.verdicts[at]
	if !known {
		w.verdicts[at] = spoken{e.node.name, data}
		w.checkDefinition(e, at, d)
		return
	}
	if string(first.data) != string(data) {
		w.fail(S5, "on %s %s says %s and %s says %s", at, first.by, textOf(first.data), e.node.name, textOf(data))
	}
}

func textOf(data []byte) string {
	if data == nil {
		return "nothing"
	}
	d := new(pb.Decision)
	if err := proto.Unmarshal(data, d); err != nil {
		return err.Error()
	}
	return decisionText(d)
}

// checkDefinition is V7.
func (w *World) checkDefinition(e *enforcer, at ledger.Position, d *pb.Decision) {
	p, asks := w.told().Points[at]
	if !asks {
		w.fail(V7, "%s decides %s, where nothing asks for it", e.node.name, at)
		return
	}
	said, allowed := d != nil, d.GetVerdict() == pb.Verdict_VERDICT_ALLOW
	if said != p.Decided || allowed != p.Allowed || d.GetRound() != p.Round {
		w.fail(V7, "%s at %s: %s; by definition decided: %v, round %d, allowed: %v %s", e.node.name, at, textOfDecision(d), p.Decided, p.Round, p.Allowed, p.Why)
	}
}

func textOfDecision(d *pb.Decision) string {
	if d == nil {
		return "nothing"
	}
	return decisionText(d)
}

// stateAt is the first state digest that an honest enforcer had at a position.
type stateAt struct {
	by     string
	digest trust.Digest
}

// compareState is S5 behind the verdicts: at one position all enforcers remember
// the same, however and whenever they began.
func (w *World) compareState(e *enforcer, seq uint64, digest trust.Digest) {
	if e.liar || e.node.victim || w.cfg.lies() {
		return
	}
	first, known := w.states[seq]
	if !known {
		w.states[seq] = stateAt{e.node.name, digest}
	} else if first.digest != digest {
		w.fail(S5, "at #%d the state of %s is %s and that of %s (incarnation %d) %s", seq, first.by, first.digest.Short(), e.node.name, e.node.incarnation, digest.Short())
	}
}
