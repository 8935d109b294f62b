package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/dashboards/access"
	"github.com/portcullis-dev/portcullis/dashboards/surface"
	"github.com/portcullis-dev/portcullis/fabric"
)

// consoleAccess are the flags that say where a console serves, and whom.
type consoleAccess struct {
	listen, url string
	tlsFiles
	revoked string // file
	roles   []string

	issuer, clientID, secret string // secret is a file
	claim                    string
	scopes                   []string
	lifetime, idle           time.Duration

	remember int // intents, for the lineage explorer
}

func (a *consoleAccess) register(c *cobra.Command) {
	c.Flags().StringVar(&a.listen, "listen", consoleAddress, "serve browsers at this address")
	c.Flags().StringVar(&a.url, "url", "", "where browsers reach this, such as https://console.example.com (default: the address)")
	a.tlsFiles.register(c, "let in who has a client certificate of one of these authorities, in PEM, and a --role")
	c.Flags().StringVar(&a.revoked, "client-crl", "", "file with the revocation lists of those authorities, in PEM; it is read again when it changes")
	c.Flags().StringArrayVar(&a.roles, "role", nil, "ROLE=NAME: viewer, approver or operator for a value of the roles claim, a SPIFFE ID or a common name (repeatable)")
	c.Flags().StringVar(&a.issuer, "oidc-issuer", "", "let in who logs in at this OpenID provider and has a --role")
	c.Flags().StringVar(&a.clientID, "oidc-client-id", "", "what the provider calls this console")
	c.Flags().StringVar(&a.secret, "oidc-client-secret-file", "", "file of mode 0600 with the console's secret at the provider (default: a public client)")
	c.Flags().StringVar(&a.claim, "oidc-roles-claim", "groups", "the claim of ID tokens whose values --role names, such as realm_access.roles")
	c.Flags().StringArrayVar(&a.scopes, "oidc-scope", nil, "ask the provider for this scope too (repeatable)")
	c.Flags().DurationVar(&a.lifetime, "session-lifetime", access.MaxLifetime, "how long a login lasts, at most")
	c.Flags().DurationVar(&a.idle, "session-idle", time.Hour, "how long a login lasts without any request")
	c.MarkFlagsRequiredTogether("oidc-issuer", "oidc-client-id")
}

// consoleDoor is who may come in, and how the listener makes sure of it.
type consoleDoor struct {
	access surface.Access
	tls    *tls.Config // nil: plain HTTP, for this machine alone
}

// open reads the files, and refuses what would let in somebody unknown.
func (a *consoleAccess) open(log *slog.Logger) (consoleDoor, error) {
	if err := a.check(); err != nil {
		return consoleDoor{}, usage(err)
	}
	config, err := a.config(tls.VerifyClientCertIfGiven)
	if err != nil {
		return consoleDoor{}, err
	}
	door := consoleDoor{tls: config}
	switch {
	case a.issuer != "":
		door.access, err = a.oidc(log)
	case a.clientCA != "":
		door.access, err = a.certificates()
	default:
		door.access = access.Loopback{}
	}
	return door, err
}

// check refuses flags that do not go together.
func (a *consoleAccess) check() error {
	login := a.issuer != "" || a.clientCA != ""
	switch {
	case a.issuer != "" && a.clientCA != "":
		return errors.New("--oidc-issuer and --client-ca are two ways in; give one")
	case login && a.cert == "":
		return errors.New("people log in over TLS only: give --tls-cert and --tls-key")
	case login && len(a.roles) == 0:
		return errors.New("nobody has a role: give at least one --role, such as --role operator=ops")
	case a.issuer != "" && a.url == "":
		return errors.New("--oidc-issuer needs --url, where the provider sends browsers back to")
	case !login && (len(a.roles) > 0 || a.revoked != "" || a.secret != "" || len(a.scopes) > 0):
		return errors.New("--role, --client-crl, --oidc-client-secret-file and --oidc-scope are for people who log in: give --oidc-issuer or --client-ca")
	case a.revoked != "" && a.clientCA == "":
		return errors.New("--client-crl is for client certificates: give --client-ca")
	case !login && a.cert != "":
		return errors.New("--tls-cert alone tells nobody apart: give --oidc-issuer or --client-ca, and --role")
	case !login && !onThisMachine(a.listen):
		return fmt.Errorf("--listen %s can be reached from elsewhere: give --tls-cert and --tls-key, --role, and --oidc-issuer or --client-ca", a.listen)
	}
	return nil
}

func (a *consoleAccess) oidc(log *slog.Logger) (surface.Access, error) {
	roles, err := access.ParseRoles(a.roles)
	if err != nil {
		return nil, usage(err)
	}
	cfg := access.Config{
		Issuer: a.issuer, ClientID: a.clientID, URL: strings.TrimSuffix(a.url, "/"), Roles: roles, RolesClaim: a.claim, Scopes: a.scopes,
		Lifetime: a.lifetime, Idle: min(a.idle, a.lifetime), Logger: log,
	}
	if a.secret != "" {
		text, err := fabric.ReadSecret(a.secret)
		if err != nil {
			return nil, err
		}
		if cfg.ClientSecret = strings.TrimSpace(string(text)); cfg.ClientSecret == "" {
			return nil, fmt.Errorf("--oidc-client-secret-file: %s is empty; put the provider's secret there, or leave the flag out for a public client", a.secret)
		}
	}
	opened, err := access.NewOIDC(cfg)
	if err != nil {
		return nil, usage(err)
	}
	return opened, nil
}

func (a *consoleAccess) certificates() (surface.Access, error) {
	roles, err := access.ParseRoles(a.roles)
	if err != nil {
		return nil, usage(err)
	}
	opened := &access.Certificates{Roles: roles}
	if a.revoked == "" {
		return opened, nil
	}
	authorities, err := a.authorities()
	if err != nil {
		return nil, err
	}
	opened.Revoked, err = access.ReadRevoked(a.revoked, authorities)
	return opened, err
}

// listener adds what the door demands.
func (d consoleDoor) listener(plain net.Listener) net.Listener {
	if d.tls == nil {
		return plain
	}
	return tls.NewListener(plain, d.tls)
}
