package zone

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/evidence"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/schemas"
)

// ErrPart reports a file that does not hold a ledger from its first record on
// without a gap: nothing can be proved from it, and no history told.
var ErrPart = errors.New("zone: the file holds a part of a ledger")

// ErrOtherAnchor reports a file of another ledger than the trust anchor's.
var ErrOtherAnchor = errors.New("zone: the file is of another ledger than the anchor's")

// ExportSource is a ledger in a file, read as a live one is: a ProofSource and a
// LineageSource. What its records are worth, their readers find out as they do of
// a live ledger's; no broker stands between.
type ExportSource struct {
	source   evidence.Source
	header   evidence.Header
	releases *Releases
	notes    [][]byte // checkpoints that do not cover more than there is, oldest first

	Last uint64 // the newest position
}

// OpenExportSource reads a file once, to see that it is whole, has every position
// from 1 on, and is of the ledger with this genesis. The source must be one that
// repeats. Errors wrap ErrPart, ErrOtherAnchor or evidence.ErrBroken, or are those
// of reading.
func OpenExportSource(ctx context.Context, source evidence.Source, anchor trust.Digest) (*ExportSource, error) {
	x := &ExportSource{source: source, header: source.Header()}
	h := x.header
	switch {
	case h.Ledger != anchor:
		return nil, fmt.Errorf("%w: it says %s, and the anchor is %s; compare the anchor with the one that your governors published", ErrOtherAnchor, h.Ledger, anchor)
	case !source.Repeats():
		return nil, errors.New("zone: a stream can be read once only; name a file or a folder")
	case h.First > 1:
		return nil, fmt.Errorf("%w: of positions 1 to %d it has no more than governance and credentials, so neither the tree nor any history can be made of it; export the whole ledger", ErrPart, h.First-1)
	}
	basis := newReleaseReader(&fabric.Fabric{Zone: h.Zone, Ledger: anchor})
	err := x.frames(ctx, func(f evidence.Frame) error {
		if f.Kind == evidence.FrameCheckpoint {
			x.keep(f.Note)
			return nil
		}
		if f.Raw.Seq != x.Last+1 {
			return fmt.Errorf("%w: position %d stands where %d must; see what else is wrong with: portcullis audit", ErrPart, f.Raw.Seq, x.Last+1)
		}
		x.Last = f.Raw.Seq
		basis.fold.RaiseLogTime(f.Raw.Time)
		if isBasis(f.Raw) {
			basis.step(f.Raw)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	x.notes = slices.DeleteFunc(x.notes, func(note []byte) bool {
		c, err := evidence.ReadCheckpoint(note)
		return err != nil || c.Size > x.Last
	})
	x.releases = &Releases{State: basis.fold.Governance(), All: basis.found, LogTime: basis.fold.LogTime(), Last: x.Last}
	if err := x.isOf(x.releases.State); err != nil {
		return nil, err
	}
	return x, nil
}

// isBasis reports whether a record may be one that every fold rests on.
func isBasis(raw ledger.Raw) bool {
	_, kind, _, err := schemas.LedgerSubject(raw.Subject)
	return err == nil && (kind == schemas.KindGovernance || kind == schemas.KindCredential)
}

// isOf compares what genesis says with what the header says.
func (x *ExportSource) isOf(gov *governance.State) error {
	h := x.header
	switch {
	case gov.Epoch() == 0:
		return fmt.Errorf("%w: none of its records is genesis %s", ErrOtherAnchor, h.Ledger)
	case gov.TrustDomain() != h.TrustDomain || gov.Zone() != h.Zone:
		return fmt.Errorf("%w: its header says zone %q of %q, and genesis says %q of %q", ErrOtherAnchor, h.Zone, h.TrustDomain, gov.Zone(), gov.TrustDomain())
	default:
		return nil
	}
}

// keep remembers the newest checkpoints, of which there are few in an honest file.
func (x *ExportSource) keep(note []byte) {
	if len(x.notes) == maxNotes {
		x.notes = slices.Delete(x.notes, 0, 1)
	}
	x.notes = append(x.notes, note)
}

// Releases are what ReadReleases tells of a live ledger.
func (x *ExportSource) Releases() (*Releases, error) {
	if len(x.releases.All) == 0 {
		return nil, fmt.Errorf("%w: the file has genesis and none", ErrNoRelease)
	}
	return x.releases, nil
}

// Zone is the zone whose ledger it is.
func (x *ExportSource) Zone() string { return x.header.Zone }

// TrustDomain is the trust domain of the zone.
func (x *ExportSource) TrustDomain() string { return x.header.TrustDomain }

// frames hands over what is in the file, until each returns an error.
func (x *ExportSource) frames(ctx context.Context, each func(evidence.Frame) error) error {
	for f, err := range x.source.Frames() {
		if err == nil {
			err = context.Cause(ctx)
		}
		if err == nil {
			err = each(f)
		}
		if errors.Is(err, errEnough) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Records implements ProofSource.
func (x *ExportSource) Records(ctx context.Context, from, to uint64, each func(ledger.Raw) error) (last uint64, err error) {
	if to == 0 || to > x.Last {
		to = x.Last
	}
	if from > to {
		return to, nil
	}
	at := uint64(0)
	err = x.frames(ctx, func(f evidence.Frame) error {
		if f.Kind != evidence.FrameRecord {
			return nil
		}
		if at++; f.Raw.Seq != at {
			return fmt.Errorf("%w: position %d stands where %d did; somebody writes the file while it is read", ErrPart, f.Raw.Seq, at)
		}
		switch {
		case at < from:
			return nil
		case at > to:
			return errEnough
		default:
			return each(f.Raw)
		}
	})
	if err == nil && at < to {
		err = fmt.Errorf("%w: it ends at position %d and not at %d any more; somebody writes the file while it is read", ErrPart, at, x.Last)
	}
	return to, err
}

// Checkpoints implements ProofSource.
func (x *ExportSource) Checkpoints(_ context.Context, each func(note []byte) bool) error {
	for _, note := range slices.Backward(x.notes) {
		if !each(note) {
			return nil
		}
	}
	return nil
}
