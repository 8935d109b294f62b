package evidence

import (
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/lineage"
	"github.com/portcullis-dev/portcullis/core/trust"
)

// Archive is a ledger in a folder, cut into segments that never change once they
// are written, laid out so that the folder can be a bucket of an object store:
//
//	<trust domain>/<zone>/<ledger>/
//	    segments/<first>-<last>.pcx   written once each
//	    manifest.json                 replaced
//	    checkpoint                    replaced: the newest signed checkpoint
//	    tiles/…                       the recorder's tiles, if they were copied
//
// It is a Source: all segments as one. It belongs to one goroutine.
type Archive struct {
	dir      string // that of the manifest
	manifest manifest
}

// ErrNoArchive reports a folder without an archive.
var ErrNoArchive = errors.New("evidence: no archive is there")

// OpenArchive opens the archive of a folder to read it: that of the manifest, or
// one above it with a single archive below.
func OpenArchive(dir string) (*Archive, error) {
	if _, err := os.Stat(filepath.Join(dir, manifestName)); missing(err) {
		found, err := filepath.Glob(filepath.Join(escapeGlob(dir), "*", "*", "*", manifestName))
		if err != nil {
			return nil, fmt.Errorf("evidence: %w", err)
		}
		if len(found) != 1 {
			return nil, fmt.Errorf("%w: %s holds %d archives; name a folder with one %s", ErrNoArchive, dir, len(found), manifestName)
		}
		dir = filepath.Dir(found[0])
	}
	m, err := readManifest(dir)
	return &Archive{dir, m}, err
}

// escapeGlob makes a path a pattern that matches it alone.
func escapeGlob(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// CreateArchive opens the archive of a ledger below root to append to it; it may
// be new. Of the header, ledger, trust domain and zone count.
func CreateArchive(root string, h Header) (*Archive, error) {
	if h.TrustDomain != filepath.Base(h.TrustDomain) || h.Zone != filepath.Base(h.Zone) {
		return nil, fmt.Errorf("evidence: trust domain %q and zone %q cannot be folders", h.TrustDomain, h.Zone)
	}
	dir := filepath.Join(root, h.TrustDomain, h.Zone, h.Ledger.String())
	if err := makeDir(filepath.Join(dir, segmentFolder)); err != nil {
		return nil, err
	}
	m, err := readManifest(dir)
	switch {
	case missing(err):
		m = manifest{Format: manifestFormat, Ledger: h.Ledger.String(), TrustDomain: h.TrustDomain, Zone: h.Zone, Segments: []ArchivedSegment{}}
	case err != nil:
		return nil, err
	case m.Ledger != h.Ledger.String() || m.TrustDomain != h.TrustDomain || m.Zone != h.Zone:
		return nil, brokenManifest(fmt.Errorf("it is of ledger %s, zone %s of %s; the folder is of another", m.Ledger, m.Zone, m.TrustDomain))
	}
	return &Archive{dir, m}, nil
}

// Dir is the folder of the manifest.
func (a *Archive) Dir() string { return a.dir }

// Header says what the archive is of: a whole ledger, as far as it was archived.
func (a *Archive) Header() Header {
	h := a.manifest.header(1, trust.Digest{})
	h.Extent = Whole
	return h
}

// Repeats implements Source: it can be read again.
func (*Archive) Repeats() bool { return true }

// Size is how long all segments are together, in bytes.
func (a *Archive) Size() (bytes int64) {
	for _, s := range a.manifest.Segments {
		bytes += s.Bytes
	}
	return bytes
}

// Segments lists the archive's files, in order.
func (a *Archive) Segments() []ArchivedSegment { return a.manifest.Segments }

// Last is the newest position that is archived, 0 if none is.
func (a *Archive) Last() uint64 {
	if len(a.manifest.Segments) == 0 {
		return 0
	}
	return a.manifest.Segments[len(a.manifest.Segments)-1].Last
}

// LastRecord is the newest record, for comparison with a ledger that the archive
// shall continue with. The archive must not be empty.
func (a *Archive) LastRecord() (last ledger.Raw, err error) {
	if len(a.manifest.Segments) == 0 {
		return ledger.Raw{}, fmt.Errorf("%w: the one in %s is empty", ErrNoArchive, a.dir)
	}
	for f, err := range a.segment(len(a.manifest.Segments)-1, 0) {
		if err != nil {
			return ledger.Raw{}, err
		}
		if f.Kind == FrameRecord {
			last = f.Raw
		}
	}
	return last, nil
}

// Frames are those of all segments, one after the other, and the checkpoint of
// the file of that name.
func (a *Archive) Frames() iter.Seq2[Frame, error] {
	segments := Source(&segments{a})
	if a.manifest.Checkpoint == nil {
		return segments.Frames()
	}
	signed, err := readSmall(filepath.Join(a.dir, checkpointName), lineage.MaxNote)
	if err == nil {
		segments, err = WithCheckpoint(segments, signed)
	}
	if err != nil {
		return func(yield func(Frame, error) bool) { yield(Frame{}, &BrokenError{File: checkpointName, Why: err}) }
	}
	return segments.Frames()
}

type segments struct{ *Archive }

// Frames are those of the segments alone.
func (s *segments) Frames() iter.Seq2[Frame, error] {
	return func(yield func(Frame, error) bool) {
		base := int64(0)
		for i, one := range s.manifest.Segments {
			for f, err := range s.segment(i, base) {
				if !yield(f, err) || err != nil {
					return
				}
			}
			base += one.Bytes
		}
	}
}

// segment yields the frames of one file; base is how many bytes were before it.
func (a *Archive) segment(i int, base int64) iter.Seq2[Frame, error] {
	return func(yield func(Frame, error) bool) {
		s := a.manifest.Segments[i]
		f, err := os.Open(filepath.Join(a.dir, filepath.FromSlash(s.Name)))
		if err != nil {
			yield(Frame{}, &BrokenError{File: s.Name, Why: err})
			return
		}
		defer f.Close()
		r, err := NewReader(f)
		if err == nil {
			err = a.expect(r, i)
		}
		if err != nil {
			yield(Frame{}, inFile(s.Name, err))
			return
		}
		for f, err := range r.Frames() {
			f.End += base
			if !yield(f, inFile(s.Name, err)) || err != nil {
				return
			}
		}
		if err := s.holds(r); err != nil {
			yield(Frame{}, inFile(s.Name, err))
		}
	}
}

// expect compares a segment's header with what the manifest says.
func (a *Archive) expect(r *Reader, i int) error {
	var previous trust.Digest
	if i > 0 {
		previous, _ = trust.ParseDigest(a.manifest.Segments[i-1].SHA256) // checked
	}
	if r.Header() != a.manifest.header(a.manifest.Segments[i].First, previous) {
		return &BrokenError{Why: errors.New("its header is not that of the segment which the manifest names here, behind the segment before it")}
	}
	return nil
}

// holds compares what was read with what the manifest says.
func (s ArchivedSegment) holds(r *Reader) error {
	sum := trust.DigestIn(r.sum.Sum(nil))
	if r.offset != s.Bytes || sum.String() != s.SHA256 || r.order.last != s.Last {
		return &BrokenError{Offset: r.offset, Why: fmt.Errorf("it has %d bytes with SHA-256 %s and ends at position %d; the manifest says %d, %s and %d", r.offset, sum, r.order.last, s.Bytes, s.SHA256, s.Last)}
	}
	return nil
}

// inFile says in which file a *BrokenError is.
func inFile(name string, err error) error {
	if b, ok := errors.AsType[*BrokenError](err); ok {
		return &BrokenError{File: name, Offset: b.Offset, Why: b.Why}
	}
	return err
}
