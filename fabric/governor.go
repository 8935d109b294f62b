package fabric

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Governor is one who signs governance records.
type Governor struct {
	ID       trust.Identity
	Key      *trust.SigningKey
	NKeySeed []byte
}

// Governors lists the names of the governors whose keys are here, sorted.
func (f *Fabric) Governors() ([]string, error) { return subfolders(f.path(governorsDir)) }

// Governor loads a governor's keys.
func (f *Fabric) Governor(name string) (*Governor, error) {
	if err := schemas.CheckName(name); err != nil {
		return nil, err
	}
	dir := f.path(governorsDir, name)
	if there, err := exists(dir); err != nil || !there {
		return nil, errors.Join(fmt.Errorf("fabric: no governor %q in %s; see which there are with: portcullis keys", name, f.Dir), err)
	}
	if err := checkPrivateDir(dir); err != nil {
		return nil, err
	}
	key, err := readSigningKey(dir)
	if err != nil {
		return nil, err
	}
	seed, err := readNKeySeed(dir)
	if err != nil {
		return nil, err
	}
	return &Governor{ID: f.identity(pb.Role_ROLE_GOVERNOR, name), Key: key, NKeySeed: seed}, nil
}

// SignGovernance signs a governance record with the keys of the governors
// named, or of all that are here. Ledger and id are filled in where the record
// has none; the record itself is not changed. Signatures of governors elsewhere
// are added with trust.AddSignature; releases travel between governors as a Plan.
func (f *Fabric) SignGovernance(record *pb.Governance, governors ...string) ([]byte, error) {
	keys, err := f.governorKeys(governors)
	if err != nil {
		return nil, err
	}
	payload, err := f.governancePayload(record)
	if err != nil {
		return nil, err
	}
	return trust.Seal(schemas.KindGovernance.PayloadType(), payload, keys...)
}

// governancePayload is a record as it is signed, with ledger and id.
func (f *Fabric) governancePayload(record *pb.Governance) ([]byte, error) {
	record = proto.CloneOf(record)
	if len(record.GetId()) == 0 {
		var err error
		if record.Id, err = newID(f.Clock()); err != nil {
			return nil, err
		}
	}
	if len(record.GetLedger()) == 0 && record.GetGenesis() == nil {
		record.Ledger = f.Ledger[:]
	}
	payload, err := schemas.Marshal(record)
	if err != nil {
		return nil, fmt.Errorf("fabric: signing a governance record: %w", err)
	}
	return payload, nil
}

func (f *Fabric) governorKeys(names []string) ([]*trust.SigningKey, error) {
	if len(names) == 0 {
		var err error
		if names, err = f.Governors(); err != nil {
			return nil, err
		}
	}
	keys := make([]*trust.SigningKey, len(names))
	for i, name := range names {
		g, err := f.Governor(name)
		if err != nil {
			return nil, err
		}
		keys[i] = g.Key
	}
	return keys, nil
}
