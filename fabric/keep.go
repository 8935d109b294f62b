package fabric

import (
	"fmt"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Keep adds to the records the releases among envelopes that the folder lacks:
// those that took effect on the ledger and were published from elsewhere. They
// come in the order of the ledger. Each is checked as a follower would; a record
// here that the ledger has not in its place is refused with ErrRecords.
func (f *Fabric) Keep(envelopes [][]byte) (added int, err error) {
	unlock, err := f.lock()
	if err != nil {
		return 0, err
	}
	defer unlock()
	records, err := f.Records()
	if err != nil {
		return 0, err
	}
	state, err := f.State()
	if err != nil {
		return 0, err
	}
	for _, data := range envelopes {
		payload, version, err := releaseIn(data)
		if err != nil {
			return added, err
		}
		number := version + 1 // genesis is the first
		if number <= uint64(len(records)) {
			if err := f.sameRecord(records[number-1], payload, version); err != nil {
				return added, err
			}
			continue
		}
		if err := applyRecord(state, state.Head().Number+1, data); err != nil {
			return added, fmt.Errorf("%w: release %d of the ledger does not follow them: %w; restore the folder from a backup", ErrRecords, version, err)
		}
		if err := f.addReleaseRecord(version, data); err != nil {
			return added, err
		}
		added++
	}
	return added, nil
}

// releaseIn reads a release's envelope.
func releaseIn(data []byte) (payload trust.Digest, version uint64, err error) {
	env, err := trust.ParseEnvelope(data)
	if err != nil {
		return trust.Digest{}, 0, err
	}
	record := new(pb.Governance)
	if err := schemas.Decode(env.Payload, schemas.MaxPayload, record); err != nil {
		return trust.Digest{}, 0, err
	}
	if version = record.GetRelease().GetVersion(); version == 0 {
		return trust.Digest{}, 0, fmt.Errorf("%w: a governance record that is no release", ErrRecords)
	}
	return trust.DigestOf(env.Payload), version, nil
}

// sameRecord demands that a record here is the one that took effect.
func (f *Fabric) sameRecord(here []byte, payload trust.Digest, version uint64) error {
	own, _, err := releaseIn(here)
	if err != nil {
		return err
	}
	if own == payload {
		return nil
	}
	name := f.path(recordsDir, releaseRecordName(version))
	return fmt.Errorf("%w: %s holds another release %d than the ledger: it was signed here and did not take effect; move it and those after it away", ErrRecords, name, version)
}
