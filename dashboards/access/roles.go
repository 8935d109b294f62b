package access

import (
	"errors"
	"fmt"
	"strings"

	"github.com/portcullis-dev/portcullis/dashboards/surface"
)

// Roles say which role a name gives: a value of the roles claim, a SPIFFE ID, a common
// name. A name that is not among them gives none.
type Roles map[string]surface.Role

// ParseRoles reads ROLE=NAME, each of which adds a name.
func ParseRoles(given []string) (Roles, error) {
	roles := Roles{}
	for _, text := range given {
		word, name, found := strings.Cut(text, "=")
		if !found || name == "" {
			return nil, fmt.Errorf("access: %.80q gives no role; write ROLE=NAME, such as operator=ops", text)
		}
		role, err := surface.ParseRole(word)
		if err != nil {
			return nil, fmt.Errorf("access: %w", err)
		}
		if had, twice := roles[name]; twice && had != role {
			return nil, fmt.Errorf("access: %.80q is given the roles %s and %s; give one: each may do what those before it may", name, had, role)
		}
		roles[name] = role
	}
	if len(roles) == 0 {
		return nil, errors.New("access: nobody has a role; give at least one as ROLE=NAME, such as operator=ops")
	}
	return roles, nil
}

// of is the most that any of the names gives, 0 if none gives anything.
func (r Roles) of(names ...string) (most surface.Role) {
	for _, name := range names {
		most = max(most, r[name])
	}
	return most
}
