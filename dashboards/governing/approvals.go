package governing

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/dashboards/surface"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/zone"
)

// waiting tells what waits for approval, and what has waited and can still be refused.
func (g *Governing) waiting(w http.ResponseWriter, r *http.Request) error {
	return g.look(w, r, func(_ context.Context, from reading) (any, error) {
		all := []object{}
		for _, one := range from.observer.Waiting() {
			all = append(all, waitingObject(one, g.cfg.Fabric.Clock()))
		}
		return object{"intents": all, "approvers": g.approvers(from)}, nil
	})
}

// waitingObject has the arguments as the agent wrote them, byte for byte: they are
// what is decided on. Bytes that are not UTF-8 are told by their digest alone.
func waitingObject(one zone.Waiting, now time.Time) object {
	in := one.Intent.Content
	told := object{
		"intent": one.Intent.Digest.String(), "position": one.Intent.Position.String(), "agent": one.Intent.Signer.ID.Name, "session": in.GetSession(),
		"tool": in.GetTool(), "action": in.GetAction(), "resource": in.GetResource(), "needed": one.Needed, "pending": one.Pending(), "claimed": one.Claimed,
		"left_ms": millis(one.Deadline.Sub(now)), "deadline": stamp(one.Deadline), "arguments_digest": trust.DigestIn(in.GetArgumentsDigest()).String(),
	}
	if key := in.GetSealed().GetKey(); key != "" {
		told["sealed_to"] = key
	} else if utf8.Valid(in.GetArguments()) {
		told["arguments"] = string(in.GetArguments())
	}
	answers := []object{}
	for _, a := range one.Answers {
		answers = append(answers, object{"by": a.By.Name, "approve": a.Approve, "position": a.Seq})
	}
	told["answers"] = answers
	told["approved"] = len(one.Approved())
	return told
}

// approvers are those of the directory, and for whom the console can carry answers.
func (g *Governing) approvers(from reading) []object {
	all := []object{}
	release := from.observer.Release()
	if release == nil {
		return all
	}
	for _, entry := range release.Proto.GetDirectory() {
		if entry.GetRole() != pb.Role_ROLE_APPROVER {
			continue
		}
		one := object{"name": entry.GetName(), "tools": orEmpty(entry.GetTools()), "carried": true}
		if _, err := g.cfg.Fabric.Seat(entry.GetRole(), entry.GetName()); err != nil {
			one["carried"], one["why"] = false, err.Error()
		}
		all = append(all, one)
	}
	return all
}

// answer appends an approver's answer to one intent. What would count for nothing is
// refused before anything is appended.
func (g *Governing) answer(w http.ResponseWriter, r *http.Request) error {
	var question struct {
		Envelope   []byte `json:"envelope"`
		Credential []byte `json:"credential"`
	}
	if err := surface.Read(w, r, maxHandedIn, &question); err != nil {
		return err
	}
	a, err := g.readAnswer(question.Envelope, question.Credential)
	if err != nil {
		return err
	}
	from, done, err := g.reading.use(r.Context())
	if err != nil {
		return err
	}
	defer done()
	if err := a.check(from.observer); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), sendWithin)
	defer cancel()
	position, err := g.cfg.Broker.RelayApproval(ctx, g.cfg.Fabric, a.by.Name, a.credential, a.data, g.cfg.Logger)
	if err != nil {
		return notAnswered(err)
	}
	surface.Relayed(r.Context(), trust.DigestOf(a.envelope.Payload).String(), position)
	ruling, err := from.observer.Ruling(ctx, position)
	told := object{"position": position, "decided": ruling != nil}
	if ruling != nil {
		told["verdict"], told["reasons"], told["round"] = verdictName(ruling), orEmpty(schemas.ReasonCodes(ruling.GetReasons())), ruling.GetRound()
	}
	if err != nil {
		told["why"] = err.Error() // it stands all the same
	}
	return surface.JSON(w, told)
}

func verdictName(d *pb.Decision) string {
	if d.GetVerdict() == pb.Verdict_VERDICT_ALLOW {
		return "ALLOW"
	}
	return "DENY"
}

// signedAnswer is an approver's answer.
type signedAnswer struct {
	data, credential []byte
	envelope         *trust.Envelope
	approval         *pb.Approval
	by               trust.Identity
	intent           trust.Digest
}

func (g *Governing) readAnswer(data, credential []byte) (*signedAnswer, error) {
	a := &signedAnswer{data: data, credential: credential, approval: new(pb.Approval)}
	var err error
	if a.envelope, err = trust.ParseEnvelope(data); err != nil {
		return nil, asked(err)
	}
	if a.envelope.PayloadType != schemas.KindApproval.PayloadType() || len(a.envelope.Signatures) != 1 {
		return nil, surface.Asked("it is no approval with one signature", "hand in what one approver has signed")
	}
	if err := schemas.Decode(a.envelope.Payload, schemas.MaxItem, a.approval); err != nil {
		return nil, asked(err)
	}
	if !bytes.Equal(a.approval.GetLedger(), g.cfg.Fabric.Ledger[:]) {
		return nil, surface.Asked("it is for another ledger", "sign it for this one")
	}
	a.intent = trust.DigestIn(a.approval.GetIntentDigest())
	if a.by, err = trust.ParseIdentity(a.approval.GetApprover()); err != nil {
		return nil, asked(err)
	}
	if a.by.Role != pb.Role_ROLE_APPROVER || a.by.Zone != g.cfg.Fabric.Zone || a.by.TrustDomain != g.cfg.Fabric.TrustDomain {
		return nil, surface.Asked(a.by.String()+" is no approver of this zone", "answer as an approver of this zone")
	}
	return a, nil
}

// check refuses an answer that would be noise or count for nothing.
func (a *signedAnswer) check(observer *zone.Observer) error {
	if _, err := observer.Answerable(a.by, a.intent, a.approval.GetApprove()); err != nil {
		return &surface.Problem{Status: http.StatusUnprocessableEntity, Title: "the answer would count for nothing, and was not sent", Detail: err.Error()}
	}
	signer := a.envelope.Signatures[0].KeyID
	var wrong error
	observer.Look(func(f *ledger.Fold) {
		cred, known := f.Credential(signer)
		if !known && len(a.credential) > 0 {
			cred, wrong = introduced(f, a.credential)
			known = wrong == nil
		}
		switch {
		case wrong != nil:
		case !known:
			wrong = fmt.Errorf("key %s is not introduced on the ledger; hand in the credential as well, or answer with: portcullis approvals", signer.Short())
		case cred.ID != a.by || cred.Key.ID() != signer:
			wrong = fmt.Errorf("key %s is of %s, and the answer is of %s", signer.Short(), cred.ID, a.by)
		case !a.envelope.VerifiedBy(0, cred.Key):
			wrong = errors.New("the signature does not fit")
		default:
			if reason, ok := f.Standing(cred); !ok {
				wrong = fmt.Errorf("key %s does not count: %s", signer.Short(), schemas.ReasonCode(reason))
			}
		}
	})
	if wrong != nil {
		return &surface.Problem{Status: http.StatusUnprocessableEntity, Title: "the answer would not count, and was not sent", Detail: wrong.Error()}
	}
	return nil
}

// introduced reads a credential that is yet to be introduced.
func introduced(f *ledger.Fold, data []byte) (trust.Credential, error) {
	env, err := trust.ParseEnvelope(data)
	if err != nil {
		return trust.Credential{}, err
	}
	release := f.Governance().Release()
	if release == nil {
		return trust.Credential{}, errors.New("no release is in force")
	}
	return trust.VerifyCredential(env, release.Issuers, f.LogTime())
}

func notAnswered(err error) error {
	switch {
	case errors.Is(err, fabric.ErrNoSeat):
		return &surface.Problem{
			Status: http.StatusServiceUnavailable, Title: "nothing was sent: the console cannot carry this approver's answers", Detail: err.Error(),
			Mend: "put the approver's folder with nats.nk and nats.pub into the console's data folder, or use: portcullis approvals approve",
		}
	case errors.Is(err, streams.ErrUnknown):
		return &surface.Problem{Status: http.StatusGatewayTimeout, Title: "unknown: the answer may stand or not", Detail: err.Error(), Mend: "see what waits; the same answer counts once"}
	default:
		return &surface.Problem{Status: http.StatusServiceUnavailable, Title: "the answer was not sent", Detail: err.Error()}
	}
}
