package ledger

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Position addresses an item on a ledger: stream sequence (from 1) and index in
// the list at that sequence. The zero value is before the first record.
type Position struct {
	Seq   uint64
	Index uint32
}

// Compare orders positions as the ledger does.
func (p Position) Compare(q Position) int {
	if c := cmp.Compare(p.Seq, q.Seq); c != 0 {
		return c
	}
	return cmp.Compare(p.Index, q.Index)
}

// Token is the position as one growing number, for downstream systems that
// refuse an older fencing token: seq * 512 + index.
func (p Position) Token() uint64 { return p.Seq*schemas.MaxItems + uint64(p.Index) }

// String is "seq.index".
func (p Position) String() string {
	return strconv.FormatUint(p.Seq, 10) + "." + strconv.FormatUint(uint64(p.Index), 10)
}

// ParsePosition is the inverse of String; a bare sequence means index 0.
func ParsePosition(s string) (Position, error) {
	seqText, indexText, found := strings.Cut(s, ".")
	seq, err := strconv.ParseUint(seqText, 10, 64)
	if err != nil || seq == 0 {
		return Position{}, fmt.Errorf("ledger: %.40q is not a position; write 17 or 17.0", s)
	}
	if !found {
		return Position{Seq: seq}, nil
	}
	index, err := strconv.ParseUint(indexText, 10, 32)
	if err != nil || index >= schemas.MaxItems {
		return Position{}, fmt.Errorf("ledger: %.40q is not a position; the index is 0 to %d", s, schemas.MaxItems-1)
	}
	return Position{Seq: seq, Index: uint32(index)}, nil
}

// Proto is the position as records carry it.
func (p Position) Proto() *pb.Position { return &pb.Position{Sequence: p.Seq, Index: p.Index} }

// PositionOf reads a position from a record.
func PositionOf(p *pb.Position) Position {
	return Position{Seq: p.GetSequence(), Index: p.GetIndex()}
}

// Raw is one message of the ledger's stream, as stored.
type Raw struct {
	Seq     uint64
	Time    time.Time // the broker's timestamp
	Subject string
	Data    []byte
}
