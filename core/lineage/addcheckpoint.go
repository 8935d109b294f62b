package lineage

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrAddCheckpoint reports a request that is none.
var ErrAddCheckpoint = errors.New("lineage: not an add-checkpoint request")

// maxProof is how many hashes a consistency proof has at most (C2SP tlog-witness).
const maxProof = 63

// AddCheckpoint asks a witness for its cosignature (C2SP tlog-witness).
type AddCheckpoint struct {
	Old        uint64 // the size that the log believes the witness has seen
	Proof      []Hash // from Old to the checkpoint
	Checkpoint []byte // the signed note
}

// Marshal is the request's body.
func (a AddCheckpoint) Marshal() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "old %d\n", a.Old)
	for _, h := range a.Proof {
		b.WriteString(base64.StdEncoding.EncodeToString(h[:]) + "\n")
	}
	b.WriteByte('\n')
	b.Write(a.Checkpoint)
	return b.Bytes()
}

// ParseAddCheckpoint is the inverse of Marshal, and strict. Nothing is verified.
func ParseAddCheckpoint(body []byte) (AddCheckpoint, error) {
	head, checkpoint, found := bytes.Cut(body, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	text, old := strings.CutPrefix(lines[0], "old ")
	size, err := strconv.ParseUint(text, 10, 64)
	if !found || !old || err != nil || strconv.FormatUint(size, 10) != text || len(lines)-1 > maxProof {
		return AddCheckpoint{}, fmt.Errorf("%w: it begins with a line \"old <size>\", at most %d hashes and an empty line", ErrAddCheckpoint, maxProof)
	}
	a := AddCheckpoint{Old: size, Checkpoint: checkpoint}
	for i, line := range lines[1:] {
		var h Hash
		raw, err := base64.StdEncoding.Strict().DecodeString(line)
		// The decoder passes over carriage returns; the length does not.
		if err != nil || len(raw) != len(h) || len(line) != base64.StdEncoding.EncodedLen(len(h)) {
			return AddCheckpoint{}, fmt.Errorf("%w: hash %d of the proof", ErrAddCheckpoint, i)
		}
		copy(h[:], raw)
		a.Proof = append(a.Proof, h)
	}
	return a, nil
}
