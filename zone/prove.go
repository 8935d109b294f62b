package zone

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/lineage"
	"github.com/portcullis-dev/portcullis/core/proof"
	"github.com/portcullis-dev/portcullis/core/trust"
)

// ErrNoCheckpoint reports a ledger of which no checkpoint covers what is to be
// proved.
var ErrNoCheckpoint = errors.New("zone: no checkpoint that counts covers it")

// ProofSource is where a ledger is read from to prove something of it: a live one
// (LedgerSource), or an export.
type ProofSource interface {
	// Records calls each with the messages from one position on, in order and none
	// skipped, noise too, up to position to; 0 means all that there are now. It
	// returns the last position.
	Records(ctx context.Context, from, to uint64, each func(ledger.Raw) error) (last uint64, err error)
	// Checkpoints calls each with signed notes, newest first, until it returns false.
	Checkpoints(ctx context.Context, each func(note []byte) bool) error
}

// Proving says what is proved and from where. All but Wait are required.
type Proving struct {
	Source ProofSource
	Zone   string
	Ledger trust.Digest // the trust anchor
	// Wait is how long to wait for what a live ledger lacks yet: the pulse that
	// follows, and a checkpoint that covers it.
	Wait time.Duration
}

const proveRetry = 200 * time.Millisecond

// Prove makes the proof file that answers a question, and verifies it. Errors wrap
// proof.ErrUnknown, proof.ErrUnprovable, proof.ErrOpen or ErrNoCheckpoint, or are
// the source's.
func (p Proving) Prove(ctx context.Context, q proof.Question) (*proof.File, error) {
	c, err := p.collect(ctx, q, (*proof.Gatherer).Choose)
	if err != nil {
		return nil, err
	}
	file, err := c.File()
	if err != nil {
		return nil, err
	}
	if r := proof.Verify(file, p.Ledger); !r.OK() {
		return nil, fmt.Errorf("zone: the file that was made does not verify: step %s: %s", r.Failed(), failedDetail(r))
	}
	return file, nil
}

// ProveRecord proves where one record stands, whatever it is, as a C2SP tlog-proof.
func (p Proving) ProveRecord(ctx context.Context, position uint64) ([]byte, error) {
	c, err := p.collect(ctx, proof.Question{}, func(*proof.Gatherer) (*proof.Selection, error) {
		return proof.SelectRecord(p.Ledger, position), nil
	})
	if err != nil {
		return nil, err
	}
	return c.TLogProof()
}

func failedDetail(r *proof.Result) string {
	for _, s := range r.Steps {
		if s.Name == r.Failed() {
			return s.Detail
		}
	}
	return ""
}

// collect reads the ledger until what choose asks for is there and a checkpoint
// covers it, then a second time to take it.
func (p Proving) collect(ctx context.Context, q proof.Question, choose func(*proof.Gatherer) (*proof.Selection, error)) (*proof.Collector, error) {
	g, next := proof.NewGatherer(p.Ledger, p.Zone, q), uint64(1)
	patient, cancel := context.WithTimeout(ctx, p.Wait)
	defer cancel()
	for {
		last, err := p.Source.Records(ctx, next, 0, func(raw ledger.Raw) error {
			g.Step(raw)
			return nil
		})
		if err != nil {
			return nil, err
		}
		next = max(next, last+1)
		s, signed, err := p.covered(ctx, g, choose)
		if err == nil {
			return p.take(ctx, s, signed)
		}
		if err = waitOn(patient, err); err != nil {
			return nil, err
		}
	}
}

// covered is what choose asks for and a checkpoint that covers it.
func (p Proving) covered(ctx context.Context, g *proof.Gatherer, choose func(*proof.Gatherer) (*proof.Selection, error)) (*proof.Selection, lineage.Signed, error) {
	s, err := choose(g)
	if err != nil {
		return nil, lineage.Signed{}, err
	}
	signed, err := p.covering(ctx, g, s.Least())
	return s, signed, err
}

// waitOn waits a moment where that can help; else it returns why it cannot.
func waitOn(ctx context.Context, why error) error {
	if !errors.Is(why, proof.ErrOpen) && !errors.Is(why, ErrNoCheckpoint) {
		return why
	}
	timer := time.NewTimer(proveRetry)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return why
	case <-timer.C:
		return nil
	}
}

// maxNotes is how many of the newest checkpoints are looked at: a recorder's are a
// second apart, and its witnesses' cosignatures come with the same note.
const maxNotes = 256

// covering is the newest checkpoint that counts by what was read and covers a
// position.
func (p Proving) covering(ctx context.Context, g *proof.Gatherer, least uint64) (signed lineage.Signed, err error) {
	keys, err := g.Keys()
	if err != nil {
		return lineage.Signed{}, err
	}
	looked, found := 0, false
	var last error
	err = p.Source.Checkpoints(ctx, func(note []byte) bool {
		looked++
		one, err := keys.Open(note)
		switch {
		case err != nil:
			last = err
		case !keys.Witnessed(one):
			last = fmt.Errorf("the one over %d records has %d cosignatures, the release asks for %d", one.Size, len(one.Cosigned), keys.Threshold())
		case one.Size < least:
			last = fmt.Errorf("the newest is over %d records", one.Size)
			return false
		default:
			signed, found = one, true
		}
		return !found && looked < maxNotes
	})
	switch {
	case err != nil:
		return lineage.Signed{}, err
	case found:
		return signed, nil
	case last != nil:
		return lineage.Signed{}, fmt.Errorf("%w (position %d): %w", ErrNoCheckpoint, least, last)
	default:
		return lineage.Signed{}, fmt.Errorf("%w (position %d): there is none; run a recorder with: portcullis recorder", ErrNoCheckpoint, least)
	}
}

func (p Proving) take(ctx context.Context, s *proof.Selection, signed lineage.Signed) (*proof.Collector, error) {
	c, err := proof.NewCollector(s, signed)
	if err != nil {
		return nil, err
	}
	_, err = p.Source.Records(ctx, 1, c.Size(), c.Step)
	return c, err
}
