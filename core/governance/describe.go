package governance

import (
	"encoding/hex"
	"fmt"
	"strings"

	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Describe says in a word what kind of record it is, and in a line what it says,
// for people.
func Describe(record *pb.Governance) (kind, text string) {
	switch x := record.GetRecord().(type) {
	case *pb.Governance_Genesis:
		return "genesis", fmt.Sprintf("trust domain %s, zone %s", x.Genesis.GetTrustDomain(), x.Genesis.GetZone())
	case *pb.Governance_Release:
		return "release", strings.TrimSpace(fmt.Sprintf("version %d %s", x.Release.GetVersion(), x.Release.GetNote()))
	case *pb.Governance_Halt:
		return "halt", ScopeString(x.Halt.GetScope()) + ": " + x.Halt.GetReason()
	case *pb.Governance_Trip:
		return "trip", ScopeString(x.Trip.GetScope()) + ": " + x.Trip.GetRule() + ": " + x.Trip.GetDetail()
	case *pb.Governance_Resume:
		return "resume", fmt.Sprintf("lifts %d: %s", len(x.Resume.GetHalts()), x.Resume.GetReason())
	case *pb.Governance_Revoke:
		whom := x.Revoke.GetSpiffeId()
		if whom == "" {
			whom = "key " + hex.EncodeToString(x.Revoke.GetKeyId())
		}
		return "revoke", whom + ": " + x.Revoke.GetReason()
	case *pb.Governance_Loss:
		return "loss", fmt.Sprintf("kept %d of %d records: %s", x.Loss.GetKept(), x.Loss.GetLost().GetSize(), x.Loss.GetReason())
	case *pb.Governance_Seal:
		return "seal", x.Seal.GetReason()
	default:
		return "unknown", ""
	}
}
