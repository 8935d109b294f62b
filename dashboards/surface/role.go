package surface

import (
	"context"
	"fmt"
	"net/http"
)

// Role is what somebody may do in the console. Each may do what those before it may.
// It is the console's own, and worth nothing on the ledger: there, signatures count.
// The zero Role is nobody's, and a route that needs it serves nobody.
type Role uint8

// The roles.
const (
	Anyone   Role = iota + 1 // not known, or not yet
	Viewer                   // may look at everything
	Approver                 // may hand in signed answers to intents that wait
	Operator                 // may hand in signed governance records
)

var roleNames = map[Role]string{Anyone: "anyone", Viewer: "viewer", Approver: "approver", Operator: "operator"}

// String is the role's name: anyone, viewer, approver or operator.
func (r Role) String() string {
	if name, known := roleNames[r]; known {
		return name
	}
	return fmt.Sprintf("role %d", uint8(r))
}

// ParseRole is the inverse of String for roles that people can have.
func ParseRole(name string) (Role, error) {
	for _, r := range []Role{Viewer, Approver, Operator} {
		if r.String() == name {
			return r, nil
		}
	}
	return 0, fmt.Errorf("surface: role %.20q is unknown; give viewer, approver or operator", name)
}

// Allows reports whether somebody in this role may use what needs another.
func (r Role) Allows(needs Role) bool { return needs >= Anyone && r >= needs }

// User is who asks.
type User struct {
	Name    string // for people: an address, a certificate's name
	Subject string // what their issuer calls them, which nobody else has had; "" if nobody issues names
	Role    Role
	How     string // how that is known: loopback, oidc or certificate; of Anyone, how people log in
	// Login ends when the login does: by logout, by age, by the end of a certificate.
	// What is being told to this user then ends too. Nil: there is no login to end.
	Login context.Context
}

// Access tells who asks.
type Access interface {
	// Who is the one who asks. Somebody unknown is Anyone, without an error; an error
	// is a *Problem, and nothing is served.
	Who(r *http.Request) (User, error)
	// Routes are those by which people come in and go.
	Routes() []Route
}

type userKey struct{}

// WithUser carries who asks.
func WithUser(ctx context.Context, u User) context.Context {
	return context.WithValue(ctx, userKey{}, u)
}

// UserOf is who asks; the zero User may do nothing.
func UserOf(ctx context.Context) User {
	u, _ := ctx.Value(userKey{}).(User)
	return u
}
