package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/zone"
)

// sign adds the signatures of those of the keys that have not signed.
func (r *resumeFile) sign(keys []*trust.SigningKey, state *governance.State) (added int, err error) {
	for _, key := range keys {
		if _, may := state.Governors()[key.ID()]; !may {
			return 0, fmt.Errorf("key %s is no governor's by release %d, the newest that this folder knows; sign with a governor's key, see portcullis keys", keyed(key.ID()), state.Release().Proto.GetVersion())
		}
		if slices.ContainsFunc(r.signed.Signatures, func(s trust.Signature) bool { return s.KeyID == key.ID() }) {
			continue
		}
		if r.envelope, err = trust.AddSignature(r.envelope, key); err != nil {
			return 0, err
		}
		if r.signed, err = trust.ParseEnvelope(r.envelope); err != nil {
			return 0, err
		}
		added++
	}
	return added, nil
}

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
	f, err := g.fabric()
	if err != nil {
		return err
	}
	state, err := f.State()
	if err != nil {
		return err
	}
	r, err := readResume(path)
	if err != nil {
		return err
	}
	if err := r.check(state); err != nil {
		return err
	}
	keys, err := signingKeys(f, keyFiles)
	if err != nil {
		return err
	}
	if !g.json {
		fmt.Fprintf(g.stdout, "it lifts, because %s:\n", quoted(r.resume.GetReason()))
		for _, h := range r.halts {
			fmt.Fprintf(g.stdout, "  %s\n", offlineText(h))
		}
	}
	added, err := r.sign(keys, state)
	if err != nil {
		return err
	}
	vote := zone.ResumeVote(state, r.signed)
	if added == 0 {
		return fmt.Errorf("these keys have signed it already (%s); let another governor sign it, or submit it", voteText(vote))
	}
	text, err := r.bytes()
	if err != nil {
		return err
	}
	if err := replaceDurably(path, text); err != nil {
		return err
	}
	return g.tellSignedResume(path, vote)
}

// offlineText is a halt of which only its record is known.
func offlineText(h governance.Halt) string {
	what := governance.ScopeString(h.Scope)
	if h.Rule != "" {
		what += fmt.Sprintf("  trip %s of %s", h.Rule, quoted(h.Subject))
	}
	return fmt.Sprintf("%s  %s  %s", h.ID.Short(), what, quoted(h.Reason))
}

// writeResume writes a resume that others must sign too.
func (g *globals) writeResume(f *fabric.Fabric, path string, r *resumeFile, vote fabric.Vote) error {
	env, err := trust.ParseEnvelope(r.envelope)
	if err != nil {
		return err
	}
	if path == "" {
		path = filepath.Join(f.Dir, "resume-"+trust.DigestOf(env.Payload).Short()+".json")
	}
	text, err := r.bytes()
	if err != nil {
		return err
	}
	if _, err := os.Lstat(path); err == nil {
		return &failure{exitLocalState, fmt.Errorf("%s is there already; name a file that does not exist with --out", path)}
	}
	if err := replaceDurably(path, text); err != nil {
		return err
	}
	return g.tellSignedResume(path, vote)
}

func (g *globals) tellSignedResume(path string, vote fabric.Vote) error {
	next := fmt.Sprintf("then anybody of them: portcullis resume --submit %s", path)
	if !vote.Enough() {
		next = fmt.Sprintf("next, %s: portcullis resume --sign %s\n%s", strings.Join(vote.Missing, " or "), path, next)
	}
	return g.say(map[string]any{
		"event": "signed", "file": path, "needed": vote.Needed, "signed": orEmpty(vote.Signed), "missing": orEmpty(vote.Missing),
	}, "nothing is lifted yet; signed by %s\nin %s\n%s\n", voteText(vote), path, next)
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
		if vote := zone.ResumeVote(state, file.signed); !vote.Enough() {
			return fmt.Errorf("too few governors have signed it (%s); sign it with: portcullis resume --sign %s", voteText(vote), flags.submit)
		}
		r := &resuming{g: g, f: f, gov: gov, ids: file.ids()}
		if r.observer, err = zone.Observe(ctx, zone.ObserveConfig{Fabric: f, Conn: gov.Conn(), Back: pulseBack, Heartbeats: true}); err != nil {
			return err
		}
		defer r.observer.Close()
		if _, err := r.preview(within); err != nil {
			return err
		}
		return r.submit(ctx, within, file.envelope, flags.wait)
	})
}
