package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// subject is what a revocation is about: an identity, or one key of it.
type subject struct {
	id  trust.Identity
	key trust.KeyID // zero: the identity with every key that it has or gets
}

func (s subject) isKey() bool { return !s.key.IsZero() }

// String is how people name it.
func (s subject) String() string {
	who := trust.RoleName(s.id.Role) + " " + s.id.Name
	if s.isKey() {
		return "key " + keyed(s.key) + " of " + who
	}
	return who
}

// keyText is the key's id, "" where the identity is meant.
func (s subject) keyText() string {
	if s.isKey() {
		return s.key.String()
	}
	return ""
}

// takes reports whether revoking the subject ends a key.
func (s subject) takes(k known) bool {
	if s.isKey() {
		return k.key == s.key
	}
	return k.id == s.id
}

// record is the revocation.
func (s subject) record(reason string) *pb.Governance {
	revoke := &pb.Revoke{Subject: &pb.Revoke_SpiffeId{SpiffeId: s.id.String()}, Reason: reason}
	if s.isKey() {
		revoke.Subject = &pb.Revoke_KeyId{KeyId: s.key[:]}
	}
	return &pb.Governance{Record: &pb.Governance_Revoke{Revoke: revoke}}
}

// find finds the subject that is meant, and refuses one that is revoked already.
func (r *roll) find(args []string, key string) (about subject, err error) {
	switch {
	case key != "":
		about, err = r.byKey(key)
	case len(args) == 1:
		about, err = r.byID(args[0])
	default:
		about, err = r.byName(args[0], args[1])
	}
	if err != nil {
		return subject{}, usage(err)
	}
	return about, r.revokedAlready(about)
}

func (r *roll) revokedAlready(about subject) error {
	governor := about.id.Role == pb.Role_ROLE_GOVERNOR // whose identity nothing is judged by
	switch {
	case !governor && r.state.RevokedID(about.id.String()):
		return fmt.Errorf("%s %s is revoked already, with every key that it has; there is nothing to do", trust.RoleName(about.id.Role), about.id.Name)
	case about.isKey() && r.state.Revoked(about.key, ""):
		return fmt.Errorf("%s is revoked already; there is nothing to do", about)
	default:
		return nil
	}
}

// shortestKey is how many digits of a key's id must be given: as many as are
// ever shown of one.
const shortestKey = 8

// byKey finds the one key whose id begins so.
func (r *roll) byKey(prefix string) (subject, error) {
	if n := len(prefix); n < shortestKey || n > 2*len(trust.KeyID{}) || strings.Trim(prefix, "0123456789abcdef") != "" {
		return subject{}, fmt.Errorf("--key %.80q is no key's id; give 8 to 64 of its digits, 0-9 and a-f", prefix)
	}
	var found []known
	var names []string
	for _, k := range r.keys {
		sameAs := func(other known) bool { return other.key == k.key }
		if strings.HasPrefix(k.key.String(), prefix) && !slices.ContainsFunc(found, sameAs) {
			found, names = append(found, k), append(names, fmt.Sprintf("%s of %s %s", k.key, trust.RoleName(k.id.Role), k.id.Name))
		}
	}
	switch len(found) {
	case 0:
		return subject{}, fmt.Errorf("--key %s means no key that was introduced on the ledger; see portcullis keys, or revoke the identity", prefix)
	case 1:
		return subject{id: found[0].id, key: found[0].key}, nil
	default:
		return subject{}, fmt.Errorf("--key %s means %d keys (%s); give more digits", prefix, len(found), strings.Join(names, ", "))
	}
}

// byID takes any identity, in the directory or not.
func (r *roll) byID(text string) (subject, error) {
	id, err := trust.ParseIdentity(text)
	if err != nil {
		return subject{}, fmt.Errorf("%w; give ROLE NAME, or spiffe://TRUST-DOMAIN/ZONE/ROLE/NAME", err)
	}
	return subject{id: id}, r.notGovernor(id)
}

// byName finds somebody of the directory.
func (r *roll) byName(role, name string) (subject, error) {
	known, err := trust.ParseRole(role)
	if err != nil {
		return subject{}, err
	}
	id := r.identity(known, name)
	if err := r.notGovernor(id); err != nil {
		return subject{}, err
	}
	if _, enrolled := r.release.Identity(id); enrolled {
		return subject{id: id}, nil
	}
	there := "nobody of that role is, so name a SPIFFE ID"
	if names := r.names(known); len(names) > 0 {
		there = "name " + strings.Join(names, ", ") + " or a SPIFFE ID"
	}
	return subject{}, fmt.Errorf("no %s %.80q is in the directory of release %d; %s", role, name, r.release.Proto.GetVersion(), there)
}

// notGovernor refuses to revoke a governor by name: governors are judged by their
// keys alone, so that would change nothing.
func (r *roll) notGovernor(id trust.Identity) error {
	if id.Role != pb.Role_ROLE_GOVERNOR {
		return nil
	}
	var all []string
	for _, k := range r.keys {
		if k.id.Role != pb.Role_ROLE_GOVERNOR {
			continue
		}
		if k.id == id {
			return fmt.Errorf("a governor is his key; revoke that of %s with: portcullis revoke --key %s --reason TEXT", id.Name, keyed(k.key))
		}
		all = append(all, k.id.Name)
	}
	return errors.New("no governor of that name is known to the ledger; there are the keys of " + strings.Join(all, ", "))
}
