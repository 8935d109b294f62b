package recorder

import (
	"fmt"
	"strconv"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// fork is a contradiction as it was found. What is written to the ledger later
// changes nothing of it: governors sign for what it says, one after the other.
type fork struct {
	since time.Time
	same  uint64 // records that are known to be as they were
	why   string
}

// fork says how the ledger contradicts what was signed; nil if it does not, or as
// long as that is not known. The position that it names is the first one behind
// those records that can be shown to be as they were: by the tree on disk, or,
// where that is lost, by the largest published checkpoint whose root the ledger
// still has.
func (b *book) fork() *pb.Finding {
	if !b.health.Started() {
		return nil
	}
	why := b.contradiction()
	if why == "" {
		b.forked = nil
		return nil
	}
	last := b.past.last()
	if b.forked == nil {
		b.forked = &fork{since: time.Now(), same: min(b.same, last.Size-min(last.Size, 1)), why: why}
	}
	return &pb.Finding{
		Rule: schemas.DriftCheckpointFork, Level: pb.Level_LEVEL_TRIP, Subject: strconv.FormatUint(b.forked.same+1, 10), Since: timestamppb.New(b.forked.since),
		Detail: fmt.Sprintf("%s; the last checkpoint of %s covers %d records, root %v. Bring the ledger back, or let governors sign for what is lost: %s",
			b.forked.why, last.Origin, last.Size, last.Root, b.remedy()),
	}
}

// contradiction says how the ledger contradicts what was signed, as it is now.
func (b *book) contradiction() string {
	switch counted := len(b.fold.Governance().Losses()); {
	case b.differs != "":
		return b.differs
	case b.seq() < b.past.last().Size:
		return fmt.Sprintf("the ledger ends at position %d", b.seq())
	case counted < b.past.losses:
		return fmt.Sprintf("governors signed for %d losses on it, and for %d before what was signed last", counted, b.past.losses)
	default:
		return ""
	}
}

// remedy is what governors can do. A ledger that was brought back behind a loss
// lacks that one too, and no tree may have the name of one that was signed for.
func (b *book) remedy() string {
	const command = "portcullis loss"
	if missing := b.past.losses + 1 - len(b.fold.Governance().Losses()); missing > 1 {
		return fmt.Sprintf("%s, %d times, because it went back behind losses that they had signed for", command, missing)
	}
	return command
}
