package streams

import (
	"regexp"
	"strings"
	"testing"

	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// exported are the subjects that FABRIC offers to a set of participants, without
// what is read: those have no wildcard that matters here.
func exported(ps []Participant) (subjects []string) {
	for _, row := range fabricExports(ps) {
		if m := regexp.MustCompile(`^\{service: "([^"]+)"`).FindStringSubmatch(row); m != nil {
			subjects = append(subjects, m[1])
		}
	}
	return subjects
}

// TestExportsDoNotGrow: what FABRIC exports depends on roles and tools, not on how
// many participants there are; and no two exports of it match one subject, since the
// server would take either.
func TestExportsDoNotGrow(t *testing.T) {
	few, many := exported(newCast(t).all), []string(nil)
	for _, role := range []pb.Role{pb.Role_ROLE_AGENT, pb.Role_ROLE_EXECUTOR, pb.Role_ROLE_ENFORCER} {
		many = exported(crowd(t, role, 50))
		if len(many) != len(few) {
			t.Errorf("50 more %ss: %d exports, %d before", RoleName(role), len(many), len(few))
		}
	}
	if len(few) == 0 {
		t.Fatal("nothing is exported")
	}
	for i, a := range many {
		for _, b := range many[:i] {
			if matches(a, b) || matches(b, a) {
				t.Errorf("%s and %s overlap", a, b)
			}
		}
	}
}

// TestOffersAreWhatIsImported: each subject that a participant imports is offered to
// it by one export, and none that bears another's name is among its imports.
func TestOffersAreWhatIsImported(t *testing.T) {
	cast := newCast(t).all
	for _, p := range cast {
		set := p.subjects()
		for i, subject := range set.appends {
			if !matches(set.offers[i], subject) {
				t.Errorf("%s imports %s, offered is %s", p.Name, subject, set.offers[i])
			}
			for _, other := range cast {
				if other.Name != p.Name && strings.HasSuffix(subject, "."+other.Name) {
					t.Errorf("%s imports %s", p.Name, subject)
				}
			}
		}
	}
}
