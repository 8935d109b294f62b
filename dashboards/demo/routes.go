package demo

import (
	"crypto/rand"
	"encoding/json"
	"net/http"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/dashboards/surface"
	"github.com/portcullis-dev/portcullis/schemas"
)

// Routes begin a demo, end it, and tell it. Whoever may look may watch.
func (d *Demo) Routes() []surface.Route {
	return []surface.Route{
		{Pattern: "POST /api/v1/demo", Needs: surface.Operator, Handle: d.post},
		{Pattern: "DELETE /api/v1/demo", Needs: surface.Operator, Handle: d.remove},
		{Pattern: "GET /api/v1/demo", Needs: surface.Viewer, Handle: d.get},
		{Pattern: "GET /api/v1/demo/events", Needs: surface.Viewer, Handle: d.stream},
		{Pattern: "GET /api/v1/demo/records/{position}", Needs: surface.Viewer, Handle: d.record},
		{Pattern: "GET /api/v1/demo/reasons", Needs: surface.Viewer, Handle: reasons},
	}
}

func (d *Demo) post(w http.ResponseWriter, _ *http.Request) error {
	s, err := d.begin(rand.Text())
	if err != nil {
		return err
	}
	return surface.JSON(w, s)
}

func (d *Demo) remove(w http.ResponseWriter, r *http.Request) error {
	s, err := d.stop(r.Context())
	if err != nil {
		return err
	}
	return surface.JSON(w, s)
}

func (d *Demo) get(w http.ResponseWriter, _ *http.Request) error {
	d.mu.Lock()
	s := d.state()
	d.mu.Unlock()
	return surface.JSON(w, s)
}

// stream sends "state" first and whenever it turns, and "told" with each thing that is
// told of the last demo, from its beginning. After a "state" that names another demo
// follows that one, from its beginning.
func (d *Demo) stream(w http.ResponseWriter, r *http.Request) error {
	out, err := surface.OpenStream(w)
	if err != nil {
		return err
	}
	var sent State
	told := 0
	for {
		d.mu.Lock()
		now, changed := d.state(), d.changed
		if now.Name != sent.Name {
			told = 0
		}
		var events []json.RawMessage
		if d.last != nil {
			events = d.last.events[told:] // what is told is appended to, and never changed
		}
		d.mu.Unlock()
		if err := forward(out, &sent, now, events); err != nil {
			return err
		}
		told += len(events)
		select {
		case <-changed:
		case <-r.Context().Done():
			return r.Context().Err()
		}
	}
}

// forward sends the end of a demo behind its last event, and its beginning before its
// first.
func forward(out *surface.Stream, sent *State, now State, events []json.RawMessage) error {
	turned := now.State != sent.State || now.Name != sent.Name
	if turned && (now.Name != sent.Name || sent.State == "") {
		began := now
		if len(events) > 0 {
			began.State, began.Why = "running", ""
		}
		if err := out.Send("state", began); err != nil {
			return err
		}
		*sent, turned = began, now.State != began.State
	}
	for _, e := range events {
		if err := out.Send("told", e); err != nil {
			return err
		}
	}
	if !turned {
		return nil
	}
	*sent = now
	return out.Send("state", now)
}

func (d *Demo) record(w http.ResponseWriter, r *http.Request) error {
	at, err := ledger.ParsePosition(r.PathValue("position"))
	if err != nil {
		return surface.Asked("a position is written like 17 or 17.0", "take one that the story tells")
	}
	d.mu.Lock()
	var found Record
	known := false
	if d.last != nil {
		found, known = d.last.records[at.Seq]
	}
	d.mu.Unlock()
	if !known {
		return surface.Missing("the last demo told of no record at this position of its ledger")
	}
	return surface.JSON(w, shown(found))
}

// reasons tells what each reason code means.
func reasons(w http.ResponseWriter, _ *http.Request) error {
	meanings := map[string]string{}
	for _, r := range schemas.Reasons() {
		meanings[schemas.ReasonCode(r)] = schemas.ReasonText(r)
	}
	return surface.JSON(w, meanings)
}
