package drift

import (
	"slices"
	"time"

	"github.com/portcullis-dev/portcullis/core/ledger"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// A heartbeat may come behind newer ones of its incarnation without anybody having
// done wrong: what waited in a connection that was given up is delivered when the
// network is mended. Such a heartbeat is late.
//
// It is late only where it was missed: its counter and its clock both lie in a gap,
// between two heartbeats that were heard. So none is late twice, and nobody who
// beats on is: a copy of the process, or a process that was set back, uses a counter
// that was heard, or states a clock that no longer fits between. Those regress.

// told is where an incarnation stood, by its own account.
type told struct {
	counter uint64
	clock   time.Time
}

func toldBy(beat *pb.Heartbeat) told {
	return told{beat.GetCounter(), beat.GetClock().AsTime()}
}

// gap is a run of counters that was not heard, between two that were.
type gap struct{ after, before told }

// maxGaps bounds the gaps of one incarnation that are remembered: the newest. What
// comes late into an older one regresses.
const maxGaps = 32

func (g gap) holds(t told) bool {
	return g.after.counter < t.counter && t.counter < g.before.counter && !t.clock.Before(g.after.clock) && t.clock.Before(g.before.clock)
}

func (g gap) empty() bool { return g.before.counter-g.after.counter <= 1 }

// old reports whether a heartbeat is of a moment before its incarnation's newest, by
// its counter and its clock. It tells nothing about now, and counts for nothing, not
// even as a sign of life: whoever holds old heartbeats back, or copies them, gains
// nothing by them. If it is not merely late it raises heartbeat.regress.
func (w *Watch) old(f *ledger.Fold, m *member, l *life, beat *pb.Heartbeat) bool {
	t := toldBy(beat)
	if t.counter > l.newest.counter || t.clock.After(l.newest.clock) {
		return false
	}
	if !l.late(t) {
		w.regressed(f, m, *l, beat)
	}
	return true
}

// late reports whether what came fills a gap, and notes it there.
func (l *life) late(t told) bool {
	i := slices.IndexFunc(l.gaps, func(g gap) bool { return g.holds(t) })
	if i < 0 {
		return false
	}
	g := l.gaps[i]
	l.gaps = slices.Replace(l.gaps, i, i+1, gap{g.after, t}, gap{t, g.before})
	l.trimGaps()
	return true
}

// proceed moves to the newest heartbeat. Where the counter goes back, the gaps are
// those of another history.
func (l *life) proceed(to told) {
	if to.counter <= l.newest.counter {
		l.newest, l.gaps = to, nil
		return
	}
	l.gaps = append(l.gaps, gap{l.newest, to})
	l.newest = to
	l.trimGaps()
}

func (l *life) trimGaps() {
	l.gaps = slices.DeleteFunc(l.gaps, gap.empty)
	l.gaps = l.gaps[max(0, len(l.gaps)-maxGaps):]
}
