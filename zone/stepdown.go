package zone

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/streams"
)

// ErrOneServer reports a ledger that stands on one server, which nobody can stand in for.
var ErrOneServer = errors.New("zone: the ledger stands on one server; nobody could lead in its place")

// StepDown has the leaders of streams hand over to another server, one after the other,
// with the operator's key, and tells of each when another leads. With only set, leaders of
// another name stay: afterwards the server of that name leads none of these streams, and
// can be stopped without a pause.
func StepDown(ctx context.Context, f *fabric.Fabric, b Broker, all []streams.Stream, only string, log *slog.Logger, tell func(streams.Stream, streams.Handover) error) error {
	if f.NATS.Replicas < 2 {
		return ErrOneServer
	}
	operator, err := f.Operator()
	if err != nil {
		return err
	}
	conn, err := b.connect(ctx, f.Zone, "operator", operator.NKeySeed, log)
	if err != nil {
		return err
	}
	defer conn.Close()
	for _, s := range all {
		done, err := conn.StepDown(ctx, s, only)
		if err != nil {
			return fmt.Errorf("zone: %w", err)
		}
		if err := tell(s, done); err != nil {
			return err
		}
	}
	return nil
}
