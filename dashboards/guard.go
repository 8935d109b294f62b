package dashboards

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/portcullis-dev/portcullis/dashboards/surface"
)

// guard asks who asks before anything is done, ends what is told to them when their
// login ends, and logs every act.
func (c *console) guard(route surface.Route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out := &outgoing{ResponseWriter: w}
		ctx, err := c.serve(route, out, r)
		if err != nil && out.status == 0 && r.Context().Err() == nil {
			surface.Refuse(out, err)
		}
		if !onlyLooks(route) {
			surface.Acted(ctx, c.cfg.Logger, surface.Act{Route: route.Pattern, Status: out.status})
		}
	})
}

// onlyLooks reports whether a route changes nothing. An act that was allowed when it
// began goes on to its end: nobody would know what became of half of it.
func onlyLooks(route surface.Route) bool { return strings.HasPrefix(route.Pattern, http.MethodGet+" ") }

// foreign answers pages of other sites that try to act in the name of somebody here.
func (c *console) foreign(w http.ResponseWriter, r *http.Request) {
	c.cfg.Logger.DebugContext(r.Context(), "a page of another site tried to act here")
	surface.Refuse(w, &surface.Problem{Status: http.StatusForbidden, Title: "another site's page may not act here", Mend: "act in the console's own page"})
}

// errLoggedOut ends requests of somebody who is not logged in any more.
var errLoggedOut = &surface.Problem{Status: http.StatusUnauthorized, Title: "you are not logged in any more", Mend: "log in again"}

// serve answers one request, or tells why not. What it returns carries who asked.
func (c *console) serve(route surface.Route, w http.ResponseWriter, r *http.Request) (context.Context, error) {
	user, err := c.cfg.Access.Who(r)
	asked := surface.WithAct(surface.WithUser(r.Context(), user))
	if err != nil {
		return asked, err
	}
	if !user.Role.Allows(route.Needs) {
		return asked, refusal(user, route.Needs)
	}
	ctx, cancel := context.WithCancelCause(asked)
	defer cancel(nil)
	if user.Login != nil && onlyLooks(route) {
		stop := context.AfterFunc(user.Login, func() { cancel(errLoggedOut) })
		defer stop()
	}
	err = route.Handle(w, r.WithContext(ctx))
	if err != nil && r.Context().Err() == nil && errors.Is(context.Cause(ctx), errLoggedOut) {
		return asked, errLoggedOut
	}
	if _, told := errors.AsType[*surface.Problem](err); err != nil && ctx.Err() == nil && !told {
		c.cfg.Logger.Error("the console failed", "route", route.Pattern, "err", err)
	}
	return asked, err
}

func refusal(user surface.User, needs surface.Role) error {
	if user.Role <= surface.Anyone {
		return &surface.Problem{Status: http.StatusUnauthorized, Title: "nobody is logged in", Mend: "log in"}
	}
	return &surface.Problem{
		Status: http.StatusForbidden, Title: "your role may not do this",
		Detail: fmt.Sprintf("%s is %s; this needs %s", user.Name, user.Role, needs), Mend: "ask who runs the console for that role",
	}
}

// outgoing knows whether an answer has begun, and with which status.
type outgoing struct {
	http.ResponseWriter
	status int // 0: not yet
}

// WriteHeader begins the answer.
func (o *outgoing) WriteHeader(status int) {
	if o.status == 0 && status >= http.StatusOK {
		o.status = status
	}
	o.ResponseWriter.WriteHeader(status)
}

// Write begins the answer if nothing has.
func (o *outgoing) Write(b []byte) (int, error) {
	if o.status == 0 {
		o.status = http.StatusOK
	}
	return o.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController flush, and set deadlines.
func (o *outgoing) Unwrap() http.ResponseWriter { return o.ResponseWriter }
