package access

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/dashboards"
	"github.com/portcullis-dev/portcullis/dashboards/surface"
)

// logged is everything that a console logs.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// aConsole is a console with TLS whose people log in at a provider. Nothing secret is
// ever in its log.
type aConsole struct {
	t *testing.T
	*httptest.Server
	oidc *OIDC
	log  *logged
}

// begin is a stream that says one thing and then waits.
func begin(w http.ResponseWriter, r *http.Request) error {
	out, err := surface.OpenStream(w)
	if err != nil {
		return err
	}
	if err := out.Send("status", "begun"); err != nil {
		return err
	}
	<-r.Context().Done()
	return r.Context().Err()
}

// waiting has one for each request that waits.
var waiting = make(chan struct{}, 1)

// wait answers nothing until it may not.
func wait(_ http.ResponseWriter, r *http.Request) error {
	waiting <- struct{}{}
	<-r.Context().Done()
	return r.Context().Err()
}

// slowly acts when it is let go on, if nobody has ended it.
func slowly(w http.ResponseWriter, r *http.Request) error {
	waiting <- struct{}{}
	<-goOn
	if err := r.Context().Err(); err != nil {
		return err
	}
	return done(w, r)
}

// goOn lets one that acts slowly go on.
var goOn = make(chan struct{}, 1)

func done(w http.ResponseWriter, r *http.Request) error {
	surface.Relayed(r.Context(), "the-digest", 7)
	return surface.JSON(w, "done")
}

var testRoutes = []surface.Route{
	{Pattern: "GET /api/v1/look", Needs: surface.Viewer, Handle: done},
	{Pattern: "GET /api/v1/stream", Needs: surface.Viewer, Handle: begin},
	{Pattern: "GET /api/v1/wait", Needs: surface.Viewer, Handle: wait},
	{Pattern: "POST /api/v1/slowly", Needs: surface.Operator, Handle: slowly},
	{Pattern: "POST /api/v1/act", Needs: surface.Operator, Handle: done},
}

func newConsole(t *testing.T, p *fakeProvider, change ...func(*Config)) *aConsole {
	t.Helper()
	c := &aConsole{t: t, log: &logged{}}
	log := slog.New(slog.NewTextHandler(c.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	c.Server = httptest.NewUnstartedServer(nil)
	cfg := Config{
		Issuer: p.URL, ClientID: "console", ClientSecret: clientSecret, URL: "https://" + c.Listener.Addr().String(),
		Roles: Roles{"ops": surface.Operator, "staff": surface.Viewer}, RolesClaim: "groups",
		Lifetime: time.Hour, Idle: time.Hour, Logger: log, Transport: p.Client().Transport,
	}
	for _, f := range change {
		f(&cfg)
	}
	var err error
	if c.oidc, err = NewOIDC(cfg); err != nil {
		t.Fatal(err)
	}
	c.Config.Handler = handlerFor(t, c.oidc, log)
	c.Config.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelDebug)
	c.StartTLS()
	t.Cleanup(c.Close)
	t.Cleanup(func() { c.tellsNoSecret(p.secrets()...) })
	return c
}

func handlerFor(t *testing.T, who surface.Access, log *slog.Logger) http.Handler {
	t.Helper()
	h, err := dashboards.New(dashboards.Config{Access: who, Routes: testRoutes, About: dashboards.About{Zone: "a"}, Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func (c *aConsole) tellsNoSecret(secrets ...string) {
	text := c.log.String()
	for _, secret := range append(secrets, "PRIVATE KEY", "BEGIN CERTIFICATE", sessionCookie+"=", loginCookie+"=") {
		if secret != "" && strings.Contains(text, secret) {
			c.t.Errorf("the log tells %q: %s", secret, text)
		}
	}
}

// person is somebody with a browser.
type person struct {
	c *aConsole
	*http.Client
}

func (c *aConsole) person() *person {
	c.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		c.t.Fatal(err)
	}
	return &person{c, &http.Client{Transport: c.Client().Transport, Jar: jar}}
}

// reply is an answer that was read.
type reply struct {
	status int
	at     *url.URL // where the browser was led
}

// do asks and reads all of the answer.
func (p *person) do(method, address string, headers ...string) (found reply, text string) {
	p.c.t.Helper()
	r, err := http.NewRequestWithContext(p.c.t.Context(), method, address, nil)
	if err != nil {
		p.c.t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	answer, err := p.Do(r)
	if err != nil {
		p.c.t.Fatal(err)
	}
	defer answer.Body.Close()
	read, err := io.ReadAll(answer.Body)
	if err != nil {
		p.c.t.Fatal(err)
	}
	return reply{answer.StatusCode, answer.Request.URL}, string(read)
}

// login logs in as far as it goes, and returns why it did not: "" if it did.
func (p *person) login() string {
	p.c.t.Helper()
	answer, _ := p.do("GET", p.c.URL+"/login")
	return p.why(answer)
}

// why reads what the page is told.
func (p *person) why(answer reply) string {
	p.c.t.Helper()
	at := answer.at
	if at.Host != strings.TrimPrefix(p.c.URL, "https://") || at.Path != "/" {
		p.c.t.Errorf("the browser was led to %s", at)
	}
	return strings.TrimPrefix(at.Fragment, "/login?why=")
}

// role is who the console takes them for.
func (p *person) role() string {
	p.c.t.Helper()
	_, text := p.do("GET", p.c.URL+"/api/v1/about")
	var about struct{ Role string }
	if err := json.Unmarshal([]byte(text), &about); err != nil {
		p.c.t.Fatal(err, text)
	}
	return about.Role
}

// cookies are those for the console, by name.
func (p *person) cookies() map[string]string {
	at, err := url.Parse(p.c.URL)
	if err != nil {
		p.c.t.Fatal(err)
	}
	found := map[string]string{}
	for _, one := range p.Jar.Cookies(at) {
		found[one.Name] = one.Value
	}
	return found
}
