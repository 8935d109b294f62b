package evidence

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/portcullis-dev/portcullis/core/trust"
)

const (
	manifestFormat = "portcullis archive 1"
	manifestName   = "manifest.json"
	checkpointName = "checkpoint"
	segmentFolder  = "segments"
	tilesFolder    = "tiles"
	maxManifest    = 64 << 20 // some 300,000 segments
)

// manifest is manifest.json: what an archive holds.
type manifest struct {
	Format      string            `json:"format"`
	Ledger      string            `json:"ledger"` // digest of genesis, hexadecimal
	TrustDomain string            `json:"trust_domain"`
	Zone        string            `json:"zone"`
	Segments    []ArchivedSegment `json:"segments"`
	Checkpoint  *archivedTree     `json:"checkpoint,omitempty"` // of the file of that name
	Tiles       *archivedTree     `json:"tiles,omitempty"`      // that tiles/ holds
}

// ArchivedSegment is one file of an archive.
type ArchivedSegment struct {
	Name   string `json:"name"` // relative to the archive, with slashes
	First  uint64 `json:"first"`
	Last   uint64 `json:"last"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"` // of the whole file, hexadecimal
}

type archivedTree struct {
	Origin string `json:"origin"`
	Size   uint64 `json:"size"`
}

// segmentName sorts as positions do.
func segmentName(first, last uint64) string {
	return fmt.Sprintf("%s/%020d-%020d.pcx", segmentFolder, first, last)
}

func readManifest(dir string) (manifest, error) {
	data, err := readSmall(filepath.Join(dir, manifestName), maxManifest)
	if err != nil {
		return manifest{}, err
	}
	var m manifest
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&m); err != nil {
		return manifest{}, brokenManifest(err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return manifest{}, brokenManifest(errors.New("something follows its object"))
	}
	return m, m.check()
}

func brokenManifest(why error) error { return &BrokenError{File: manifestName, Why: why} }

// check demands segments that follow each other from position 1 on.
func (m manifest) check() error {
	if m.Format != manifestFormat {
		return brokenManifest(fmt.Errorf("its format is %.60q, not %q", m.Format, manifestFormat))
	}
	if _, err := trust.ParseDigest(m.Ledger); err != nil {
		return brokenManifest(fmt.Errorf("its ledger: %w", err))
	}
	next := uint64(1)
	for i, s := range m.Segments {
		_, err := trust.ParseDigest(s.SHA256)
		if err != nil || s.First != next || s.Last < s.First || s.Name != segmentName(s.First, s.Last) {
			return brokenManifest(fmt.Errorf("segment %d, %.80q, does not continue those before it at position %d under its own name and digest", i, s.Name, next))
		}
		next = s.Last + 1
	}
	return nil
}

func (m manifest) write(dir string) error {
	return replaceFile(filepath.Join(dir, manifestName), func(to io.Writer) error {
		encoder := json.NewEncoder(to)
		encoder.SetIndent("", "  ")
		return encoder.Encode(m)
	})
}

// header is that of a segment, which continues a file of this digest.
func (m manifest) header(first uint64, previous trust.Digest) Header {
	ledger, _ := trust.ParseDigest(m.Ledger) // checked
	return Header{Extent: Segment, Ledger: ledger, TrustDomain: m.TrustDomain, Zone: m.Zone, First: first, Previous: previous}
}

func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
