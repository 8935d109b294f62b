package trust_test

import (
	"crypto"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"io"
	"net"
	"net/url"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

var alice = trusttest.ID(pb.Role_ROLE_AGENT, "alice")

func issuers(t testing.TB, cas ...*trusttest.CA) trust.Issuers {
	t.Helper()
	var roots [][]byte
	for _, ca := range cas {
		roots = append(roots, ca.Cert.Raw)
	}
	trusted, err := trust.NewIssuers(roots)
	if err != nil {
		t.Fatal(err)
	}
	return trusted
}

// binding builds Credential envelopes by hand, wrong ones too.
type binding struct {
	t       testing.TB
	svid    trust.SVID
	key     *trust.SigningKey
	record  *pb.Credential
	payType string
	unknown []byte
	sign    func(message []byte) []*pb.Signature // nil: as it should be
}

func bind(t testing.TB, svid trust.SVID) *binding {
	t.Helper()
	leaf, key := svid.Chain[0], trusttest.Key("alice")
	b := &binding{t: t, svid: svid, key: key, payType: schemas.KindCredential.PayloadType(), record: &pb.Credential{
		SpiffeId:    alice.String(),
		PublicKey:   key.Public().Bytes(),
		BuildDigest: make([]byte, 32),
		NotBefore:   timestamppb.New(leaf.NotBefore),
		Expires:     timestamppb.New(leaf.NotAfter),
	}}
	for _, cert := range svid.Chain {
		b.record.Svid = append(b.record.Svid, cert.Raw)
	}
	return b
}

// signatures makes the two signatures of a good credential.
func (b *binding) signatures(message []byte) []*pb.Signature {
	b.t.Helper()
	leafID, keyID := trust.DigestOf(b.svid.Chain[0].RawSubjectPublicKeyInfo), b.key.ID()
	hash, opts := message, crypto.SignerOpts(crypto.Hash(0))
	if _, plain := b.svid.Key.(ed25519.PrivateKey); !plain {
		sum := sha256.Sum256(message)
		hash, opts = sum[:], crypto.SHA256
	}
	sig, err := b.svid.Key.Sign(rand.Reader, hash, opts)
	if err != nil {
		b.t.Fatal(err)
	}
	return []*pb.Signature{{KeyId: leafID[:], Sig: sig}, {KeyId: keyID[:], Sig: b.key.Sign(message)}}
}

func (b *binding) envelope() *trust.Envelope {
	b.t.Helper()
	payload, err := proto.Marshal(b.record)
	if err != nil {
		b.t.Fatal(err)
	}
	payload = append(payload, b.unknown...)
	message := trust.PAE(b.payType, payload)
	sign := b.sign
	if sign == nil {
		sign = b.signatures
	}
	data, err := proto.Marshal(&pb.Envelope{PayloadType: b.payType, Payload: payload, Signatures: sign(message)})
	if err != nil {
		b.t.Fatal(err)
	}
	return parsed(b.t, data)
}

func TestCredentialHolds(t *testing.T) {
	ca := trusttest.NewCA()
	tests := map[string]trust.SVID{
		"Ed25519":               ca.SVID(alice),
		"ECDSA P-256":           ca.SVIDFor(alice, ecKey(t, elliptic.P256())),
		"below an intermediate": ca.Intermediate("i1").SVID(alice),
		"below two":             ca.Intermediate("i1").Intermediate("i2").SVID(alice),
		"with a subject":        ca.SVID(alice, func(c *x509.Certificate) { c.Subject = pkix.Name{CommonName: "alice"} }),
	}
	build := trust.DigestOf([]byte("build"))
	for name, svid := range tests {
		t.Run(name, func(t *testing.T) {
			key := trusttest.Key("alice")
			data, err := trust.Bind(svid, key, build)
			if err != nil {
				t.Fatal(err)
			}
			cred, err := trust.VerifyCredential(parsed(t, data), issuers(t, trusttest.NewNamedCA("other"), ca), trusttest.Start)
			if err != nil {
				t.Fatal(err)
			}
			want := trust.Credential{ID: alice, Key: key.Public(), Build: build, NotBefore: svid.Chain[0].NotBefore, Expires: svid.Chain[0].NotAfter}
			if cred != want {
				t.Errorf("%+v, want %+v", cred, want)
			}
		})
	}
}

// TestHandMadeCredentialHolds: what the table of refusals breaks is whole before.
func TestHandMadeCredentialHolds(t *testing.T) {
	for _, key := range []crypto.Signer{nil, ecKey(t, elliptic.P256())} {
		svid := trusttest.NewCA().SVID(alice)
		if key != nil {
			svid = trusttest.NewCA().SVIDFor(alice, key)
		}
		if _, err := trust.VerifyCredential(bind(t, svid).envelope(), issuers(t, trusttest.NewCA()), trusttest.Start); err != nil {
			t.Errorf("%T: %v", key, err)
		}
	}
}

// TestCredentialBroken breaks a binding in one way at a time.
func TestCredentialBroken(t *testing.T) {
	ca := trusttest.NewCA()
	bob := trusttest.ID(pb.Role_ROLE_AGENT, "bob")
	other := trusttest.Key("other")
	names := func(values ...asn1.RawValue) func(*x509.Certificate) {
		return func(c *x509.Certificate) {
			value, err := asn1.Marshal(values)
			if err != nil {
				t.Fatal(err)
			}
			c.URIs = nil
			c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Value: value}}
		}
	}
	uri := func(s string) asn1.RawValue {
		return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 6, Bytes: []byte(s)}
	}
	leaf := func(mutate func(*x509.Certificate)) func(*testing.T) *binding {
		return func(t *testing.T) *binding { t.Helper(); return bind(t, ca.SVID(alice, mutate)) }
	}
	edit := func(change func(*binding)) func(*testing.T) *binding {
		return func(t *testing.T) *binding {
			t.Helper()
			b := bind(t, ca.SVID(alice))
			change(b)
			return b
		}
	}
	keyed := func(key func(*testing.T) crypto.Signer) func(*testing.T) *binding {
		return func(t *testing.T) *binding { t.Helper(); return bind(t, ca.SVIDFor(alice, key(t))) }
	}
	signed := func(change func(b *binding, sigs []*pb.Signature) []*pb.Signature) func(*testing.T) *binding {
		return edit(func(b *binding) {
			b.sign = func(message []byte) []*pb.Signature { return change(b, b.signatures(message)) }
		})
	}
	tests := map[string]func(*testing.T) *binding{
		// Who issued it.
		"another issuer": func(t *testing.T) *binding { t.Helper(); return bind(t, trusttest.NewNamedCA("other").SVID(alice)) },
		"an issuer of the same name": func(t *testing.T) *binding {
			t.Helper()
			return bind(t, issuedBy(t, ca.Cert, ecKey(t, elliptic.P256())))
		},
		"without its intermediate": edit(func(b *binding) {
			b.svid = ca.Intermediate("i1").SVID(alice)
			b.record.Svid = [][]byte{b.svid.Chain[0].Raw}
		}),
		"issued by another leaf": edit(func(b *binding) {
			b.svid = issuedByLeaf(t, ca)
			b.record.Svid = [][]byte{b.svid.Chain[0].Raw, b.svid.Chain[1].Raw}
		}),
		"root after the chain's end": edit(func(b *binding) { b.record.Svid = [][]byte{ca.Cert.Raw} }),

		// When.
		"expired by log time": leaf(func(c *x509.Certificate) { c.NotAfter = trusttest.Start.Add(-time.Second) }),
		"not yet valid":       leaf(func(c *x509.Certificate) { c.NotBefore = trusttest.Start.Add(time.Second) }),
		"outliving its SVID": edit(func(b *binding) {
			b.record.Expires = timestamppb.New(b.svid.Chain[0].NotAfter.Add(time.Nanosecond))
		}),
		"older than its SVID": edit(func(b *binding) {
			b.record.NotBefore = timestamppb.New(b.svid.Chain[0].NotBefore.Add(-time.Nanosecond))
		}),
		"ended before its SVID":     edit(func(b *binding) { b.record.Expires = timestamppb.New(trusttest.Start) }),
		"beginning after its SVID":  edit(func(b *binding) { b.record.NotBefore = timestamppb.New(trusttest.Start.Add(1)) }),
		"an end that wraps around":  edit(func(b *binding) { b.record.Expires.Seconds = -1 << 63 }),
		"no end":                    edit(func(b *binding) { b.record.Expires = nil }),
		"no beginning":              edit(func(b *binding) { b.record.NotBefore = nil }),
		"a beginning that is bogus": edit(func(b *binding) { b.record.NotBefore.Nanos = -1 }),

		// Whose.
		"another URI":        leaf(func(c *x509.Certificate) { c.URIs = uris(t, bob.String()) }),
		"two URIs":           leaf(func(c *x509.Certificate) { c.URIs = append(c.URIs, uris(t, bob.String())...) }),
		"the same URI twice": leaf(func(c *x509.Certificate) { c.URIs = append(c.URIs, c.URIs...) }),
		"no URI":             leaf(func(c *x509.Certificate) { c.URIs, c.DNSNames = nil, []string{"alice.example.test"} }),
		"no name at all":     leaf(func(c *x509.Certificate) { c.URIs = nil }),
		"a DNS name too":     leaf(func(c *x509.Certificate) { c.DNSNames = []string{"alice.example.test"} }),
		"a mail address too": leaf(func(c *x509.Certificate) { c.EmailAddresses = []string{"alice@example.test"} }),
		"an IP address too":  leaf(func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1).To4()} }),
		"a name of a rare kind too": leaf(names(uri(alice.String()), asn1.RawValue{
			Class: asn1.ClassContextSpecific, Tag: 8, Bytes: []byte{42, 3}, // registeredID
		})),
		"an upper-case scheme":  leaf(names(uri("SPIFFE://example.test/z1/agent/alice"))),
		"an empty fragment":     leaf(names(uri(alice.String() + "#"))),
		"an escaped letter":     leaf(names(uri("spiffe://example.test/z1/agent/%61lice"))),
		"no path":               leaf(func(c *x509.Certificate) { c.URIs = uris(t, "spiffe://example.test") }),
		"the record names bob":  edit(func(b *binding) { b.record.SpiffeId = bob.String() }),
		"the record names none": edit(func(b *binding) { b.record.SpiffeId = "" }),

		// What the leaf may be.
		"a CA":                                leaf(func(c *x509.Certificate) { c.IsCA = true; c.KeyUsage |= x509.KeyUsageCertSign }),
		"a CA that may not sign certificates": leaf(func(c *x509.Certificate) { c.IsCA = true }),
		"a leaf that may sign certificates":   leaf(func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageCertSign }),
		"a leaf that may sign CRLs":           leaf(func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageCRLSign }),
		"a leaf that may not sign":            leaf(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyAgreement }),
		"an unknown critical extension": leaf(func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3, 4}, Critical: true, Value: []byte{5, 0}}}
		}),
		"an RSA key":  keyed(func(t *testing.T) crypto.Signer { t.Helper(); return rsaSigner{rsaKey(t)} }),
		"a P-384 key": keyed(func(t *testing.T) crypto.Signer { t.Helper(); return ecKey(t, elliptic.P384()) }),

		// What the record is.
		"another payload type": edit(func(b *binding) { b.payType = schemas.KindIntent.PayloadType() }),
		"an unknown field":     edit(func(b *binding) { b.unknown = []byte{0x78, 1} }),
		"no SVID":              edit(func(b *binding) { b.record.Svid = nil }),
		"garbage for an SVID":  edit(func(b *binding) { b.record.Svid = [][]byte{[]byte("SVID")} }),
		"garbage in the chain": edit(func(b *binding) { b.record.Svid = append(b.record.Svid, []byte("CA")) }),
		"trailing bytes after a certificate": edit(func(b *binding) {
			b.record.Svid[0] = append(slices.Clip(b.record.Svid[0]), 0)
		}),
		"a long chain": edit(func(b *binding) {
			b.record.Svid = append(b.record.Svid, b.record.Svid[0], b.record.Svid[0], b.record.Svid[0], b.record.Svid[0])
		}),
		"a short key":        edit(func(b *binding) { b.record.PublicKey = make([]byte, 31) }),
		"no key":             edit(func(b *binding) { b.record.PublicKey = nil }),
		"a short build":      edit(func(b *binding) { b.record.BuildDigest = make([]byte, 31) }),
		"the key of another": edit(func(b *binding) { b.record.PublicKey = other.Public().Bytes() }),

		// Who signed.
		"no counter-signature": signed(func(_ *binding, s []*pb.Signature) []*pb.Signature { return s[:1] }),
		"no SVID signature":    signed(func(_ *binding, s []*pb.Signature) []*pb.Signature { return s[1:] }),
		"the SVID's twice":     signed(func(_ *binding, s []*pb.Signature) []*pb.Signature { return []*pb.Signature{s[0], s[0]} }),
		"the key's twice":      signed(func(_ *binding, s []*pb.Signature) []*pb.Signature { return []*pb.Signature{s[1], s[1]} }),
		"swapped":              signed(func(_ *binding, s []*pb.Signature) []*pb.Signature { return []*pb.Signature{s[1], s[0]} }),
		"swapped key ids": signed(func(_ *binding, s []*pb.Signature) []*pb.Signature {
			s[0].KeyId, s[1].KeyId = s[1].GetKeyId(), s[0].GetKeyId()
			return s
		}),
		"a false id of the SVID's key": signed(func(_ *binding, s []*pb.Signature) []*pb.Signature {
			s[0].KeyId = s[1].GetKeyId()
			return s
		}),
		"a third": signed(func(_ *binding, s []*pb.Signature) []*pb.Signature { return append(s, s[1]) }),
		"counter-signed by another": signed(func(_ *binding, s []*pb.Signature) []*pb.Signature {
			s[1].Sig = other.Sign([]byte("anything"))
			return s
		}),
		"a malleable counter-signature": signed(func(_ *binding, s []*pb.Signature) []*pb.Signature {
			s[1].Sig = malleated(s[1].GetSig())
			return s
		}),
		"a malleable SVID signature": signed(func(_ *binding, s []*pb.Signature) []*pb.Signature {
			s[0].Sig = malleated(s[0].GetSig())
			return s
		}),
		"an SVID signature with a tail": signed(func(_ *binding, s []*pb.Signature) []*pb.Signature {
			s[0].Sig = append(s[0].GetSig(), 0)
			return s
		}),
		"signed by the SVID of another": signed(func(b *binding, s []*pb.Signature) []*pb.Signature {
			b.svid = ca.SVID(bob)
			return []*pb.Signature{b.signatures([]byte("anything"))[0], s[1]}
		}),
		"signed for another record": signed(func(b *binding, _ []*pb.Signature) []*pb.Signature {
			return b.signatures(trust.PAE(b.payType, []byte("another")))
		}),
	}
	for name, make := range tests {
		t.Run(name, func(t *testing.T) {
			cred, err := trust.VerifyCredential(make(t).envelope(), issuers(t, ca), trusttest.Start)
			if !errors.Is(err, trust.ErrCredential) || cred != (trust.Credential{}) {
				t.Errorf("%+v, error %v, want ErrCredential", cred, err)
			}
		})
	}
}

// TestCredentialTimes: the borders of validity, judged by the time handed in and
// nothing else.
func TestCredentialTimes(t *testing.T) {
	ca := trusttest.NewCA()
	env := parsed(t, ca.Member(pb.Role_ROLE_AGENT, "alice").Credential)
	from, to := trusttest.Start.Add(-time.Hour), trusttest.Start.Add(trusttest.SVIDLife)
	for _, test := range []struct {
		name string
		at   time.Time
		ok   bool
	}{
		{"at its beginning", from, true},
		{"before it", from.Add(-1), false},
		{"just before its end", to.Add(-1), true},
		{"at its end", to, false},
		{"after the issuer's own end", trusttest.Start.AddDate(11, 0, 0), false},
		{"without a time", time.Time{}, false}, // never the machine's clock instead
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := trust.VerifyCredential(env, issuers(t, ca), test.at); (err == nil) != test.ok {
				t.Errorf("error %v", err)
			}
		})
	}
}

// TestNoClockBehindZeroTime: x509 takes a zero time for the machine's clock. An
// SVID that is valid from the year 1 until long after this test would pass.
func TestNoClockBehindZeroTime(t *testing.T) {
	ca := trusttest.NewCA()
	svid := ca.SVID(alice, func(c *x509.Certificate) { c.NotBefore, c.NotAfter = time.Time{}, trusttest.Start.AddDate(9, 0, 0) })
	if _, err := trust.VerifyCredential(bind(t, svid).envelope(), issuers(t, ca), time.Time{}); !errors.Is(err, trust.ErrCredential) {
		t.Errorf("error %v, want ErrCredential", err)
	}
}

func TestCredentialWithoutIssuers(t *testing.T) {
	env := bind(t, trusttest.NewCA().SVID(alice)).envelope()
	if _, err := trust.VerifyCredential(env, trust.Issuers{}, trusttest.Start); !errors.Is(err, trust.ErrCredential) {
		t.Errorf("zero issuers: error %v, want ErrCredential", err)
	}
}

func TestNewIssuersRefuses(t *testing.T) {
	root := trusttest.NewCA().Cert.Raw
	for name, roots := range map[string][][]byte{
		"none":          nil,
		"garbage":       {root, []byte("garbage")},
		"a leaf":        {root, trusttest.NewCA().SVID(alice).Chain[0].Raw},
		"trailing byte": {append(slices.Clip(root), 0)},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := trust.NewIssuers(roots); err == nil {
				t.Error("accepted")
			}
		})
	}
}

func TestBindRefuses(t *testing.T) {
	ca := trusttest.NewCA()
	whole := ca.SVID(alice)
	for name, svid := range map[string]trust.SVID{
		"nothing":      {},
		"no key":       {Chain: whole.Chain},
		"no chain":     {Key: whole.Key},
		"no SVID":      {Chain: []*x509.Certificate{ca.Cert}, Key: whole.Key},
		"an RSA key":   {Chain: whole.Chain, Key: rsaKey(t)},
		"a long chain": {Chain: append(whole.Chain[:1:1], whole.Chain[0], whole.Chain[0], whole.Chain[0], whole.Chain[0]), Key: whole.Key},
	} {
		t.Run(name, func(t *testing.T) {
			if data, err := trust.Bind(svid, trusttest.Key("alice"), trust.Digest{}); err == nil || data != nil {
				t.Errorf("bound, %d bytes, %v", len(data), err)
			}
		})
	}
}

func uris(t testing.TB, s string) []*url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return []*url.URL{u}
}

// issuedByLeaf is an SVID of alice that bob's SVID issued.
func issuedByLeaf(t testing.TB, ca *trusttest.CA) trust.SVID {
	t.Helper()
	bob := ca.SVID(trusttest.ID(pb.Role_ROLE_AGENT, "bob"))
	svid := issuedBy(t, bob.Chain[0], bob.Key)
	svid.Chain = append(svid.Chain, bob.Chain[0])
	return svid
}

// issuedBy is an SVID of alice that names parent as its issuer and is signed by
// key, whether that is the parent's or not.
func issuedBy(t testing.TB, parent *x509.Certificate, key crypto.Signer) trust.SVID {
	t.Helper()
	whole := trusttest.NewCA().SVID(alice)
	template, issuer := *whole.Chain[0], *parent
	template.SignatureAlgorithm, issuer.PublicKey = 0, key.Public()
	der, err := x509.CreateCertificate(rand.Reader, &template, &issuer, whole.Key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return trust.SVID{Chain: []*x509.Certificate{leaf}, Key: whole.Key}
}

// rsaSigner makes RSA signatures short enough for an envelope's bounds, so that
// only the key's type can refuse them.
type rsaSigner struct{ *rsa.PrivateKey }

func (rsaSigner) Sign(_ io.Reader, _ []byte, _ crypto.SignerOpts) ([]byte, error) {
	return make([]byte, 72), nil
}
