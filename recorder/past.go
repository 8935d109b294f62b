package recorder

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/lineage"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/recorder/tiles"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/streams/feed"
)

// governed is what governance has said so far: how often the ledger lost records,
// and whose signatures ever made a checkpoint of it worth something.
type governed struct {
	origins []string // by losses, from none on
	losses  []*pb.Loss
	keys    []*lineage.Keys
}

// governedSoFar folds governance up to the ledger's end.
func (r *Recorder) governedSoFar(ctx context.Context) (governed, error) {
	records, err := feed.Rest(ctx, r.cfg.Conn, r.cfg.ID.Zone, 0)
	if err != nil {
		return governed{}, err
	}
	parser, fold := ledger.Parser{Zone: r.cfg.ID.Zone, Keys: r.keys}, ledger.NewFold(r.cfg.Ledger, r.keys)
	var g governed
	var release *governance.Release
	losses := -1
	for _, raw := range records {
		if _, err := fold.Step(parser.Parse(raw)); err != nil {
			continue // noise
		}
		gov := fold.Governance()
		if gov.Release() == release && len(gov.Losses()) == losses {
			continue
		}
		release, losses = gov.Release(), len(gov.Losses())
		keys, err := gov.LogKeys()
		if err != nil {
			return governed{}, err
		}
		g.keys = append(g.keys, keys)
	}
	g.losses = fold.Governance().Losses()
	for n := range len(g.losses) + 1 {
		g.origins = append(g.origins, lineage.Origin(r.cfg.ID.TrustDomain, r.cfg.ID.Zone, r.cfg.Ledger, n))
	}
	return g, nil
}

// open reads a note that a recorder signed under a release that was in force some
// time, also if its keys were replaced since.
func (g governed) open(note []byte) (c lineage.Checkpoint, ok bool) {
	for _, keys := range slices.Backward(g.keys) {
		if signed, err := keys.Open(note); err == nil {
			return signed.Checkpoint, true
		}
	}
	return lineage.Checkpoint{}, false
}

// past is what was signed of one tree before this start: what the ledger must
// still hold.
type past struct {
	origin string
	losses int                  // how many the origin counts
	signed []lineage.Checkpoint // by size
}

// last is the largest tree that was signed; the zero value if none was.
func (p past) last() lineage.Checkpoint {
	if len(p.signed) == 0 {
		return lineage.Checkpoint{}
	}
	return p.signed[len(p.signed)-1]
}

// pastOf finds what was signed of the tree on disk, or, where the disk holds
// none, of the tree that governors count now.
func (r *Recorder) pastOf(ctx context.Context, g governed, tree *tiles.Log) (past, error) {
	p := past{losses: len(g.losses)}
	if note := tree.Note(); note != nil {
		c, ok := g.open(note)
		if p.losses = slices.Index(g.origins, c.Origin); !ok || p.losses < 0 {
			return past{}, fmt.Errorf("recorder: the checkpoint in %s is of %.200q and not signed by a recorder of this ledger; give this recorder its own folder", r.folder.Tree(), tree.Checkpoint().Origin)
		}
		p.signed = append(p.signed, c)
	}
	p.origin = g.origins[p.losses]
	published, found, err := r.published(ctx, g, p.origin)
	if err != nil {
		return past{}, err
	}
	if found {
		p.signed = append(p.signed, published)
		slices.SortFunc(p.signed, func(a, b lineage.Checkpoint) int { return cmp.Compare(a.Size, b.Size) })
	}
	return p, nil
}

// chunk is how many published notes are read at once.
const chunk = 256

// published finds the largest authentic checkpoint of a tree that was published
// lately. It reads back as far as it must: what others may have written there
// hides nothing.
func (r *Recorder) published(ctx context.Context, g governed, origin string) (c lineage.Checkpoint, found bool, err error) {
	newest, found, err := r.cfg.Conn.LastCheckpoint(ctx)
	if err != nil || !found {
		return lineage.Checkpoint{}, false, err
	}
	for to := newest.Seq; to > 0; {
		from := max(to, chunk) - chunk + 1
		var notes []claim
		_, err := streams.Read(ctx, r.cfg.Conn, streams.ReadConfig{Stream: streams.Checkpoints, From: from, To: to}, func(raw streams.Raw) error {
			if c, err := tiles.TextOf(raw.Data); err == nil && c.Origin == origin {
				notes = append(notes, claim{c.Size, raw.Data})
			}
			return nil
		})
		if err != nil {
			return lineage.Checkpoint{}, false, err
		}
		// A cosigned note comes later than the next checkpoint, now and then.
		slices.SortFunc(notes, func(a, b claim) int { return cmp.Compare(b.size, a.size) })
		for _, claimed := range notes {
			if c, ok := g.open(claimed.note); ok {
				return c, true, nil
			}
		}
		to = from - 1
	}
	return lineage.Checkpoint{}, false, nil
}

// claim is a note by the size that it claims.
type claim struct {
	size uint64
	note []byte
}

// ends reports whether one of these losses is that of a tree which was signed.
func (p past) ends(losses []*pb.Loss) bool {
	return slices.ContainsFunc(losses, func(loss *pb.Loss) bool {
		root, ok := trust.DigestFrom(loss.GetLost().GetRoot())
		return ok && slices.ContainsFunc(p.signed, func(c lineage.Checkpoint) bool {
			return c.Size == loss.GetLost().GetSize() && trust.Digest(c.Root) == root
		})
	})
}
