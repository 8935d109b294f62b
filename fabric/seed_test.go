package fabric_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/portcullis-dev/portcullis/fabric"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// TestASeatNeedsNoSigningKey: a connection opens where the signing key is elsewhere.
func TestASeatNeedsNoSigningKey(t *testing.T) {
	f := create(t, params())
	governor, err := f.Governor("g1")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(f.Dir, "governors", "g1")
	if err := os.Rename(filepath.Join(dir, "signing.pem"), filepath.Join(t.TempDir(), "g1.pem")); err != nil {
		t.Fatal(err)
	}
	seat, err := f.Seat(pb.Role_ROLE_GOVERNOR, "g1")
	if err != nil || seat.ID != governor.ID || string(seat.NKeySeed) != string(governor.NKeySeed) {
		t.Errorf("%+v, %v", seat, err)
	}
	if err := os.Remove(filepath.Join(dir, "nats.nk")); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Seat(pb.Role_ROLE_GOVERNOR, "g1"); !errors.Is(err, fabric.ErrNoSeat) {
		t.Errorf("without a seed: %v", err)
	}
}

func TestSeatsThatAreRefused(t *testing.T) {
	f := create(t, params())
	exposed := filepath.Join(f.Dir, "governors", "g1", "nats.nk")
	if err := os.Chmod(exposed, 0o644); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		role pb.Role
		name string
		says string
	}{
		"nobody's":   {pb.Role_ROLE_APPROVER, "alice", "no folder"},
		"a path":     {pb.Role_ROLE_GOVERNOR, "../g1", "name"},
		"no role":    {pb.Role_ROLE_UNSPECIFIED, "g1", "none of the protocol's"},
		"an exposed": {pb.Role_ROLE_GOVERNOR, "g1", "chmod 600"},
	} {
		if seat, err := f.Seat(test.role, test.name); seat != nil || err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %+v, %v; want %q", name, seat, err, test.says)
		}
	}
}
