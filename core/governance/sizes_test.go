package governance

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// TestSizesAreLoweredNeverRaised: the protocol's own limits are the most that a
// release may ask for.
func TestSizesAreLoweredNeverRaised(t *testing.T) {
	c := begun(t, 1, 1)
	for _, raise := range []func(*pb.Bounds){
		func(b *pb.Bounds) { b.MaxIntentBytes = 64<<10 + 1 },
		func(b *pb.Bounds) { b.MaxListItems = 513 },
		func(b *pb.Bounds) { b.MaxListBytes = 1<<20 + 1 },
	} {
		record := trusttest.Released(c.next(func(p *pb.Release) { raise(p.Bounds) }))
		payload, err := proto.Marshal(record)
		if err != nil {
			t.Fatal(err)
		}
		c.refused(pb.Reason_REASON_NOISE_RECORD, resealed(t, governanceType, payload, c.zone.Governors...))
	}
}
