package access

import (
	"encoding/json"
	"errors"
	"math/big"
	"testing"
	"time"
)

// FuzzClaims: whoever an ID token is about has a name that can be shown, which is the
// subject or an address that was verified, and a bounded number of values.
func FuzzClaims(f *testing.F) {
	f.Add([]byte(`{"sub":"1","email":"a@b.test","email_verified":true,"groups":["ops"]}`), "groups")
	f.Add([]byte(`{"sub":"1","realm_access":{"roles":"ops"}}`), "realm_access.roles")
	f.Add([]byte(`{"sub":"","groups":{"ops":true}}`), "groups.ops")
	f.Add([]byte(`{"sub":7,"":null}`), "..")
	f.Fuzz(func(t *testing.T, text []byte, path string) {
		var claims map[string]json.RawMessage
		if json.Unmarshal(text, &claims) != nil {
			return
		}
		who, err := identify(claims, path)
		if err != nil {
			return
		}
		if !readable(who.name) || !readable(who.subject) || len(who.values) > maxValues {
			t.Fatalf("%+v of %s", who, text)
		}
		var verified bool
		if who.name != who.subject && (claim(claims, "email_verified", &verified) != nil || !verified) {
			t.Fatalf("%s is called %s", text, who.name)
		}
	})
}

// FuzzPending: nothing is opened but what was sealed here.
func FuzzPending(f *testing.F) {
	p, err := newPendings()
	if err != nil {
		f.Fatal(err)
	}
	one := newPending()
	sealed, err := p.seal(one)
	if err != nil {
		f.Fatal(err)
	}
	f.Add("", "")
	f.Add(sealed[1:], one.State)
	f.Add(sealed, one.Nonce)
	f.Fuzz(func(t *testing.T, text, state string) {
		if got, err := p.open(text, state); !errors.Is(err, errNotPending) {
			t.Fatalf("%q with %q opens %v: %v", text, state, got, err)
		}
	})
}

// FuzzRevoked: lists that count are those of an authority of ours.
func FuzzRevoked(f *testing.F) {
	ca := newAuthority(f, "clients")
	list := ca.revoke(time.Now().Add(time.Hour), big.NewInt(7))
	f.Add(list)
	f.Add(ca.pem())
	f.Add(newAuthority(f, "clients").revoke(time.Now().Add(time.Hour)))
	f.Add(append(list, "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"...))
	r := &Revoked{}
	var err error
	if r.authorities, err = parseAuthorities(ca.pem()); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		lists, err := r.parse(text)
		if err == nil && len(lists) == 0 {
			t.Fatalf("%q is no list, and counts", text)
		}
		for _, one := range lists {
			if !one.by.Equal(ca.cert) {
				t.Fatalf("%q is believed", text)
			}
		}
		if _, err := parseAuthorities(text); err == nil && len(lists) > 0 {
			t.Fatalf("%q is both certificates and lists", text)
		}
	})
}
