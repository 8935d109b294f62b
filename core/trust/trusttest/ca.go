package trusttest

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net/url"

	"github.com/portcullis-dev/portcullis/core/trust"
)

// CA issues SVIDs. Its certificates are the same in every run.
type CA struct {
	Cert *x509.Certificate
	key  ed25519.PrivateKey
	// above holds the intermediates between this CA's own SVIDs and the root,
	// this CA first; empty for a root.
	above []*x509.Certificate
}

// NewCA makes the root that releases of this package trust.
func NewCA() *CA { return NewNamedCA("root") }

// NewNamedCA makes another root.
func NewNamedCA(name string) *CA {
	ca := &CA{key: x509Key("issuer " + name)}
	template := issuerTemplate(name)
	ca.Cert = issue(template, template, ca.key.Public(), ca.key)
	return ca
}

// Intermediate makes a CA below this one. Its SVIDs carry the chain up to, and
// without, the root.
func (ca *CA) Intermediate(name string) *CA {
	key := x509Key("issuer " + name)
	cert := issue(issuerTemplate(name), ca.Cert, key.Public(), ca.key)
	return &CA{Cert: cert, key: key, above: append([]*x509.Certificate{cert}, ca.above...)}
}

// SVID issues an SVID with an Ed25519 key. Mutators change the leaf's template
// before it is signed.
func (ca *CA) SVID(id trust.Identity, mutators ...func(*x509.Certificate)) trust.SVID {
	return ca.SVIDFor(id, x509Key("svid of "+id.String()), mutators...)
}

// SVIDFor is SVID for a key of the caller's choice, of any type.
func (ca *CA) SVIDFor(id trust.Identity, key crypto.Signer, mutators ...func(*x509.Certificate)) trust.SVID {
	template := &x509.Certificate{
		SerialNumber:          serial(id.String()),
		NotBefore:             Start.Add(-early),
		NotAfter:              Start.Add(SVIDLife),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
		URIs:                  []*url.URL{must(url.Parse(id.String()))},
	}
	for _, mutate := range mutators {
		mutate(template)
	}
	leaf := issue(template, ca.Cert, key.Public(), ca.key)
	return trust.SVID{Chain: append([]*x509.Certificate{leaf}, ca.above...), Key: key}
}

func issuerTemplate(name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber:          serial(name),
		Subject:               pkix.Name{CommonName: "trusttest " + name},
		NotBefore:             Start.Add(-early),
		NotAfter:              Start.Add(issuerLife),
		KeyUsage:              x509.KeyUsageCertSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
}

func issue(template, parent *x509.Certificate, public crypto.PublicKey, key ed25519.PrivateKey) *x509.Certificate {
	return must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, template, parent, public, key))))
}

func x509Key(name string) ed25519.PrivateKey {
	seed := trust.DigestOf([]byte("trusttest certificate key of " + name))
	return ed25519.NewKeyFromSeed(seed[:])
}

func serial(name string) *big.Int {
	d := trust.DigestOf([]byte(name))
	return new(big.Int).SetBytes(d[:8])
}
