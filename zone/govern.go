package zone

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/streams/feed"
)

// Governing is a governor's connection to a ledger: it appends governance
// records signed with every governor's key that is in the fabric.
type Governing struct {
	f     *fabric.Fabric
	conn  *streams.Conn
	log   *slog.Logger
	names []string // of the governors whose keys can be used here
}

// Govern connects the first governor whose keys are in the fabric. Keys that are
// there and cannot be used are logged: one governor who can halt is enough.
func Govern(ctx context.Context, f *fabric.Fabric, b Broker, log *slog.Logger) (*Governing, error) {
	names, unusable := GovernorsHere(f)
	if len(names) == 0 {
		return nil, errors.Join(unusable, fmt.Errorf("zone: no governor's key is in %s; govern where one is", f.Dir))
	}
	if unusable != nil {
		log.Warn("a governor's keys cannot be used", "err", unusable)
	}
	governor, err := f.Governor(names[0])
	if err != nil {
		return nil, err
	}
	conn, err := b.ConnectGovernor(ctx, governor, log)
	if err != nil {
		return nil, err
	}
	return &Governing{f: f, conn: conn, log: log, names: names}, nil
}

// GovernorsHere lists the governors whose keys are in the fabric and can be
// used. Unusable joins what is wrong with those that are there and cannot.
func GovernorsHere(f *fabric.Fabric) (names []string, unusable error) {
	all, err := f.Governors()
	if err != nil {
		return nil, err
	}
	for _, name := range all {
		_, err := f.Governor(name)
		switch {
		case err == nil:
			names = append(names, name)
		case !errors.Is(err, fs.ErrNotExist): // else they are kept elsewhere
			unusable = errors.Join(unusable, err)
		}
	}
	return names, unusable
}

// Close closes the connection.
func (g *Governing) Close() { g.conn.Close() }

// Conn is the governor's connection.
func (g *Governing) Conn() *streams.Conn { return g.conn }

// State folds the ledger's governance records up to the newest.
func (g *Governing) State(ctx context.Context) (*governance.State, error) {
	return GovernanceAt(ctx, g.f, g.conn, 0)
}

// GovernanceAt folds the governance that stood at a position, from governance records
// and credentials alone: it takes as long as there are of those, not as long as the
// ledger is. Position 0 means the newest.
func GovernanceAt(ctx context.Context, f *fabric.Fabric, conn *streams.Conn, at uint64) (*governance.State, error) {
	records, err := feed.Rest(ctx, conn, f.Zone, at)
	if err != nil {
		return nil, err
	}
	fold, _ := foldOf(f, records)
	return fold.Governance(), nil
}

// foldOf folds the base records of a ledger.
func foldOf(f *fabric.Fabric, records []ledger.Raw) (*ledger.Fold, ledger.Parser) {
	keys := ledger.NewKeys()
	parser, fold := ledger.Parser{Zone: f.Zone, Keys: keys}, ledger.NewFold(f.Ledger, keys)
	for _, raw := range records {
		_, _ = fold.Step(parser.Parse(raw)) // noise changes nothing
	}
	return fold, parser
}

// ErrNoEffect reports a governance record that stands on the ledger and was
// refused there.
var ErrNoEffect = errors.New("zone: the record took no effect")

// Sent is a governance record that stands on the ledger.
type Sent struct {
	Seq   uint64       // its position
	ID    trust.Digest // of its payload: by which a Resume names a halt
	Acked time.Time    // when the acknowledgement came, this process's clock
}

// Sign signs a record with the keys of the governors who are here.
func (g *Governing) Sign(record *pb.Governance) ([]byte, error) {
	if len(g.names) == 0 {
		return nil, errRelay // to name nobody would mean everybody
	}
	return g.f.SignGovernance(record, g.names...)
}

// Send appends an envelope and returns when the ledger has acknowledged it.
// Whether it took effect is for Effective to say.
func (g *Governing) Send(ctx context.Context, envelope []byte) (Sent, error) {
	env, err := trust.ParseEnvelope(envelope)
	if err != nil {
		return Sent{}, err
	}
	seq, err := g.conn.Append(ctx, schemas.Subject(g.f.Zone, schemas.KindGovernance, ""), envelope)
	if err != nil {
		return Sent{}, fmt.Errorf("zone: appending a governance record: %w", err)
	}
	return Sent{Seq: seq, ID: trust.DigestOf(env.Payload), Acked: time.Now()}, nil
}

// Effective makes sure that a record took effect where it stands.
func (g *Governing) Effective(ctx context.Context, s Sent) error {
	state, err := g.State(ctx)
	if err != nil {
		return fmt.Errorf("zone: the record stands at %d; whether it took effect could not be read: %w", s.Seq, err)
	}
	if !state.Applied(s.ID) {
		return noEffect(s)
	}
	return nil
}

func noEffect(s Sent) error {
	return fmt.Errorf("%w: it stands at %d; its signers are no governors by the release in force, or too few, or it does not continue the chain; see: portcullis tail --from %d", ErrNoEffect, s.Seq, s.Seq)
}

// Try says whether an envelope would take effect if the ledger got it next. It
// appends nothing; the error says why not.
func (g *Governing) Try(ctx context.Context, envelope []byte) error {
	records, err := feed.Rest(ctx, g.conn, g.f.Zone, 0)
	if err != nil {
		return err
	}
	fold, parser := foldOf(g.f, records)
	if _, err := fold.Step(parser.Parse(ledger.Raw{
		Seq: fold.Seq() + 1, Time: fold.LogTime(), Subject: schemas.Subject(g.f.Zone, schemas.KindGovernance, ""), Data: envelope,
	})); err != nil {
		return fmt.Errorf("zone: it would take no effect: %w", err)
	}
	return nil
}

// Append signs a record, appends it, and makes sure that it took effect. It
// returns the record's position and its id, by which a Resume names a halt.
func (g *Governing) Append(ctx context.Context, record *pb.Governance) (seq uint64, id trust.Digest, err error) {
	data, err := g.Sign(record)
	if err != nil {
		return 0, trust.Digest{}, err
	}
	sent, err := g.Send(ctx, data)
	if err != nil {
		return 0, trust.Digest{}, err
	}
	return sent.Seq, sent.ID, g.Effective(ctx, sent)
}

// HaltRecord is a halt of everything in scope.
func HaltRecord(scope *pb.Scope, reason string) *pb.Governance {
	return &pb.Governance{Record: &pb.Governance_Halt{Halt: &pb.Halt{Scope: scope, Reason: reason}}}
}

// ResumeRecord lifts the halts with the given ids, all of them or none.
func ResumeRecord(halts []trust.Digest, reason string) *pb.Governance {
	resume := &pb.Resume{Reason: reason}
	for _, id := range halts {
		resume.Halts = append(resume.Halts, id[:])
	}
	return &pb.Governance{Record: &pb.Governance_Resume{Resume: resume}}
}

// Halt denies everything in scope from the returned position on.
func (g *Governing) Halt(ctx context.Context, scope *pb.Scope, reason string) (seq uint64, id trust.Digest, err error) {
	return g.Append(ctx, HaltRecord(scope, reason))
}

// Resume lifts the halts with the given ids, all of them or none.
func (g *Governing) Resume(ctx context.Context, halts []trust.Digest, reason string) (seq uint64, err error) {
	seq, _, err = g.Append(ctx, ResumeRecord(halts, reason))
	return seq, err
}

// Skew is how far a clock is ahead of the broker's, negative if it is behind: a
// record of one's own was stored between two of the clock's times, unless one of
// the two clocks is wrong.
func Skew(stored, sent, acked time.Time) time.Duration {
	switch {
	case stored.Before(sent):
		return sent.Sub(stored)
	case stored.After(acked):
		return acked.Sub(stored)
	default:
		return 0
	}
}
