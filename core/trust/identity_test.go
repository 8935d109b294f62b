package trust_test

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

func TestParseIdentity(t *testing.T) {
	long := strings.Repeat("a", 63)
	for _, s := range []string{
		"spiffe://example.test/z1/agent/alice",
		"spiffe://a/z/enforcer/0",
		"spiffe://my_trust-domain.example/z-1/auditor/a-b-c",
		"spiffe://" + strings.Repeat("d", 255) + "/" + long + "/executor/" + long,
	} {
		id, err := trust.ParseIdentity(s)
		if err != nil {
			t.Errorf("%q refused: %v", s, err)
		} else if id.String() != s {
			t.Errorf("%q comes back as %q", s, id)
		}
	}
}

func TestParseIdentityRefuses(t *testing.T) {
	tests := map[string]string{
		"empty":                  "",
		"no scheme":              "example.test/z1/agent/alice",
		"another scheme":         "https://example.test/z1/agent/alice",
		"upper-case scheme":      "SPIFFE://example.test/z1/agent/alice",
		"trust domain alone":     "spiffe://example.test",
		"one segment short":      "spiffe://example.test/z1/agent",
		"one segment more":       "spiffe://example.test/z1/agent/alice/x",
		"trailing slash":         "spiffe://example.test/z1/agent/alice/",
		"empty segment":          "spiffe://example.test//agent/alice",
		"no trust domain":        "spiffe:///z1/agent/alice",
		"upper-case domain":      "spiffe://Example.test/z1/agent/alice",
		"port":                   "spiffe://example.test:443/z1/agent/alice",
		"user":                   "spiffe://root@example.test/z1/agent/alice",
		"domain of another text": "spiffe://exämple.test/z1/agent/alice",
		"long domain":            "spiffe://" + strings.Repeat("d", 256) + "/z1/agent/alice",
		"query":                  "spiffe://example.test/z1/agent/alice?a=b",
		"fragment":               "spiffe://example.test/z1/agent/alice#a",
		"escaped letter":         "spiffe://example.test/z1/agent/%61lice",
		"dot segment":            "spiffe://example.test/z1/agent/.",
		"parent segment":         "spiffe://example.test/../agent/alice",
		"upper-case name":        "spiffe://example.test/z1/agent/Alice",
		"name with a dot":        "spiffe://example.test/z1/agent/a.b",
		"wildcard":               "spiffe://example.test/z1/agent/*",
		"leading hyphen":         "spiffe://example.test/z1/agent/-a",
		"trailing hyphen":        "spiffe://example.test/z1/agent/a-",
		"long name":              "spiffe://example.test/z1/agent/" + strings.Repeat("a", 64),
		"unknown role":           "spiffe://example.test/z1/admin/alice",
		"upper-case role":        "spiffe://example.test/z1/Agent/alice",
		"no role":                "spiffe://example.test/z1//alice",
		"space before":           " spiffe://example.test/z1/agent/alice",
		"line end after":         "spiffe://example.test/z1/agent/alice\n",
		"NUL":                    "spiffe://example.test/z1/agent/ali\x00ce",
		"endless":                "spiffe://example.test/z1/agent/" + strings.Repeat("a", 1<<20),
	}
	for name, s := range tests {
		t.Run(name, func(t *testing.T) {
			id, err := trust.ParseIdentity(s)
			if !errors.Is(err, trust.ErrIdentity) {
				t.Fatalf("error %v, want ErrIdentity", err)
			}
			if id != (trust.Identity{}) {
				t.Errorf("a refusal comes with %v", id)
			}
			if len(err.Error()) > 1024 {
				t.Errorf("the error has %d bytes: it repeats its input at length", len(err.Error()))
			}
		})
	}
}

func TestNobody(t *testing.T) {
	if s := (trust.Identity{}).String(); s != "" {
		t.Errorf("the zero identity is spelled %q", s)
	}
}

// TestRoleNames: every role of the schema has a name, and names come back.
func TestRoleNames(t *testing.T) {
	for number := range pb.Role_name {
		role := pb.Role(number)
		name := trust.RoleName(role)
		if role == pb.Role_ROLE_UNSPECIFIED {
			if name != "" {
				t.Errorf("no role has the name %q", name)
			}
			continue
		}
		if back, err := trust.ParseRole(name); err != nil || back != role {
			t.Errorf("%v → %q → %v, %v", role, name, back, err)
		}
	}
	if name := trust.RoleName(99); name != "" {
		t.Errorf("role 99 has the name %q", name)
	}
}

// TestIdentityRoundTrip: String and ParseIdentity are inverses on identities.
func TestIdentityRoundTrip(t *testing.T) {
	name := rapid.StringMatching(`[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?`)
	rapid.Check(t, func(t *rapid.T) {
		id := trust.Identity{
			TrustDomain: rapid.StringMatching(`[a-z0-9._-]{1,255}`).Draw(t, "trust domain"),
			Zone:        name.Draw(t, "zone"),
			Role:        pb.Role(rapid.Int32Range(1, 9).Draw(t, "role")),
			Name:        name.Draw(t, "name"),
		}
		if back, err := trust.ParseIdentity(id.String()); err != nil || back != id {
			t.Fatalf("%v → %q → %v, %v", id, id, back, err)
		}
	})
}

// FuzzParseIdentity: what is accepted has one spelling, its own.
func FuzzParseIdentity(f *testing.F) {
	for _, s := range []string{
		trusttest.ID(pb.Role_ROLE_AGENT, "alice").String(), "SPIFFE://example.test/z1/agent/alice",
		"spiffe://example.test/z1/agent/%61lice", "spiffe://a/b/c", "",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, err := trust.ParseIdentity(s)
		if err == nil && id.String() != s {
			t.Errorf("%q is accepted as %q", s, id)
		}
		if err != nil && id != (trust.Identity{}) {
			t.Errorf("%q is refused and yields %v", s, id)
		}
	})
}

// TestIs: it compares as String does, for pairs that are alike and for any text.
func TestIs(t *testing.T) {
	name := rapid.SampledFrom([]string{"a", "b", "ab", "a-b", ""})
	identity := rapid.Custom(func(t *rapid.T) trust.Identity {
		return trust.Identity{
			TrustDomain: name.Draw(t, "domain"), Zone: name.Draw(t, "zone"), Role: pb.Role(rapid.Int32Range(0, 4).Draw(t, "role")), Name: name.Draw(t, "name"),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		id, other := identity.Draw(t, "identity"), identity.Draw(t, "other")
		for _, s := range []string{id.String(), other.String(), other.String() + "x", rapid.StringMatching(`(spiffe://)?[ab/]{0,9}`).Draw(t, "text")} {
			if want := s != "" && s == id.String(); id.Is(s) != want {
				t.Fatalf("%q is %q: %v, want %v", id, s, id.Is(s), want)
			}
		}
	})
}
