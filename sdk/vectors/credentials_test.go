package vectors_test

import (
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"os"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// credential is one row of credentials.json.
type credential struct {
	About    string   `json:"about"`
	Envelope string   `json:"envelope"`
	Issuers  []string `json:"issuers"` // DER
	At       int64    `json:"at"`      // nanoseconds since 1970
	OK       bool     `json:"ok"`
	SPIFFE   string   `json:"spiffe_id,omitempty"`
	KeyID    string   `json:"key_id,omitempty"`
}

// TestCredentials: Go says of each kept credential what the file says, and the file
// has all that this test makes. Signatures of ECDSA are random: they are not made
// again to compare them.
func TestCredentials(t *testing.T) {
	made := credentials(t)
	if *update {
		vectors(t, "credentials.json", made)
	}
	data, err := os.ReadFile("credentials.json")
	must(t, err)
	var kept []credential
	must(t, json.Unmarshal(data, &kept))
	for _, row := range kept {
		if again := judged(t, row); again.OK != row.OK || again.SPIFFE != row.SPIFFE || again.KeyID != row.KeyID {
			t.Errorf("%s: %v, and the file says %v", row.About, again.OK, row.OK)
		}
	}
	if !slices.EqualFunc(kept, made, func(a, b credential) bool { return a.About == b.About && a.OK == b.OK && a.At == b.At }) {
		t.Error("credentials.json is not current; run: go test ./sdk/vectors -update, then make sdk-test")
	}
}

func judged(t *testing.T, row credential) credential {
	t.Helper()
	var roots [][]byte
	for _, text := range row.Issuers {
		roots = append(roots, raw(t, text))
	}
	issuers, err := trust.NewIssuers(roots)
	must(t, err)
	row.OK, row.SPIFFE, row.KeyID = false, "", ""
	env, err := trust.ParseEnvelope(raw(t, row.Envelope))
	if err != nil {
		return row
	}
	cred, err := trust.VerifyCredential(env, issuers, time.Unix(0, row.At))
	if err == nil {
		row.OK, row.SPIFFE, row.KeyID = true, cred.ID.String(), cred.Key.ID().String()
	}
	return row
}

func credentials(t *testing.T) (rows []credential) {
	t.Helper()
	ca, id := trusttest.NewCA(), trusttest.ID(pb.Role_ROLE_EXECUTOR, "x1")
	key := trusttest.Key("x1")
	add := func(about string, want bool, data []byte, at time.Time, roots ...*x509.Certificate) {
		if len(roots) == 0 {
			roots = []*x509.Certificate{ca.Cert}
		}
		row := credential{About: about, Envelope: hex.EncodeToString(data), At: at.UnixNano()}
		for _, root := range roots {
			row.Issuers = append(row.Issuers, hex.EncodeToString(root.Raw))
		}
		row = judged(t, row)
		if row.OK != want {
			t.Errorf("%s: %v", about, row.OK)
		}
		rows = append(rows, row)
	}
	enroll := func(svid trust.SVID) []byte { return trusttest.Enroll(svid, id, key, trust.Digest{}).Credential }
	now, sound := trusttest.Start, enroll(ca.SVID(id))
	leaf := ca.SVID(id).Chain[0]

	add("an SVID with an Ed25519 key", true, sound, now)
	add("below an intermediate", true, enroll(ca.Intermediate("one").SVID(id)), now)
	add("below two intermediates", true, enroll(ca.Intermediate("one").Intermediate("two").SVID(id)), now)
	add("an SVID with a P-256 key", true, enroll(ca.SVIDFor(id, ecdsaKey(t, elliptic.P256()))), now)
	add("an issuer with a P-256 key", true, enroll(ecdsaIssued(t, elliptic.P256(), id)), now, ecdsaRoot(t))
	add("of two issuers the second", true, sound, now, trusttest.NewNamedCA("other").Cert, ca.Cert)
	add("just when it begins", true, sound, leaf.NotBefore)
	add("just before it begins", false, sound, leaf.NotBefore.Add(-1))
	add("just before it ends", true, sound, leaf.NotAfter.Add(-1))
	add("just when it ends", false, sound, leaf.NotAfter)
	add("of another issuer", false, sound, now, trusttest.NewNamedCA("other").Cert)
	add("of an issuer of the same name", false, enroll(trusttest.NewNamedCA("root").SVID(id)), now, impostor(t))
	add("one bit of the SVID key's signature differs", false, changed(t, sound, func(e *pb.Envelope) { e.Signatures[0].Sig[5] ^= 1 }), now)
	add("one bit of the signing key's signature differs", false, changed(t, sound, func(e *pb.Envelope) { e.Signatures[1].Sig[5] ^= 1 }), now)
	add("the signatures are swapped", false, changed(t, sound, func(e *pb.Envelope) { slices.Reverse(e.Signatures) }), now)
	add("a third signature", false, changed(t, sound, func(e *pb.Envelope) { e.Signatures = append(e.Signatures, e.Signatures[0]) }), now)
	add("another payload type", false, changed(t, sound, func(e *pb.Envelope) { e.PayloadType += "x" }), now)
	add("it claims to outlive its SVID", false, rebound(t, ca, id, key, func(c *pb.Credential) { c.Expires = timestamppb.New(leaf.NotAfter.Add(time.Second)) }), now)
	add("it names somebody else", false, rebound(t, ca, id, key, func(c *pb.Credential) { c.SpiffeId = trusttest.ID(pb.Role_ROLE_EXECUTOR, "x2").String() }), now)
	for _, m := range []struct {
		about  string
		mutate func(*x509.Certificate)
	}{
		{"a DNS name beside the URI", func(c *x509.Certificate) { c.DNSNames = []string{"x1.example"} }},
		{"two URIs", func(c *x509.Certificate) { c.URIs = append(c.URIs, &url.URL{Scheme: "spiffe", Host: "b", Path: "/c"}) }},
		{"a CA", func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true }},
		{"it may sign certificates", func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageCertSign }},
		{"no key usage", func(c *x509.Certificate) { c.KeyUsage = 0 }},
		{"an unknown critical extension", func(c *x509.Certificate) {
			c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3, 4}, Critical: true, Value: []byte{5, 0}})
		}},
	} {
		if data, ok := bound(ca.SVID(id, m.mutate), key); ok {
			add("an SVID with "+m.about, false, data, now)
			continue
		}
		add("an SVID with "+m.about, false, forced(t, ca, ca.SVID(id, m.mutate), id, key), now)
	}
	add("an SVID with an unknown extension that is not critical", true, enroll(ca.SVID(id, func(c *x509.Certificate) {
		c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3, 4}, Value: []byte{5, 0}})
	})), now)
	return rows
}

// bound binds a key to an SVID as participants do, who refuse most bad ones themselves.
func bound(svid trust.SVID, key *trust.SigningKey) ([]byte, bool) {
	data, err := trust.Bind(svid, key, trust.Digest{})
	return data, err == nil
}

// rebound alters what a sound credential says, and signs it as it should be.
func rebound(t *testing.T, ca *trusttest.CA, id trust.Identity, key *trust.SigningKey, change func(*pb.Credential)) []byte {
	t.Helper()
	return resigned(t, ca.SVID(id), key, change)
}

// forced binds a key to an SVID that no participant would take.
func forced(t *testing.T, ca *trusttest.CA, bad trust.SVID, id trust.Identity, key *trust.SigningKey) []byte {
	t.Helper()
	svid := ca.SVID(id)
	svid.Key = bad.Key
	return resigned(t, svid, key, func(c *pb.Credential) { c.Svid[0] = bad.Chain[0].Raw })
}

func resigned(t *testing.T, svid trust.SVID, key *trust.SigningKey, change func(*pb.Credential)) []byte {
	t.Helper()
	sound, err := trust.Bind(svid, key, trust.Digest{})
	must(t, err)
	env, err := trust.ParseEnvelope(sound)
	must(t, err)
	record := new(pb.Credential)
	must(t, proto.Unmarshal(env.Payload, record))
	change(record)
	payload, err := proto.MarshalOptions{Deterministic: true}.Marshal(record)
	must(t, err)
	message := trust.PAE(env.PayloadType, payload)
	sig, err := svid.Key.Sign(rand.Reader, message, nonHash{})
	must(t, err)
	cert, err := x509.ParseCertificate(record.GetSvid()[0])
	must(t, err)
	svidKey, keyID := trust.DigestOf(cert.RawSubjectPublicKeyInfo), key.ID()
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(&pb.Envelope{PayloadType: env.PayloadType, Payload: payload, Signatures: []*pb.Signature{
		{KeyId: svidKey[:], Sig: sig}, {KeyId: keyID[:], Sig: key.Sign(message)},
	}})
	must(t, err)
	return data
}

func changed(t *testing.T, data []byte, change func(*pb.Envelope)) []byte {
	t.Helper()
	env := new(pb.Envelope)
	must(t, proto.Unmarshal(data, env))
	change(env)
	out, err := proto.MarshalOptions{Deterministic: true}.Marshal(env)
	must(t, err)
	return out
}
