package lineage

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/portcullis-dev/portcullis/core/history"
	"github.com/portcullis-dev/portcullis/dashboards/surface"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

const roleAgent = pb.Role_ROLE_AGENT

var asked = []string{
	"agent", "session", "tool", "resource", "release", "verdict", "reason", "state", "identity", "key",
	"from", "until", "first", "last", "after", "limit", "newest",
}

// question reads a search. A field that nobody knows is refused: it would find more
// than was asked for. The beginning of a key's id is for the history to complete.
func (e *Explorer) question(r *http.Request) (q history.Query, key string, err error) {
	in := r.URL.Query()
	for name, values := range in {
		if !slices.Contains(asked, name) || len(values) > 1 {
			return q, "", surface.Asked(fmt.Sprintf("field %.40q is unknown, or given twice", name), "see docs/console.md")
		}
	}
	q.Agent, q.Session, q.Tool, q.Resource = e.agent(in.Get("agent")), in.Get("session"), in.Get("tool"), in.Get("resource")
	q.Verdict, q.Reason, q.State, q.Identity = in.Get("verdict"), in.Get("reason"), history.State(in.Get("state")), in.Get("identity")
	q.After, q.Newest = in.Get("after"), in.Get("newest") != "false"
	for name, to := range map[string]*uint64{"release": &q.Release, "first": &q.First, "last": &q.Last} {
		if *to, err = number(r, name, 0); err != nil {
			return q, "", err
		}
	}
	limit, err := number(r, "limit", history.DefaultPage)
	if err != nil {
		return q, "", err
	}
	if q.Limit = int(min(limit, mostRows)); q.Limit < 1 {
		return q, "", surface.Asked("limit is 0", "give 1 or more")
	}
	for name, to := range map[string]*time.Time{"from": &q.From, "until": &q.Until} {
		if *to, err = moment(in, name); err != nil {
			return q, "", err
		}
	}
	return q, in.Get("key"), nil
}

func moment(in url.Values, name string) (time.Time, error) {
	text := in.Get(name)
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return t, surface.Asked(fmt.Sprintf("%s is %.40q", name, text), "give a time like 2026-11-22T04:00:00Z")
	}
	return t, nil
}
