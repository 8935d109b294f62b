package recorder

import (
	"context"
	"errors"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/recorder/tiles"
	"github.com/portcullis-dev/portcullis/schemas"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/streams/feed"
)

// errNewTree ends a book when governors have signed for what its tree lost.
var errNewTree = errors.New("recorder: governors signed for a loss; a new tree begins")

// follow reads the ledger until ctx ends or it cannot be followed. It begins
// again, with what was signed by then, when a new tree begins, and when the
// ledger is not what it was a moment ago.
func (r *Recorder) follow(ctx context.Context) error {
	for {
		err := r.read(ctx)
		if !errors.Is(err, errNewTree) && !errors.Is(err, streams.ErrRegressed) {
			return err
		}
		r.cfg.Logger.Warn("reading the ledger again", "why", err)
	}
}

// read reads the ledger once, from its first record on.
func (r *Recorder) read(ctx context.Context) error {
	r.turn(nil)
	tree, p, err := r.begin(ctx)
	if err != nil {
		return err
	}
	ctx, again := context.WithCancelCause(ctx)
	defer again(nil)
	b, err := newBook(r, tree, p, func() { again(errNewTree) })
	if err != nil {
		return err
	}
	r.turn(b)
	return feed.Run(ctx, feed.Config{
		Conn: r.cfg.Conn, Zone: r.cfg.ID.Zone, Ledger: r.cfg.Ledger, Keys: r.cfg.Keys, Logger: r.cfg.Logger, Guard: &r.mu,
		Skip:  []schemas.Kind{schemas.KindIntent, schemas.KindDecision, schemas.KindClaim, schemas.KindOutcome, schemas.KindApproval},
		State: b.health.Observe(ctx), CaughtUp: b.caughtUp,
	}, readAhead, b.step)
}

// begin opens the tree that is to grow, and finds what was signed of it. A tree
// whose loss governors have signed for is set aside first.
func (r *Recorder) begin(ctx context.Context) (*tiles.Log, past, error) {
	g, err := r.governedSoFar(ctx)
	if err != nil {
		return nil, past{}, err
	}
	tree, err := r.folder.Open()
	if err != nil {
		return nil, past{}, err
	}
	p, err := r.pastOf(ctx, g, tree)
	if err != nil || p.losses >= len(g.losses) || p.losses >= r.ended && !p.ends(g.losses) {
		return tree, p, err
	}
	if err := r.folder.SetAside(p.disk + 1); err != nil {
		return nil, past{}, err
	}
	r.cfg.Logger.Warn("governors signed for a loss; the old tree is set aside, a new one begins", "signed", p.last().Size, "losses", len(g.losses))
	if tree, err = r.folder.Open(); err != nil {
		return nil, past{}, err
	}
	p, err = r.pastOf(ctx, g, tree)
	return tree, p, err
}

func (r *Recorder) turn(b *book) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.book, r.signed = b, nil
}

// ahead is what is made of a message in parallel, ahead of the fold.
type ahead struct {
	subject string
	data    trust.Digest
}

func readAhead(p *ledger.Parsed) ahead { return ahead{p.Subject, trust.DigestOf(p.Data)} }
