package access

import (
	"crypto/hmac"
	"crypto/sha256"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestWhatIsNotBelieved: each of these would let in somebody who did not log in for
// this console, here and now.
func TestWhatIsNotBelieved(t *testing.T) {
	ago := func(d time.Duration) int64 { return time.Now().Add(-d).Unix() }
	for name, test := range map[string]struct {
		change func(p *fakeProvider)
		why    string
	}{
		"another nonce":              {func(p *fakeProvider) { p.claims = map[string]any{"nonce": "other"} }, whyInvalid},
		"no nonce":                   {func(p *fakeProvider) { p.claims = map[string]any{"nonce": nil} }, whyInvalid},
		"another audience":           {func(p *fakeProvider) { p.claims = map[string]any{"aud": "other"} }, whyInvalid},
		"no audience":                {func(p *fakeProvider) { p.claims = map[string]any{"aud": nil} }, whyInvalid},
		"two audiences, no party":    {func(p *fakeProvider) { p.claims = map[string]any{"aud": []string{"console", "other"}} }, whyInvalid},
		"another party":              {func(p *fakeProvider) { p.claims = map[string]any{"azp": "other"} }, whyInvalid},
		"a party that is no word":    {func(p *fakeProvider) { p.claims = map[string]any{"azp": 7} }, whyInvalid},
		"another issuer":             {func(p *fakeProvider) { p.claims = map[string]any{"iss": "https://evil.test"} }, whyInvalid},
		"no issuer":                  {func(p *fakeProvider) { p.claims = map[string]any{"iss": nil} }, whyInvalid},
		"expired":                    {func(p *fakeProvider) { p.claims = map[string]any{"exp": ago(time.Second)} }, whyInvalid},
		"no expiry":                  {func(p *fakeProvider) { p.claims = map[string]any{"exp": nil} }, whyInvalid},
		"issued in the future":       {func(p *fakeProvider) { p.claims = map[string]any{"iat": ago(-3 * time.Minute)} }, whyInvalid},
		"issued before the login":    {func(p *fakeProvider) { p.claims = map[string]any{"iat": ago(5 * time.Minute)} }, whyInvalid},
		"never issued":               {func(p *fakeProvider) { p.claims = map[string]any{"iat": nil} }, whyInvalid},
		"not yet":                    {func(p *fakeProvider) { p.claims = map[string]any{"nbf": ago(-time.Hour)} }, whyInvalid},
		"another access token":       {func(p *fakeProvider) { p.claims = map[string]any{"at_hash": b64(make([]byte, 16))} }, whyInvalid},
		"signed by another key":      {func(p *fakeProvider) { p.idToken = anotherKey(p) }, whyInvalid},
		"a key that nobody has":      {func(p *fakeProvider) { p.header = map[string]any{"kid": "none"} }, whyInvalid},
		"no signature, alg none":     {func(p *fakeProvider) { p.idToken = unsigned(p, "none") }, whyInvalid},
		"no signature, alg ES256":    {func(p *fakeProvider) { p.idToken = unsigned(p, "ES256") }, whyInvalid},
		"a shared secret":            {func(p *fakeProvider) { p.idToken = sharedSecret(p) }, whyInvalid},
		"changed after signing":      {func(p *fakeProvider) { p.idToken = changed(p) }, whyInvalid},
		"no ID token":                {func(p *fakeProvider) { p.idToken = func(map[string]any) string { return "" } }, whyInvalid},
		"words for a token":          {func(p *fakeProvider) { p.idToken = func(map[string]any) string { return "a.b.c" } }, whyInvalid},
		"no state":                   {func(p *fakeProvider) { p.answer = func(q url.Values) { q.Del("state") } }, whyExpired},
		"another state":              {func(p *fakeProvider) { p.answer = func(q url.Values) { q.Set("state", "other") } }, whyExpired},
		"two states":                 {func(p *fakeProvider) { p.answer = func(q url.Values) { q.Add("state", "other") } }, whyInvalid},
		"no code":                    {func(p *fakeProvider) { p.answer = func(q url.Values) { q.Del("code") } }, whyInvalid},
		"two codes":                  {func(p *fakeProvider) { p.answer = func(q url.Values) { q.Add("code", "other") } }, whyInvalid},
		"another's code":             {func(p *fakeProvider) { p.answer = func(q url.Values) { q.Set("code", "other") } }, whyInvalid},
		"mixed up with another":      {func(p *fakeProvider) { p.answer = func(q url.Values) { q.Set("iss", "https://evil.test") } }, whyInvalid},
		"the issuer left out":        {func(p *fakeProvider) { p.answer = func(q url.Values) { q.Del("iss") } }, whyInvalid},
		"it says no":                 {func(p *fakeProvider) { p.answer = func(q url.Values) { q.Set("error", "access_denied") } }, whyRefused},
		"it says no in its words":    {func(p *fakeProvider) { p.answer = func(q url.Values) { q.Set("error", "<script>") } }, whyRefused},
		"token endpoint breaks":      {func(p *fakeProvider) { p.token = says(http.StatusInternalServerError, "fault: ") }, whyIssuer},
		"token endpoint says no":     {func(p *fakeProvider) { p.token = says(http.StatusBadRequest, "no: ") }, whyInvalid},
		"token endpoint babbles":     {func(p *fakeProvider) { p.token = says(http.StatusOK, "what: ") }, whyIssuer},
		"token endpoint floods":      {func(p *fakeProvider) { p.token = floods }, whyIssuer},
		"token endpoint leads aside": {func(p *fakeProvider) { p.token = leadsAside }, whyIssuer},
		"it is somebody else":        {func(p *fakeProvider) { p.metadata = func(m map[string]any) { m["issuer"] = "https://evil.test" } }, whyIssuer},
		"it does no PKCE": {func(p *fakeProvider) {
			p.metadata = func(m map[string]any) { m["code_challenge_methods_supported"] = []string{"plain"} }
		}, whyIssuer},
		"codes in the clear": {func(p *fakeProvider) {
			p.metadata = func(m map[string]any) { m["token_endpoint"] = "http://issuer.example.com/token" }
		}, whyIssuer},
		"people sent to a script": {func(p *fakeProvider) {
			p.metadata = func(m map[string]any) { m["authorization_endpoint"] = "javascript:alert(1)" }
		}, whyIssuer},
		"no keys": {func(p *fakeProvider) { p.keys = func(map[string]any) []any { return []any{} } }, whyInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProvider(t)
			test.change(p)
			ada := newConsole(t, p).person()
			if why := ada.login(); why != test.why {
				t.Errorf("%q, want %q: %s", why, test.why, ada.c.log)
			}
			if role := ada.role(); role != "anyone" {
				t.Errorf("they are %s", role)
			}
			if left := ada.cookies(); len(left) != 0 && test.why != whyIssuer {
				t.Errorf("the browser keeps %v", left)
			}
		})
	}
}

func anotherKey(p *fakeProvider) func(map[string]any) string {
	return func(claims map[string]any) string {
		other := &fakeProvider{t: p.t, kid: p.kid}
		other.rotate(p.kid)
		return other.sign(claims)
	}
}

func unsigned(p *fakeProvider, alg string) func(map[string]any) string {
	return func(claims map[string]any) string {
		return part(p.t, map[string]any{"alg": alg, "kid": p.kid}) + "." + part(p.t, claims) + "."
	}
}

// sharedSecret signs with what anybody can read, or the client knows.
func sharedSecret(p *fakeProvider) func(map[string]any) string {
	return func(claims map[string]any) string {
		signed := part(p.t, map[string]any{"alg": "HS256", "kid": p.kid}) + "." + part(p.t, claims)
		mac := hmac.New(sha256.New, []byte(clientSecret))
		mac.Write([]byte(signed))
		return signed + "." + b64(mac.Sum(nil))
	}
}

func changed(p *fakeProvider) func(map[string]any) string {
	return func(claims map[string]any) string {
		parts := strings.Split(p.sign(claims), ".")
		claims["groups"] = []string{"ops", "more"}
		return parts[0] + "." + part(p.t, claims) + "." + parts[2]
	}
}

// says answers with words in which there is the code.
func says(status int, words string) func(http.ResponseWriter, string) {
	return func(w http.ResponseWriter, code string) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(words + code)) // whoever hung up hears nothing
	}
}

func floods(w http.ResponseWriter, _ string) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(`{"access_token":"a","filler":"` + strings.Repeat("a", 4<<20) + `"}`)) // it hangs up
}

func leadsAside(w http.ResponseWriter, _ string) {
	w.Header().Set("Location", "https://evil.test/token")
	w.WriteHeader(http.StatusTemporaryRedirect)
}

// TestRotation: an issuer changes its keys, and its old ones stop counting.
func TestRotation(t *testing.T) {
	p := newProvider(t)
	c := newConsole(t, p)
	if why := c.person().login(); why != "" {
		t.Fatal(why)
	}
	p.rotate("second")
	if why := c.person().login(); why != "" {
		t.Error("with the new key:", why)
	}
	p.idToken = anotherKey(p)
	if why := c.person().login(); why != whyInvalid {
		t.Error("with a key that nobody published:", why)
	}
}

// TestOnce: the way back is gone once, by the browser that began it.
func TestOnce(t *testing.T) {
	p := newProvider(t)
	c := newConsole(t, p)
	ada := c.person()
	var back string
	var sealed []string
	ada.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if r.URL.Path == callbackPath {
			back, sealed = r.URL.String(), r.Header["Cookie"]
			sealed = append(sealed, loginCookie+"="+ada.cookies()[loginCookie])
		}
		return nil
	}
	if why := ada.login(); why != "" {
		t.Fatal(why)
	}
	mallory := c.person()
	answer, _ := mallory.do("GET", back)
	if why := mallory.why(answer); why != whyExpired {
		t.Error("in another browser:", why)
	}
	asked := p.asked("/token")
	answer, _ = mallory.do("GET", back, "Cookie", sealed[len(sealed)-1])
	if why := mallory.why(answer); why != whyExpired || p.asked("/token") != asked {
		t.Error("again, with the cookie:", why)
	}
	if role := mallory.role(); role != "anyone" {
		t.Error("mallory is", role)
	}
	another := newConsole(t, p)
	eve := another.person()
	answer, _ = eve.do("GET", strings.Replace(back, c.URL, another.URL, 1), "Cookie", sealed[len(sealed)-1])
	if why := eve.why(answer); why != whyExpired {
		t.Error("at another console:", why)
	}
}

// TestIssuerIsGone: who is logged in stays so, and who is not is told why.
func TestIssuerIsGone(t *testing.T) {
	p := newProvider(t)
	c := newConsole(t, p)
	ada := c.person()
	if why := ada.login(); why != "" {
		t.Fatal(why)
	}
	p.Server.CloseClientConnections()
	p.Server.Close()
	c.oidc.issuer.known = nil // as after discoveredFor
	bob := c.person()
	if why := bob.login(); why != whyIssuer || bob.role() != "anyone" {
		t.Error("whoever logs in now:", why, bob.role())
	}
	if role := ada.role(); role != "operator" {
		t.Error("whoever was logged in is", role)
	}
}

// TestIssuerHangs: it is not waited for without end, and not asked by everybody.
func TestIssuerHangs(t *testing.T) {
	p := newProvider(t)
	c := newConsole(t, p)
	c.oidc.issuer.client.Timeout = 200 * time.Millisecond
	release := make(chan struct{})
	defer close(release)
	p.token = func(http.ResponseWriter, string) { <-release }
	var all sync.WaitGroup
	whys := make(chan string, issuerAtOnce+4)
	for range cap(whys) {
		ada := c.person()
		all.Go(func() {
			ada.role() // the connection
			whys <- ada.login()
		})
	}
	all.Wait()
	close(whys)
	for why := range whys {
		if why != whyIssuer && why != whyBusy {
			t.Errorf("%q", why)
		}
	}
}

// TestIssuerIsNotHammered: what could not be discovered is not asked for again at once.
func TestIssuerIsNotHammered(t *testing.T) {
	p := newProvider(t)
	p.metadata = func(m map[string]any) { m["issuer"] = "https://evil.test" }
	c := newConsole(t, p)
	for range 10 {
		if why := c.person().login(); why != whyIssuer {
			t.Error(why)
		}
	}
	if asked := p.asked("/.well-known/openid-configuration"); asked >= 10 {
		t.Errorf("it was asked %d times", asked)
	}
}

// TestFlood: one who asks again and again waits, and the issuer hears nothing of it.
func TestFlood(t *testing.T) {
	p := newProvider(t)
	c := newConsole(t, p)
	busy := 0
	for range 3 * attemptsEach {
		answer, _ := c.person().do("GET", c.URL+"/login/callback?state=x&code=y")
		if answer.at.Fragment == "/login?why="+whyBusy {
			busy++
		}
	}
	if busy < attemptsEach {
		t.Errorf("told to wait %d times", busy)
	}
	if asked := p.asked("/token"); asked != 0 {
		t.Errorf("the issuer was asked %d times", asked)
	}
}
