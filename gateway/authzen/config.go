package authzen

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"

	"github.com/portcullis-dev/portcullis/zone/pdp"
)

// Config is what a Server needs. Asker, URL and Logger are required.
type Config struct {
	Asker   Asker
	Mapping Mapping
	// URL is where clients reach the server, without a path: the policy decision point
	// identifier that the metadata names.
	URL    string
	Access Access
	Logger *slog.Logger

	// Reasons puts reason codes, policies, sentences for administrators and the ledger's
	// position into the context of answers.
	Reasons bool

	// Recorder, if set, makes every evaluation a record of the ledger, and that record
	// the answer. As is the name of the agent whose key signs: nobody else's evaluations
	// can be recorded, so everybody else's are denied. Searches are not recorded.
	Recorder Recorder
	As       string
}

// Asker is asked for answers from one prefix of the ledger. *pdp.Follower implements it.
type Asker interface {
	// Ask calls ask once, with a release in force, or returns why nobody can answer now.
	Ask(ask func(*pdp.Core)) error
}

// Recorder proposes a question as an intent that asks for a decision only, and waits for
// the decision that a quorum recorded. Its methods are safe for concurrent use.
type Recorder interface {
	Record(ctx context.Context, q Asked) (Recorded, error)
}

var errConfig = errors.New("authzen: Asker, URL and Logger are required, and a Recorder and the agent that it records as go together")

func (c Config) check() error {
	if c.Asker == nil || c.URL == "" || c.Logger == nil || (c.Recorder == nil) != (c.As == "") {
		return errConfig
	}
	u, err := url.Parse(c.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.Path != "" || strings.ContainsAny(c.URL, "?#") {
		return fmt.Errorf("authzen: %q is no identifier of a policy decision point; give a URL without path, query or fragment, such as https://pdp.example.com", c.URL)
	}
	if err := c.Access.check(); err != nil {
		return err
	}
	return c.Mapping.check()
}
