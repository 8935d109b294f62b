package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/fabric"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/zone"
)

// jointFlags are one record that a threshold of governors must sign, or one step
// of it: a loss or a seal.
type jointFlags struct {
	reason, out, sign, submit string
	keys                      []string
}

func (j *jointFlags) register(c *cobra.Command, what string) {
	c.Flags().StringVar(&j.reason, "reason", "", "why, for everybody to read on the ledger")
	c.Flags().StringVar(&j.out, "out", "", "file to write where more governors must sign (default in the data folder)")
	c.Flags().StringVar(&j.sign, "sign", "", "sign the "+what+" in this file with the keys of this data folder; needs no ledger")
	c.Flags().StringArrayVar(&j.keys, "key", nil, "with --sign: the key in this file instead, PKCS #8 in PEM (repeatable)")
	c.Flags().StringVar(&j.submit, "submit", "", "append the "+what+" in this file, which enough governors have signed")
	c.MarkFlagsMutuallyExclusive("reason", "sign", "submit")
}

func (j *jointFlags) check() error {
	if len(j.keys) > 0 && j.sign == "" {
		return usage(errors.New("--key says with what to sign a file; name that with --sign"))
	}
	if j.reason == "" {
		return nil
	}
	return haltFlags{reason: j.reason}.check()
}

// jointFile is a loss or a seal on its way from one governor to the next.
type jointFile struct {
	halfSignedRecord
	kind jointKind
}

// jointKind is what a file of this kind must hold.
type jointKind struct {
	travelling
	format string
	holds  func(*pb.Governance) bool
}

// jointJSON is the file. Bytes are base64.
type jointJSON struct {
	Format string `json:"format"`
	Record []byte `json:"record"`
}

func (j *jointFile) bytes() ([]byte, error) {
	text, err := json.MarshalIndent(jointJSON{j.kind.format, j.envelope}, "", "  ")
	return append(text, '\n'), err
}

// read reads a file of this kind strictly.
func (k jointKind) read(path string) (*jointFile, error) {
	var object jointJSON
	err := readJSONFile(path, &object)
	if _, unreadable := errors.AsType[*fs.PathError](err); unreadable {
		return nil, err
	}
	if err != nil || object.Format != k.format {
		return nil, fmt.Errorf("%s: %w; give the file that portcullis %s wrote", path, errRecordFile, k.command)
	}
	return k.parse(object.Record, path)
}

// parse reads an envelope with a record of this kind; where says whence it is.
func (k jointKind) parse(envelope []byte, where string) (*jointFile, error) {
	j := &jointFile{halfSignedRecord{envelope: envelope}, k}
	if err := j.halfSignedRecord.read(); err != nil {
		return nil, fmt.Errorf("%s: %w: %w; get it again from who made it", where, errRecordFile, err)
	}
	if !k.holds(j.record) {
		return nil, fmt.Errorf("%s: %w: its record is no %s; get it again from who made it", where, errRecordFile, k.command)
	}
	return j, nil
}

// signFile is --sign.
func (g *globals) signFile(k jointKind, flags jointFlags, show func(*pb.Governance)) error {
	var j *jointFile
	read := func() (h *halfSignedRecord, err error) {
		if j, err = k.read(flags.sign); err != nil {
			return nil, err
		}
		return &j.halfSignedRecord, nil
	}
	return g.signHere(k.travelling, flags.sign, flags.keys, read, func() { show(j.record) }, func() ([]byte, error) { return j.bytes() })
}

// signed signs a record with the keys that are here. Unless that is enough, a file
// is written for the others, and the answer is nil.
func (g *globals) signed(k jointKind, f *fabric.Fabric, gov *zone.Governing, state *governance.State, record *pb.Governance, out string) (*jointFile, error) {
	data, err := gov.Sign(record)
	if err != nil {
		return nil, err
	}
	j, err := k.parse(data, "the record just made")
	if err != nil {
		return nil, err
	}
	vote := zone.RecordVote(state, j.record, j.signed)
	if err := g.warnOfKeys(f, j.signed, vote); err != nil {
		return nil, err
	}
	if vote.Enough() {
		return j, nil
	}
	text, err := j.bytes()
	if err != nil {
		return nil, err
	}
	return nil, g.writeRecord(k.travelling, f, out, &j.halfSignedRecord, text, vote)
}

// submitted reads the file of --submit, which enough governors must have signed.
func (k jointKind) submitted(path string, state *governance.State) (*jointFile, error) {
	j, err := k.read(path)
	if err != nil {
		return nil, err
	}
	if err := j.check(state); err != nil {
		return nil, err
	}
	if vote := zone.RecordVote(state, j.record, j.signed); !vote.Enough() {
		return nil, fmt.Errorf("too few governors have signed it (%s); sign it with: portcullis %s --sign %s", voteText(vote), k.command, path)
	}
	return j, nil
}
