package door

import (
	"slices"
	"strings"

	"github.com/nats-io/nats-server/v2/server"
)

// ByRights makes guests of a server's users. Whoever may append intents is an
// agent, and so is whoever's rights the door does not understand; users without
// any restriction are administrators.
func ByRights(users []*server.NkeyUser) []Guest {
	guests := make([]Guest, 0, len(users))
	for _, u := range users {
		g := Guest{Name: u.Nkey, Key: u.Nkey, Trusted: !agent(u.Permissions)}
		if u.Account != nil {
			g.Name = u.Account.GetName()
		}
		guests = append(guests, g)
	}
	return guests
}

func agent(p *server.Permissions) bool {
	if p == nil {
		return false
	}
	return p.Publish == nil || len(p.Publish.Allow) == 0 || slices.ContainsFunc(p.Publish.Allow, reachesIntents)
}

// reachesIntents reports whether a subject, with whatever wildcards, may be
// fabric.<zone>.intent.<agent>.
func reachesIntents(subject string) bool {
	words := strings.Split(subject, ".")
	for i, want := range []string{"fabric", "", "intent"} {
		if i >= len(words) {
			return false
		}
		switch words[i] {
		case ">":
			return true
		case "*", want:
		default:
			if want != "" {
				return false
			}
		}
	}
	return true
}
