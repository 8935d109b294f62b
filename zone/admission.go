package zone

import (
	"context"
	"log/slog"
	"time"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// admissionPoll is how often a broker is asked whether it knows somebody new: a
// little less often than a broker looks, since each question too early is an
// error in its log.
const admissionPoll = 700 * time.Millisecond

// AwaitAdmission waits until the broker lets a participant connect that was
// enrolled just now, until ctx ends.
func AwaitAdmission(ctx context.Context, f *fabric.Fabric, b Broker, role pb.Role, name string) error {
	m, err := f.Load(role, name, trust.Digest{})
	if err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(admissionPoll):
		}
		conn, err := b.Connect(ctx, m, slog.New(slog.DiscardHandler))
		if err == nil {
			conn.Close()
			return nil
		}
	}
}
