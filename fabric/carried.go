package fabric

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/portcullis-dev/portcullis/core/governance"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// A ledger that continues a sealed one begins with what was held against somebody
// there: revocations, and the halts in force. They stand between genesis and
// release 1, so that there is no moment without them. In a fabric that continues
// none there are no such records.

// Carried returns the governance envelopes that belong between genesis and
// release 1, in order; none where the ledger continues no other.
func (f *Fabric) Carried() ([][]byte, error) {
	entries, err := os.ReadDir(f.path(carriedDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("fabric: %w", err)
	}
	var records [][]byte
	for i, e := range entries {
		if e.Name() != carriedName(i) {
			return nil, fmt.Errorf("%w: %s stands where %s should; restore the folder from a backup", ErrRecords, f.path(carriedDir, e.Name()), carriedName(i))
		}
		data, err := readRecord(f.path(carriedDir, e.Name()))
		if err != nil {
			return nil, err
		}
		records = append(records, data)
	}
	return records, nil
}

// Founding returns all governance envelopes of this folder in the order in which
// they belong on a ledger: genesis, what is carried, release 1, release 2 and so on.
func (f *Fabric) Founding() ([][]byte, error) {
	records, err := f.Records()
	if err != nil {
		return nil, err
	}
	carried, err := f.Carried()
	if err != nil || len(carried) == 0 {
		return records, err
	}
	return slices.Insert(records, min(1, len(records)), carried...), nil
}

func carriedName(i int) string { return fmt.Sprintf("%04d%s", i+1, recordSuffix) }

// addCarried signs and writes what is carried over.
func (f *Fabric) addCarried(records []*pb.Governance, governors []string) error {
	if len(records) == 0 {
		return nil
	}
	var files []file
	for i, record := range records {
		data, err := f.SignGovernance(record, governors...)
		if err != nil {
			return err
		}
		files = append(files, file{carriedName(i), data})
	}
	return writeFiles(f.path(carriedDir), files...)
}

// heldAgainst is what a state holds against somebody, as records of another
// ledger: the revocations that took effect, and the halts in force.
func heldAgainst(state *governance.State, revocations []*pb.Revoke) []*pb.Governance {
	var all []*pb.Governance
	for _, r := range revocations {
		all = append(all, &pb.Governance{Record: &pb.Governance_Revoke{Revoke: proto.CloneOf(r)}})
	}
	for _, h := range state.Halts() {
		reason := h.Reason
		if h.Rule != "" {
			reason = h.Rule + ": " + reason
		}
		all = append(all, &pb.Governance{Record: &pb.Governance_Halt{Halt: &pb.Halt{Scope: proto.CloneOf(h.Scope), Reason: cut(reason, maxReason)}}})
	}
	return all
}

// maxReason is how many characters the schema lets a reason have.
const maxReason = 1024

func cut(text string, most int) string {
	if letters := []rune(text); len(letters) > most {
		return string(letters[:most])
	}
	return text
}
