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
	"github.com/portcullis-dev/portcullis/gateway/authzen"
)

// authzenAccess are the flags that say where to listen, and who may ask.
type authzenAccess struct {
	listen, url         string
	token               string // file
	cert, key, clientCA string // files
}

func (a *authzenAccess) register(c *cobra.Command) {
	c.Flags().StringVar(&a.listen, "listen", "127.0.0.1:4296", "serve clients at this address")
	c.Flags().StringVar(&a.url, "url", "", "where clients reach this, for the metadata, such as https://pdp.example.com (default: the address)")
	c.Flags().StringVar(&a.token, "token-file", "", "file of mode 0600 with the bearer token that clients must send")
	c.Flags().StringVar(&a.cert, "tls-cert", "", "serve TLS with this certificate, in PEM")
	c.Flags().StringVar(&a.key, "tls-key", "", "file of mode 0600 with the certificate's key, in PEM")
	c.Flags().StringVar(&a.clientCA, "client-ca", "", "demand a client certificate of one of these authorities, in PEM")
	c.MarkFlagsRequiredTogether("tls-cert", "tls-key")
}

// secured is who may ask, and how the listener makes sure of it.
type secured struct {
	access authzen.Access
	tls    *tls.Config // nil: plain HTTP
}

// read reads the files, and demands more of an address that others can reach.
func (a *authzenAccess) read() (s secured, err error) {
	if a.token != "" {
		text, err := fabric.ReadSecret(a.token)
		if err != nil {
			return secured{}, err
		}
		if s.access.Token = strings.TrimSpace(string(text)); s.access.Token == "" {
			return secured{}, fmt.Errorf("--token-file: %s is empty; make one with: openssl rand -hex 32", a.token)
		}
	}
	if s.tls, err = a.tlsConfig(); err != nil {
		return secured{}, err
	}
	if a.clientCA != "" && s.tls == nil {
		return secured{}, usage(errors.New("--client-ca needs --tls-cert and --tls-key"))
	}
	s.access.Certificate = a.clientCA != ""
	if !onThisMachine(a.listen) && (s.tls == nil || s.access == authzen.Access{}) {
		return secured{}, usage(fmt.Errorf("--listen %s can be reached from elsewhere: give --tls-cert and --tls-key, and --token-file or --client-ca", a.listen))
	}
	return s, nil
}

func (a *authzenAccess) tlsConfig() (*tls.Config, error) {
	if a.cert == "" {
		return nil, nil //nolint:nilnil // no certificate, no TLS
	}
	cert, err := os.ReadFile(a.cert)
	if err != nil {
		return nil, fmt.Errorf("--tls-cert: %w", err)
	}
	key, err := fabric.ReadSecret(a.key)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("--tls-cert and --tls-key: %w", err)
	}
	config := &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2", "http/1.1"}}
	if a.clientCA == "" {
		return config, nil
	}
	authorities, err := os.ReadFile(a.clientCA)
	if err != nil {
		return nil, fmt.Errorf("--client-ca: %w", err)
	}
	config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
	if !config.ClientCAs.AppendCertsFromPEM(authorities) {
		return nil, fmt.Errorf("--client-ca: %s has no certificate in PEM", a.clientCA)
	}
	return config, nil
}

// onThisMachine reports whether nobody else can reach an address.
func onThisMachine(address string) bool {
	host, _, err := net.SplitHostPort(address)
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}

// identifier is where clients reach the server.
func (a *authzenAccess) identifier(at net.Addr) string {
	switch {
	case a.url != "":
		return strings.TrimSuffix(a.url, "/")
	case a.cert != "":
		return "https://" + at.String()
	default:
		return "http://" + at.String()
	}
}
