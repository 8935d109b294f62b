package access

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"golang.org/x/oauth2"
)

const clientSecret = "the-secret-of-the-client"

// fakeProvider is an OpenID provider that says what the test wants. It lets everybody
// in. Its fields are changed between logins only.
type fakeProvider struct {
	t *testing.T
	*httptest.Server
	key *ecdsa.PrivateKey
	kid string

	claims   map[string]any                             // in place of its own; nil leaves one out
	header   map[string]any                             // of ID tokens, in place of its own
	answer   func(query url.Values)                     // changes what browsers bring back
	token    func(w http.ResponseWriter, code string)   // answers for the token endpoint
	idToken  func(claims map[string]any) string         // makes the ID token
	metadata func(map[string]any)                       // changes what is discovered
	keys     func(own map[string]any) (published []any) // in place of the one key

	mu     sync.Mutex
	grants map[string]grant
	said   []string // secrets, which no log may have
	counts map[string]int
}

// grant is what a code stands for.
type grant struct{ challenge, nonce, redirect string }

func newProvider(t *testing.T) *fakeProvider {
	t.Helper()
	p := &fakeProvider{t: t, grants: map[string]grant{}, counts: map[string]int{}}
	p.rotate("first")
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", p.discover)
	mux.HandleFunc("GET /keys", p.publish)
	mux.HandleFunc("GET /authorize", p.authorize)
	mux.HandleFunc("POST /token", p.redeem)
	p.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		p.counts[r.URL.Path]++
		p.mu.Unlock()
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *fakeProvider) rotate(kid string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		p.t.Fatal(err)
	}
	p.key, p.kid = key, kid
}

func (p *fakeProvider) asked(path string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.counts[path]
}

func (p *fakeProvider) secret(text string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.said = append(p.said, text)
	return text
}

func (p *fakeProvider) secrets() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string{clientSecret}, p.said...)
}

func tell(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the test sees what it lacks
}

func (p *fakeProvider) discover(w http.ResponseWriter, _ *http.Request) {
	about := map[string]any{
		"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys",
		"id_token_signing_alg_values_supported": []string{"ES256"}, "code_challenge_methods_supported": []string{"S256"},
		"authorization_response_iss_parameter_supported": true,
	}
	if p.metadata != nil {
		p.metadata(about)
	}
	tell(w, http.StatusOK, about)
}

func (p *fakeProvider) publish(w http.ResponseWriter, _ *http.Request) {
	point, err := p.key.PublicKey.Bytes()
	if err != nil {
		p.t.Error(err)
	}
	own := map[string]any{"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": p.kid, "x": b64(point[1:33]), "y": b64(point[33:])}
	published := []any{own}
	if p.keys != nil {
		published = p.keys(own)
	}
	tell(w, http.StatusOK, map[string]any{"keys": published})
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func (p *fakeProvider) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if q.Get("response_type") != "code" || q.Get("client_id") != "console" || q.Get("code_challenge_method") != "S256" || q.Get("scope") != "openid email" {
		p.t.Errorf("the console asks for %v", q)
	}
	code := p.secret("code-" + oauth2.GenerateVerifier())
	p.mu.Lock()
	p.grants[code] = grant{q.Get("code_challenge"), q.Get("nonce"), q.Get("redirect_uri")}
	p.mu.Unlock()
	back := url.Values{"code": {code}, "state": {p.secret(q.Get("state"))}, "iss": {p.URL}}
	if p.answer != nil {
		p.answer(back)
	}
	http.Redirect(w, r, q.Get("redirect_uri")+"?"+back.Encode(), http.StatusSeeOther)
}

func (p *fakeProvider) redeem(w http.ResponseWriter, r *http.Request) {
	code := r.PostFormValue("code")
	if p.token != nil {
		p.token(w, code)
		return
	}
	p.mu.Lock()
	given, known := p.grants[code]
	delete(p.grants, code)
	p.mu.Unlock()
	id, secret, _ := r.BasicAuth()
	verifier := p.secret(r.PostFormValue("code_verifier"))
	if !known || id != "console" || secret != clientSecret || r.PostFormValue("redirect_uri") != given.redirect ||
		oauth2.S256ChallengeFromVerifier(verifier) != given.challenge {
		tell(w, http.StatusBadRequest, map[string]any{"error": "invalid_grant", "error_description": "no such code: " + code})
		return
	}
	tell(w, http.StatusOK, map[string]any{
		"access_token": p.secret("access-" + oauth2.GenerateVerifier()), "token_type": "Bearer", "expires_in": 300, "id_token": p.secret(p.issue(given.nonce)),
	})
}

// issue makes an ID token for the login with this nonce.
func (p *fakeProvider) issue(nonce string) string {
	now := time.Now()
	claims := map[string]any{
		"iss": p.URL, "sub": "subject-1", "aud": "console", "exp": now.Add(5 * time.Minute).Unix(), "iat": now.Unix(), "nonce": nonce,
		"email": "ada@example.com", "email_verified": true, "groups": []string{"staff", "ops"},
	}
	override(claims, p.claims)
	if p.idToken != nil {
		return p.idToken(claims)
	}
	return p.sign(claims)
}

func (p *fakeProvider) sign(claims map[string]any) string {
	header := map[string]any{"alg": "ES256", "kid": p.kid, "typ": "JWT"}
	override(header, p.header)
	signed := part(p.t, header) + "." + part(p.t, claims)
	digest := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, p.key, digest[:])
	if err != nil {
		p.t.Error(err)
	}
	sig := make([]byte, 64)
	r.FillBytes(sig[:32])
	s.FillBytes(sig[32:])
	return signed + "." + b64(sig)
}

func part(t *testing.T, v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		t.Error(err)
	}
	return b64(text)
}

func override(own, other map[string]any) {
	maps.Copy(own, other)
	maps.DeleteFunc(own, func(_ string, v any) bool { return v == nil })
}
