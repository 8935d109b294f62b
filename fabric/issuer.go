package fabric

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/portcullis-dev/portcullis/core/trust"
)

const (
	issuerLife = 10 * 365 * 24 * time.Hour
	svidLife   = 90 * 24 * time.Hour
	pemCert    = "CERTIFICATE"
	pemKey     = "PRIVATE KEY"
)

// issuer is a local certificate authority for X.509-SVIDs (SPIFFE X509-SVID,
// section 3). It stands in for SPIRE.
type issuer struct {
	cert *x509.Certificate
	key  crypto.Signer
}

func newIssuer(trustDomain string, now time.Time) (*issuer, error) {
	key, err := newECKey()
	if err != nil {
		return nil, err
	}
	now = now.UTC().Truncate(time.Second)
	template := &x509.Certificate{
		Subject:   pkix.Name{CommonName: "Portcullis issuer of " + trustDomain},
		NotBefore: now.Add(-clockSlack), NotAfter: now.Add(issuerLife),
		URIs:     []*url.URL{{Scheme: "spiffe", Host: trustDomain}},
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		IsCA:     true, BasicConstraintsValid: true, MaxPathLenZero: true,
	}
	cert, err := signCert(template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	return &issuer{cert: cert, key: key}, nil
}

// issue makes an X.509-SVID for an identity and a key that its holder has.
func (ca *issuer) issue(id trust.Identity, public crypto.PublicKey, now time.Time) (*x509.Certificate, error) {
	name, err := url.Parse(id.String())
	if err != nil {
		return nil, fmt.Errorf("fabric: issuing an SVID: %w", err)
	}
	now = now.UTC().Truncate(time.Second)
	template := &x509.Certificate{
		NotBefore: now.Add(-clockSlack), NotAfter: now.Add(svidLife),
		URIs:                  []*url.URL{name},
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	if now.Add(svidLife).After(ca.cert.NotAfter) {
		template.NotAfter = ca.cert.NotAfter
	}
	return signCert(template, ca.cert, public, ca.key)
}

func signCert(template, parent *x509.Certificate, public crypto.PublicKey, key crypto.Signer) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		return nil, fmt.Errorf("fabric: signing a certificate: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("fabric: reading a certificate just made: %w", err)
	}
	return cert, nil
}

// files are the issuer's own: its certificate and its key.
func (ca *issuer) files() ([]file, error) {
	key, err := marshalKey(ca.key)
	if err != nil {
		return nil, err
	}
	return []file{{issuerCert, marshalCert(ca.cert)}, {issuerKey, key}}, nil
}

func newECKey() (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("fabric: no randomness for a key: %w", err)
	}
	return key, nil
}

func marshalKey(key crypto.Signer) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("fabric: encoding a key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: pemKey, Bytes: der}), nil
}

func marshalCert(cert *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: pemCert, Bytes: cert.Raw})
}

// parseCerts reads one or more PEM certificates and nothing else.
func parseCerts(text []byte) ([]*x509.Certificate, error) {
	var certs []*x509.Certificate
	for len(text) > 0 {
		block, rest := pem.Decode(text)
		if block == nil || block.Type != pemCert {
			return nil, errors.New("something else than PEM certificates")
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		certs, text = append(certs, cert), rest
	}
	if len(certs) == 0 {
		return nil, errors.New("no PEM certificate")
	}
	return certs, nil
}

// parseSigner reads a private key that can sign.
func parseSigner(text []byte) (crypto.Signer, error) {
	key, err := trust.ParsePrivateKey(text)
	if err != nil {
		return nil, err
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("a key of type %T cannot sign", key)
	}
	return signer, nil
}

// matches reports whether a certificate is for a key.
func matches(cert *x509.Certificate, key crypto.Signer) bool {
	public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	return ok && public.Equal(cert.PublicKey)
}
