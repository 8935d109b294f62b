package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/fabric"
)

// tlsFiles are the flags that say how a server proves itself, and who vouches for its
// clients.
type tlsFiles struct {
	cert, key, clientCA string
}

// register adds the flags; demand says what becomes of a client without a certificate.
func (f *tlsFiles) register(c *cobra.Command, demand string) {
	c.Flags().StringVar(&f.cert, "tls-cert", "", "serve TLS with this certificate, in PEM")
	c.Flags().StringVar(&f.key, "tls-key", "", "file of mode 0600 with the certificate's key, in PEM")
	c.Flags().StringVar(&f.clientCA, "client-ca", "", demand)
	c.MarkFlagsRequiredTogether("tls-cert", "tls-key")
}

// config is TLS 1.3 as the files say, nil if they say nothing; clients is what is asked
// of clients when there is an authority for them.
func (f *tlsFiles) config(clients tls.ClientAuthType) (*tls.Config, error) {
	if f.cert == "" {
		if f.clientCA != "" {
			return nil, usage(errors.New("--client-ca needs --tls-cert and --tls-key"))
		}
		return nil, nil //nolint:nilnil // no certificate, no TLS
	}
	cert, err := os.ReadFile(f.cert)
	if err != nil {
		return nil, fmt.Errorf("--tls-cert: %w", err)
	}
	key, err := fabric.ReadSecret(f.key)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("--tls-cert and --tls-key: %w", err)
	}
	config := &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2", "http/1.1"}}
	if f.clientCA == "" {
		return config, nil
	}
	authorities, err := f.authorities()
	if err != nil {
		return nil, err
	}
	config.ClientAuth = clients
	if config.ClientCAs, err = authoritiesIn(authorities); err != nil {
		return nil, fmt.Errorf("--client-ca: %s %w", f.clientCA, err)
	}
	return config, nil
}

// authoritiesIn reads certificates in PEM.
func authoritiesIn(text []byte) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, errors.New("has no certificate in PEM")
	}
	return pool, nil
}

// authorities is the file of those who vouch for clients.
func (f *tlsFiles) authorities() ([]byte, error) {
	text, err := os.ReadFile(f.clientCA)
	if err != nil {
		return nil, fmt.Errorf("--client-ca: %w", err)
	}
	return text, nil
}

// reachedAt is where clients reach the server: what was asked for, or the address.
func (f *tlsFiles) reachedAt(asked string, at net.Addr) string {
	switch {
	case asked != "":
		return strings.TrimSuffix(asked, "/")
	case f.cert != "":
		return "https://" + at.String()
	default:
		return "http://" + at.String()
	}
}

// onThisMachine reports whether nobody else can reach an address.
func onThisMachine(address string) bool {
	host, _, err := net.SplitHostPort(address)
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}
