package zone

import (
	"context"
	"log/slog"
	"time"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// admissionPoll is how often a broker is asked whether it knows somebody new.
const admissionPoll = 100 * time.Millisecond

// AwaitAdmission waits until the broker lets a participant connect that was
// enrolled just now, until ctx ends.
func AwaitAdmission(ctx context.Context, f *fabric.Fabric, b Broker, role pb.Role, name string) error {
	m, err := f.Load(role, name, trust.Digest{})
	if err != nil {
		return err
	}
	for {
		conn, err := b.Connect(ctx, m, slog.New(slog.DiscardHandler))
		if err == nil {
			conn.Close()
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(admissionPoll):
		}
	}
}
