package heartbeat

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Seen is an authentic heartbeat (see (*ledger.Fold).Heartbeat) and when it came.
type Seen struct {
	Beat     *pb.Heartbeat  // not changed once added
	From     trust.Identity // who signed it
	Stored   time.Time      // by the broker's clock
	Received time.Time      // by the reader's clock
}

// Roster holds the newest heartbeat of each identity. It grows with the
// identities that have beaten, which a ledger's credentials bound; one that has
// left the directory stays, and its beat grows old. The zero value is empty. Safe
// for concurrent use.
type Roster struct {
	mu     sync.Mutex
	newest map[trust.Identity]Seen // guarded by mu; made when first needed
}

// NewRoster makes an empty one.
func NewRoster() *Roster { return new(Roster) }

// Add takes a heartbeat in, unless it is no newer than the one held, or names
// somebody else than its signer. Which of two is newer is told by what their
// sender signed, so that a broker that stores an old one again changes nothing:
// of one incarnation the greater counter, of two the later clock. Of two clones
// that beat by turns it shows now one and now the other; finding them is
// drift's business.
func (r *Roster) Add(s Seen) {
	if s.Beat == nil || s.Beat.GetParticipant() != s.From.String() {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.newest == nil {
		r.newest = make(map[trust.Identity]Seen)
	}
	if held, ok := r.newest[s.From]; !ok || s.newerThan(held) {
		r.newest[s.From] = s
	}
}

func (s Seen) newerThan(held Seen) bool {
	if bytes.Equal(s.Beat.GetIncarnation(), held.Beat.GetIncarnation()) {
		return s.Beat.GetCounter() > held.Beat.GetCounter()
	}
	return s.clock().After(held.clock())
}

// clock is the sender's, but no later than the broker's: a beat with a clock
// far ahead must not outlast all that follow it.
func (s Seen) clock() time.Time {
	if clock := s.Beat.GetClock().AsTime(); clock.Before(s.Stored) {
		return clock
	}
	return s.Stored
}

// All returns the newest heartbeat of each identity, sorted by role, then name.
func (r *Roster) All() []Seen {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.SortedFunc(maps.Values(r.newest), func(a, b Seen) int {
		return cmp.Or(cmp.Compare(a.From.Role, b.From.Role), strings.Compare(a.From.Name, b.From.Name))
	})
}
