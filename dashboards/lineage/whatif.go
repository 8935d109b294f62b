package lineage

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/portcullis-dev/portcullis/core/history"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/dashboards/projection"
	"github.com/portcullis-dev/portcullis/dashboards/surface"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/zone"
)

const (
	whatIfWithin = 25 * time.Second
	mostChanges  = 50
	mostAsked    = 4096 // bytes
)

// counterfactual asks what another release would have decided: of one intent, or of
// all whose positions lie between two.
type counterfactual struct {
	Intent  string `json:"intent,omitempty"` // digest, id or position
	From    uint64 `json:"from,omitempty"`
	To      uint64 `json:"to,omitempty"`
	Release uint64 `json:"release"` // version, of a release that stands on the ledger
}

// askWhatIf decides again, from the ledger's first record on. One question at a time.
func (e *Explorer) askWhatIf(w http.ResponseWriter, r *http.Request) error {
	var asked counterfactual
	if err := surface.Read(w, r, mostAsked, &asked); err != nil {
		return err
	}
	if asked.Release == 0 || asked.Intent != "" && (asked.From != 0 || asked.To != 0) || asked.To != 0 && asked.To < asked.From {
		return surface.Asked("it takes a release, and an intent or positions", `give {"release":1,"intent":"…"} or {"release":1,"from":1,"to":9}`)
	}
	select {
	case e.whatIf <- struct{}{}:
		defer func() { <-e.whatIf }()
	default:
		return surface.Unable("another such question is being answered; ask again when it is done")
	}
	ctx, cancel := context.WithTimeout(r.Context(), whatIfWithin)
	defer cancel()
	cfg := zone.WhatIfConfig{From: asked.From, To: asked.To, Most: mostChanges}
	var conn *streams.Conn
	var held projection.Held
	err := e.ledger.Look(ctx, func(v *projection.View) (err error) {
		conn, held, cfg.Last = v.Conn, v.Held, v.Held.Newest
		if asked.Intent != "" {
			cfg.Of, err = standsAt(v, asked.Intent)
		}
		return problem(err, v.Held)
	})
	if err != nil {
		return err
	}
	told, err := e.decideAgain(ctx, conn, asked.Release, cfg)
	if err != nil {
		return err
	}
	return surface.JSON(w, map[string]any{"whatif": told, "release": asked.Release, "held": held})
}

func (e *Explorer) decideAgain(ctx context.Context, conn *streams.Conn, version uint64, cfg zone.WhatIfConfig) (*zone.WhatIf, error) {
	releases, err := zone.ReadReleases(ctx, e.fabric, conn)
	if err != nil {
		return nil, surface.Unable(err.Error())
	}
	standing, err := releases.Version(version)
	if err != nil {
		return nil, surface.Missing(err.Error())
	}
	cfg.Candidate = standing.Release
	told, err := zone.AskWhatIf(ctx, zone.LiveLineage(e.fabric, conn), cfg)
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return nil, surface.Unable(fmt.Sprintf("deciding again took longer than %s; ask with: portcullis lineage whatif", whatIfWithin))
	case err != nil:
		return nil, surface.Unable(err.Error())
	}
	return told, nil
}

// standsAt is every position at which an intent stands.
func standsAt(v *projection.View, which string) ([]ledger.Position, error) {
	digest, err := v.Find(which)
	if err != nil {
		return nil, err
	}
	in, stands := v.Intent(digest)
	if !stands {
		return nil, fmt.Errorf("%w: the intent is named, and does not stand there", history.ErrNotFound)
	}
	var all []ledger.Position
	for _, text := range append([]string{in.Position}, in.Resent...) {
		at, err := ledger.ParsePosition(text)
		if err != nil {
			return nil, err
		}
		all = append(all, at)
	}
	return all, nil
}
