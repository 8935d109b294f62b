package fabric

import (
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"time"

	"github.com/portcullis-dev/portcullis/schemas"
)

// serverCertLife is how long a broker's certificate is valid.
const serverCertLife = 2 * 365 * 24 * time.Hour

// ServerTLS names the files of the n-th server of a zone, from 1, in a folder of
// MakeServerTLS's, or in one that an operator has filled with files of these names.
type ServerTLS struct{ CA, Cert, Key string }

// ServerTLSIn names the files of the n-th server in dir.
func ServerTLSIn(dir string, n int) ServerTLS {
	return ServerTLS{
		CA:   filepath.Join(dir, issuerCert),
		Cert: filepath.Join(dir, fmt.Sprintf("server-%d.pem", n)),
		Key:  filepath.Join(dir, fmt.Sprintf("server-%d.key", n)),
	}
}

// MakeServerTLS makes in dir a small certificate authority, and for each server a
// certificate for its hosts (names or addresses) and for this machine. What is
// there already stays as it is, so a server may be added later. It returns the
// authority's certificate, in PEM. It is for tests and small set-ups: whoever has
// an authority of his own puts its files there instead.
func MakeServerTLS(dir string, servers [][]string, now time.Time) (authority []byte, err error) {
	if len(servers) == 0 || len(servers) > maxServers {
		return nil, fmt.Errorf("fabric: certificates for %d servers; name 1 to %d", len(servers), maxServers)
	}
	if err := makeDir(dir); err != nil {
		return nil, err
	}
	ca, err := serverAuthority(dir, now)
	if err != nil {
		return nil, err
	}
	for i, hosts := range servers {
		if err := ca.addServer(ServerTLSIn(dir, i+1), hosts, now); err != nil {
			return nil, err
		}
	}
	return marshalCert(ca.cert), nil
}

// serverAuthority loads the authority in dir and makes it when there is none.
func serverAuthority(dir string, now time.Time) (*issuer, error) {
	there, err := exists(filepath.Join(dir, issuerCert))
	if err != nil {
		return nil, err
	}
	if !there {
		ca, err := newServerAuthority(now)
		if err != nil {
			return nil, err
		}
		if err := addPair(filepath.Join(dir, issuerCert), filepath.Join(dir, issuerKey), ca.cert, ca.key); err != nil {
			return nil, err
		}
	}
	chain, key, err := readPair(dir, issuerCert, issuerKey)
	if err != nil {
		return nil, err
	}
	if !chain[0].IsCA {
		return nil, fmt.Errorf("fabric: %s is not the certificate of an authority; remove it, or put yours there with its key", filepath.Join(dir, issuerCert))
	}
	return &issuer{cert: chain[0], key: key}, nil
}

func newServerAuthority(now time.Time) (*issuer, error) {
	key, err := newECKey()
	if err != nil {
		return nil, err
	}
	now = now.UTC().Truncate(time.Second)
	template := &x509.Certificate{
		Subject:   pkix.Name{CommonName: "Portcullis authority of brokers"},
		NotBefore: now.Add(-clockSlack), NotAfter: now.Add(issuerLife),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		IsCA:     true, BasicConstraintsValid: true, MaxPathLenZero: true,
	}
	cert, err := signCert(template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	return &issuer{cert: cert, key: key}, nil
}

// addServer makes a server's key and certificate unless they are there.
func (ca *issuer) addServer(files ServerTLS, hosts []string, now time.Time) error {
	there, err := exists(files.Cert)
	if err != nil || there {
		return err
	}
	template, err := serverTemplate(hosts, now)
	if err != nil {
		return err
	}
	key, err := newECKey()
	if err != nil {
		return err
	}
	cert, err := signCert(template, ca.cert, key.Public(), ca.key)
	if err != nil {
		return err
	}
	return addPair(files.Cert, files.Key, cert, key)
}

// addPair writes a key and then its certificate, so that a certificate is never
// without its key; a key that a crash left alone is replaced.
func addPair(certPath, keyPath string, cert *x509.Certificate, key crypto.Signer) error {
	text, err := marshalKey(key)
	if err != nil {
		return err
	}
	if err := replaceFile(keyPath, text); err != nil {
		return err
	}
	return addFile(certPath, marshalCert(cert))
}

// serverTemplate is the certificate of a server that others connect to, and that
// connects to the other servers of its cluster.
func serverTemplate(hosts []string, now time.Time) (*x509.Certificate, error) {
	now = now.UTC().Truncate(time.Second)
	template := &x509.Certificate{
		Subject:   pkix.Name{CommonName: "Portcullis broker"}, // nothing is verified by it
		NotBefore: now.Add(-clockSlack), NotAfter: now.Add(serverCertLife),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
		DNSNames:              []string{"localhost"},
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
			continue
		}
		if err := checkHost(host); err != nil {
			return nil, err
		}
		template.DNSNames = append(template.DNSNames, host)
	}
	return template, nil
}

// checkHost demands a host name as certificates spell it.
func checkHost(host string) error {
	for label := range strings.SplitSeq(strings.ToLower(host), ".") {
		if err := schemas.CheckName(label); err != nil {
			return fmt.Errorf("fabric: host %.80q is neither an address nor a host name: %w", host, err)
		}
	}
	return nil
}
