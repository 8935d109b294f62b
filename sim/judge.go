package sim

import (
	"time"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/permit"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// judge is what an executor asks of core/permit.
type judge interface {
	Decide(v *view, token string, signer trust.Identity, item ledger.Item, d *pb.Decision) *pb.Decision
	Claim(v *view, token string, signer trust.Identity, at ledger.Position, item ledger.Item) ruling
	Claimed(intent trust.Digest) bool
	Expire(now time.Time)
}

// ruling is a ruling whose permit, if it has one, is spent by calling spend.
type ruling struct {
	permit.Ruling
	spend func(t0, now time.Duration, intent []byte) error
}

// newJudge is the real book with its twin beside it, or the twin alone if
// something is wrong with it.
func newJudge(w *World, owner permit.Owner) judge {
	t := newTwin(w, owner)
	if w.flaw != (Flaw{}) {
		return t
	}
	return &compared{w: w, book: permit.NewBook(owner), twin: t}
}

// compared asks the real book and demands that its twin says the same: so what
// a flaw does to the twin it would do to the book.
type compared struct {
	w    *World
	book *permit.Book
	twin *twin
}

func (c *compared) Decide(v *view, token string, signer trust.Identity, item ledger.Item, d *pb.Decision) *pb.Decision {
	got := c.book.Decide(v, token, signer, item, d)
	if twin := c.twin.Decide(v, token, signer, item, d); got != twin {
		c.w.fail(Twin, "a decision on %s by %s: the book says %v, its twin %v", ledger.PositionOf(d.GetIntent()), signer.Name, got, twin)
	}
	return got
}

func (c *compared) Claim(v *view, token string, signer trust.Identity, at ledger.Position, item ledger.Item) ruling {
	got, twin := c.book.Claim(v, token, signer, at, item), c.twin.Claim(v, token, signer, at, item)
	if got.Void != twin.Void || got.Decision != twin.Decision || (got.Permit == nil) != (twin.spend == nil) {
		c.w.fail(Twin, "the claim at %s: the book says %v, its twin %v", at, got.Void, twin.Void)
	}
	if got.Permit == nil {
		return ruling{Ruling: got}
	}
	return ruling{got, func(t0, now time.Duration, intent []byte) error {
		_, err := got.Permit.Spend(t0, now, intent)
		if other := twin.spend(t0, now, intent); schemas.ReasonOf(err) != schemas.ReasonOf(other) {
			c.w.fail(Twin, "the permit of %s: it says %v, its twin %v", at, err, other)
		}
		return err
	}}
}

func (c *compared) Claimed(intent trust.Digest) bool { return c.book.Claimed(intent) }

func (c *compared) Expire(now time.Time) {
	c.book.Expire(now)
	c.twin.Expire(now)
}
