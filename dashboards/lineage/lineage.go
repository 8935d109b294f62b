// Package lineage serves the Execution Lineage Explorer: which intent led to which,
// what became of it, what stood when, and what another release would have decided.
package lineage

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/portcullis-dev/portcullis/core/history"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/dashboards/projection"
	"github.com/portcullis-dev/portcullis/dashboards/surface"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/streams"
)

// Explorer answers questions about lineage. Safe for concurrent use.
type Explorer struct {
	fabric *fabric.Fabric
	ledger *projection.Projection
	whatIf chan struct{} // holds one token: deciding again is heavy
}

// New makes one over a projection of the fabric's ledger.
func New(f *fabric.Fabric, p *projection.Projection) *Explorer {
	return &Explorer{fabric: f, ledger: p, whatIf: make(chan struct{}, 1)}
}

// Bounds of answers.
const (
	mostRows      = 200
	mostNodes     = 200
	mostDepth     = 32
	mostGoverned  = 1000
	readingWithin = 10 * time.Second
)

// Routes are the questions.
func (e *Explorer) Routes() []surface.Route {
	ask := func(path string, handle func(http.ResponseWriter, *http.Request) error) surface.Route {
		return surface.Route{Pattern: "GET /api/v1/lineage/" + path, Needs: surface.Viewer, Handle: handle}
	}
	return []surface.Route{
		ask("intents", e.search), ask("intents/{which}", e.intent), ask("intents/{which}/graph", e.graph),
		ask("sessions/{agent}/{session}", e.session), ask("governance", e.governance), ask("names", e.names),
		ask("at", e.at), ask("at/{position}", e.at), ask("records/{position}", e.record),
		{Pattern: "POST /api/v1/lineage/whatif", Needs: surface.Viewer, Handle: e.askWhatIf},
	}
}

// look answers with what ask finds in the ledger as far as it was read.
func (e *Explorer) look(w http.ResponseWriter, r *http.Request, ask func(v *projection.View) (map[string]any, error)) error {
	var answer map[string]any
	err := e.ledger.Look(r.Context(), func(v *projection.View) (err error) {
		if answer, err = ask(v); err == nil {
			answer["held"] = v.Held
		}
		return problem(err, v.Held)
	})
	if err != nil {
		return err
	}
	return surface.JSON(w, answer) // what a view hands out are copies
}

// conn is the connection to read the ledger itself by.
func (e *Explorer) conn(r *http.Request) (conn *streams.Conn, held projection.Held, err error) {
	err = e.ledger.Look(r.Context(), func(v *projection.View) error {
		conn, held = v.Conn, v.Held
		return nil
	})
	return conn, held, err
}

// problem tells what a history says is wrong with a question.
func problem(err error, held projection.Held) error {
	switch {
	case errors.Is(err, history.ErrNotFound) && held.Reading:
		return surface.Unable(fmt.Sprintf("it is not among the first %d of %d records; the rest is being read", held.Position, held.Newest))
	case errors.Is(err, history.ErrNotFound) && held.Full != "":
		return surface.Unable(fmt.Sprintf("it is not among the first %d of %d records, and the rest is not read: %s", held.Position, held.Newest, held.Full))
	case errors.Is(err, history.ErrNotFound):
		return surface.Missing(err.Error())
	case errors.Is(err, history.ErrQuestion), errors.Is(err, history.ErrAmbiguous):
		return surface.Asked(err.Error(), "see docs/lineage.md")
	default:
		return err
	}
}

func (e *Explorer) search(w http.ResponseWriter, r *http.Request) error {
	q, key, err := e.question(r)
	if err != nil {
		return err
	}
	return e.look(w, r, func(v *projection.View) (map[string]any, error) {
		if key != "" {
			if q.Key, err = v.FindKey(key); err != nil {
				return nil, err
			}
		}
		page, err := v.Search(q)
		return map[string]any{"page": page}, err
	})
}

func (e *Explorer) intent(w http.ResponseWriter, r *http.Request) error {
	return e.look(w, r, func(v *projection.View) (map[string]any, error) {
		digest, err := v.Find(r.PathValue("which"))
		if err != nil {
			return nil, err
		}
		in, stands := v.Intent(digest)
		if !stands {
			return map[string]any{"digest": digest.String(), "stands": false}, nil
		}
		return map[string]any{"digest": digest.String(), "stands": true, "intent": in}, nil
	})
}

func (e *Explorer) graph(w http.ResponseWriter, r *http.Request) error {
	depth, err := number(r, "depth", 4)
	if err != nil {
		return err
	}
	walk := history.Walk{
		Ancestors: true, Descendants: true, Sessions: r.URL.Query().Get("sessions") != "false",
		Depth: int(min(max(depth, 1), mostDepth)), Nodes: mostNodes,
	}
	return e.look(w, r, func(v *projection.View) (map[string]any, error) {
		digest, err := v.Find(r.PathValue("which"))
		if err != nil {
			return nil, err
		}
		graph, err := v.Lineage(digest, walk)
		return map[string]any{"graph": graph}, err
	})
}

// session tells a page of one, from ?skip= on.
func (e *Explorer) session(w http.ResponseWriter, r *http.Request) error {
	skip, err := number(r, "skip", 0)
	if err != nil {
		return err
	}
	return e.look(w, r, func(v *projection.View) (map[string]any, error) {
		chain, total := v.SessionPage(e.agent(r.PathValue("agent")), r.PathValue("session"), int(min(skip, 1<<40)), mostRows)
		if total == 0 {
			return nil, fmt.Errorf("%w: no intent of this session", history.ErrNotFound)
		}
		return map[string]any{"session": chain, "total": total}, nil
	})
}

func (e *Explorer) governance(w http.ResponseWriter, r *http.Request) error {
	return e.look(w, r, func(v *projection.View) (map[string]any, error) {
		all := v.Governance()
		return map[string]any{"records": all[max(0, len(all)-mostGoverned):], "total": len(all)}, nil
	})
}

// agent completes an agent's name, or takes a SPIFFE ID as it is.
func (e *Explorer) agent(name string) string {
	if name == "" || len(name) > 9 && name[:9] == "spiffe://" {
		return name
	}
	return trust.Identity{TrustDomain: e.fabric.TrustDomain, Zone: e.fabric.Zone, Role: roleAgent, Name: name}.String()
}

// number reads a number of the question.
func number(r *http.Request, name string, otherwise uint64) (uint64, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return otherwise, nil
	}
	return numeral(name, text)
}

func numeral(name, text string) (uint64, error) {
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		return 0, surface.Asked(fmt.Sprintf("%s is %.40q", name, text), "give a number")
	}
	return n, nil
}

// bounded is for what reads the ledger itself.
func bounded(r *http.Request) (context.Context, context.CancelFunc) {
	return context.WithTimeout(r.Context(), readingWithin)
}
