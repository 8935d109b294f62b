package streams

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"strings"

	"github.com/nats-io/nats.go"
)

const schemeTLS = "tls://"

// secure says how a connection to tls:// servers is secured: nothing but TLS 1.3
// with a certificate of a known authority will do. Whoever names authorities and a
// plaintext URL gets no connection, rather than one without them.
func (cfg ConnConfig) secure() ([]nats.Option, error) {
	wants := false
	for one := range strings.SplitSeq(cfg.URL, ",") {
		wants = wants || strings.HasPrefix(strings.TrimSpace(one), schemeTLS)
	}
	if !wants && cfg.RootCAs == "" {
		return nil, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS13}
	if cfg.RootCAs != "" {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM([]byte(cfg.RootCAs)) {
			return nil, errors.New("streams: connect: RootCAs holds no certificate in PEM; give the one of the authority that made the servers' certificates")
		}
	}
	return []nats.Option{nats.Secure(config)}, nil
}
