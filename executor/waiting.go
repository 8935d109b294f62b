package executor

import (
	"slices"

	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// waiting holds allowed decisions on which no claim can be made yet, oldest
// first. What is hopeless is swept out whenever the queue has doubled, so that
// it stays in proportion to what can still be done.
type waiting struct {
	queue []*pb.Decision
	sweep int // length at which to sweep next
}

const leastSweep = 256

func (w *waiting) len() int { return len(w.queue) }

func (w *waiting) empty() bool { return len(w.queue) == 0 }

func (w *waiting) add(d *pb.Decision, hopeless func(*pb.Decision) bool) {
	w.queue = append(w.queue, d)
	if len(w.queue) < max(w.sweep, leastSweep) {
		return
	}
	w.queue = slices.DeleteFunc(w.queue, hopeless)
	w.sweep = 2 * len(w.queue)
}

// take removes the oldest; the queue must not be empty.
func (w *waiting) take() *pb.Decision {
	d := w.queue[0]
	w.queue = w.queue[1:]
	return d
}
