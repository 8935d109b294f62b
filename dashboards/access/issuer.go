package access

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/portcullis-dev/portcullis/host"
)

const (
	issuerWithin   = 10 * time.Second // for one answer
	issuerAnswer   = 1 << 20          // bytes
	issuerAtOnce   = 16               // codes that are redeemed at one time
	discoveredFor  = time.Hour
	undiscoveredAt = 5 * time.Second // how long a failure to discover stands, so that it is not asked by everybody
	clockSkew      = time.Minute
)

// algorithms are the signatures of ID tokens that are believed: none with a shared
// secret, and not "none" (RFC 8725, 3.1).
var algorithms = []string{oidc.RS256, oidc.RS384, oidc.RS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.EdDSA}

var (
	errIssuer = errors.New("access: the issuer does not answer as it should")
	errBusy   = errors.New("access: the issuer has too many codes to redeem")
)

// issuer is an OpenID provider, asked for what it has discovered about itself when
// somebody first logs in. Safe for concurrent use.
type issuer struct {
	url          string
	clientID     string
	clientSecret string // "" for a public client
	redirect     string
	scopes       []string
	client       *http.Client

	redeeming   chan struct{} // one for each code that is redeemed now
	discovering chan struct{} // holds one while somebody discovers, who owns the fields below
	known       *provider     // nil: not yet, or too old
	asked       time.Time     // when it was last discovered, or not
	failure     error         // of the newest discovery
}

// provider is what an issuer says about itself.
type provider struct {
	oauth    oauth2.Config
	verifier *oidc.IDTokenVerifier
	namesIss bool // answers carry iss (RFC 9207)
}

func newIssuer(cfg *Config) *issuer {
	transport := http.DefaultTransport
	if cfg.Transport != nil {
		transport = cfg.Transport
	}
	return &issuer{
		url: cfg.Issuer, clientID: cfg.ClientID, clientSecret: cfg.ClientSecret, redirect: cfg.URL + callbackPath,
		scopes: append([]string{oidc.ScopeOpenID, "email"}, cfg.Scopes...),
		client: &http.Client{
			Timeout: issuerWithin, Transport: bounded{transport},
			CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("access: the issuer leads elsewhere") },
		},
		redeeming: make(chan struct{}, issuerAtOnce), discovering: make(chan struct{}, 1),
	}
}

// bounded reads no more of an answer than any issuer has reason to say.
type bounded struct{ http.RoundTripper }

// RoundTrip is http.RoundTripper's.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		answer.Body = http.MaxBytesReader(nil, answer.Body, issuerAnswer)
	}
	return answer, err
}

// discovered is what the issuer says about itself, at most discoveredFor ago.
func (i *issuer) discovered(ctx context.Context) (*provider, error) {
	select {
	case i.discovering <- struct{}{}:
		defer func() { <-i.discovering }()
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", errIssuer, ctx.Err())
	}
	age := elapsed(i.asked, time.Now())
	if i.known != nil && age < discoveredFor {
		return i.known, nil
	}
	if i.failure != nil && age < undiscoveredAt {
		return nil, i.failure
	}
	// Others wait for the answer: who asked first may go away.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), issuerWithin)
	defer cancel()
	i.known, i.failure = i.discover(ctx)
	i.asked = time.Now()
	return i.known, i.failure
}

// metadata is what go-oidc does not tell of OpenID Connect Discovery 1.0, section 3, and
// RFC 9207, section 3.
type metadata struct {
	Auth       string   `json:"authorization_endpoint"`
	Token      string   `json:"token_endpoint"`
	Keys       string   `json:"jwks_uri"`
	Methods    []string `json:"token_endpoint_auth_methods_supported"`
	Challenges []string `json:"code_challenge_methods_supported"`
	NamesIss   bool     `json:"authorization_response_iss_parameter_supported"`
}

func (i *issuer) discover(ctx context.Context) (*provider, error) {
	ctx = oidc.ClientContext(ctx, i.client)
	found, err := oidc.NewProvider(ctx, i.url)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errIssuer, err)
	}
	var told metadata
	if err := found.Claims(&told); err != nil {
		return nil, fmt.Errorf("%w: %w", errIssuer, err)
	}
	for _, endpoint := range []string{told.Auth, told.Token, told.Keys} {
		if err := safeURL(endpoint); err != nil {
			return nil, fmt.Errorf("%w: an endpoint: %w", errIssuer, err)
		}
	}
	if len(told.Challenges) > 0 && !slices.Contains(told.Challenges, "S256") {
		return nil, fmt.Errorf("%w: it does not do PKCE with S256", errIssuer)
	}
	p := &provider{namesIss: told.NamesIss, verifier: found.VerifierContext(ctx, &oidc.Config{ClientID: i.clientID, SupportedSigningAlgs: algorithms})}
	p.oauth = oauth2.Config{ClientID: i.clientID, ClientSecret: i.clientSecret, RedirectURL: i.redirect, Scopes: i.scopes, Endpoint: found.Endpoint()}
	p.oauth.Endpoint.AuthStyle = i.style(told.Methods)
	return p, nil
}

// style is how the client proves itself. It is never found out by trying, which would
// send a code twice.
func (i *issuer) style(methods []string) oauth2.AuthStyle {
	basic := len(methods) == 0 || slices.Contains(methods, "client_secret_basic") // the default of Discovery 1.0
	if i.clientSecret != "" && basic {
		return oauth2.AuthStyleInHeader
	}
	return oauth2.AuthStyleInParams
}

// safeURL refuses what would send secrets in the clear to another machine.
func safeURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return fmt.Errorf("%.80q is no URL", text)
	case u.Host == "" || u.User != nil || u.Fragment != "":
		return fmt.Errorf("%.80q is not the URL of a server", text)
	case u.Scheme == "https" || u.Scheme == "http" && host.Own(host.Name(u.Host)):
		return nil
	default:
		return fmt.Errorf("%.80q is not https, nor on this machine", text)
	}
}

// redeem asks the issuer whom a code stands for, and believes nothing that is not signed
// for this login (OpenID Connect Core 1.0, 3.1.3.7).
func (i *issuer) redeem(ctx context.Context, p *provider, code string, login pending) (map[string]json.RawMessage, error) {
	select {
	case i.redeeming <- struct{}{}:
		defer func() { <-i.redeeming }()
	default:
		return nil, errBusy
	}
	ctx, cancel := context.WithTimeout(oidc.ClientContext(ctx, i.client), issuerWithin)
	defer cancel()
	token, err := p.oauth.Exchange(ctx, code, oauth2.VerifierOption(login.Verifier))
	if err != nil {
		return nil, exchangeFailed(err)
	}
	raw, given := token.Extra("id_token").(string)
	if !given {
		return nil, errors.New("access: the issuer gave no ID token")
	}
	signed, err := p.verifier.Verify(ctx, raw)
	if err != nil {
		return nil, errors.New("access: " + without(err, raw, code, token.AccessToken))
	}
	if err := i.meant(signed, login); err != nil {
		return nil, err
	}
	if signed.AccessTokenHash != "" {
		if err := signed.VerifyAccessToken(token.AccessToken); err != nil {
			return nil, errors.New("access: the ID token goes with another access token")
		}
	}
	var claims map[string]json.RawMessage
	return claims, signed.Claims(&claims)
}

// meant checks what go-oidc leaves to its callers: that the token was made for this
// login, now, and for nobody else.
func (i *issuer) meant(token *oidc.IDToken, login pending) error {
	if !same(token.Nonce, login.Nonce) {
		return errors.New("access: the ID token has the nonce of another login")
	}
	var to struct {
		Party *string `json:"azp"`
	}
	if err := token.Claims(&to); err != nil {
		return errors.New("access: the ID token's azp is not a word")
	}
	if to.Party == nil && len(token.Audience) > 1 || to.Party != nil && *to.Party != i.clientID {
		return errors.New("access: the ID token was issued to another client (azp)")
	}
	if token.IssuedAt.After(time.Now().Add(clockSkew)) || token.IssuedAt.Before(login.Begun.Add(-clockSkew)) {
		return fmt.Errorf("access: the ID token was issued at %s, which is not during this login; compare the clocks of issuer and console", token.IssuedAt.UTC().Format(time.RFC3339))
	}
	return nil
}

// same compares secrets. Two that are empty are not the same.
func same(a, b string) bool {
	return a != "" && subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}
