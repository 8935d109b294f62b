package zone

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
)

// ConnectReader connects as somebody who may read the ledger: an auditor whose
// folder is in the fabric, else a governor.
func ConnectReader(ctx context.Context, f *fabric.Fabric, b Broker, log *slog.Logger) (*streams.Conn, error) {
	participants, err := f.Participants()
	if err != nil {
		return nil, err
	}
	for _, p := range participants {
		if p.Role == pb.Role_ROLE_AUDITOR {
			m, err := f.Load(p.Role, p.Name, trust.Digest{})
			if err != nil {
				return nil, err
			}
			return b.Connect(ctx, m, log)
		}
	}
	none := fmt.Errorf("zone: neither an auditor nor a governor is in %s; enroll one with: portcullis enroll auditor watcher", f.Dir)
	return b.connectAnyGovernor(ctx, f, none, log)
}
