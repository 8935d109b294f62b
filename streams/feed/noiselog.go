package feed

import (
	"log/slog"
	"math/bits"
)

// NoiseLog counts noise and warns of it, less often the more there is: whoever
// may write to a ledger must not be able to drown a log. The zero value has
// counted none. It belongs to the feed's goroutine.
type NoiseLog struct{ count uint64 }

// Report counts one event of noise and warns of the first, second, fourth,
// eighth and so on.
func (n *NoiseLog) Report(log *slog.Logger, seq uint64, noise error) {
	n.count++
	if bits.OnesCount64(n.count) == 1 {
		log.Warn("noise", "seq", seq, "reason", noise, "so_far", n.count)
	}
}

// Count is how many were reported.
func (n *NoiseLog) Count() uint64 { return n.count }
