package vitals

import (
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/zone"
)

// maxFollowers bounds whose lag is kept.
const maxFollowers = 512

// lagSample is how far behind a follower was, at most, in one second.
type lagSample struct {
	second int64 // Unix, of the console's clock; 0: nothing was seen
	behind uint64
}

// follower is one participant's lag over the window.
type follower struct {
	samples [window]lagSample
	newest  int64
}

// lags keeps how far followers were behind when somebody looked. A second in which nobody
// looked, or in which the follower was silent, is unknown.
type lags map[string]*follower

// followerName is a participant as figures name it: ROLE/NAME.
func followerName(p zone.Participant) string { return trust.RoleName(p.ID.Role) + "/" + p.ID.Name }

func (l lags) take(second int64, participants []zone.Participant) {
	for name, f := range l {
		if f.newest <= second-window {
			delete(l, name)
		}
	}
	for _, p := range participants {
		if p.Beat == nil || p.Silent || p.Fault != "" {
			continue
		}
		f := l[followerName(p)]
		if f == nil {
			if len(l) >= maxFollowers {
				continue
			}
			f = new(follower)
			l[followerName(p)] = f
		}
		f.see(second, p.Behind)
	}
}

func (f *follower) see(second int64, behind uint64) {
	slot := &f.samples[second%window]
	if slot.second != second {
		*slot = lagSample{second: second}
	}
	slot.behind = max(slot.behind, behind)
	f.newest = max(f.newest, second)
}

// most is the largest lag that was seen in the seconds from..to-1.
func (f *follower) most(from, to int64) (most number) {
	for second := max(from, 1); second < to; second++ {
		if s := f.samples[second%window]; s.second == second {
			most = known(max(most.value, float64(s.behind)))
		}
	}
	return most
}
