package recorder

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/portcullis-dev/portcullis/core/lineage"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/recorder/tiles"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// past is what was signed of one tree before this start: what the ledger must
// still hold.
type past struct {
	origin string
	losses int // how many the origin counts; more than the ledger does after it was brought back behind one
	disk   int // the same, of the tree on disk, which may be an earlier one; losses if there is none

	// signed is by size. What the tree on disk covers is in it once, as a whole.
	signed []lineage.Checkpoint
}

// last is the largest tree that was signed; the zero value if none was.
func (p past) last() lineage.Checkpoint {
	if len(p.signed) == 0 {
		return lineage.Checkpoint{}
	}
	return p.signed[len(p.signed)-1]
}

// onDisk reports whether the tree on disk is the one that this is the past of.
func (p past) onDisk() bool { return p.disk == p.losses }

// pastOf finds what was signed of the tree on disk, or, where the disk holds
// none, of the tree that governors count now; or of a later one than both, if
// such a one was published: then the ledger was brought back behind a loss.
//
// What stands in the recorder's own folder is its own word, whatever the ledger
// says now of the keys that signed it.
func (r *Recorder) pastOf(ctx context.Context, g *governed, tree *tiles.Log) (past, error) {
	p := past{losses: len(g.losses)}
	c := tree.Checkpoint()
	if tree.Note() != nil {
		losses, ok := g.number(c.Origin)
		if !ok {
			return past{}, fmt.Errorf("recorder: the checkpoint in %s is of %.200q, which is another ledger; give this recorder its own folder", r.folder.Tree(), c.Origin)
		}
		p.losses, p.signed = losses, []lineage.Checkpoint{c}
	}
	p.disk = p.losses
	found, err := r.published(ctx, g, p.losses, c.Size)
	if err != nil {
		return past{}, err
	}
	if found.losses > p.losses {
		p.losses, p.signed = found.losses, nil
	}
	p.origin = g.origin(p.losses)
	p.signed = append(p.signed, found.signed...)
	slices.SortFunc(p.signed, func(a, b lineage.Checkpoint) int { return cmp.Compare(a.Size, b.Size) })
	p.signed = slices.Compact(p.signed)
	return p, nil
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
