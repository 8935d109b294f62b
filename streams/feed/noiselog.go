package feed

import (
	"log/slog"
	"math/bits"

	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// NoiseLog counts noise and warns of it, less often the more there is: whoever
// may write to a ledger must not be able to drown a log. The zero value has
// counted none. It belongs to the feed's goroutine.
type NoiseLog struct{ count uint64 }

// Report counts one event of noise and warns of the first, second, fourth,
// eighth and so on. A copy of what stands on the ledger already is not worth a
// warning: whoever starts introduces his credential again.
func (n *NoiseLog) Report(log *slog.Logger, seq uint64, noise error) {
	n.count++
	if schemas.ReasonOf(noise) == pb.Reason_REASON_NOISE_REPLAY {
		log.Debug("noise", "seq", seq, "reason", noise)
		return
	}
	if bits.OnesCount64(n.count) == 1 {
		log.Warn("noise", "seq", seq, "reason", noise, "so_far", n.count)
	}
}

// Count is how many were reported.
func (n *NoiseLog) Count() uint64 { return n.count }
