package fabric

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// ErrSealingKey reports a sealing key that must not be made or erased.
var ErrSealingKey = errors.New("fabric: sealing key")

// SealingMade says what making a sealing key did.
type SealingMade struct {
	Key       trust.SealTo
	Made      bool            // a new pair; else one that was here has been completed
	Written   []string        // files of its private half that were written now
	Elsewhere []SealingHolder // who needs it on other machines
	Source    string          // a file of the private half, to bring to them
	Noted     bool            // release.yaml was given the public half now
}

// NewSealingKey makes a sealing key: its private half for every enforcer and
// executor whose keys are here, its public half for release/release.yaml. Agents
// can seal to it when a release lists it, and every holder must have it by then.
//
// The same again finishes what a crash interrupted and serves members that were
// enrolled since. An id names one key for ever: one that any release listed, and
// whose private half is not here, is refused with ErrSealingKey.
func (f *Fabric) NewSealingKey(id string) (*SealingMade, error) {
	unlock, err := f.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	holders, err := f.SealingHolders(id)
	if err != nil {
		return nil, err
	}
	key, err := heldKey(holders, id)
	if err != nil {
		return nil, err
	}
	made := &SealingMade{Made: key == nil}
	if key == nil {
		if key, err = trust.GenerateSealingKey(id); err != nil {
			return nil, err
		}
	}
	made.Key = key.SealTo()
	if err := f.checkListed(made.Key, made.Made); err != nil {
		return nil, err
	}
	note, err := f.sealingNote(made.Key)
	if err != nil {
		return nil, err
	}
	if err := made.write(holders, key); err != nil {
		return nil, err
	}
	if note != nil {
		made.Noted = true
		return made, replaceFile(filepath.Join(f.ReleaseDir(), sections[0].file), note)
	}
	return made, nil
}

// heldKey is the key that folders here have; nil if none has it.
func heldKey(holders []SealingHolder, id string) (key *trust.SealingKey, err error) {
	var first string
	for _, h := range holders {
		if !h.Holds {
			continue
		}
		one, err := readSealingKey(h.Path, id)
		if err != nil {
			return nil, err
		}
		if key != nil && one.SealTo() != key.SealTo() {
			return nil, fmt.Errorf("%w: %s and %s hold different keys; keep the one that release.yaml lists", ErrSealingKey, first, h.Path)
		}
		if key == nil {
			key, first = one, h.Path
		}
	}
	return key, nil
}

// checkListed demands that no release has listed another key of this id.
func (f *Fabric) checkListed(key trust.SealTo, made bool) error {
	releases, err := f.releases()
	if err != nil {
		return err
	}
	for _, r := range releases {
		for _, k := range r.GetSealingKeys() {
			if k.GetId() != key.ID() {
				continue
			}
			if listed, err := trust.NewSealTo(k); err != nil || listed != key {
				hint := "the private half here is of another key"
				if made {
					hint = "its private half is not here: bring it from a member's folder, or choose another id if it was erased"
				}
				return fmt.Errorf("%w: release %d lists %s, and %s", ErrSealingKey, r.GetVersion(), key.ID(), hint)
			}
		}
	}
	return nil
}

// releases are those among the records, oldest first.
func (f *Fabric) releases() ([]*pb.Release, error) {
	records, err := f.Records()
	if err != nil {
		return nil, err
	}
	var all []*pb.Release
	for _, data := range records {
		env, err := trust.ParseEnvelope(data)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrRecords, err)
		}
		record := new(pb.Governance)
		if err := schemas.Decode(env.Payload, schemas.MaxPayload, record); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrRecords, err)
		}
		if r := record.GetRelease(); r != nil {
			all = append(all, r)
		}
	}
	return all, nil
}

// write puts the private half into the folders here that lack it.
func (m *SealingMade) write(holders []SealingHolder, key *trust.SealingKey) error {
	text, err := key.MarshalPEM()
	if err != nil {
		return err
	}
	for _, h := range holders {
		if !h.Here {
			continue
		}
		m.Source = h.Path
		if h.Holds {
			continue
		}
		if err := makeDir(filepath.Dir(h.Path)); err != nil {
			return err
		}
		if err := addFile(h.Path, text); err != nil {
			return err
		}
		m.Written = append(m.Written, h.Path)
	}
	m.Elsewhere = elsewhere(holders)
	if m.Source == "" {
		return fmt.Errorf("%w: no enforcer's and no executor's keys are in this folder, so there is no place for a private half; make it where one is", ErrSealingKey)
	}
	return nil
}
