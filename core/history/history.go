package history

import (
	"errors"
	"fmt"
	"time"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/permit"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
)

// Errors of building a history.
var (
	// ErrOrder reports that a history was not told every record of the ledger, in
	// order, from position 1 on.
	ErrOrder = errors.New("history: records are not told one by one from the ledger's first")
	// ErrUnread reports a record that was left unread or unauthenticated. A history
	// rests on all of them.
	ErrUnread = errors.New("history: a record was not read; build histories without skipping kinds")
	// ErrFull reports that the ledger holds more than the history may remember. What
	// was told before it stands; Last says how far it goes.
	ErrFull = errors.New("history: the ledger holds more than is to be remembered")
)

// DefaultIntents is how many intents a history remembers if it is not told
// otherwise: they take about a gigabyte.
const DefaultIntents = 1_000_000

// What a history remembers for each intent of its limit, on average.
const (
	recordsPerIntent = 16  // items that are no intents, and records that are no lists
	textPerIntent    = 512 // bytes of names, resources and notes, each kept once
)

// Config bounds a history.
type Config struct {
	// Intents is the most intents that it remembers, whether they stand on the
	// ledger or are only named by one that does; 0 means DefaultIntents. Sixteen
	// times as many other records fit, and 512 bytes of text for each.
	Intents int
}

// History is what a ledger holds up to a position. New makes one; the zero
// History refuses every record. It belongs to one goroutine, or to readers who
// lock out the one that steps.
type History struct {
	limit   int
	seq     uint64
	logTime time.Time
	book    *permit.Book
	counts  Counts
	records int // that are no intents
	text    int // bytes

	texts    table[string]
	signers  table[signer]
	grounds  table[ground]
	digests  table[trust.Digest] // numbers are those of vertices
	vertices []vertex
	nodes    []node
	byID     map[[16]byte]uint32  // ordinal of the newest node, plus one
	byStart  map[[2]byte][]uint32 // vertices, by how their digests begin
	spans    []span               // of the records that are about intents, ascending
	index    index
	due      dueHeap

	governed  []governed
	versions  map[trust.Digest]uint64 // of releases
	governors map[trust.KeyID]governor
	bound     []introduced
	pulses    map[uint32]uint64 // by signer
	strays    []Stray
}

// Counts says how much a history holds.
type Counts struct {
	Intents   int    `json:"intents"`
	Named     int    `json:"named_only"` // intents that do not stand on the ledger
	Decisions int    `json:"decisions"`
	Approvals int    `json:"approvals"`
	Claims    int    `json:"claims"`
	Outcomes  int    `json:"outcomes"`
	Governed  int    `json:"governance"`
	Strays    int    `json:"strays"`
	Noise     uint64 `json:"noise"`
}

// New starts before the ledger's first record.
func New(c Config) *History {
	h := &History{
		limit: c.Intents, book: permit.NewBook(permit.Owner{}), byID: make(map[[16]byte]uint32), byStart: make(map[[2]byte][]uint32), index: newIndex(),
		versions: make(map[trust.Digest]uint64), governors: make(map[trust.KeyID]governor), pulses: make(map[uint32]uint64),
	}
	if h.limit <= 0 {
		h.limit = DefaultIntents
	}
	h.number("") // so that the text of number 0 is none
	return h
}

// Last is the last position that the history was told.
func (h *History) Last() uint64 { return h.seq }

// LogTime is the log time there.
func (h *History) LogTime() time.Time { return h.logTime.UTC() }

// Counts says how much there is.
func (h *History) Counts() Counts {
	c := h.counts
	c.Intents, c.Named, c.Governed, c.Strays = len(h.nodes), len(h.vertices)-len(h.nodes), len(h.governed), len(h.strays)
	return c
}

// Step takes the next record, or noise, whose record is empty. The fold stands at
// its position. Errors wrap ErrOrder, ErrUnread or ErrFull, and leave the history
// as it was.
func (h *History) Step(f *ledger.Fold, rec ledger.Record, a Ahead) error {
	switch {
	case h.book == nil || f.Seq() != h.seq+1:
		return fmt.Errorf("%w: position %d after %d", ErrOrder, f.Seq(), h.seq)
	case rec.Skipped || rec.Unauthenticated || !a.fits(rec):
		return fmt.Errorf("%w: the %s at position %d", ErrUnread, rec.Kind, f.Seq())
	}
	if err := h.room(f.Seq()); err != nil {
		return err
	}
	h.seq, h.logTime = f.Seq(), f.LogTime()
	if release := f.Governance().Release(); release != nil {
		// One deadline longer than executors do, so that a late claim is ruled late,
		// not undecided. It is void either way.
		h.book.Expire(f.LogTime().Add(-release.Bounds.MaxDeadline))
	}
	h.pass()
	h.take(f, rec, a)
	return nil
}

// room refuses what would not fit. One record may go over a limit by its items.
func (h *History) room(at uint64) error {
	full := func(what string, n int) error {
		return fmt.Errorf("%w: %d %s before position %d; allow for more intents than %d", ErrFull, n, what, at, h.limit)
	}
	switch {
	case len(h.vertices) >= h.limit:
		return full("intents", len(h.vertices))
	case h.records >= recordsPerIntent*h.limit:
		return full("other records", h.records)
	case h.text >= textPerIntent*h.limit:
		return full("bytes of text", h.text)
	default:
		return nil
	}
}

func (h *History) take(f *ledger.Fold, rec ledger.Record, a Ahead) {
	switch rec.Kind {
	case schemas.KindIntent:
		h.takeIntents(f, rec, a)
	case schemas.KindDecision:
		h.takeDecisions(f, rec, a)
	case schemas.KindApproval:
		h.takeApproval(rec)
	case schemas.KindClaim:
		h.takeClaims(f, rec)
	case schemas.KindOutcome:
		h.takeOutcomes(rec, a)
	case schemas.KindGovernance:
		h.takeGovernance(f, rec, a)
	case schemas.KindCredential:
		h.takeCredential(rec)
	case schemas.KindPulse:
		h.pulses[h.signer(rec)]++
	case schemas.KindUnknown:
		h.counts.Noise++
	case schemas.KindHeartbeat, schemas.KindCheckpoint, schemas.KindAnswer, schemas.KindDelegation:
		// They stand on no ledger: no fold hands one out.
	}
}

// number is the number of a text.
func (h *History) number(text string) uint32 {
	before := len(h.texts.values)
	n := h.texts.number(text)
	if len(h.texts.values) > before {
		h.text += len(text)
	}
	return n
}

// signer is the number of the one who signed a record.
func (h *History) signer(rec ledger.Record) uint32 {
	return h.signers.number(signer{rec.Signer.ID.String(), rec.Signer.Key.ID()})
}

// vertex is the number of the intent with a digest.
func (h *History) vertex(digest trust.Digest) uint32 {
	n := h.digests.number(digest)
	if int(n) == len(h.vertices) {
		h.vertices = append(h.vertices, vertex{digest: digest})
		start := [2]byte(digest[:])
		h.byStart[start] = append(h.byStart[start], n)
	}
	return n
}

// node is the intent with a digest; nil if it does not stand on the ledger.
func (h *History) node(digest trust.Digest) (n *node, ordinal uint32) {
	v, named := h.digests.find(digest)
	if !named || h.vertices[v].ordinal == 0 {
		return nil, 0
	}
	ordinal = h.vertices[v].ordinal - 1
	return &h.nodes[ordinal], ordinal
}
