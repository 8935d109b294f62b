package fabric

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Member is a participant, ready to run.
type Member struct {
	ID         trust.Identity
	Key        *trust.SigningKey
	Credential []byte    // a Credential envelope, to introduce on the ledger
	Expires    time.Time // of the credential
	NKeySeed   []byte
	LogKeys    []byte   // recorders: what trust.ParseLogKeys reads
	Sealing    *Sealing // enforcers and executors: their sealing keys
	Bundle     Bundle
}

// Bundle is what a participant must know before it has read anything.
type Bundle struct {
	ID      trust.Identity
	Ledger  trust.Digest // of genesis: the trust anchor
	Zone    string
	Servers []string // URLs of the broker
	// BrokerCA are the authorities of tls:// servers, in PEM; "" means the machine's.
	BrokerCA string
	Issuers  [][]byte // DER certificates that its own SVID is checked against
}

type bundleConfig struct {
	SPIFFEID string   `json:"spiffe_id"`
	Ledger   string   `json:"ledger"`
	Zone     string   `json:"zone"`
	Servers  []string `json:"servers"`
	BrokerCA string   `json:"broker_ca,omitempty"` // PEM
	Issuers  []string `json:"issuers"`             // PEM
}

// Load loads a participant of this fabric; see LoadMember. Where the issuer's
// key is here, an SVID that has less than a third of its life left is renewed
// first, for the same SVID key.
func (f *Fabric) Load(role pb.Role, name string, build trust.Digest) (*Member, error) {
	if err := schemas.CheckName(name); err != nil {
		return nil, err
	}
	if trust.RoleName(role) == "" {
		return nil, fmt.Errorf("fabric: role %d is none of the protocol's", role)
	}
	id := f.identity(role, name)
	dir := f.MemberDir(role, name)
	if there, err := exists(dir); err != nil || !there {
		return nil, errors.Join(fmt.Errorf("fabric: no %s %q in %s; make one with: portcullis enroll %s %s", trust.RoleName(role), name, f.Dir, trust.RoleName(role), name), err)
	}
	now := f.Clock()
	if err := f.renew(dir, id, now); err != nil {
		return nil, err
	}
	m, err := LoadMember(dir, build, now)
	if err != nil {
		return nil, err
	}
	if m.ID != id || m.Bundle.Ledger != f.Ledger {
		return nil, fmt.Errorf("fabric: %s is the folder of %s on ledger %s, not of %s on %s; put the folders back in their places", dir, m.ID, m.Bundle.Ledger.Short(), id, f.Ledger.Short())
	}
	return m, nil
}

// LoadMember loads a participant from its own folder, on whatever machine. It
// refuses files that others can read or change, and keys, certificate and
// bundle that do not belong together or are not valid now. Build is the digest
// of the executable that will speak for the participant (see BuildDigest); the
// zero digest states none.
func LoadMember(dir string, build trust.Digest, now time.Time) (*Member, error) {
	if err := checkPrivateDir(dir); err != nil {
		return nil, err
	}
	bundle, err := readBundle(filepath.Join(dir, bundleFile))
	if err != nil {
		return nil, err
	}
	key, err := readSigningKey(dir)
	if err != nil {
		return nil, err
	}
	seed, err := readNKeySeed(dir)
	if err != nil {
		return nil, err
	}
	svid, err := readSVID(dir)
	if err != nil {
		return nil, err
	}
	credential, err := trust.Bind(svid, key, build)
	if err != nil {
		return nil, fmt.Errorf("fabric: %s: %w", dir, err)
	}
	m := &Member{ID: bundle.ID, Key: key, Credential: credential, NKeySeed: seed, Bundle: bundle}
	if m.Expires, err = m.verify(now); err != nil {
		return nil, fmt.Errorf("fabric: %s: %w", dir, err)
	}
	switch m.ID.Role { //nolint:exhaustive // the other roles have no further keys
	case pb.Role_ROLE_RECORDER:
		m.LogKeys, _, err = readLogKeys(dir)
	case pb.Role_ROLE_ENFORCER, pb.Role_ROLE_EXECUTOR:
		m.Sealing, err = OpenSealing(dir)
	default:
	}
	return m, err
}

// verify reads the member's credential as a stranger would.
func (m *Member) verify(now time.Time) (expires time.Time, err error) {
	env, err := trust.ParseEnvelope(m.Credential)
	if err != nil {
		return time.Time{}, err
	}
	issuers, err := trust.NewIssuers(m.Bundle.Issuers)
	if err != nil {
		return time.Time{}, err
	}
	cred, err := trust.VerifyCredential(env, issuers, now)
	if err != nil {
		return time.Time{}, fmt.Errorf("%w; renew the SVID where the issuer's key is, or enroll again", err)
	}
	if cred.ID != m.ID {
		return time.Time{}, fmt.Errorf("the SVID is of %s and the bundle of %s; restore both from one backup", cred.ID, m.ID)
	}
	return cred.Expires, nil
}

func readBundle(path string) (Bundle, error) {
	data, err := ReadSecret(path)
	if err != nil {
		return Bundle{}, err
	}
	var c bundleConfig
	if err := decodeJSON(data, &c); err != nil {
		return Bundle{}, fmt.Errorf("fabric: %s: %w", path, err)
	}
	b := Bundle{Zone: c.Zone, Servers: c.Servers, BrokerCA: c.BrokerCA}
	if b.ID, err = trust.ParseIdentity(c.SPIFFEID); err != nil {
		return Bundle{}, fmt.Errorf("fabric: %s: spiffe_id: %w", path, err)
	}
	if b.Ledger, err = trust.ParseDigest(c.Ledger); err != nil {
		return Bundle{}, fmt.Errorf("fabric: %s: ledger: %w", path, err)
	}
	if b.ID.Zone != b.Zone || len(b.Servers) == 0 {
		return Bundle{}, fmt.Errorf("fabric: %s: zone is not that of spiffe_id, or no servers are named", path)
	}
	if b.BrokerCA != "" {
		if err := checkAuthorities(b.BrokerCA); err != nil {
			return Bundle{}, fmt.Errorf("fabric: %s: broker_ca: %w", path, err)
		}
	}
	for i, text := range c.Issuers {
		certs, err := parseCerts([]byte(text))
		if err != nil {
			return Bundle{}, fmt.Errorf("fabric: %s: issuer %d: %w", path, i, err)
		}
		for _, cert := range certs {
			b.Issuers = append(b.Issuers, cert.Raw)
		}
	}
	return b, nil
}

func (b Bundle) file() (file, error) {
	c := bundleConfig{SPIFFEID: b.ID.String(), Ledger: b.Ledger.String(), Zone: b.Zone, Servers: b.Servers, BrokerCA: b.BrokerCA}
	for _, der := range b.Issuers {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return file{}, fmt.Errorf("fabric: issuer: %w", err)
		}
		c.Issuers = append(c.Issuers, string(marshalCert(cert)))
	}
	data, err := encodeJSON(c)
	return file{bundleFile, data}, err
}

func readSVID(dir string) (trust.SVID, error) {
	chain, key, err := readPair(dir, svidCert, svidKey)
	return trust.SVID{Chain: chain, Key: key}, err
}

// readPair reads a certificate chain and the key of its first certificate.
func readPair(dir, certName, keyName string) ([]*x509.Certificate, crypto.Signer, error) {
	certPath, keyPath := filepath.Join(dir, certName), filepath.Join(dir, keyName)
	text, err := ReadSecret(certPath)
	if err != nil {
		return nil, nil, err
	}
	chain, err := parseCerts(text)
	if err != nil {
		return nil, nil, fmt.Errorf("fabric: %s: %w", certPath, err)
	}
	if text, err = ReadSecret(keyPath); err != nil {
		return nil, nil, err
	}
	key, err := parseSigner(text)
	if err != nil {
		return nil, nil, fmt.Errorf("fabric: %s: %w", keyPath, err)
	}
	if !matches(chain[0], key) {
		return nil, nil, fmt.Errorf("fabric: %s is not the key of %s; restore both from one backup", keyPath, certPath)
	}
	return chain, key, nil
}
