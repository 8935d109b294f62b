package drift

import (
	"fmt"
	"slices"
	"time"

	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// lag is how old an enforcer's backlog was when it beat last.
type lag struct {
	age    time.Duration
	streak streak
}

func (l *lag) note(age, threshold time.Duration, received time.Time) {
	l.age = age
	what := ""
	if age > threshold/2 {
		what = "behind"
	}
	l.streak.note(what, received)
}

// behind is how long ago the first record was stored that the participant had
// not folded when its heartbeat was stored. Enforcers alone are judged: what
// they have not decided, nobody has. One that still starts is behind by nature.
func (m *member) behind(w *Watch, beat *pb.Heartbeat, stored time.Time) time.Duration {
	if m.id.Role != pb.Role_ROLE_ENFORCER || !beat.GetStarted() {
		return 0
	}
	first, ok := w.times.after(beat.GetPosition())
	if !ok {
		return 0
	}
	return max(stored.Sub(first), 0)
}

// lagging judges lag.exceeded. It warns at half the threshold.
func lagging(w *Watch, m moment) []symptom {
	var all []symptom
	for _, one := range w.heardNow(m) {
		l := one.lag
		if l.streak.what == "" {
			continue
		}
		level := pb.Level_LEVEL_WARN
		if l.age > m.set.threshold && l.streak.lasts() >= m.set.threshold/2 {
			level = pb.Level_LEVEL_TRIP
		}
		all = append(all, symptom{
			level: level, subject: one.id.String(), about: about{participant: one.id}, since: l.streak.since,
			detail: fmt.Sprintf("what it has not read yet is %v old", l.age.Round(time.Millisecond)),
		})
	}
	return all
}

// timeline tells when records were stored, thinned out: it holds four times the
// lag that trips, in steps of a part of it.
type timeline struct {
	marks []mark // ascending in both
}

type mark struct {
	seq uint64
	at  time.Time // log time
}

const (
	maxMarks  = 1024
	marksEach = 256 // thresholds have so many steps
)

func (t *timeline) add(seq uint64, at time.Time, threshold time.Duration) {
	if n := len(t.marks); n > 0 && at.Sub(t.marks[n-1].at) < threshold/marksEach {
		return
	}
	t.marks = append(t.marks, mark{seq, at})
	if len(t.marks) > maxMarks {
		t.marks = t.marks[1:]
	}
}

// after is the log time of the first mark behind a position; ok is false if
// there is none.
func (t *timeline) after(position uint64) (at time.Time, ok bool) {
	i, found := slices.BinarySearchFunc(t.marks, position, func(m mark, seq uint64) int {
		if m.seq <= seq {
			return -1
		}
		return 1
	})
	if found || i == len(t.marks) {
		return time.Time{}, false
	}
	return t.marks[i].at, true
}
