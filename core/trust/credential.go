package trust

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// ErrCredential reports a key binding that does not hold.
var ErrCredential = errors.New("trust: credential does not hold")

// Credential is a verified key binding: this signing key speaks for this
// identity between NotBefore and Expires.
type Credential struct {
	ID        Identity
	Key       PublicKey
	Build     Digest // zero if the participant states none
	NotBefore time.Time
	Expires   time.Time
}

// ValidAt reports NotBefore <= t < Expires.
func (c Credential) ValidAt(t time.Time) bool {
	return !t.Before(c.NotBefore) && t.Before(c.Expires)
}

// SVID is an X.509-SVID (SPIFFE X509-SVID) with its private key.
type SVID struct {
	Chain []*x509.Certificate // leaf first, without the root
	Key   crypto.Signer       // Ed25519 or ECDSA P-256
}

// Bind makes a Credential envelope that binds key to the SVID's identity for
// the SVID's own life: signed by the SVID's key, counter-signed by key.
func Bind(svid SVID, key *SigningKey, build Digest) ([]byte, error) {
	if len(svid.Chain) == 0 || svid.Key == nil {
		return nil, errors.New("trust: binding a key needs an SVID chain and its private key")
	}
	id, err := svidIdentity(svid.Chain[0])
	if err != nil {
		return nil, err
	}
	leaf := svid.Chain[0]
	record := &pb.Credential{
		SpiffeId:    id.String(),
		PublicKey:   key.public.Bytes(),
		BuildDigest: build[:],
		NotBefore:   timestamppb.New(leaf.NotBefore),
		Expires:     timestamppb.New(leaf.NotAfter),
	}
	for _, cert := range svid.Chain {
		record.Svid = append(record.Svid, cert.Raw)
	}
	payload, err := schemas.Marshal(record)
	if err != nil {
		return nil, err
	}
	return sealBinding(payload, svid, key)
}

func sealBinding(payload []byte, svid SVID, key *SigningKey) ([]byte, error) {
	payloadType := schemas.KindCredential.PayloadType()
	message := PAE(payloadType, payload)
	sig, err := signWithSVID(svid.Key, message)
	if err != nil {
		return nil, err
	}
	svidKey, keyID := DigestOf(svid.Chain[0].RawSubjectPublicKeyInfo), key.ID()
	return marshalEnvelope(&pb.Envelope{
		PayloadType: payloadType,
		Payload:     payload,
		Signatures: []*pb.Signature{
			{KeyId: svidKey[:], Sig: sig},
			{KeyId: keyID[:], Sig: key.Sign(message)},
		},
	})
}

func signWithSVID(key crypto.Signer, message []byte) ([]byte, error) {
	switch k := key.(type) {
	case ed25519.PrivateKey:
		return ed25519.Sign(k, message), nil
	case *ecdsa.PrivateKey:
		hash := sha256.Sum256(message)
		sig, err := ecdsa.SignASN1(rand.Reader, k, hash[:])
		if err != nil {
			return nil, fmt.Errorf("trust: signing with the SVID's key: %w", err)
		}
		return sig, nil
	default:
		return nil, fmt.Errorf("trust: an SVID key is Ed25519 or ECDSA P-256, not %T", key)
	}
}

// Issuers are the root certificates that a release trusts to issue SVIDs.
type Issuers struct{ pool *x509.CertPool }

// NewIssuers parses DER root certificates. None at all is an error: nothing
// could ever verify.
func NewIssuers(roots [][]byte) (Issuers, error) {
	if len(roots) == 0 {
		return Issuers{}, errors.New("trust: a release names at least one issuer")
	}
	pool := x509.NewCertPool()
	for i, der := range roots {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return Issuers{}, fmt.Errorf("trust: issuer %d is not a DER certificate: %w", i, err)
		}
		if !cert.IsCA || !cert.BasicConstraintsValid {
			return Issuers{}, fmt.Errorf("trust: issuer %d (%s) is not a CA certificate", i, cert.Subject)
		}
		pool.AddCert(cert)
	}
	return Issuers{pool: pool}, nil
}

// VerifyCredential checks a Credential envelope completely: schema, both
// signatures, the SVID chain up to an issuer at time at, and that SVID and
// record say the same. Errors wrap ErrCredential.
func VerifyCredential(env *Envelope, issuers Issuers, at time.Time) (Credential, error) {
	record, leaf, chain, err := parseBinding(env)
	if err != nil {
		return Credential{}, err
	}
	cred, err := bindingClaims(record, leaf)
	if err != nil {
		return Credential{}, err
	}
	if !verifySVIDSignature(leaf, env) || !env.VerifiedBy(1, cred.Key) {
		return Credential{}, fmt.Errorf("%w: it needs the SVID key's signature, then the signing key's, and one of them does not verify", ErrCredential)
	}
	if err := verifyChain(leaf, chain, issuers, at); err != nil {
		return Credential{}, err
	}
	if !cred.ValidAt(at) {
		return Credential{}, fmt.Errorf("%w: %s: valid from %s to %s, not at %s", ErrCredential, cred.ID,
			cred.NotBefore.UTC().Format(time.RFC3339), cred.Expires.UTC().Format(time.RFC3339), at.UTC().Format(time.RFC3339))
	}
	return cred, nil
}

func parseBinding(env *Envelope) (*pb.Credential, *x509.Certificate, []*x509.Certificate, error) {
	if env.PayloadType != schemas.KindCredential.PayloadType() || len(env.Signatures) != 2 {
		return nil, nil, nil, fmt.Errorf("%w: not a credential envelope with two signatures", ErrCredential)
	}
	record := new(pb.Credential)
	if err := schemas.Decode(env.Payload, schemas.MaxItem, record); err != nil {
		return nil, nil, nil, fmt.Errorf("%w: %w", ErrCredential, err)
	}
	certs := make([]*x509.Certificate, len(record.GetSvid()))
	for i, der := range record.GetSvid() {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, nil, nil, fmt.Errorf("%w: certificate %d of the SVID chain: %w", ErrCredential, i, err)
		}
		certs[i] = cert
	}
	return record, certs[0], certs[1:], nil
}

func bindingClaims(record *pb.Credential, leaf *x509.Certificate) (Credential, error) {
	id, err := svidIdentity(leaf)
	if err != nil {
		return Credential{}, err
	}
	if id.String() != record.GetSpiffeId() {
		return Credential{}, fmt.Errorf("%w: it names %q, its SVID %q", ErrCredential, record.GetSpiffeId(), id)
	}
	key, err := NewPublicKey(record.GetPublicKey())
	if err != nil {
		return Credential{}, fmt.Errorf("%w: %w", ErrCredential, err)
	}
	build, _ := DigestFrom(record.GetBuildDigest())
	cred := Credential{ID: id, Key: key, Build: build, NotBefore: record.GetNotBefore().AsTime(), Expires: record.GetExpires().AsTime()}
	if cred.NotBefore.Before(leaf.NotBefore) || cred.Expires.After(leaf.NotAfter) {
		return Credential{}, fmt.Errorf("%w: %s: it claims to outlive its SVID", ErrCredential, id)
	}
	return cred, nil
}

// svidIdentity reads a leaf as the X509-SVID standard demands (sections 2 to 4):
// exactly one URI SAN, no other name, not a CA, a key for signatures alone.
func svidIdentity(leaf *x509.Certificate) (Identity, error) {
	const issues = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	if leaf.IsCA || leaf.KeyUsage&issues != 0 || leaf.KeyUsage&x509.KeyUsageDigitalSignature == 0 {
		return Identity{}, fmt.Errorf("%w: an SVID leaf is no CA and its key usage is digitalSignature, without keyCertSign and cRLSign", ErrCredential)
	}
	if len(leaf.URIs) != 1 {
		return Identity{}, fmt.Errorf("%w: an SVID leaf has exactly one URI name, this one has %d", ErrCredential, len(leaf.URIs))
	}
	id, err := ParseIdentity(leaf.URIs[0].String())
	if err != nil {
		return Identity{}, fmt.Errorf("%w: %w", ErrCredential, err)
	}
	if !namesOnly(leaf, id.String()) {
		return Identity{}, fmt.Errorf("%w: an SVID leaf names %s, spelled exactly so, and nothing else", ErrCredential, id)
	}
	return id, nil
}

// namesOnly reports whether the leaf's subject alternative names are this URI,
// byte for byte, and nothing else. It compares the extension itself: the parsed
// certificate leaves out names of rare kinds, and a parsed URL is normalised.
func namesOnly(leaf *x509.Certificate, uri string) bool {
	const tagURI = 6 // GeneralName, uniformResourceIdentifier (RFC 5280, section 4.2.1.6)
	only, err := asn1.Marshal([]asn1.RawValue{{Class: asn1.ClassContextSpecific, Tag: tagURI, Bytes: []byte(uri)}})
	if err != nil {
		return false
	}
	subjectAltName := asn1.ObjectIdentifier{2, 5, 29, 17}
	return slices.ContainsFunc(leaf.Extensions, func(e pkix.Extension) bool {
		return e.Id.Equal(subjectAltName) && bytes.Equal(e.Value, only)
	})
}

func verifySVIDSignature(leaf *x509.Certificate, env *Envelope) bool {
	s := env.Signatures[0]
	if s.KeyID != DigestOf(leaf.RawSubjectPublicKeyInfo) {
		return false
	}
	message := PAE(env.PayloadType, env.Payload)
	switch key := leaf.PublicKey.(type) {
	case ed25519.PublicKey:
		return len(s.Sig) == ed25519.SignatureSize && ed25519.Verify(key, message, s.Sig)
	case *ecdsa.PublicKey:
		hash := sha256.Sum256(message)
		return key.Curve == elliptic.P256() && ecdsa.VerifyASN1(key, hash[:], s.Sig)
	default:
		return false
	}
}

func verifyChain(leaf *x509.Certificate, rest []*x509.Certificate, issuers Issuers, at time.Time) error {
	if issuers.pool == nil {
		return fmt.Errorf("%w: no issuer is trusted yet", ErrCredential)
	}
	if at.IsZero() { // x509 would take it for "now" and read the clock
		return fmt.Errorf("%w: there is no log time to judge it by", ErrCredential)
	}
	intermediates := x509.NewCertPool()
	for _, cert := range rest {
		intermediates.AddCert(cert)
	}
	_, err := leaf.Verify(x509.VerifyOptions{
		Roots: issuers.pool, Intermediates: intermediates, CurrentTime: at,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err != nil {
		return fmt.Errorf("%w: SVID chain of %s: %w", ErrCredential, leaf.URIs[0], err)
	}
	return nil
}
