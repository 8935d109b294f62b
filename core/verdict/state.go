package verdict

import (
	"container/heap"
	"encoding/binary"
	"time"

	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// State is what verdicts depend on besides governance and credentials. It is
// built by Apply and Expire alone and belongs to one goroutine.
type State struct {
	sessions map[sessionKey]*session
	open     map[string]int // agent → open sessions
	seen     map[trust.Digest]int64
	buckets  map[bucketKey]*bucket
	waits    map[trust.Digest]*wait // intents that wait for approvals
	due      dueHeap
	now      int64 // log time of the last Expire, Unix nanoseconds
	mixed    mix   // of a line for each entry of the maps above
}

type sessionKey struct{ agent, session string }

type session struct {
	sequence uint64       // of its newest intent
	head     trust.Digest // of its newest intent
	expires  int64
}

// NewState is the state at the beginning of a ledger.
func NewState() *State {
	return &State{
		sessions: make(map[sessionKey]*session),
		open:     make(map[string]int),
		seen:     make(map[trust.Digest]int64),
		buckets:  make(map[bucketKey]*bucket),
		waits:    make(map[trust.Digest]*wait),
	}
}

// Apply folds a decision into the state: one just derived by Decide, or one
// that a quorum recorded. Memory is W of the release in force where it was
// decided. Decisions must be applied in the order in which they were decided:
// where their intents stand, and the approvals that opened further rounds.
func (s *State) Apply(d *pb.Decision, memory time.Duration) {
	at := nanos(d.GetLogTime().AsTime())
	s.Expire(at)
	end := after(at, memory)
	digest, _ := trust.DigestFrom(d.GetIntentDigest())
	if d.GetDeadline() != nil {
		s.see(digest, min(nanos(d.GetDeadline().AsTime()), end))
	}
	if d.GetSessionSequence() > 0 {
		s.move(sessionKey{d.GetAgent(), d.GetSession()}, d.GetSessionSequence(), digest, end)
	}
	for _, c := range d.GetCharges() {
		s.charge(bucketKey{c.GetLimit(), c.GetKey()}, at, c.GetAmount(), end)
	}
	s.settleRound(d)
}

// Seen reports whether an intent with this digest was decided and its deadline
// has not passed.
func (s *State) Seen(d trust.Digest) bool {
	_, ok := s.seen[d]
	return ok
}

func (s *State) see(d trust.Digest, until int64) {
	if _, known := s.seen[d]; known || until <= s.now {
		return
	}
	s.seen[d] = until
	s.mixed.add(seenLine(d, until))
	heap.Push(&s.due, due{at: until, digest: d})
}

// move makes an intent its session's newest. A session that moves is never
// forgotten earlier than it would have been without: then only the moves of the
// last W count, and a release with a shorter W does not reach back.
func (s *State) move(key sessionKey, sequence uint64, head trust.Digest, end int64) {
	held, known := s.sessions[key]
	if !known {
		held = &session{}
		s.sessions[key] = held
		s.open[key.agent]++
		heap.Push(&s.due, due{at: end, session: key})
	} else {
		s.mixed.sub(held.line(key))
	}
	held.sequence, held.head, held.expires = sequence, head, max(held.expires, end)
	s.mixed.add(held.line(key))
}

// Expire forgets everything that ends at or before the log time now.
func (s *State) Expire(now int64) {
	if now <= s.now {
		return
	}
	s.now = now
	for len(s.due) > 0 && s.due[0].at <= now {
		s.settle(heap.Pop(&s.due).(due)) //nolint:errcheck,forcetypeassert // dueHeap holds nothing else
	}
}

// settle ends what is due, or puts it back when it was prolonged since.
func (s *State) settle(d due) {
	switch {
	case d.bucket != (bucketKey{}):
		b := s.buckets[d.bucket]
		next, left := b.forget(s.now, func(c charge) { s.mixed.sub(c.line(d.bucket)) })
		if left {
			heap.Push(&s.due, due{at: next, bucket: d.bucket})
		} else {
			delete(s.buckets, d.bucket)
		}
	case d.session != (sessionKey{}):
		if held := s.sessions[d.session]; held.expires > s.now {
			heap.Push(&s.due, due{at: held.expires, session: d.session})
			return
		}
		s.mixed.sub(s.sessions[d.session].line(d.session))
		delete(s.sessions, d.session)
		if s.open[d.session.agent]--; s.open[d.session.agent] == 0 {
			delete(s.open, d.session.agent)
		}
	case d.waits:
		s.mixed.sub(s.waits[d.digest].line())
		delete(s.waits, d.digest)
	default:
		s.mixed.sub(seenLine(d.digest, s.seen[d.digest]))
		delete(s.seen, d.digest)
	}
}

// due says when something may end; exactly one of the keys is set.
type due struct {
	at      int64
	digest  trust.Digest // of an intent that was seen, or of one that waits
	waits   bool
	session sessionKey
	bucket  bucketKey
}

type dueHeap []due

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(i, j int) bool { return h[i].at < h[j].at }
func (h dueHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *dueHeap) Push(x any)        { *h = append(*h, x.(due)) } //nolint:errcheck,forcetypeassert // container/heap's own contract
func (h *dueHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = due{}
	*h = old[:len(old)-1]
	return last
}

// Digest names the state after Expire: two enforcers at one position must agree
// on it. It costs the same however large the state is.
func (s *State) Digest() trust.Digest { return s.mixed.digest() }

// Each entry of the state is one line of its digest.

func (h *session) line(key sessionKey) []byte {
	line := appendText(nil, "session", key.agent, key.session)
	line = binary.BigEndian.AppendUint64(line, h.sequence)
	line = append(line, h.head[:]...)
	return appendNumber(line, h.expires)
}

func seenLine(d trust.Digest, until int64) []byte {
	return appendNumber(append(appendText(nil, "seen"), d[:]...), until)
}

func (c charge) line(key bucketKey) []byte {
	line := appendText(nil, "charge", key.limit, key.key)
	return appendNumber(appendNumber(appendNumber(line, c.at), c.amount), c.ends)
}

func appendText(b []byte, parts ...string) []byte {
	for _, p := range parts {
		b = binary.BigEndian.AppendUint32(b, uint32(len(p))) //nolint:gosec // bounded by the schema
		b = append(b, p...)
	}
	return b
}

func appendNumber(b []byte, n int64) []byte {
	return binary.BigEndian.AppendUint64(b, uint64(n)) //nolint:gosec // a bit pattern, not a quantity
}
