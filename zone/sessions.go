package zone

import (
	"cmp"
	"slices"
	"time"

	"github.com/portcullis-dev/portcullis/core/ledger"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Session is a session of which something was decided lately.
type Session struct {
	Agent   string // SPIFFE ID
	Session string
	Last    time.Time // log time of the newest decision on it
}

const (
	// sessionsBack is how long a session counts as one of lately.
	sessionsBack = 10 * time.Minute
	// maxSessionsSeen bounds how many are remembered: whoever asks wants the newest.
	maxSessionsSeen = 4096
)

type sessionKey struct{ agent, session string }

// seen are the sessions of lately. They belong to the observer's feed.
type seen map[sessionKey]time.Time

func (s seen) decided(d *pb.Decision, at time.Time) {
	key := sessionKey{d.GetAgent(), d.GetSession()}
	if _, known := s[key]; known || len(s) < maxSessionsSeen {
		s[key] = at
	}
}

func (s seen) sweep(now time.Time) {
	for key, at := range s {
		if now.Sub(at) > sessionsBack {
			delete(s, key)
		}
	}
}

// Sessions lists the sessions of lately, the newest first. The observer must have
// been asked for approvals; it has seen what was decided since it began to read.
func (o *Observer) Sessions() (all []Session) {
	o.Look(func(*ledger.Fold) {
		for key, at := range o.waiting.sessions {
			all = append(all, Session{key.agent, key.session, at})
		}
	})
	slices.SortFunc(all, func(a, b Session) int {
		return cmp.Or(b.Last.Compare(a.Last), cmp.Compare(a.Agent, b.Agent), cmp.Compare(a.Session, b.Session))
	})
	return all
}
