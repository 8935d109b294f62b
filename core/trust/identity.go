package trust

import (
	"errors"
	"fmt"
	"strings"

	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// ErrIdentity reports a string that is not an identity of this protocol.
var ErrIdentity = errors.New("trust: not an identity")

// Identity is a workload identity: a SPIFFE ID with exactly the path
// /<zone>/<role>/<name>. The zero value is nobody.
type Identity struct {
	TrustDomain string
	Zone        string
	Role        pb.Role
	Name        string
}

const scheme = "spiffe://"

var roleNames = map[pb.Role]string{
	pb.Role_ROLE_AGENT:    "agent",
	pb.Role_ROLE_ENFORCER: "enforcer",
	pb.Role_ROLE_EXECUTOR: "executor",
	pb.Role_ROLE_SENTINEL: "sentinel",
	pb.Role_ROLE_GOVERNOR: "governor",
	pb.Role_ROLE_APPROVER: "approver",
	pb.Role_ROLE_RECORDER: "recorder",
	pb.Role_ROLE_WITNESS:  "witness",
	pb.Role_ROLE_AUDITOR:  "auditor",
}

// RoleName is the path segment of a role, "" for an unknown one.
func RoleName(r pb.Role) string { return roleNames[r] }

// ParseRole is the inverse of RoleName.
func ParseRole(s string) (pb.Role, error) {
	for r, name := range roleNames {
		if name == s {
			return r, nil
		}
	}
	return pb.Role_ROLE_UNSPECIFIED, fmt.Errorf("%w: role %q; use agent, enforcer, executor, sentinel, governor, approver, recorder, witness or auditor", ErrIdentity, s)
}

// ParseIdentity reads a SPIFFE ID strictly (SPIFFE-ID, sections 2.1 to 2.3, and
// this protocol's path): one spelling for each identity, nothing normalised.
func ParseIdentity(s string) (Identity, error) {
	rest, ok := strings.CutPrefix(s, scheme)
	if !ok || len(s) > 512 {
		return Identity{}, fmt.Errorf("%w: %.80q does not start with spiffe:// or is too long", ErrIdentity, s)
	}
	parts := strings.Split(rest, "/")
	if len(parts) != 4 {
		return Identity{}, fmt.Errorf("%w: %.80q is not spiffe://<trust domain>/<zone>/<role>/<name>", ErrIdentity, s)
	}
	if err := CheckTrustDomain(parts[0]); err != nil {
		return Identity{}, err
	}
	role, err := ParseRole(parts[2])
	if err != nil {
		return Identity{}, err
	}
	for _, name := range []string{parts[1], parts[3]} {
		if err := schemas.CheckName(name); err != nil {
			return Identity{}, fmt.Errorf("%w: %w", ErrIdentity, err)
		}
	}
	return Identity{TrustDomain: parts[0], Zone: parts[1], Role: role, Name: parts[3]}, nil
}

// CheckTrustDomain reports whether s is a trust domain name: 1 to 255 of a-z,
// 0-9, '.', '-' and '_', in lower case.
func CheckTrustDomain(s string) error {
	if len(s) < 1 || len(s) > 255 {
		return fmt.Errorf("%w: trust domain %.80q; use 1 to 255 characters", ErrIdentity, s)
	}
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '.' && c != '-' && c != '_' {
			return fmt.Errorf("%w: trust domain %.80q; use a-z, 0-9, '.', '-' and '_'", ErrIdentity, s)
		}
	}
	return nil
}

// String is the SPIFFE ID; "" for the zero value.
func (id Identity) String() string {
	if id == (Identity{}) {
		return ""
	}
	return scheme + id.TrustDomain + "/" + id.Zone + "/" + RoleName(id.Role) + "/" + id.Name
}

// Is reports whether a SPIFFE ID is the identity's: String() == spiffeID, for
// readers who ask it of every record. Nothing is the zero value's.
func (id Identity) Is(spiffeID string) bool {
	if id == (Identity{}) {
		return false
	}
	rest := spiffeID
	for _, part := range [...]string{scheme, id.TrustDomain, "/", id.Zone, "/", RoleName(id.Role), "/"} {
		if !strings.HasPrefix(rest, part) {
			return false
		}
		rest = rest[len(part):]
	}
	return rest == id.Name
}

// SubjectToken is "<role>.<name>", the token of the identity's heartbeats.
func (id Identity) SubjectToken() string { return RoleName(id.Role) + "." + id.Name }
