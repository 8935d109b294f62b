package fabric

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Seat is somebody's connection to the broker without what he signs with: it
// carries what others have signed, and can sign nothing itself.
type Seat struct {
	ID       trust.Identity
	NKeySeed []byte
}

// ErrNoSeat reports that a connection's seed is not in this folder.
var ErrNoSeat = errors.New("fabric: no connection seed")

// Seat loads the connection seed of a governor or a participant. No signing key is
// read: signing.pem may be elsewhere. One that is there and open to others is refused
// all the same: nobody should run on beside it.
func (f *Fabric) Seat(role pb.Role, name string) (*Seat, error) {
	if err := schemas.CheckName(name); err != nil {
		return nil, err
	}
	if trust.RoleName(role) == "" {
		return nil, fmt.Errorf("fabric: role %d is none of the protocol's", role)
	}
	dir := f.MemberDir(role, name)
	if role == pb.Role_ROLE_GOVERNOR {
		dir = f.path(governorsDir, name)
	}
	there, err := exists(dir)
	if err != nil {
		return nil, err
	}
	if !there {
		return nil, fmt.Errorf("%w of %s %s in %s: there is no folder %s", ErrNoSeat, trust.RoleName(role), name, f.Dir, dir)
	}
	if err := checkPrivateDir(dir); err != nil {
		return nil, err
	}
	if err := checkUnread(filepath.Join(dir, signingFile)); err != nil {
		return nil, err
	}
	seed, err := readNKeySeed(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w of %s %s: %w", ErrNoSeat, trust.RoleName(role), name, err)
	}
	if err != nil {
		return nil, err
	}
	return &Seat{ID: f.identity(role, name), NKeySeed: seed}, nil
}

// checkUnread refuses a file that is there and others may read or write. It is not
// opened.
func checkUnread(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("fabric: %w", err)
	}
	return checkPrivate(path, info, os.Geteuid())
}
