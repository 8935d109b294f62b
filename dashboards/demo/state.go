package demo

import (
	"fmt"
	"net/http"
	"time"

	"github.com/portcullis-dev/portcullis/dashboards/surface"
)

// State is how the last demo stands.
type State struct {
	State string `json:"state"`          // never, running, told, stopped or failed
	Name  string `json:"demo,omitempty"` // tells it from others
	Why   string `json:"why,omitempty"`  // it failed

	Since  *time.Time `json:"since,omitempty"`
	Took   int64      `json:"took_ms"` // so far, while it runs
	Most   int64      `json:"most_ms"` // it is ended after so long
	Events int        `json:"events"`  // told so far
}

// state is called with the lock held.
func (d *Demo) state() State {
	s := State{State: "never", Most: d.cfg.Within.Milliseconds()}
	t := d.last
	if t == nil {
		return s
	}
	since := t.since.UTC()
	s.Name, s.Since, s.Events, s.Took = t.name, &since, len(t.events), t.took.Milliseconds()
	switch {
	case t.runs():
		s.State, s.Took = "running", time.Since(t.since).Milliseconds()
	case t.stopped:
		s.State = "stopped"
	case t.err != nil:
		s.State, s.Why = "failed", t.err.Error()
	default:
		s.State = "told"
	}
	return s
}

// busy is called with the lock held, while a demo runs.
func (d *Demo) busy() *surface.Problem {
	ran := time.Since(d.last.since).Round(time.Second)
	return &surface.Problem{
		Status: http.StatusConflict, Title: "a demo runs already",
		Detail: fmt.Sprintf("it began %v ago and ends within %v, most likely much sooner", ran, (d.cfg.Within - ran).Round(time.Second)),
		Mend:   "watch it, or stop it first",
	}
}
