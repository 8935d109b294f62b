package lineage

import (
	"fmt"
	"net/http"
	"time"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/history"
	"github.com/portcullis-dev/portcullis/dashboards/projection"
	"github.com/portcullis-dev/portcullis/dashboards/surface"
	"github.com/portcullis-dev/portcullis/schemas"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/zone"
)

// at tells what governance stood at a position, or at a time (?time=).
func (e *Explorer) at(w http.ResponseWriter, r *http.Request) error {
	when, err := moment(r.URL.Query(), "time")
	if err != nil {
		return err
	}
	var at uint64
	if text := r.PathValue("position"); text != "" {
		if at, err = numeral("the position", text); err != nil {
			return err
		}
	} else if when.IsZero() {
		return surface.Asked("neither a position nor a time is given", "ask for at/17, or at?time=2026-11-22T04:00:00Z")
	}
	var conn *streams.Conn
	err = e.ledger.Look(r.Context(), func(v *projection.View) error {
		if conn = v.Conn; !when.IsZero() {
			if at, err = positionAt(v, when); err != nil {
				return err
			}
		}
		if at == 0 || at > v.Held.Position {
			return problem(fmt.Errorf("%w: position %d; the first is 1, and %d is the last that was read", history.ErrNotFound, at, v.Held.Position), v.Held)
		}
		return nil
	})
	if err != nil {
		return err
	}
	gov, err := e.governanceAt(r, conn, at)
	if err != nil {
		return err
	}
	return e.look(w, r, func(v *projection.View) (map[string]any, error) {
		return map[string]any{"standing": v.Standing(gov, at)}, nil
	})
}

// positionAt is the last position at a time. Outside of what was read there is none.
func positionAt(v *projection.View, when time.Time) (uint64, error) {
	first, begun := v.LogTimeAt(1)
	asked := when.UTC().Format(time.RFC3339Nano)
	switch {
	case !begun:
		return 0, surface.Unable("no record was read yet")
	case when.Before(first):
		return 0, surface.Beyond(fmt.Sprintf("%s is before the ledger's first record, whose log time is %s", asked, first.Format(time.RFC3339Nano)), "give that time or a later one")
	case !when.After(v.Held.LogTime):
		return v.PositionAt(when), nil
	case v.Held.Reading || v.Held.Full != "":
		return 0, problem(fmt.Errorf("%w: no record at %s", history.ErrNotFound, asked), v.Held)
	default:
		return 0, surface.Beyond(fmt.Sprintf("%s is after the newest record, whose log time is %s: what stands then nobody knows", asked, v.Held.LogTime.Format(time.RFC3339Nano)), "give that time or an earlier one")
	}
}

// governanceAt reads the ledger itself: never while a view is held, which would hold
// up whoever follows.
func (e *Explorer) governanceAt(r *http.Request, conn *streams.Conn, at uint64) (*governance.State, error) {
	ctx, cancel := bounded(r)
	defer cancel()
	gov, err := zone.GovernanceAt(ctx, e.fabric, conn, at)
	if err != nil {
		return nil, surface.Unable("what governance stood could not be read: " + err.Error())
	}
	return gov, nil
}

// names are what filters can be set to: agents and tools of the release in force, and
// all releases, reasons and states.
func (e *Explorer) names(w http.ResponseWriter, r *http.Request) error {
	conn, _, err := e.conn(r)
	if err != nil {
		return err
	}
	gov, err := e.governanceAt(r, conn, 0)
	if err != nil {
		return err
	}
	return e.look(w, r, func(v *projection.View) (map[string]any, error) {
		standing := v.Standing(gov, v.Held.Position)
		agents := make([]string, 0, len(standing.Agents))
		for _, a := range standing.Agents {
			agents = append(agents, a.Name)
		}
		releases := []uint64{}
		for _, g := range v.Releases() {
			releases = append(releases, g.Version)
		}
		return map[string]any{
			"agents": agents, "tools": standing.Tools, "releases": releases,
			"reasons": schemas.ReasonCodes(schemas.Reasons()), "states": history.States(),
		}, nil
	})
}
