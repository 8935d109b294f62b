package governing

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/dashboards/surface"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/zone"
)

// maxHandedIn bounds a record on its way here, in bytes: base64 of an envelope.
const maxHandedIn = schemas.MaxEnvelope/3*4 + 4096

// signedRecord is a governance record that somebody has signed.
type signedRecord struct {
	data     []byte
	envelope *trust.Envelope
	record   *pb.Governance
}

// readRecord takes a halt or a resume for this ledger. It looks at nothing but the
// bytes: whether signatures count is judged where the record stands.
func (g *Governing) readRecord(data []byte) (*signedRecord, error) {
	s := &signedRecord{data: data, record: new(pb.Governance)}
	var err error
	if s.envelope, err = trust.ParseEnvelope(data); err != nil {
		return nil, asked(err)
	}
	if s.envelope.PayloadType != schemas.KindGovernance.PayloadType() {
		return nil, surface.Asked(fmt.Sprintf("payload type %.60q is no governance record's", s.envelope.PayloadType), "hand in a signed halt or resume")
	}
	if err := schemas.Decode(s.envelope.Payload, schemas.MaxPayload, s.record); err != nil {
		return nil, asked(err)
	}
	if s.record.GetHalt() == nil && s.record.GetResume() == nil {
		kind, _ := governance.Describe(s.record)
		return nil, surface.Asked("it is a "+kind, "hand in halts and resumes here; the rest is for the command line")
	}
	if !bytes.Equal(s.record.GetLedger(), g.cfg.Fabric.Ledger[:]) {
		return nil, surface.Asked("it is for ledger "+trust.DigestIn(s.record.GetLedger()).Short()+", and this is "+g.cfg.Fabric.Ledger.Short(), "sign it for this ledger")
	}
	return s, nil
}

// handIn appends a halt or a resume. A halt is held back by nothing that could fail;
// a resume must be such that it would take effect.
func (g *Governing) handIn(w http.ResponseWriter, r *http.Request) error {
	var question struct {
		Envelope []byte `json:"envelope"`
	}
	if err := surface.Read(w, r, maxHandedIn, &question); err != nil {
		return err
	}
	s, err := g.readRecord(question.Envelope)
	if err != nil {
		return err
	}
	kind, scope := "halt", s.record.GetHalt().GetScope()
	if s.record.GetResume() != nil {
		kind, scope = "resume", everything
		if err := g.checkResume(r.Context(), s); err != nil {
			return err
		}
	}
	sent, err := g.send(r.Context(), s.data)
	if err != nil {
		return err
	}
	surface.Relayed(r.Context(), sent.ID.String(), sent.Seq)
	return surface.JSON(w, object{
		"position": sent.Seq, "id": sent.ID.String(), "acked": stamp(sent.Acked), "kind": kind, "scope": governance.ScopeString(scope),
	})
}

// everything is the scope of every executor.
var everything = &pb.Scope{Kind: pb.ScopeKind_SCOPE_KIND_GLOBAL}

// checkResume refuses a resume that would take no effect, and one of a fork that
// nobody has signed for: sentinels would trip again.
func (g *Governing) checkResume(ctx context.Context, s *signedRecord) error {
	from, done, err := g.reading.use(ctx)
	if err != nil {
		return err
	}
	defer done()
	ctx, cancel := context.WithTimeout(ctx, readWithin)
	defer cancel()
	if err := from.governed.Try(ctx, s.data); err != nil {
		if ctx.Err() != nil {
			return unable(ctx, err)
		}
		return &surface.Problem{
			Status: http.StatusUnprocessableEntity, Title: "the resume would lift nothing, and was not sent", Detail: err.Error(),
			Mend: "look at what is halted now, and who has signed",
		}
	}
	var lifted []governance.Halt
	from.observer.Look(func(f *ledger.Fold) {
		for _, h := range f.Governance().Halts() {
			if slices.ContainsFunc(s.record.GetResume().GetHalts(), func(id []byte) bool { return bytes.Equal(id, h.ID[:]) }) {
				lifted = append(lifted, h)
			}
		}
	})
	if err := from.observer.CheckForks(ctx, lifted); err != nil {
		return &surface.Problem{Status: http.StatusUnprocessableEntity, Title: "the resume was not sent", Detail: err.Error(), Mend: "see: portcullis loss"}
	}
	return nil
}

// send appends a record over a governor's connection. What is wrong says whether the
// record may stand.
func (g *Governing) send(ctx context.Context, envelope []byte) (zone.Sent, error) {
	// Whoever asks may go away: what was begun is still finished and known here.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sendWithin)
	defer cancel()
	conn, done, err := g.relay.use(ctx)
	if errors.Is(err, fabric.ErrNoSeat) {
		return zone.Sent{}, &surface.Problem{Status: http.StatusServiceUnavailable, Title: "nothing was sent: the console cannot carry records", Detail: err.Error(), Mend: mendSeat}
	}
	if err != nil {
		return zone.Sent{}, notSent(err)
	}
	defer done()
	sent, err := zone.Relay(g.cfg.Fabric, conn, g.cfg.Logger).Send(ctx, envelope)
	switch {
	case err == nil:
		g.remember(sent)
		return sent, nil
	case errors.Is(err, streams.ErrUnknown):
		return zone.Sent{}, &surface.Problem{
			Status: http.StatusGatewayTimeout, Title: "unknown: it may stand or not", Detail: err.Error(),
			Mend: "the same record can be sent again: it takes effect once",
		}
	case errors.Is(err, streams.ErrRefused):
		return zone.Sent{}, &surface.Problem{Status: http.StatusBadGateway, Title: "the broker refused it: it does not stand", Detail: err.Error()}
	default:
		return zone.Sent{}, notSent(err)
	}
}

func notSent(err error) error {
	return &surface.Problem{
		Status: http.StatusServiceUnavailable, Title: "nothing was sent: the ledger cannot be reached", Detail: err.Error(),
		Mend: "stop the executors of a machine there, with: portcullis halt --local --reason TEXT",
	}
}

// maxRemembered is of how many records it is known when they were acknowledged.
const maxRemembered = 64

func (g *Governing) remember(sent zone.Sent) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.sent = append(g.sent, sent)
	if len(g.sent) > maxRemembered {
		g.sent = slices.Delete(g.sent, 0, 1)
	}
}

// acked is when a record was acknowledged here; zero if it was handed in elsewhere.
func (g *Governing) acked(position uint64) time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, sent := range g.sent {
		if sent.Seq == position {
			return sent.Acked
		}
	}
	return time.Time{}
}

// find tells whether a record stands: for whoever has lost the answer.
func (g *Governing) find(w http.ResponseWriter, r *http.Request) error {
	id, err := trust.ParseDigest(r.PathValue("id"))
	if err != nil {
		return asked(err)
	}
	return g.look(w, r, func(ctx context.Context, from reading) (any, error) {
		told := object{"id": id.String(), "stands": false}
		last, err := streams.Read(ctx, from.conn, streams.ReadConfig{Filter: schemas.Subject(g.cfg.Fabric.Zone, schemas.KindGovernance, "")}, func(raw streams.Raw) error {
			env, err := trust.ParseEnvelope(raw.Data)
			if err == nil && trust.DigestOf(env.Payload) == id && told["stands"] == false {
				told["stands"], told["position"] = true, raw.Seq
			}
			return nil
		})
		told["read_to"] = last
		return told, err
	})
}
