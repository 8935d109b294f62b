package proof

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/lineage"
	"github.com/portcullis-dev/portcullis/core/trust"
)

// Collector reads a ledger a second time and keeps what a file consists of: the
// chosen records, and the few hashes of the tree that prove their places. It
// belongs to one goroutine.
type Collector struct {
	selection *Selection
	signed    lineage.Signed
	edge      lineage.Edge
	fold      *ledger.Fold   // for log time alone
	wanted    map[int64]bool // by stored index
	kept      hashes
	stored    int64 // hashes that the tree has stored so far
	records   []Record
}

// hashes are some of a tree's, by stored index (tlog.StoredHashIndex).
type hashes map[int64]lineage.Hash

// ReadHashes implements tlog.HashReader.
func (h hashes) ReadHashes(indexes []int64) ([]lineage.Hash, error) {
	all := make([]lineage.Hash, len(indexes))
	for i, index := range indexes {
		hash, there := h[index]
		if !there {
			return nil, fmt.Errorf("hash %d of the tree was not kept", index)
		}
		all[i] = hash
	}
	return all, nil
}

// errOnlyAsked ends a question for what a proof would read.
var errOnlyAsked = errors.New("only asked")

// NewCollector collects for a checkpoint that covers the selection.
func NewCollector(s *Selection, signed lineage.Signed) (*Collector, error) {
	c := &Collector{selection: s, signed: signed, fold: ledger.NewFold(s.anchor, nil), wanted: map[int64]bool{}, kept: hashes{}}
	ask := tlog.HashReaderFunc(func(indexes []int64) ([]lineage.Hash, error) {
		for _, i := range indexes {
			c.wanted[i] = true
		}
		return nil, errOnlyAsked
	})
	for _, at := range s.positions {
		if _, err := lineage.Inclusion(ask, signed.Size, at); err != nil && !errors.Is(err, errOnlyAsked) {
			return nil, err
		}
	}
	return c, nil
}

// Size is how many records it reads: those of the checkpoint's tree.
func (c *Collector) Size() uint64 { return c.signed.Size }

// Step reads the next message of the ledger, from the first to Size.
func (c *Collector) Step(raw ledger.Raw) error {
	if raw.Seq != c.edge.Size()+1 || raw.Seq > c.signed.Size {
		return fmt.Errorf("proof: record %d where %d of %d comes next", raw.Seq, c.edge.Size()+1, c.signed.Size)
	}
	c.fold.RaiseLogTime(raw.Time)
	entry := lineage.Entry{Seq: raw.Seq, Time: raw.Time, LogTime: c.fold.LogTime(), Subject: raw.Subject, Data: trust.DigestOf(raw.Data)}
	for _, h := range c.edge.Append(entry.Leaf()) {
		if c.wanted[c.stored] {
			c.kept[c.stored] = h
		}
		c.stored++
	}
	if _, chosen := slices.BinarySearch(c.selection.positions, raw.Seq); chosen {
		c.records = append(c.records, Record{
			Position: raw.Seq, Time: NanosOf(raw.Time), LogTime: NanosOf(entry.LogTime), Subject: raw.Subject, Envelope: slices.Clone(raw.Data),
		})
	}
	return nil
}

// proveAll gives each record its inclusion proof. It refuses a checkpoint of
// another tree than the one that was read.
func (c *Collector) proveAll() error {
	if c.edge.Size() != c.signed.Size || c.edge.Root() != c.signed.Root {
		return fmt.Errorf("proof: the checkpoint's tree of %d records is not the ledger's, of which %d were read; look at the recorder with: portcullis status", c.signed.Size, c.edge.Size())
	}
	for i, r := range c.records {
		proof, err := lineage.Inclusion(c.kept, c.signed.Size, r.Position)
		if err != nil {
			return err
		}
		c.records[i].Inclusion = make([]Hash, len(proof))
		for j, h := range proof {
			c.records[i].Inclusion[j] = Hash(h)
		}
	}
	return nil
}

// TLogProof is the proof of the one record of SelectRecord, after the last record
// of the tree; see File.TLogProof.
func (c *Collector) TLogProof() ([]byte, error) {
	if err := c.proveAll(); err != nil {
		return nil, err
	}
	if len(c.records) != 1 {
		return nil, fmt.Errorf("proof: %d records were selected; a tlog-proof is of one", len(c.records))
	}
	return c.records[0].tlogProof(c.signed.Note), nil
}

// File is the file, after the last record of the tree.
func (c *Collector) File() (*File, error) {
	if err := c.proveAll(); err != nil {
		return nil, err
	}
	f := &File{
		Format: Format, Anchor: Digest(c.selection.anchor), Kind: c.selection.kind, About: c.selection.about,
		Records: c.records, Checkpoint: string(c.signed.Note),
	}
	return f, f.check()
}
