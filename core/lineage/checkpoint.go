package lineage

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// ErrCheckpoint reports a checkpoint that proves nothing.
var ErrCheckpoint = errors.New("lineage: not a checkpoint of this ledger")

// MaxNote is the largest signed note that is read, in bytes.
const MaxNote = 64 << 10

// Checkpoint is a tree of a ledger (C2SP tlog-checkpoint).
type Checkpoint struct {
	Origin string
	Size   uint64
	Root   Hash
}

// maxOrigin leaves room for losses: signers' names have at most 255 bytes in
// ML-DSA-44 signatures (C2SP tlog-cosignature).
const maxOrigin = 240

// Origin names a ledger's tree to the world: trust domain, zone and the ledger's
// digest, then how many losses governors have signed for, if any. Where trust
// domain and zone are too long for a signer's name, the digest stands alone.
func Origin(trustDomain, zone string, ledger trust.Digest, losses int) string {
	origin := trustDomain + "/" + zone + "/" + ledger.String()
	if len(origin) > maxOrigin {
		origin = "portcullis/" + ledger.String()
	}
	if losses > 0 {
		origin += "/loss-" + strconv.Itoa(losses)
	}
	return origin
}

// String is the note's text: origin, size and root, each with a newline.
func (c Checkpoint) String() string {
	return c.Origin + "\n" + strconv.FormatUint(c.Size, 10) + "\n" + base64.StdEncoding.EncodeToString(c.Root[:]) + "\n"
}

// Head is the tree as pulses and heartbeats name it.
func (c Checkpoint) Head() *pb.CheckpointHead {
	return &pb.CheckpointHead{Size: c.Size, Root: append([]byte(nil), c.Root[:]...)}
}

// ParseCheckpoint reads the text of a note. It is strict: no extension lines,
// which no recorder of this house writes, and numbers and base64 in their one
// canonical spelling.
func ParseCheckpoint(text string) (Checkpoint, error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[0] == "" || lines[3] != "" {
		return Checkpoint{}, fmt.Errorf("%w: the text has not three lines: origin, size, root", ErrCheckpoint)
	}
	size, err := strconv.ParseUint(lines[1], 10, 64)
	if err != nil || size > maxSize {
		return Checkpoint{}, fmt.Errorf("%w: size %.30q", ErrCheckpoint, lines[1])
	}
	root, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	c := Checkpoint{Origin: lines[0], Size: size}
	if err != nil || len(root) != len(c.Root) {
		return Checkpoint{}, fmt.Errorf("%w: root %.60q", ErrCheckpoint, lines[2])
	}
	copy(c.Root[:], root)
	if c.String() != text {
		return Checkpoint{}, fmt.Errorf("%w: the text is not in its canonical form", ErrCheckpoint)
	}
	return c, nil
}
