package trust_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// FuzzVerifyCredential: no bytes bind any key to any name but those that the
// trusted issuer's members made, at no time outside of the credential's life. What
// a forger could mix in, another member's credential and an untrusted issuer's, are
// seeds too.
func FuzzVerifyCredential(f *testing.F) {
	ca, stranger := trusttest.NewCA(), trusttest.NewNamedCA("stranger")
	alice := ca.Member(pb.Role_ROLE_AGENT, "alice")
	mallory := ca.Member(pb.Role_ROLE_EXECUTOR, "mallory")
	trusted := issuers(f, ca)
	start := trusttest.Start.Unix()
	for _, data := range [][]byte{alice.Credential, mallory.Credential, stranger.Member(pb.Role_ROLE_AGENT, "alice").Credential, alice.Credential[:len(alice.Credential)-1]} {
		f.Add(data, start)
		f.Add(data, start-1<<20)
		f.Add(data, start+1<<34)
	}
	f.Fuzz(func(t *testing.T, data []byte, at int64) {
		env, err := trust.ParseEnvelope(data)
		if err != nil {
			return
		}
		when := time.Unix(at, 0)
		cred, err := trust.VerifyCredential(env, trusted, when)
		if err != nil {
			if cred != (trust.Credential{}) {
				t.Fatalf("refused (%v), and yet told %+v", err, cred)
			}
			return
		}
		for _, m := range []trusttest.Member{alice, mallory} {
			if cred.ID == m.ID && cred.Key == m.Key.Public() && cred.ValidAt(when) {
				return
			}
		}
		t.Fatalf("nobody made %s with key %s at %s; whole: %v", cred.ID, cred.Key.ID().Short(), when, bytes.Equal(data, alice.Credential))
	})
}
