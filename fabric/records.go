package fabric

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// ErrRecords reports records that are not a governance chain.
var ErrRecords = errors.New("fabric: the records do not hold")

const recordSuffix = ".binpb"

// Records returns genesis and the releases, in the order in which they belong on
// the ledger. See Founding for all that does.
func (f *Fabric) Records() ([][]byte, error) {
	names, err := f.recordNames()
	if err != nil {
		return nil, err
	}
	records := make([][]byte, len(names))
	for i, name := range names {
		if records[i], err = readRecord(f.path(recordsDir, name)); err != nil {
			return nil, err
		}
	}
	return records, nil
}

// recordNames lists the records and demands that they are numbered from 1.
func (f *Fabric) recordNames() ([]string, error) {
	entries, err := os.ReadDir(f.path(recordsDir))
	if err != nil {
		return nil, fmt.Errorf("fabric: %w", err)
	}
	var names []string
	for _, e := range entries {
		if e.Name()[0] == '.' {
			continue // what a crash left behind
		}
		number, _, _ := strings.Cut(e.Name(), "-")
		if n, err := strconv.Atoi(number); err != nil || n != len(names)+1 || !strings.HasSuffix(e.Name(), recordSuffix) {
			return nil, fmt.Errorf("%w: %s stands where record %d should; restore the folder from a backup", ErrRecords, f.path(recordsDir, e.Name()), len(names)+1)
		}
		names = append(names, e.Name())
	}
	return names, nil
}

func readRecord(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("fabric: %w", err)
	}
	if info.Size() > schemas.MaxEnvelope || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: %s is not a file of at most %d bytes", ErrRecords, path, schemas.MaxEnvelope)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("fabric: %w", err)
	}
	return data, nil
}

// Release is the newest release among the records.
func (f *Fabric) Release() (*governance.Release, error) {
	state, err := f.State()
	if err != nil {
		return nil, err
	}
	return state.Release(), nil
}

// State folds the records and demands a release of this trust domain and zone. It
// is what this folder knows: the ledger may have more.
func (f *Fabric) State() (*governance.State, error) {
	state, err := f.chain()
	if err != nil {
		return nil, err
	}
	if state.Release() == nil || state.TrustDomain() != f.TrustDomain || state.Zone() != f.Zone {
		return nil, fmt.Errorf("%w: they hold no release, or are of %q in zone %q, and %s says %q and %q", ErrRecords,
			state.TrustDomain(), state.Zone(), configFile, f.TrustDomain, f.Zone)
	}
	return state, nil
}

// chain folds the records as a follower of the ledger does, each at the moment
// from which it says to hold.
func (f *Fabric) chain() (*governance.State, error) {
	records, err := f.Founding()
	if err != nil {
		return nil, err
	}
	state := governance.New(f.Ledger)
	for i, data := range records {
		if err := applyRecord(state, uint64(i)+1, data); err != nil {
			return nil, fmt.Errorf("%w: record %d: %w; restore %s and %s from one backup", ErrRecords, i+1, err, configFile, recordsDir)
		}
	}
	return state, nil
}

func applyRecord(state *governance.State, seq uint64, data []byte) error {
	env, err := trust.ParseEnvelope(data)
	if err != nil {
		return err
	}
	record := new(pb.Governance)
	if err := schemas.Decode(env.Payload, schemas.MaxPayload, record); err != nil {
		return err
	}
	_, err = state.Apply(governance.Record{Sequence: seq, Time: heldFrom(record), Envelope: env})
	return err
}

func heldFrom(record *pb.Governance) time.Time {
	if r := record.GetRelease(); r != nil {
		return r.GetNotBefore().AsTime()
	}
	return record.GetGenesis().GetCreated().AsTime()
}

// addRelease signs a release with the keys of the governors named, or of all that
// are here, and adds it to the records, if it follows them and enough signed.
func (f *Fabric) addRelease(release *pb.Release, governors ...string) ([]byte, error) {
	data, err := f.SignGovernance(&pb.Governance{Record: &pb.Governance_Release{Release: release}}, governors...)
	if err != nil {
		return nil, err
	}
	state, err := f.chain()
	if err != nil {
		return nil, err
	}
	if err := applyRecord(state, state.Head().Number+1, data); err != nil {
		return nil, fmt.Errorf("fabric: release %d would not take effect: %w", release.GetVersion(), err)
	}
	return data, f.addReleaseRecord(release.GetVersion(), data)
}

func (f *Fabric) addReleaseRecord(version uint64, data []byte) error {
	return addFile(f.path(recordsDir, releaseRecordName(version)), data)
}

// The names of records: numbered in the order of the ledger, where genesis is 1.
const genesisRecordName = "0001-genesis" + recordSuffix

func releaseRecordName(version uint64) string {
	return fmt.Sprintf("%04d-release-%d%s", version+1, version, recordSuffix)
}
