package main

import (
	"context"
	"fmt"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/zone"
)

// signingKeys are the keys in the files named, or else those of every governor
// of the data folder.
func signingKeys(f *fabric.Fabric, paths []string) (keys []*trust.SigningKey, err error) {
	for _, path := range paths {
		key, err := fabric.ReadSigningKey(path)
		if err != nil {
			return nil, &failure{exitLocalState, err}
		}
		keys = append(keys, key)
	}
	if len(paths) > 0 {
		return keys, nil
	}
	names, unusable := zone.GovernorsHere(f)
	if unusable != nil {
		return nil, unusable
	}
	if len(names) == 0 {
		return nil, &failure{exitLocalState, fmt.Errorf("no governor's key is in %s; name a key's file with --key", f.Dir)}
	}
	for _, name := range names {
		governor, err := f.Governor(name)
		if err != nil {
			return nil, err
		}
		keys = append(keys, governor.Key)
	}
	return keys, nil
}

// resumeSign is `resume --sign`.
func (g *globals) resumeSign(path string, keyFiles []string) error {
	var r *resumeFile
	read := func() (h *halfSignedRecord, err error) {
		if r, err = readResume(path); err != nil {
			return nil, err
		}
		return &r.halfSignedRecord, nil
	}
	show := func() {
		fmt.Fprintf(g.stdout, "it lifts, because %s:\n", quoted(r.resume.GetReason()))
		for _, h := range r.halts {
			fmt.Fprintf(g.stdout, "  %s\n", offlineText(h))
		}
	}
	return g.signHere(resumeTravels, path, keyFiles, read, show, func() ([]byte, error) { return r.bytes() })
}

// offlineText is a halt of which only its record is known.
func offlineText(h governance.Halt) string {
	what := governance.ScopeString(h.Scope)
	if h.Rule != "" {
		what += fmt.Sprintf("  trip %s of %s", h.Rule, quoted(h.Subject))
	}
	return fmt.Sprintf("%s  %s  %s", h.ID.Short(), what, quoted(h.Reason))
}

// resumeSubmit is `resume --submit`.
func (g *globals) resumeSubmit(ctx context.Context, flags resumeFlags) error {
	file, err := readResume(flags.submit)
	if err != nil {
		return err
	}
	return g.govern(ctx, func(within context.Context, f *fabric.Fabric, gov *zone.Governing) error {
		state, err := gov.State(within)
		if err != nil {
			return err
		}
		if err := file.check(state); err != nil {
			return err
		}
		if vote := zone.RecordVote(state, file.record, file.signed); !vote.Enough() {
			return fmt.Errorf("too few governors have signed it (%s); sign it with: portcullis resume --sign %s", voteText(vote), flags.submit)
		}
		r := &resuming{g: g, f: f, gov: gov, ids: file.ids()}
		if r.observer, err = zone.Observe(ctx, zone.ObserveConfig{Fabric: f, Conn: gov.Conn(), Back: zone.PulseBack, Heartbeats: true}); err != nil {
			return err
		}
		defer r.observer.Close()
		preview, err := r.preview(within)
		if err != nil {
			return err
		}
		if err := r.observer.CheckForks(within, preview.Halts); err != nil {
			return err
		}
		return r.submit(ctx, within, file.envelope, flags.wait)
	})
}
