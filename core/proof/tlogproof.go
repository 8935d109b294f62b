package proof

import (
	"fmt"
	"slices"

	formats "github.com/transparency-dev/formats/proof"
)

// TLogProof is the inclusion proof of one record of the file, in the format of
// C2SP tlog-proof v1. Its extra data is the entry (lineage.Entry), whose hash is
// the leaf: what the log's verifier keys and that say, any tool for the format can
// check. Sequence 0 is the intent's. Nothing is verified here.
func (f *File) TLogProof(sequence uint64) ([]byte, error) {
	if sequence == 0 {
		sequence = f.About.Position.Seq
	}
	i := slices.IndexFunc(f.Records, func(r Record) bool { return r.Position == sequence })
	if i < 0 {
		return nil, fmt.Errorf("proof: the file has no record at %d", sequence)
	}
	return f.Records[i].tlogProof([]byte(f.Checkpoint)), nil
}

func (r Record) tlogProof(checkpoint []byte) []byte {
	p := formats.TLogProof{Index: r.Position - 1, Checkpoint: checkpoint, ExtraData: r.Entry().Bytes()}
	for _, h := range r.Inclusion {
		p.Hashes = append(p.Hashes, h)
	}
	return p.Marshal()
}
