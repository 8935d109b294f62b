package access

import (
	"errors"
	"net/http"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/portcullis-dev/portcullis/dashboards/surface"
)

// Why a login failed, as the page is told: one of these, and nothing that anybody sent.
const (
	whyBusy    = "busy"    // too many logins
	whyIssuer  = "issuer"  // the issuer does not answer as it should
	whyExpired = "expired" // not begun in this browser, or too long ago, or done already
	whyRefused = "refused" // the issuer says no
	whyInvalid = "invalid" // what the issuer says is not believed
	whyRole    = "role"    // logged in there, and nothing here
)

var (
	errRefused = errors.New("access: the issuer did not log them in")
	errNoRole  = errors.New("access: none of the roles claim's values has a role here; see --role")
)

// leave is where the issuer logs people in.
func (p *provider) leave(login pending) string {
	return p.oauth.AuthCodeURL(login.State, oauth2.S256ChallengeOption(login.Verifier), oidc.Nonce(login.Nonce))
}

// callback is where the issuer sends the browser back to. Whatever happens, it goes to
// the console's own page, and this login is over.
func (o *OIDC) callback(w http.ResponseWriter, r *http.Request) error {
	forget(w, loginCookie)
	if !o.attempts.allow(r) {
		return home(w, r, whyBusy)
	}
	user, err := o.comeBack(r)
	if err != nil {
		return o.refused(w, r, err)
	}
	o.sessions.close(cookie(r, sessionCookie)) // who logs in anew is who they are now
	id, err := o.sessions.begin(user)
	if err != nil {
		return o.refused(w, r, err)
	}
	o.cfg.Logger.InfoContext(r.Context(), "somebody logged in", "user", user.Name, "subject", user.Subject, "role", user.Role.String())
	put(w, sessionCookie, id, o.cfg.Lifetime, http.SameSiteStrictMode)
	return home(w, r, "")
}

// comeBack is who came back from the issuer.
func (o *OIDC) comeBack(r *http.Request) (surface.User, error) {
	asked := r.URL.Query()
	for _, name := range []string{"state", "code", "iss", "error"} {
		if len(asked[name]) > 1 {
			return surface.User{}, errors.New("access: the issuer says " + name + " twice")
		}
	}
	login, err := o.pending.open(cookie(r, loginCookie), asked.Get("state"))
	if err != nil {
		return surface.User{}, err
	}
	p, err := o.issuer.discovered(r.Context())
	if err != nil {
		return surface.User{}, err
	}
	if iss, named := asked["iss"]; named && iss[0] != o.cfg.Issuer || !named && p.namesIss {
		return surface.User{}, errors.New("access: another issuer answers (RFC 9207)")
	}
	if asked.Has("error") {
		return surface.User{}, errors.Join(errRefused, errors.New(errorCode(asked.Get("error"))))
	}
	if asked.Get("code") == "" {
		return surface.User{}, errors.New("access: the issuer gives no code")
	}
	claims, err := o.issuer.redeem(r.Context(), p, asked.Get("code"), login)
	if err != nil {
		return surface.User{}, err
	}
	who, err := identify(claims, o.cfg.RolesClaim)
	if err != nil {
		return surface.User{}, err
	}
	role := o.cfg.Roles.of(who.values...)
	if !role.Allows(surface.Viewer) {
		return surface.User{}, errNoRole
	}
	return surface.User{Name: who.name, Subject: who.subject, Role: role, How: "oidc"}, nil
}

// refused logs why somebody is not let in, and tells the page in a word.
func (o *OIDC) refused(w http.ResponseWriter, r *http.Request, err error) error {
	why := whyInvalid
	switch {
	case errors.Is(err, errIssuer):
		why = whyIssuer
	case errors.Is(err, errNotPending):
		why = whyExpired
	case errors.Is(err, errBusy), errors.Is(err, errFull), errors.Is(err, errManyLogins):
		why = whyBusy
	case errors.Is(err, errRefused):
		why = whyRefused
	case errors.Is(err, errNoRole):
		why = whyRole
	}
	if r.Context().Err() == nil {
		o.cfg.Logger.WarnContext(r.Context(), "a login failed", "why", why, "err", without(err))
	}
	return home(w, r, why)
}

// home leads to the console's own page, and nowhere else.
func home(w http.ResponseWriter, r *http.Request, why string) error {
	to := "/"
	if why != "" {
		to = "/#/login?why=" + why
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}
