package evidence

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"

	"github.com/portcullis-dev/portcullis/core/trust"
)

// Append writes segments of at most so many records each; the frames begin with
// the record behind Last. Each segment counts as soon as the manifest names it: an
// error later leaves what was added before. It returns the added ones.
func (a *Archive) Append(frames iter.Seq2[Frame, error], most uint64) ([]ArchivedSegment, error) {
	if most == 0 {
		return nil, errors.New("evidence: segments of no record; give how many a segment may have")
	}
	next, stop := iter.Pull2(frames)
	defer stop()
	cut := &cutter{next: next, most: most}
	if err := cut.advance(); err != nil {
		return nil, err
	}
	before := len(a.manifest.Segments)
	for cut.more {
		if err := a.appendSegment(cut); err != nil {
			return a.manifest.Segments[before:], err
		}
	}
	return a.manifest.Segments[before:], nil
}

func (a *Archive) appendSegment(cut *cutter) error {
	first, previous := a.Last()+1, trust.Digest{}
	if n := len(a.manifest.Segments); n > 0 {
		previous, _ = trust.ParseDigest(a.manifest.Segments[n-1].SHA256) // checked
	}
	if cut.frame.Kind != FrameRecord || cut.frame.Raw.Seq != first {
		return fmt.Errorf("evidence: the archive ends at position %d, and what shall continue it begins at %d", first-1, cut.frame.Raw.Seq)
	}
	var s ArchivedSegment
	err := settle(filepath.Join(a.dir, segmentFolder), func(to io.Writer) (string, error) {
		w, err := Write(to, a.manifest.header(first, previous), cut.segment())
		if err != nil {
			return "", err
		}
		if w.Records != w.Last-first+1 {
			return "", fmt.Errorf("evidence: %d records from position %d to %d: positions are missing, and an archive has none missing", w.Records, first, w.Last)
		}
		s = ArchivedSegment{segmentName(first, w.Last), first, w.Last, w.Bytes, w.SHA256.String()}
		return a.free(s)
	})
	if err != nil {
		return err
	}
	a.manifest.Segments = append(a.manifest.Segments, s)
	return a.manifest.write(a.dir)
}

// free makes sure that a segment's place is free, or has these very bytes from a
// run that ended before the manifest named them.
func (a *Archive) free(s ArchivedSegment) (path string, err error) {
	path = filepath.Join(a.dir, filepath.FromSlash(s.Name))
	f, err := os.Open(path)
	if missing(err) {
		return path, nil
	}
	if err != nil {
		return "", fmt.Errorf("evidence: %w", err)
	}
	defer f.Close()
	sum, err := digestOf(f)
	if err == nil && sum.String() != s.SHA256 {
		err = fmt.Errorf("evidence: %w: %s, which no manifest names; look at it and move it away", fs.ErrExist, path)
	}
	return path, err
}

// SetCheckpoint makes a signed checkpoint the archive's newest. An older one than
// it has is ignored.
func (a *Archive) SetCheckpoint(signed []byte) error {
	c, err := ReadCheckpoint(signed)
	if err != nil {
		return err
	}
	if now := a.manifest.Checkpoint; now != nil && now.Origin == c.Origin && now.Size > c.Size {
		return nil
	}
	if err := replaceFile(filepath.Join(a.dir, checkpointName), func(to io.Writer) error {
		_, err := io.Copy(to, bytes.NewReader(signed))
		return err
	}); err != nil {
		return err
	}
	a.manifest.Checkpoint = &archivedTree{c.Origin, c.Size}
	return a.manifest.write(a.dir)
}

// cutter deals frames out to segments.
type cutter struct {
	next  func() (Frame, error, bool)
	most  uint64
	frame Frame // the next one, if there is more
	more  bool
}

func (c *cutter) advance() (err error) {
	c.frame, err, c.more = c.next()
	return err
}

// segment yields the frames of the next segment: checkpoints stay with the
// record that they stand behind.
func (c *cutter) segment() iter.Seq2[Frame, error] {
	return func(yield func(Frame, error) bool) {
		for records := uint64(0); c.more; {
			if c.frame.Kind == FrameRecord {
				if records++; records > c.most {
					return
				}
			}
			if !yield(c.frame, nil) {
				return
			}
			if err := c.advance(); err != nil {
				yield(Frame{}, err)
				return
			}
		}
	}
}
