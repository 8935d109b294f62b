package recorder

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/lineage"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/recorder/tiles"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams/feed"
)

// book is what a recorder knows from one reading of the ledger. The feed's guard
// guards it.
type book struct {
	r      *Recorder
	health *feed.Health
	fold   *ledger.Fold // nil before the first record
	tree   *tiles.Log
	past   past
	signer *trust.LogSigner
	again  func() // begin anew: the tree has ended

	edge    *lineage.Edge // of the ledger as it is now, as far as anything was signed
	passed  int           // checkpoints of the past that it was compared with
	same    uint64        // records from the first on that are known to be those that were signed for
	differs string        // how the ledger differs first; "" if it does not
	forked  *fork         // what was found first; nil as long as nothing is
	sealed  uint64        // position of the seal; 0 before it
	news    bool          // something came that is no pulse
	told    int           // losses that were not this tree's, and that the log knows of
}

func newBook(r *Recorder, tree *tiles.Log, p past, again func()) (*book, error) {
	signer, err := r.cfg.LogKeys.Signer(p.origin)
	if err != nil {
		return nil, err
	}
	return &book{
		r: r, health: feed.NewHealth(r.cfg.Conn, r.cfg.Logger), tree: tree, past: p, signer: signer, again: again, edge: new(lineage.Edge),
	}, nil
}

// started reports whether the ledger was read to its end, and so compared with
// what was signed.
func (b *book) started() bool { return b != nil && b.fold != nil && b.health.Started() }

func (b *book) caughtUp() {
	b.health.CaughtUp()
	ring(b.r.due)
}

// step runs with the guard held.
func (b *book) step(f *ledger.Fold, ev feed.Event[ahead]) error {
	b.fold = f
	b.news = b.news || ev.Noise != nil || ev.Record.Kind != schemas.KindPulse
	if b.sealed == 0 && f.Governance().Sealed() {
		b.sealed = ev.Seq
	}
	if ev.Record.Kind == schemas.KindGovernance && b.health.Started() {
		ring(b.r.due)
	}
	// The time of a message that has headers of its own cannot be told: zero.
	entry := lineage.Entry{Seq: ev.Seq, Time: ev.Time, LogTime: f.LogTime(), Subject: ev.Ahead.subject, Data: ev.Ahead.data}
	return b.take(entry)
}

// take compares a leaf with what was signed, and lets the tree grow by it.
func (b *book) take(entry lineage.Entry) error {
	if entry.Seq <= b.past.last().Size {
		if err := b.compare(entry); err != nil {
			return err
		}
	}
	switch {
	case b.differs != "" || !b.past.onDisk(): // nothing follows from here
	case b.sealed > 0 && entry.Seq > b.sealed: // the last checkpoint covers the seal
	case entry.Seq > b.tree.Size():
		return b.tree.Append(entry.Bytes())
	}
	return nil
}

// compare compares the record with the tree on disk, and the ledger up to it with
// the checkpoints of that size. The first difference alone is noted: all that
// follow come from it.
func (b *book) compare(entry lineage.Entry) error {
	b.edge.Add(entry.Leaf())
	if b.differs != "" {
		return nil
	}
	if b.past.onDisk() && entry.Seq <= b.tree.Checkpoint().Size {
		held, err := b.tree.Holds(entry.Seq-1, entry.Bytes())
		if err != nil {
			return err
		}
		if !held {
			b.differs = fmt.Sprintf("the record at position %d is not the one that was signed for", entry.Seq)
			return nil
		}
		b.same = entry.Seq
	}
	for ; b.passed < len(b.past.signed) && b.past.signed[b.passed].Size == entry.Seq; b.passed++ {
		if b.past.signed[b.passed].Root != b.edge.Root() {
			b.differs = fmt.Sprintf("the first %d records are not those that were signed for; which of them differ cannot be told without the tree", entry.Seq)
			return nil
		}
		b.same = entry.Seq
	}
	return nil
}

// seq is the position that was read.
func (b *book) seq() uint64 {
	if b.fold == nil {
		return 0
	}
	return b.fold.Seq()
}

// ended reports whether governors have signed for the loss of this tree, or for
// one that took nothing from it: then the ledger's next tree begins.
func (b *book) ended() bool {
	losses := b.fold.Governance().Losses()
	if len(losses) <= b.past.losses {
		return false
	}
	if b.fork() == nil || b.pastNow().ends(losses) {
		return true
	}
	if b.told != len(losses) {
		b.told = len(losses)
		b.r.cfg.Logger.Error("governors signed for a loss that is not this tree's; it is ignored", "signed", b.past.last().Size, "lost", losses[len(losses)-1].GetLost().GetSize())
	}
	return false
}

// pastNow is the past with what was signed since.
func (b *book) pastNow() past {
	p := b.past
	if c := b.tree.Checkpoint(); p.onDisk() && c.Size > p.last().Size {
		p.signed = append(slices.Clip(p.signed), c)
	}
	return p
}

// keys are those by which checkpoints are checked now, or why this recorder's
// would not count.
func (b *book) keys() (keys *lineage.Keys, fault string) {
	gov := b.fold.Governance()
	keys, err := gov.LogKeys()
	switch {
	case err != nil:
		return nil, err.Error()
	case keys.Origin() != b.past.origin:
		return nil, fmt.Sprintf("governors count %d losses, and this tree is of %s", len(gov.Losses()), b.past.origin)
	}
	if entry, ok := gov.Release().Identity(b.r.cfg.ID); !ok || !lists(entry.Proto.GetLogKeys(), b.r.cfg.LogKeys.Public()) {
		return nil, "the release in force does not list its log keys"
	}
	return keys, ""
}

// lists reports whether a directory's entry has these keys, and no other.
func lists(entry, own []*pb.LogKey) bool {
	if len(entry) != len(own) {
		return false
	}
	has := make(map[string]bool, len(entry))
	for _, key := range entry {
		has[key.GetAlgorithm().String()+string(key.GetPublicKey())] = true
	}
	for _, key := range own {
		if !has[key.GetAlgorithm().String()+string(key.GetPublicKey())] {
			return false
		}
	}
	return true
}

// fault says why nothing may be signed now; "" if it may.
func (b *book) fault() string {
	if b == nil || b.fold == nil {
		return "reading the ledger"
	}
	if b.fold.Governance().Release() == nil {
		return "no release is in force"
	}
	if fork := b.fork(); fork != nil {
		return fork.GetRule() + ": " + fork.GetDetail()
	}
	if fault := b.health.Fault(b.fold.Governance().Release().Proto.GetDurability()); fault != "" {
		return fault
	}
	if fault := feed.StandingFault(b.fold, b.r.cfg.Key.ID()); fault != "" {
		return fault
	}
	if b.finished() {
		return "the ledger is sealed, and its last checkpoint is signed"
	}
	_, fault := b.keys()
	return fault
}

// finished reports whether the ledger is sealed and a checkpoint covers the seal.
func (b *book) finished() bool { return b.sealed > 0 && b.tree.Checkpoint().Size >= b.sealed }

// errOwn reports a checkpoint that this recorder signed and nobody could check.
var errOwn = errors.New("recorder: its own checkpoint does not verify by the release's keys")

// checkpoint makes everything durable and signs it. There must be no fault.
func (b *book) checkpoint(at time.Time) (*signed, error) {
	keys, fault := b.keys()
	if fault != "" {
		return nil, fmt.Errorf("%w: %s", errOwn, fault)
	}
	if err := b.tree.Commit(); err != nil {
		return nil, err
	}
	c := lineage.Checkpoint{Origin: b.past.origin, Size: b.tree.Size(), Root: b.tree.Root()}
	note, err := b.signer.Sign(c.String(), at)
	if err != nil {
		return nil, err
	}
	if _, err := keys.Open(note); err != nil {
		return nil, fmt.Errorf("%w: %w", errOwn, err)
	}
	if err := b.tree.SetCheckpoint(note); err != nil {
		return nil, err
	}
	return &signed{Checkpoint: c, note: note, keys: keys, hashes: b.tree.Hashes(c)}, nil
}
