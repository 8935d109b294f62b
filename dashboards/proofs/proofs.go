// Package proofs makes proof files for the console's proof viewer. It judges none: the
// browser does, by an anchor that the reader trusts.
package proofs

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/proof"
	"github.com/portcullis-dev/portcullis/dashboards/surface"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/transcript"
	"github.com/portcullis-dev/portcullis/zone"
)

// Config says of which ledger. All fields are required.
type Config struct {
	Fabric *fabric.Fabric
	// Connect connects as somebody who may read the ledger.
	Connect func(ctx context.Context) (*streams.Conn, error)
}

// Proofs answers for proof files. Safe for concurrent use.
type Proofs struct {
	cfg  Config
	room chan struct{} // one for each proof that may be made at a time
}

const (
	atATime    = 2 // each reads the whole ledger
	makeWithin = 2 * time.Minute
	waitFor    = 3 * time.Second // for a checkpoint that covers it
)

// New makes one. It connects when it is asked.
func New(cfg Config) *Proofs { return &Proofs{cfg, make(chan struct{}, atATime)} }

// Routes are the anchor of the data folder, and proof files.
func (p *Proofs) Routes() []surface.Route {
	return []surface.Route{
		{Pattern: "GET /api/v1/anchor", Needs: surface.Viewer, Handle: p.anchor},
		{Pattern: "GET /api/v1/proofs/{intent}", Needs: surface.Viewer, Handle: p.prove},
	}
}

// anchor tells what this console trusts; whether a reader does is the reader's affair.
func (p *Proofs) anchor(w http.ResponseWriter, _ *http.Request) error {
	return surface.JSON(w, map[string]string{"anchor": p.cfg.Fabric.Ledger.String(), "zone": p.cfg.Fabric.Zone, "trust_domain": p.cfg.Fabric.TrustDomain})
}

// prove answers with the file that `portcullis prove` would write. The intent is named
// by digest, id or position; a position of a claim proves that claim.
func (p *Proofs) prove(w http.ResponseWriter, r *http.Request) error {
	text := r.PathValue("intent")
	query, err := transcript.ParseQuery(text)
	if err != nil {
		return surface.Asked(err.Error(), "give the beginning of an intent's digest, its id, or a position")
	}
	select {
	case p.room <- struct{}{}:
		defer func() { <-p.room }()
	default:
		return &surface.Problem{Status: http.StatusTooManyRequests, Title: "other proofs are being made", Detail: fmt.Sprintf("at most %d at a time", atATime), Mend: "try again in a moment"}
	}
	ctx, cancel := context.WithTimeout(r.Context(), makeWithin)
	defer cancel()
	file, err := p.file(ctx, text, query)
	if err != nil {
		return told(err)
	}
	body, err := file.Encode()
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	_, err = w.Write(body) //nolint:gosec // JSON that is made here, told as such, and never sniffed
	return err
}

func (p *Proofs) file(ctx context.Context, text string, query transcript.Query) (*proof.File, error) {
	conn, err := p.cfg.Connect(ctx)
	if err != nil {
		return nil, surface.Unable(err.Error())
	}
	defer conn.Close()
	last, err := conn.Last(ctx)
	if err != nil {
		return nil, surface.Unable(err.Error())
	}
	intent, err := zone.FindIntent(ctx, p.cfg.Fabric, conn, last, query)
	if err != nil {
		return nil, err
	}
	claim, _ := ledger.ParsePosition(text) // what is no position asks for none
	proving := zone.Proving{Source: zone.LedgerSource{Conn: conn}, Zone: p.cfg.Fabric.Zone, Ledger: p.cfg.Fabric.Ledger, Wait: waitFor}
	return proving.Prove(ctx, proof.Question{Intent: intent, Claim: claim})
}

// told is what is wrong, for whoever asked.
func told(err error) error {
	conflict := func(title, mend string) error {
		return &surface.Problem{Status: http.StatusConflict, Title: title, Detail: err.Error(), Mend: mend}
	}
	switch {
	case errors.Is(err, transcript.ErrNotFound), errors.Is(err, proof.ErrUnknown):
		return surface.Missing(err.Error())
	case errors.Is(err, transcript.ErrAmbiguous):
		return surface.Asked(err.Error(), "give more digits of the digest")
	case errors.Is(err, proof.ErrOpen):
		return conflict("it is not decided for good yet", "try again when it has ended")
	case errors.Is(err, zone.ErrNoCheckpoint):
		return conflict("no checkpoint covers it yet", "try again in a moment; if there is no recorder, run one")
	case errors.Is(err, proof.ErrUnprovable):
		return conflict("no file can show that", "only an audit of the whole ledger can: portcullis audit")
	case errors.Is(err, context.DeadlineExceeded):
		return surface.Unable("the ledger could not be read in time; make the proof with: portcullis prove")
	default:
		return err
	}
}
