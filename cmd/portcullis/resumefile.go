package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/zone"
)

// resumeFile is a resume on its way from one governor to the next. It carries
// the halts that it lifts, which the resume names by digest, so that nobody has
// to sign what he cannot read. It holds no secret.
type resumeFile struct {
	halfSignedRecord
	payloads [][]byte // of the halts' and trips' records

	resume *pb.Resume
	halts  []governance.Halt // what payloads say; position and time are not known offline
}

const resumeFormat = "portcullis-resume-v1"

// resumeTravels says how a resume is told on its way.
var resumeTravels = travelling{command: "resume", pending: "nothing is lifted yet"}

// resumeJSON is the file. Bytes are base64.
type resumeJSON struct {
	Format string   `json:"format"`
	Resume []byte   `json:"resume"`
	Halts  [][]byte `json:"halts"`
}

func newResumeFile(envelope []byte, payloads [][]byte) *resumeFile {
	return &resumeFile{halfSignedRecord: halfSignedRecord{envelope: envelope}, payloads: payloads}
}

func (r *resumeFile) bytes() ([]byte, error) {
	text, err := json.MarshalIndent(resumeJSON{resumeFormat, r.envelope, r.payloads}, "", "  ")
	return append(text, '\n'), err
}

// readResume reads a file strictly.
func readResume(path string) (*resumeFile, error) {
	var object resumeJSON
	err := readJSONFile(path, &object)
	if _, unreadable := errors.AsType[*fs.PathError](err); unreadable {
		return nil, err
	}
	if err != nil || object.Format != resumeFormat {
		return nil, fmt.Errorf("%s: %w; give the file that portcullis resume wrote", path, errRecordFile)
	}
	r := newResumeFile(object.Resume, object.Halts)
	if err := r.read(); err != nil {
		return nil, fmt.Errorf("%s: %w: %w; get it again from who made it", path, errRecordFile, err)
	}
	return r, nil
}

// read takes the record apart and finds each halt that it names.
func (r *resumeFile) read() error {
	if err := r.halfSignedRecord.read(); err != nil {
		return err
	}
	if r.resume = r.record.GetResume(); r.resume == nil {
		return errors.New("its record is no resume")
	}
	for _, payload := range r.payloads {
		halt, err := zone.HaltOf(payload)
		if err != nil {
			return err
		}
		r.halts = append(r.halts, halt)
	}
	return r.match()
}

// match demands that the halts shown are the halts named.
func (r *resumeFile) match() error {
	ids := r.ids()
	if len(ids) != len(r.halts) {
		return fmt.Errorf("it lifts %d halts and shows %d", len(ids), len(r.halts))
	}
	for _, h := range r.halts {
		if !slices.Contains(ids, h.ID) {
			return fmt.Errorf("it shows halt %s and does not lift it", h.ID.Short())
		}
	}
	return nil
}

func (r *resumeFile) ids() []trust.Digest {
	ids := make([]trust.Digest, len(r.resume.GetHalts()))
	for i, raw := range r.resume.GetHalts() {
		ids[i], _ = trust.DigestFrom(raw)
	}
	return ids
}
