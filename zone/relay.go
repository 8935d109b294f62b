package zone

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
)

// errRelay says why a relay signs nothing.
var errRelay = errors.New("zone: this connection has no signing key: it carries what governors have signed elsewhere")

// Relay is governing over a connection that somebody else opened, without any
// signing key: it reads, and carries what was signed elsewhere. Sign refuses.
func Relay(f *fabric.Fabric, conn *streams.Conn, log *slog.Logger) *Governing {
	return &Governing{f: f, conn: conn, log: log}
}

// ConnectRelay connects as the first governor whose connection seed is in the
// fabric. It reads no signing key. Without a seed the error wraps fabric.ErrNoSeat.
func (b Broker) ConnectRelay(ctx context.Context, f *fabric.Fabric, log *slog.Logger) (*streams.Conn, error) {
	names, err := f.Governors()
	if err != nil {
		return nil, err
	}
	var unusable error
	for _, name := range names {
		seat, err := f.Seat(pb.Role_ROLE_GOVERNOR, name)
		if err == nil {
			return b.connect(ctx, f.Zone, name, seat.NKeySeed, log)
		}
		if !errors.Is(err, fabric.ErrNoSeat) { // else it is kept elsewhere
			unusable = errors.Join(unusable, err)
		}
	}
	if unusable != nil {
		return nil, unusable
	}
	return nil, fmt.Errorf("%w of a governor in %s; put a governor's folder with nats.nk and nats.pub there, signing.pem can stay elsewhere", fabric.ErrNoSeat, f.Dir)
}

// RelayApproval connects as an approver, by his connection seed alone, and appends
// what he has signed elsewhere: his credential, unless that is empty, then his
// approval. It returns the approval's position.
func (b Broker) RelayApproval(ctx context.Context, f *fabric.Fabric, name string, credential, approval []byte, log *slog.Logger) (seq uint64, err error) {
	seat, err := f.Seat(pb.Role_ROLE_APPROVER, name)
	if err != nil {
		return 0, err
	}
	conn, err := b.connect(ctx, f.Zone, name, seat.NKeySeed, log)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	if len(credential) > 0 {
		if _, err := conn.Append(ctx, schemas.Subject(f.Zone, schemas.KindCredential, name), credential); err != nil {
			return 0, fmt.Errorf("zone: introducing %s: %w", name, err)
		}
	}
	seq, err = conn.Append(ctx, schemas.Subject(f.Zone, schemas.KindApproval, ""), approval)
	if err != nil {
		return 0, fmt.Errorf("zone: appending an approval: %w", err)
	}
	return seq, nil
}

// Answerable finds an intent that waits and says why an answer to it would count
// for nothing. The observer must have been asked for approvals.
func (o *Observer) Answerable(approver trust.Identity, intent trust.Digest, approve bool) (Waiting, error) {
	release := o.Release()
	if release == nil {
		return Waiting{}, fmt.Errorf("%w: no release is in force, or the ledger is not read yet", ErrNotWaiting)
	}
	w, err := meant(o.Waiting(), intent.String())
	if err != nil {
		return Waiting{}, err
	}
	return w, mayAnswer(release, approver, w, approve)
}

// Ruling waits for the decision of the round that an answer opened. It is nil if
// none came before ctx ends.
func (o *Observer) Ruling(ctx context.Context, answer uint64) (ruling *pb.Decision, err error) {
	err = o.Until(ctx, func() (bool, error) {
		o.Look(func(*ledger.Fold) { ruling = o.waiting.rulings[answer] })
		return ruling != nil, nil
	})
	if errors.Is(err, context.DeadlineExceeded) {
		err = nil // it stands; nobody has decided
	}
	return ruling, err
}
