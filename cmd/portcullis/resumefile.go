package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/zone"
)

// resumeFile is a resume on its way from one governor to the next. It carries
// the halts that it lifts, which the resume names by digest, so that nobody has
// to sign what he cannot read. It holds no secret.
type resumeFile struct {
	envelope []byte   // of the resume, with the signatures so far
	payloads [][]byte // of the halts' and trips' records

	signed *trust.Envelope // envelope, parsed
	resume *pb.Resume
	ledger trust.Digest
	halts  []governance.Halt // what payloads say; position and time are not known offline
}

const (
	resumeFormat  = "portcullis-resume-v1"
	maxResumeFile = 8 << 20
)

// resumeJSON is the file. Bytes are base64.
type resumeJSON struct {
	Format string   `json:"format"`
	Resume []byte   `json:"resume"`
	Halts  [][]byte `json:"halts"`
}

// errResumeFile reports a file that is no resume, or one that was altered.
var errResumeFile = errors.New("not a resume that is to be signed")

func (r *resumeFile) bytes() ([]byte, error) {
	text, err := json.MarshalIndent(resumeJSON{resumeFormat, r.envelope, r.payloads}, "", "  ")
	return append(text, '\n'), err
}

// readResume reads a file strictly.
func readResume(path string) (*resumeFile, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxResumeFile))
	if err != nil {
		return nil, err
	}
	var object resumeJSON
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&object); err != nil || decoder.More() || object.Format != resumeFormat {
		return nil, fmt.Errorf("%s: %w; give the file that portcullis resume wrote", path, errResumeFile)
	}
	r := &resumeFile{envelope: object.Resume, payloads: object.Halts}
	if err := r.read(); err != nil {
		return nil, fmt.Errorf("%s: %w: %w; get it again from who made it", path, errResumeFile, err)
	}
	return r, nil
}

// read takes the record apart and finds each halt that it names.
func (r *resumeFile) read() (err error) {
	record := new(pb.Governance)
	if r.signed, err = trust.ParseEnvelope(r.envelope); err != nil {
		return err
	}
	if r.signed.PayloadType != schemas.KindGovernance.PayloadType() {
		return fmt.Errorf("payload type %.60q", r.signed.PayloadType)
	}
	if err := schemas.Decode(r.signed.Payload, schemas.MaxPayload, record); err != nil {
		return err
	}
	if r.resume = record.GetResume(); r.resume == nil {
		return errors.New("its record is no resume")
	}
	r.ledger, _ = trust.DigestFrom(record.GetLedger())
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

// check refuses a resume for another ledger, and signatures that are nobody's.
func (r *resumeFile) check(state *governance.State) error {
	if r.ledger != state.Ledger() {
		return fmt.Errorf("it is for ledger %s, and this is %s; use the data folder of that ledger", r.ledger.Short(), state.Ledger().Short())
	}
	good := r.signed.Signers(state.Governors())
	for _, s := range r.signed.Signatures {
		if _, ok := good[s.KeyID]; !ok {
			return fmt.Errorf("%w: the signature of key %s is no governor's, or does not fit: it was altered, or the release has changed; get it again from who made it", errResumeFile, keyed(s.KeyID))
		}
	}
	return nil
}

// replaceDurably puts a whole new content in the place of a file: after a crash
// there is the old one or the new one.
func replaceDurably(path string, data []byte) error {
	temp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.new") // mode 0600
	if err != nil {
		return err
	}
	_, err = temp.Write(data)
	if err = errors.Join(err, temp.Sync(), temp.Close()); err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temp.Name()))
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
