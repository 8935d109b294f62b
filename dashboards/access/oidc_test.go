package access

import (
	"bufio"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/dashboards/surface"
)

// TestLogin: somebody comes in, acts in their role, and goes.
func TestLogin(t *testing.T) {
	c := newConsole(t, newProvider(t))
	ada := c.person()
	if role := ada.role(); role != "anyone" {
		t.Fatal("before the login:", role)
	}
	if answer, _ := ada.do("GET", c.URL+"/api/v1/look"); answer.status != http.StatusUnauthorized {
		t.Error("before the login:", answer.status)
	}
	if why := ada.login(); why != "" {
		t.Fatal(why, c.log)
	}
	if role := ada.role(); role != "operator" {
		t.Fatal("after the login:", role)
	}
	cookies := ada.cookies()
	if len(cookies) != 1 || len(cookies[sessionCookie]) != 43 {
		t.Errorf("the browser has %v", cookies)
	}
	if answer, _ := ada.do("POST", c.URL+"/api/v1/act"); answer.status != http.StatusOK {
		t.Error("an operator acts:", answer.status)
	}
	for _, word := range []string{"ada@example.com", "subject-1", "the-digest", "position=7", `"POST /api/v1/act"`, "status=200"} {
		if !strings.Contains(c.log.String(), word) {
			t.Errorf("the log does not tell %s: %s", word, c.log)
		}
	}
	if answer, _ := ada.do("POST", c.URL+"/api/v1/logout"); answer.status != http.StatusOK {
		t.Error("logout:", answer.status)
	}
	if role := ada.role(); role != "anyone" || len(ada.cookies()) != 0 {
		t.Error("after the logout:", role, ada.cookies())
	}
	ada.replays(cookies[sessionCookie])
	c.tellsNoSecret(cookies[sessionCookie])
}

// replays shows a session that has ended.
func (p *person) replays(id string) {
	p.c.t.Helper()
	answer, _ := p.do("GET", p.c.URL+"/api/v1/look", "Cookie", sessionCookie+"="+id)
	if answer.status != http.StatusUnauthorized {
		p.c.t.Error("a session that ended goes on:", answer.status)
	}
}

// TestCookies: what scripts, other sites and plain HTTP never get.
func TestCookies(t *testing.T) {
	c := newConsole(t, newProvider(t))
	seen := map[string]string{}
	ada := c.person()
	ada.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		for _, one := range r.Response.Cookies() {
			if one.MaxAge >= 0 {
				seen[one.Name] = strings.Replace(one.String(), one.Value, "VALUE", 1)
			}
		}
		return nil
	}
	if why := ada.login(); why != "" {
		t.Fatal(why)
	}
	if got, want := seen[sessionCookie], sessionCookie+"=VALUE; Path=/; Max-Age=3600; HttpOnly; Secure; SameSite=Strict"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got, want := seen[loginCookie], loginCookie+"=VALUE; Path=/; Max-Age=600; HttpOnly; Secure; SameSite=Lax"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestRolesOfClaims: a role comes from the claim alone, and from nothing odd.
func TestRolesOfClaims(t *testing.T) {
	for name, test := range map[string]struct {
		claim  string
		claims map[string]any
		role   string
	}{
		"the most of several":     {"groups", map[string]any{"groups": []string{"staff", "ops"}}, "operator"},
		"one word":                {"groups", map[string]any{"groups": "staff"}, "viewer"},
		"a path":                  {"realm_access.roles", map[string]any{"realm_access": map[string]any{"roles": []string{"staff"}}}, "viewer"},
		"a name with points":      {"https://x.test/roles", map[string]any{"https://x.test/roles": []string{"staff"}}, "viewer"},
		"no claim":                {"groups", map[string]any{"groups": nil}, ""},
		"an empty list":           {"groups", map[string]any{"groups": []string{}}, ""},
		"unknown groups":          {"groups", map[string]any{"groups": []string{"OPS", "ops ", "op"}}, ""},
		"words in one":            {"groups", map[string]any{"groups": "staff ops"}, ""},
		"another claim":           {"groups", map[string]any{"groups": nil, "roles": []string{"ops"}}, ""},
		"a path that leads aside": {"realm_access.roles", map[string]any{"realm_access": "ops"}, ""},
		"not words":               {"groups", map[string]any{"groups": []any{"ops", 7}}, ""},
		"an object":               {"groups", map[string]any{"groups": map[string]any{"ops": true}}, ""},
		"nobody":                  {"groups", map[string]any{"sub": nil}, ""},
		"an odd subject":          {"groups", map[string]any{"sub": "a\nb"}, ""},
		"a long subject":          {"groups", map[string]any{"sub": strings.Repeat("a", 200)}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProvider(t)
			p.claims = test.claims
			ada := newConsole(t, p, func(c *Config) { c.RolesClaim = test.claim }).person()
			why, role := ada.login(), ada.role()
			if test.role != "" && (why != "" || role != test.role) {
				t.Errorf("%q as %s, want %s", why, role, test.role)
			}
			if test.role == "" && (why != whyRole && why != whyInvalid || role != "anyone") {
				t.Errorf("%q as %s, want a refusal", why, role)
			}
		})
	}
}

// TestNames: an address that nobody verified is nobody's name.
func TestNames(t *testing.T) {
	for name, test := range map[string]struct {
		claims map[string]any
		called string
	}{
		"verified":         {nil, "ada@example.com"},
		"not verified":     {map[string]any{"email_verified": false}, "subject-1"},
		"nothing said":     {map[string]any{"email_verified": nil}, "subject-1"},
		"in words":         {map[string]any{"email_verified": "true"}, "subject-1"},
		"control bytes":    {map[string]any{"email": "a\u202e@example.com"}, "subject-1"},
		"no address":       {map[string]any{"email": nil}, "subject-1"},
		"a number":         {map[string]any{"email": 7}, "subject-1"},
		"an empty one":     {map[string]any{"email": ""}, "subject-1"},
		"one that is long": {map[string]any{"email": strings.Repeat("a", 200)}, "subject-1"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProvider(t)
			p.claims = test.claims
			ada := newConsole(t, p).person()
			if why := ada.login(); why != "" {
				t.Fatal(why)
			}
			if _, about := ada.do("GET", ada.c.URL+"/api/v1/about"); !strings.Contains(about, `"user":"`+test.called+`"`) {
				t.Error(about)
			}
		})
	}
}

// TestOneAtATime: a login replaces the browser's session, and an identifier that
// somebody brings is never taken.
func TestOneAtATime(t *testing.T) {
	c := newConsole(t, newProvider(t))
	ada := c.person()
	planted := &http.Cookie{Name: sessionCookie, Value: strings.Repeat("A", 43), Path: "/", Secure: true}
	at, err := url.Parse(c.URL)
	if err != nil {
		t.Fatal(err)
	}
	ada.Jar.SetCookies(at, []*http.Cookie{planted})
	if why := ada.login(); why != "" {
		t.Fatal(why)
	}
	first := ada.cookies()[sessionCookie]
	if first == planted.Value {
		t.Error("the session that somebody planted is the session")
	}
	if why := ada.login(); why != "" {
		t.Fatal(why)
	}
	if ada.cookies()[sessionCookie] == first {
		t.Error("the same session after another login")
	}
	ada.replays(first)
	ada.replays(planted.Value)
}

// TestTwoCookies: of two with one name, nobody knows which the console set.
func TestTwoCookies(t *testing.T) {
	c := newConsole(t, newProvider(t))
	ada := c.person()
	if why := ada.login(); why != "" {
		t.Fatal(why)
	}
	other := c.person()
	id := ada.cookies()[sessionCookie]
	if answer, _ := other.do("GET", c.URL+"/api/v1/look", "Cookie", sessionCookie+"="+id); answer.status != http.StatusOK {
		t.Fatal("one:", answer.status)
	}
	if answer, _ := other.do("GET", c.URL+"/api/v1/look", "Cookie", sessionCookie+"=x; "+sessionCookie+"="+id); answer.status != http.StatusUnauthorized {
		t.Error("two:", answer.status)
	}
}

// TestStreamsEnd: what is under way for somebody ends when they log out.
func TestStreamsEnd(t *testing.T) {
	c := newConsole(t, newProvider(t))
	ada := c.person()
	if why := ada.login(); why != "" {
		t.Fatal(why)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.URL+"/api/v1/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := ada.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()
	lines := bufio.NewScanner(stream.Body)
	if !lines.Scan() || lines.Text() != "event: status" {
		t.Fatal("the stream does not begin:", lines.Text())
	}
	waited := make(chan int, 1)
	go func() {
		answer, _ := ada.do("GET", c.URL+"/api/v1/wait")
		waited <- answer.status
	}()
	<-waiting
	ada.do("POST", c.URL+"/api/v1/logout")
	for lines.Scan() {
		if strings.Contains(lines.Text(), "title") {
			t.Error("a problem within the stream:", lines.Text())
		}
	}
	if err := lines.Err(); err != nil {
		t.Error("the stream breaks:", err)
	}
	if status := <-waited; status != http.StatusUnauthorized {
		t.Error("what had not begun:", status)
	}
}

// TestActsGoOn: what was allowed when it began is not left half done.
func TestActsGoOn(t *testing.T) {
	c := newConsole(t, newProvider(t))
	ada := c.person()
	if why := ada.login(); why != "" {
		t.Fatal(why)
	}
	acted := make(chan int, 1)
	go func() {
		answer, _ := ada.do("POST", c.URL+"/api/v1/slowly")
		acted <- answer.status
	}()
	<-waiting
	ada.do("POST", c.URL+"/api/v1/logout")
	goOn <- struct{}{}
	if status := <-acted; status != http.StatusOK {
		t.Error("an act that had begun:", status)
	}
}

// TestOtherSitesCannotAct: the cookie alone is not enough, and no other site begins a
// login.
func TestOtherSitesCannotAct(t *testing.T) {
	p := newProvider(t)
	c := newConsole(t, p)
	ada := c.person()
	if why := ada.login(); why != "" {
		t.Fatal(why)
	}
	for name, headers := range map[string][]string{
		"another site": {"Sec-Fetch-Site", "cross-site"}, "another port": {"Sec-Fetch-Site", "same-site"}, "an old browser": {"Origin", "https://evil.test"},
	} {
		for _, path := range []string{"/api/v1/act", "/api/v1/logout"} {
			if answer, _ := ada.do("POST", c.URL+path, headers...); answer.status != http.StatusForbidden {
				t.Errorf("%s: %s: %d", name, path, answer.status)
			}
		}
	}
	if ada.role() != "operator" {
		t.Error("another site logged somebody out")
	}
	before := p.asked("/authorize")
	ada.do("GET", c.URL+"/login", "Sec-Fetch-Site", "cross-site")
	if p.asked("/authorize") != before {
		t.Error("another site begins a login")
	}
}

// TestNothingLeadsElsewhere: whatever an address says, a login ends on the console.
func TestNothingLeadsElsewhere(t *testing.T) {
	c := newConsole(t, newProvider(t))
	for _, query := range []string{"?next=https://evil.test", "?redirect_uri=https://evil.test", "?return_to=//evil.test", "?state=x&iss=https://evil.test"} {
		ada := c.person()
		answer, _ := ada.do("GET", c.URL+"/login"+query)
		if why := ada.why(answer); why != "" {
			t.Error(query, why)
		}
		answer, _ = c.person().do("GET", c.URL+"/login/callback"+query)
		if why := ada.why(answer); why != whyExpired {
			t.Error(query, why)
		}
	}
}

// TestWhereItAnswers: by its own name and over TLS, or not at all.
func TestWhereItAnswers(t *testing.T) {
	c := newConsole(t, newProvider(t))
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.URL+"/api/v1/about", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "evil.test"
	answer, err := c.person().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusMisdirectedRequest {
		t.Error("by another name:", answer.StatusCode)
	}
	r.Host = strings.TrimPrefix(c.URL, "https://")
	if _, err := c.oidc.Who(r); err == nil {
		t.Error("without TLS: no refusal")
	}
}

func TestConfigsThatAreRefused(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"no client":           func(c *Config) { c.ClientID = "" },
		"no claim":            func(c *Config) { c.RolesClaim = "" },
		"no roles":            func(c *Config) { c.Roles = nil },
		"no logger":           func(c *Config) { c.Logger = nil },
		"plain HTTP":          func(c *Config) { c.URL = "http://console.example.com" },
		"a path":              func(c *Config) { c.URL = "https://console.example.com/x" },
		"a user":              func(c *Config) { c.URL = "https://a@console.example.com" },
		"no URL":              func(c *Config) { c.URL = "" },
		"no issuer":           func(c *Config) { c.Issuer = "" },
		"an issuer elsewhere": func(c *Config) { c.Issuer = "http://issuer.example.com" },
		"for ever":            func(c *Config) { c.Lifetime = 9 * time.Hour },
		"not at all":          func(c *Config) { c.Lifetime = 0 },
		"never idle":          func(c *Config) { c.Idle = 0 },
		"idle for ever":       func(c *Config) { c.Idle = 2 * time.Hour },
	} {
		cfg := Config{
			Issuer: "https://issuer.example.com", ClientID: "console", URL: "https://console.example.com", Roles: Roles{"ops": surface.Operator},
			RolesClaim: "groups", Lifetime: time.Hour, Idle: time.Hour, Logger: newConsole(t, newProvider(t)).oidc.cfg.Logger,
		}
		if _, err := NewOIDC(cfg); err != nil {
			t.Fatal("the one that is changed:", err)
		}
		change(&cfg)
		if _, err := NewOIDC(cfg); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
