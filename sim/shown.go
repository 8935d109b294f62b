package sim

import (
	"time"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// A lying broker shows one follower another ledger than everybody else: at the
// same sequences other bytes, or other times. What a follower was shown once it
// is shown again whenever it reads the place, until the world heals.

// ploy is what the broker has in mind for one follower's next records.
type ploy struct {
	kind schemas.Kind  // of the records that it is about; KindUnknown is any
	how  trickery      // what the follower gets instead
	off  time.Duration // of warped: added to the time
	left int           // how many records are still to come
}

type trickery uint8

const (
	withheld trickery = iota // garbage at the record's place
	older                    // an earlier record of its kind
	warped                   // the record under another time
)

// shows is the entry as this node gets it. The broker decides when the node is
// to see it for the first time.
func (n *node) shows(e *entry) *entry {
	if _, decided := n.shown[e.seq]; !decided {
		n.shown[e.seq] = n.choose(e)
	}
	return n.shown[e.seq]
}

// saw is the entry as this node got it, or will if nothing happens.
func (n *node) saw(e *entry) *entry {
	if as := n.shown[e.seq]; as != nil {
		return as
	}
	return e
}

func (n *node) choose(e *entry) *entry {
	p := &n.ploy
	if p.left == 0 || p.kind != schemas.KindUnknown && p.kind != e.truth.Kind {
		return e
	}
	p.left--
	as := n.w.instead(e, *p)
	n.victim, n.deceived = true, true
	n.warped = n.warped || p.how == warped
	n.w.logf("%s is shown %s instead of %s", n.name, as, e)
	return as
}

// instead is what stands in e's place by a ploy.
func (w *World) instead(e *entry, p ploy) *entry {
	as := &entry{message: message{subject: e.subject, data: []byte("withheld"), truth: Truth{Note: "nothing"}}, seq: e.seq, at: e.at, stamp: e.stamp}
	switch p.how {
	case withheld:
	case older:
		if i := lastIndex(w.entries[:e.seq-1], func(o *entry) bool { return o.subject == e.subject && string(o.data) != string(e.data) }); i >= 0 {
			as.message = w.entries[i].message
		}
	case warped:
		as.message, as.stamp = e.message, e.stamp.Add(p.off)
	}
	return as
}

// lied reports whether the broker showed this node something else at a sequence
// that it has read since its start.
func (n *node) lied(seq uint64) bool {
	return seq >= n.from && n.shown[seq] != nil && n.shown[seq] != n.w.entries[seq-1]
}

// betrayed is when the first record was appended in whose place this node got
// another, among those that it read since its start and that some later span can
// cover: a span tells nothing to whoever did not read it from its first position
// on.
func (n *node) betrayed() (at time.Duration, some bool) {
	from := n.comparable()
	for _, e := range n.w.entries[min(from, n.seq+1)-1 : n.seq] {
		if n.lied(e.seq) {
			return e.at, true
		}
	}
	return 0, false
}

// comparable is the first position at which a span begins that the node can
// compare.
func (n *node) comparable() uint64 {
	for _, e := range n.w.entries {
		if span := e.truth.Pulse.GetSpan(); span.GetFrom() >= n.from {
			return span.GetFrom()
		}
	}
	return n.w.last() + 1
}

// covers reports whether a pulse tells this node that it was lied to.
func (n *node) covers(p *pb.Pulse) bool {
	span := p.GetSpan()
	if span == nil || span.GetFrom() < n.from {
		return false
	}
	for seq := span.GetFrom(); seq <= span.GetTo(); seq++ {
		if n.lied(seq) {
			return true
		}
	}
	return false
}

// plan is the broker's next ploy. Of enforcers it lies to one at most, and only
// where the others outvote it: one that is shown another ledger is no better
// than a liar until the next pulse.
func (w *World) plan(s Step) {
	n := w.executors[int(s.A)%len(w.executors)].node
	if s.A%8 == 7 && w.cfg.Threshold > 1 && w.cfg.Liars == 0 {
		n = w.enforcers[len(w.enforcers)-1].node
	}
	p := ploy{left: int(1 + s.B%3)}
	switch b := s.B / 3; {
	case w.cfg.Warps:
		p.how, p.left, p.off = warped, 4*p.left, time.Duration(int64(b)%int64(4*time.Second))-2*time.Second
	case w.cfg.Substitutes:
		p.kind, p.how = preferred[int(b)%len(preferred)], trickery(b/8%2)
	case w.cfg.Withholds:
		p.kind = schemas.KindGovernance
	default:
		return
	}
	n.ploy = p
}

// preferred are the kinds whose absence hurts most, and any kind.
var preferred = []schemas.Kind{
	schemas.KindPulse, schemas.KindPulse, schemas.KindClaim, schemas.KindGovernance, schemas.KindDecision, schemas.KindUnknown,
}

// parse is the entry, as this node was shown it, in the node's reading.
func (n *node) parse(as *entry) *ledger.Parsed {
	p := as.parse(n.reads, trusttest.ZoneName, n.w.keys)
	if n.reads != readsBase {
		as.read(p)
	}
	return p
}
