package access

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/portcullis-dev/portcullis/dashboards/surface"
)

// MaxLifetime is the longest that anybody stays logged in.
const MaxLifetime = 8 * time.Hour

const (
	loginPath    = "/login"
	callbackPath = "/login/callback"
	logoutPath   = "/api/v1/logout"

	// The prefix binds a cookie to this host, all of it, and TLS (RFC 6265bis, 4.1.3.2).
	sessionCookie = "__Host-portcullis"
	loginCookie   = "__Host-portcullis-login"
)

// Config is what it takes to let people log in at an OpenID provider. What has no
// default is required.
type Config struct {
	Issuer       string // as it calls itself: https, or of this machine
	ClientID     string
	ClientSecret string // "" for a public client
	URL          string // of the console, https, as browsers know it, without a path
	Roles        Roles
	RolesClaim   string   // whose values Roles name; a path is written with points
	Scopes       []string // beside openid and email
	Lifetime     time.Duration
	Idle         time.Duration // without any request
	Logger       *slog.Logger
	Transport    http.RoundTripper // to the issuer; nil: http.DefaultTransport
}

// OIDC lets people in who log in at an OpenID provider, by the authorization code flow
// with PKCE, state and nonce (OpenID Connect Core 1.0, 3.1; RFC 9700). What it keeps of
// a login is who it was and in which role, in memory, under the hash of a random
// identifier that only the browser has. No token is kept. Safe for concurrent use.
type OIDC struct {
	cfg      Config
	host     string // of URL
	issuer   *issuer
	pending  *pendings
	sessions *sessions
	attempts attempts
}

var _ surface.Access = (*OIDC)(nil)

// NewOIDC makes one. The issuer is first asked when somebody logs in.
func NewOIDC(cfg Config) (*OIDC, error) {
	at, err := url.Parse(cfg.URL)
	switch {
	case cfg.ClientID == "" || cfg.RolesClaim == "" || len(cfg.Roles) == 0 || cfg.Logger == nil:
		return nil, errors.New("access: login by OpenID Connect needs ClientID, RolesClaim, Roles and Logger")
	case err != nil || at.Scheme != "https" || at.Host == "" || cfg.URL != "https://"+at.Host:
		return nil, fmt.Errorf("access: %.80q is not where browsers reach the console; give https, its name, its port if that is not 443, and nothing more", cfg.URL)
	case cfg.Lifetime <= 0 || cfg.Lifetime > MaxLifetime || cfg.Idle <= 0 || cfg.Idle > cfg.Lifetime:
		return nil, fmt.Errorf("access: a login lasts at most %s, and no longer idle than at all", MaxLifetime)
	}
	if err := safeURL(cfg.Issuer); err != nil {
		return nil, fmt.Errorf("access: the issuer: %w", err)
	}
	sealed, err := newPendings()
	if err != nil {
		return nil, err
	}
	return &OIDC{cfg: cfg, host: at.Host, issuer: newIssuer(&cfg), pending: sealed, sessions: newSessions(cfg.Lifetime, cfg.Idle)}, nil
}

// Who is whoever has the session's cookie; else Anyone.
func (o *OIDC) Who(r *http.Request) (surface.User, error) {
	if r.TLS == nil {
		return surface.User{}, &surface.Problem{Status: http.StatusForbidden, Title: "this console answers over TLS only", Mend: "ask for " + o.cfg.URL}
	}
	if !strings.EqualFold(strings.TrimSuffix(r.Host, ":443"), strings.TrimSuffix(o.host, ":443")) {
		return surface.User{}, &surface.Problem{Status: http.StatusMisdirectedRequest, Title: "this console has another name", Mend: "ask for " + o.cfg.URL}
	}
	if id := cookie(r, sessionCookie); id != "" {
		if user, found := o.sessions.find(id); found {
			return user, nil
		}
	}
	return surface.User{Role: surface.Anyone, How: "oidc"}, nil
}

// Routes are the way to the issuer, the way back, and the way out.
func (o *OIDC) Routes() []surface.Route {
	return []surface.Route{
		{Pattern: "GET " + loginPath, Needs: surface.Anyone, Handle: o.login},
		{Pattern: "GET " + callbackPath, Needs: surface.Anyone, Handle: o.callback},
		{Pattern: "POST " + logoutPath, Needs: surface.Anyone, Handle: o.logout},
	}
}

// login sends the browser to the issuer. Only the console's own page may begin one, or
// somebody who typed its address.
func (o *OIDC) login(w http.ResponseWriter, r *http.Request) error {
	if site := r.Header.Get("Sec-Fetch-Site"); site == "cross-site" || site == "same-site" {
		return home(w, r, "")
	}
	if !o.attempts.allow(r) {
		return home(w, r, whyBusy)
	}
	p, err := o.issuer.discovered(r.Context())
	if err != nil {
		return o.refused(w, r, err)
	}
	one := newPending()
	sealed, err := o.pending.seal(one)
	if err != nil {
		return err
	}
	// The way back begins at another site: a Strict cookie would not be sent.
	put(w, loginCookie, sealed, pendingFor, http.SameSiteLaxMode)
	http.Redirect(w, r, p.leave(one), http.StatusSeeOther)
	return nil
}

// logout ends the session of whoever asks; others are logged out already.
func (o *OIDC) logout(w http.ResponseWriter, r *http.Request) error {
	if user, found := o.sessions.close(cookie(r, sessionCookie)); found {
		o.cfg.Logger.InfoContext(r.Context(), "somebody logged out", "user", user.Name, "subject", user.Subject)
	}
	forget(w, sessionCookie)
	return surface.JSON(w, struct{}{})
}
