package dashboards

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/portcullis-dev/portcullis/dashboards/surface"
)

// Config is what a console is made of. All but Routes is required.
type Config struct {
	Access surface.Access
	Routes []surface.Route // of all surfaces
	About  About
	Logger *slog.Logger
}

// About is what the console is of.
type About struct {
	TrustDomain string   `json:"trust_domain"`
	Zone        string   `json:"zone"`
	Ledger      string   `json:"ledger"` // digest
	Version     string   `json:"version"`
	Surfaces    []string `json:"surfaces"` // those that this console has
}

// console answers requests.
type console struct {
	cfg   Config
	mux   *http.ServeMux
	cross *http.CrossOriginProtection
}

// New makes a console's handler. It is safe for concurrent use. Patterns that clash
// panic, as those of http.ServeMux do.
func New(cfg Config) (http.Handler, error) {
	if cfg.Access == nil || cfg.Logger == nil || cfg.About.Zone == "" {
		return nil, errors.New("dashboards: a console needs Access, Logger and About")
	}
	c := &console{cfg: cfg, mux: http.NewServeMux(), cross: http.NewCrossOriginProtection()}
	routes := append(cfg.Access.Routes(), cfg.Routes...)
	for _, route := range append(routes, c.own()...) {
		if route.Needs < surface.Anyone || route.Handle == nil || !strings.Contains(route.Pattern, " /") {
			return nil, fmt.Errorf("dashboards: route %q needs a method, a handler and a role", route.Pattern)
		}
		c.mux.Handle(route.Pattern, c.guard(route))
	}
	c.cross.SetDenyHandler(http.HandlerFunc(c.foreign))
	return secured(c.cross.Handler(c.mux)), nil
}

func (c *console) own() []surface.Route {
	return []surface.Route{
		{Pattern: "GET /api/v1/about", Needs: surface.Anyone, Handle: c.about},
		{Pattern: "GET /api/", Needs: surface.Anyone, Handle: nothing},
		{Pattern: "GET /", Needs: surface.Anyone, Handle: serveAsset},
	}
}

// about tells what the console is of, and who asks.
func (c *console) about(w http.ResponseWriter, r *http.Request) error {
	user := surface.UserOf(r.Context())
	told := struct {
		About
		User surface.User `json:"-"`
		Name string       `json:"user"`
		Role string       `json:"role"`
		How  string       `json:"how"`
	}{c.cfg.About, user, user.Name, user.Role.String(), user.How}
	if user.Role < surface.Viewer { // what a zone is called is for those who may look at it
		told.About = About{Version: told.Version, Surfaces: []string{}}
	}
	return surface.JSON(w, told)
}

func nothing(http.ResponseWriter, *http.Request) error {
	return surface.Missing("the console has no such route; see docs/console.md")
}
