package vectors_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net/url"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
)

// nonHash says that a message itself is signed, as Ed25519 does.
type nonHash struct{}

func (nonHash) HashFunc() crypto.Hash { return 0 }

func ecdsaKey(t *testing.T, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	must(t, err)
	return key
}

// ecdsaRoots has the one issuer of a run, with its key.
var ecdsaRoots struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func ecdsaRoot(t *testing.T) *x509.Certificate {
	t.Helper()
	if ecdsaRoots.cert == nil {
		ecdsaRoots.key = ecdsaKey(t, elliptic.P256())
		ecdsaRoots.cert = selfSigned(t, "ecdsa", ecdsaRoots.key)
	}
	return ecdsaRoots.cert
}

// impostor is an issuer of the same name as the root, with another key.
func impostor(t *testing.T) *x509.Certificate {
	t.Helper()
	seed := trust.DigestOf([]byte("impostor"))
	return selfSigned(t, trusttest.NewCA().Cert.Subject.CommonName, ed25519.NewKeyFromSeed(seed[:]))
}

func selfSigned(t *testing.T, name string, key crypto.Signer) *x509.Certificate {
	t.Helper()
	return issued(t, &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: trusttest.Start.Add(-time.Hour), NotAfter: trusttest.Start.AddDate(10, 0, 0),
		KeyUsage: x509.KeyUsageCertSign, BasicConstraintsValid: true, IsCA: true,
	}, nil, key.Public(), key)
}

// ecdsaIssued is an SVID of the ECDSA root.
func ecdsaIssued(t *testing.T, curve elliptic.Curve, id trust.Identity) trust.SVID {
	t.Helper()
	key, root := ecdsaKey(t, curve), ecdsaRoot(t)
	uri, err := url.Parse(id.String())
	must(t, err)
	leaf := issued(t, &x509.Certificate{
		SerialNumber: big.NewInt(2), NotBefore: trusttest.Start.Add(-time.Hour), NotAfter: trusttest.Start.Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, URIs: []*url.URL{uri},
	}, root, key.Public(), ecdsaRoots.key)
	return trust.SVID{Chain: []*x509.Certificate{leaf}, Key: key}
}

func issued(t *testing.T, template, parent *x509.Certificate, public crypto.PublicKey, key crypto.Signer) *x509.Certificate {
	t.Helper()
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	must(t, err)
	cert, err := x509.ParseCertificate(der)
	must(t, err)
	return cert
}
