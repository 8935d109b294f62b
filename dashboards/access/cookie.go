package access

import (
	"net/http"
	"time"
)

// put sets a cookie that only this host gets, over TLS, and no script sees.
func put(w http.ResponseWriter, name, value string, lasts time.Duration, site http.SameSite) {
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // Strict but for the way back from the issuer, which is Lax
		Name: name, Value: value, Path: "/", MaxAge: int(lasts / time.Second), Secure: true, HttpOnly: true, SameSite: site,
	})
}

// forget takes a cookie back.
func forget(w http.ResponseWriter, name string) {
	http.SetCookie(w, &http.Cookie{Name: name, Path: "/", MaxAge: -1, Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode})
}

// cookie is the value of the one cookie of a name; of two, neither is believed.
func cookie(r *http.Request, name string) string {
	found := r.CookiesNamed(name)
	if len(found) != 1 {
		return ""
	}
	return found[0].Value
}
