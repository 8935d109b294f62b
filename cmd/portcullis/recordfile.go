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
	"strings"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/zone"
)

// halfSignedRecord is a governance record on its way from one governor to the
// next, with the signatures so far. It holds no secret.
type halfSignedRecord struct {
	envelope []byte

	signed *trust.Envelope // envelope, parsed
	record *pb.Governance
	ledger trust.Digest
}

// maxRecordFile bounds a file in which a record travels, in bytes.
const maxRecordFile = 8 << 20

// errRecordFile reports a file that is none of these, or one that was altered.
var errRecordFile = errors.New("not a record that is to be signed")

// read takes the record apart.
func (h *halfSignedRecord) read() (err error) {
	h.record = new(pb.Governance)
	if h.signed, err = trust.ParseEnvelope(h.envelope); err != nil {
		return err
	}
	if h.signed.PayloadType != schemas.KindGovernance.PayloadType() {
		return fmt.Errorf("payload type %.60q", h.signed.PayloadType)
	}
	if err := schemas.Decode(h.signed.Payload, schemas.MaxPayload, h.record); err != nil {
		return err
	}
	h.ledger, _ = trust.DigestFrom(h.record.GetLedger())
	return nil
}

// check refuses a record for another ledger, and signatures that are nobody's.
func (h *halfSignedRecord) check(state *governance.State) error {
	if h.ledger != state.Ledger() {
		return fmt.Errorf("it is for ledger %s, and this is %s; use the data folder of that ledger", h.ledger.Short(), state.Ledger().Short())
	}
	good := h.signed.Signers(state.Governors())
	for _, s := range h.signed.Signatures {
		if _, ok := good[s.KeyID]; !ok {
			return fmt.Errorf("%w: the signature of key %s is no governor's, or does not fit: it was altered, or the release has changed; get it again from who made it", errRecordFile, keyed(s.KeyID))
		}
	}
	return nil
}

// sign adds the signatures of those of the keys that have not signed.
func (h *halfSignedRecord) sign(keys []*trust.SigningKey, state *governance.State) (added int, err error) {
	for _, key := range keys {
		if _, may := state.Governors()[key.ID()]; !may {
			return 0, fmt.Errorf("key %s is no governor's by release %d, the newest that this folder knows; sign with a governor's key, see portcullis keys", keyed(key.ID()), state.Release().Proto.GetVersion())
		}
		if slices.ContainsFunc(h.signed.Signatures, func(s trust.Signature) bool { return s.KeyID == key.ID() }) {
			continue
		}
		if h.envelope, err = trust.AddSignature(h.envelope, key); err != nil {
			return 0, err
		}
		if h.signed, err = trust.ParseEnvelope(h.envelope); err != nil {
			return 0, err
		}
		added++
	}
	return added, nil
}

// travelling is a kind of record that governors pass on to each other in a file.
type travelling struct {
	command string // that makes, signs and submits it
	pending string // what is not so before it stands on the ledger
}

// signHere lets the keys of this folder, or those in the files named, sign a
// record, and puts it back into its file. Show is called before anything is signed.
func (g *globals) signHere(t travelling, path string, keyFiles []string, read func() (*halfSignedRecord, error), show func(), text func() ([]byte, error)) error {
	f, err := g.fabric()
	if err != nil {
		return err
	}
	state, err := f.State()
	if err != nil {
		return err
	}
	h, err := read()
	if err != nil {
		return err
	}
	if err := h.check(state); err != nil {
		return err
	}
	keys, err := signingKeys(f, keyFiles)
	if err != nil {
		return err
	}
	if !g.json {
		show()
	}
	added, err := h.sign(keys, state)
	if err != nil {
		return err
	}
	vote := zone.RecordVote(state, h.record, h.signed)
	if added == 0 {
		return fmt.Errorf("these keys have signed it already (%s); let another governor sign it, or submit it", voteText(vote))
	}
	data, err := text()
	if err != nil {
		return err
	}
	if err := replaceDurably(path, data); err != nil {
		return err
	}
	return g.tellHalfSigned(t, path, vote)
}

// writeRecord writes a record that others must sign too.
func (g *globals) writeRecord(t travelling, f *fabric.Fabric, path string, h *halfSignedRecord, text []byte, vote fabric.Vote) error {
	if path == "" {
		path = filepath.Join(f.Dir, t.command+"-"+trust.DigestOf(h.signed.Payload).Short()+".json")
	}
	if _, err := os.Lstat(path); err == nil {
		return &failure{exitLocalState, fmt.Errorf("%s is there already; name a file that does not exist with --out", path)}
	}
	if err := replaceDurably(path, text); err != nil {
		return err
	}
	return g.tellHalfSigned(t, path, vote)
}

func (g *globals) tellHalfSigned(t travelling, path string, vote fabric.Vote) error {
	next := fmt.Sprintf("then anybody of them: portcullis %s --submit %s", t.command, path)
	if !vote.Enough() {
		next = fmt.Sprintf("next, %s: portcullis %s --sign %s\n%s", strings.Join(vote.Missing, " or "), t.command, path, next)
	}
	return g.say(map[string]any{
		"event": "signed", "file": path, "needed": vote.Needed, "signed": orEmpty(vote.Signed), "missing": orEmpty(vote.Missing),
	}, "%s; signed by %s\nin %s\n%s\n", t.pending, voteText(vote), path, next)
}

// warnOfKeys says that keys of this folder signed for nothing, and refuses where
// all did.
func (g *globals) warnOfKeys(f *fabric.Fabric, env *trust.Envelope, vote fabric.Vote) error {
	if len(vote.Signed) == 0 {
		return fmt.Errorf("a governor's key in %s is none by the release in force (%s); put the right key there, see portcullis keys", f.Dir, voteText(vote))
	}
	if n := len(env.Signatures) - len(vote.Signed); n > 0 {
		fmt.Fprintf(g.stderr, "warning: %s in %s counted for nothing: revoked, or no governor's by the release in force\n", plural(n, "key"), f.Dir)
	}
	return nil
}

// readJSONFile reads a file that holds one JSON value without unknown fields.
func readJSONFile(path string, into any) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxRecordFile))
	if err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return fmt.Errorf("%w: %w", errRecordFile, err)
	}
	if decoder.More() {
		return fmt.Errorf("%w: something follows it", errRecordFile)
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
