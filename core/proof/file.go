package proof

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/lineage"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
)

// ErrFile reports bytes that are no proof file.
var ErrFile = errors.New("proof: not a proof file")

// Format names the form of a file and its version.
const Format = "portcullis-proof/v1"

// Bounds of a file.
const (
	MaxFile    = 64 << 20 // bytes
	MaxRecords = 4096
	maxHashes  = 63 // of one inclusion proof
)

// File is a proof file. Its JSON form is described by
// docs/schemas/proof.schema.json.
type File struct {
	Format     string   `json:"format"`
	Anchor     Digest   `json:"anchor"` // digest of the genesis payload
	Kind       Kind     `json:"kind"`
	About      About    `json:"about"`
	Records    []Record `json:"records"`    // ascending by position
	Checkpoint string   `json:"checkpoint"` // a C2SP signed note that covers all records
}

// About is what a file is about.
type About struct {
	Intent   Digest    `json:"intent"`          // of the intent's bytes, or of the payload of a list that cannot be read
	Position Position  `json:"position"`        // where the intent stands
	Claim    *Position `json:"claim,omitempty"` // where the claim stands, of kinds that are about one
}

// Record is one record of the ledger with the proof that it stands there.
type Record struct {
	Position  uint64 `json:"position"` // sequence in the ledger, from 1
	Time      Nanos  `json:"time"`     // the broker's
	LogTime   Nanos  `json:"log_time"` // running maximum of the broker's times
	Subject   string `json:"subject"`
	Envelope  Bytes  `json:"envelope"`  // the stored bytes
	Inclusion []Hash `json:"inclusion"` // RFC 6962, section 2.1.1: from the leaf's neighbour to the root's child
}

// Entry is the record as the tree's leaf.
func (r Record) Entry() lineage.Entry {
	return lineage.Entry{Seq: r.Position, Time: r.Time.Time(), LogTime: r.LogTime.Time(), Subject: r.Subject, Data: trust.DigestOf(r.Envelope)}
}

func (r Record) raw() ledger.Raw {
	return ledger.Raw{Seq: r.Position, Time: r.Time.Time(), Subject: r.Subject, Data: r.Envelope}
}

func (r Record) hashes() []lineage.Hash {
	all := make([]lineage.Hash, len(r.Inclusion))
	for i, h := range r.Inclusion {
		all[i] = lineage.Hash(h)
	}
	return all
}

// Decode reads a file strictly: no unknown, doubled or missing member, one
// spelling for each value, every size within its bound, records in order. It
// verifies nothing. Errors wrap ErrFile.
func Decode(data []byte) (*File, error) {
	if len(data) > MaxFile {
		return nil, fmt.Errorf("%w: %d bytes; one has at most %d", ErrFile, len(data), MaxFile)
	}
	f := new(File)
	if err := json.Unmarshal(data, f, json.RejectUnknownMembers(true)); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFile, err)
	}
	if err := f.check(); err != nil {
		return nil, err
	}
	return f, nil
}

// Encode is the file's JSON form, indented, members in their order: the same file
// has the same bytes. It refuses what Decode would.
func (f *File) Encode() ([]byte, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	data, err := json.Marshal(f, jsontext.WithIndent("  "))
	if err != nil {
		return nil, fmt.Errorf("proof: encoding: %w", err)
	}
	if len(data) >= MaxFile {
		return nil, fmt.Errorf("%w: it would have %d bytes; one has at most %d", ErrFile, len(data), MaxFile)
	}
	return append(data, '\n'), nil
}

// check holds what JSON alone cannot say. A missing member is an empty one here.
func (f *File) check() error {
	switch {
	case f.Format != Format:
		return fmt.Errorf("%w: format %.40q, this is a reader of %q", ErrFile, f.Format, Format)
	case !slices.Contains(Kinds(), f.Kind):
		return fmt.Errorf("%w: kind %.40q; it is one of %v", ErrFile, f.Kind, Kinds())
	case f.About.Position == (Position{}) || f.About.Intent == (Digest{}):
		return fmt.Errorf("%w: it is about no intent", ErrFile)
	case (f.About.Claim != nil) != f.Kind.ofClaim():
		return fmt.Errorf("%w: about.claim is there for kinds that are about a claim, and only then; this is %s", ErrFile, f.Kind)
	case len(f.Records) == 0 || len(f.Records) > MaxRecords:
		return fmt.Errorf("%w: %d records; it has 1 to %d", ErrFile, len(f.Records), MaxRecords)
	case len(f.Checkpoint) == 0 || len(f.Checkpoint) > lineage.MaxNote:
		return fmt.Errorf("%w: a checkpoint of %d bytes; it has 1 to %d", ErrFile, len(f.Checkpoint), lineage.MaxNote)
	}
	before := uint64(0)
	for i, r := range f.Records {
		if err := r.check(before); err != nil {
			return fmt.Errorf("%w: records[%d]: %w", ErrFile, i, err)
		}
		before = r.Position
	}
	return nil
}

func (r Record) check(before uint64) error {
	switch {
	case r.Position <= before:
		return fmt.Errorf("position %d after %d; positions ascend from 1", r.Position, before)
	case r.Time <= 0 || r.LogTime < r.Time:
		return fmt.Errorf("position %d: log time %s is not at or after the broker's time %s", r.Position, r.LogTime.Time().Format(time.RFC3339Nano), r.Time.Time().Format(time.RFC3339Nano))
	case len(r.Subject) == 0 || len(r.Subject) > lineage.MaxSubject:
		return fmt.Errorf("position %d: a subject of %d bytes; it has 1 to %d", r.Position, len(r.Subject), lineage.MaxSubject)
	case len(r.Envelope) == 0 || len(r.Envelope) > schemas.MaxEnvelope:
		return fmt.Errorf("position %d: an envelope of %d bytes; it has 1 to %d", r.Position, len(r.Envelope), schemas.MaxEnvelope)
	case len(r.Inclusion) > maxHashes:
		return fmt.Errorf("position %d: an inclusion proof of %d hashes; it has at most %d", r.Position, len(r.Inclusion), maxHashes)
	}
	return nil
}
