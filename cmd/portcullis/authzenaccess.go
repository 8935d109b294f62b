package main

import (
	"crypto/tls"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/gateway/authzen"
)

// authzenAccess are the flags that say where to listen, and who may ask.
type authzenAccess struct {
	listen, url string
	token       string // file
	tlsFiles
}

func (a *authzenAccess) register(c *cobra.Command) {
	c.Flags().StringVar(&a.listen, "listen", "127.0.0.1:4296", "serve clients at this address")
	c.Flags().StringVar(&a.url, "url", "", "where clients reach this, for the metadata, such as https://pdp.example.com (default: the address)")
	c.Flags().StringVar(&a.token, "token-file", "", "file of mode 0600 with the bearer token that clients must send")
	a.tlsFiles.register(c, "demand a client certificate of one of these authorities, in PEM")
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
	if s.tls, err = a.config(tls.RequireAndVerifyClientCert); err != nil {
		return secured{}, err
	}
	s.access.Certificate = a.clientCA != ""
	if !onThisMachine(a.listen) && (s.tls == nil || s.access == authzen.Access{}) {
		return secured{}, usage(fmt.Errorf("--listen %s can be reached from elsewhere: give --tls-cert and --tls-key, and --token-file or --client-ca", a.listen))
	}
	return s, nil
}
