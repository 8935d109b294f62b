package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/zone"
)

type signFlags struct {
	governors []string
	keys      []string
}

func newReleaseSignCommand(g *globals) *cobra.Command {
	flags := &signFlags{}
	c := &cobra.Command{
		Use:   "sign FILE [--governor NAME …] [--key FILE …]",
		Short: "Add governors' signatures to a plan; needs no ledger",
		Long: `Shows what a plan holds and how it differs from the newest release that this data
folder knows, and adds signatures: of the governors named, of the keys in the
files named, or, with neither, of every governor whose key is in the data folder.
It does not connect to anything. Who has signed already is not asked again.

JSON: {"event":"difference",…} as diff writes; then {"event":"signed","release","digest","replaces","file","not_before",
"expires","added":[…],"in_force":{"needed","signed":[…],"missing":[…]},"planned":{…},"enough"}`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return g.sign(args[0], flags) },
	}
	c.Flags().StringArrayVar(&flags.governors, "governor", nil, "sign with this governor's key of the data folder (repeatable)")
	c.Flags().StringArrayVar(&flags.keys, "key", nil, "sign with the key in this file, PKCS #8 in PEM (repeatable)")
	return c
}

func (g *globals) sign(path string, flags *signFlags) error {
	f, err := g.fabric()
	if err != nil {
		return err
	}
	plan, state, err := readOwnPlan(f, path)
	if err != nil {
		return err
	}
	if err := plan.CheckTime(f.Clock(), "this machine's clock"); err != nil {
		return err
	}
	keys, err := flags.signers(f, plan, state)
	if err != nil {
		return err
	}
	if err := g.tellPlan(plan, state); err != nil {
		return err
	}
	var added []string
	for _, key := range keys {
		fresh, err := plan.Sign(key)
		if err != nil {
			return err
		}
		if name, _ := plan.Governor(state, key.ID()); fresh {
			added = append(added, name)
		}
	}
	if len(added) > 0 {
		if err := plan.Write(path, true); err != nil {
			return err
		}
	}
	return g.tellSigned(path, plan, state, added)
}

// readOwnPlan reads a plan and refuses one that does not continue what this
// folder knows, or that was altered.
func readOwnPlan(f *fabric.Fabric, path string) (*fabric.Plan, *governance.State, error) {
	plan, err := fabric.ReadPlan(path)
	if err != nil {
		return nil, nil, err
	}
	state, err := f.State()
	if err != nil {
		return nil, nil, err
	}
	return plan, state, errors.Join(plan.CheckPlace(state), plan.CheckSignatures(state))
}

// signers are the keys to sign with, each once and each a governor's.
func (s *signFlags) signers(f *fabric.Fabric, plan *fabric.Plan, state *governance.State) ([]*trust.SigningKey, error) {
	var keys []*trust.SigningKey
	add := func(key *trust.SigningKey, from string) error {
		name, ok := plan.Governor(state, key.ID())
		if !ok {
			return fmt.Errorf("%s (key %s) is no governor's of release %d in force nor of the planned one; sign with a governor's key, see portcullis keys",
				from, keyed(key.ID()), state.Release().Proto.GetVersion())
		}
		if slices.ContainsFunc(keys, func(k *trust.SigningKey) bool { return k.ID() == key.ID() }) {
			return usage(fmt.Errorf("governor %s is named twice; one person signs once", name))
		}
		keys = append(keys, key)
		return nil
	}
	names := s.governors
	if len(s.governors)+len(s.keys) == 0 {
		var unusable error
		if names, unusable = zone.GovernorsHere(f); unusable != nil {
			return nil, unusable
		}
		if len(names) == 0 {
			return nil, &failure{exitLocalState, fmt.Errorf("no governor's key is in %s; name a key's file with --key", f.Dir)}
		}
	}
	for _, name := range names {
		governor, err := f.Governor(name)
		if err != nil {
			return nil, err
		}
		if err := add(governor.Key, "governor "+name); err != nil {
			return nil, err
		}
	}
	for _, path := range s.keys {
		key, err := fabric.ReadSigningKey(path)
		if err != nil {
			return nil, &failure{exitLocalState, err}
		}
		if err := add(key, path); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// tellPlan shows what is signed.
func (g *globals) tellPlan(plan *fabric.Plan, state *governance.State) error {
	differences := fabric.Differences(state.Release().Proto, plan.Release.Proto)
	if g.json {
		return g.tellDifferences(differences)
	}
	p, before := plan.Release.Proto, state.Release()
	fmt.Fprintf(g.stdout, "release %d, to replace release %d (%s)\n", plan.Version(), before.Proto.GetVersion(), before.Digest.Short())
	fmt.Fprintf(g.stdout, "  digest  %s\n  valid   %s to %s\n  holds   %s\n", plan.ID,
		p.GetNotBefore().AsTime().Format(time.RFC3339), p.GetExpires().AsTime().Format(time.RFC3339), holds(plan.Release))
	if p.GetNote() != "" {
		fmt.Fprintf(g.stdout, "  note    %s\n", p.GetNote())
	}
	return g.tellDifferences(differences)
}

func (g *globals) tellSigned(path string, plan *fabric.Plan, state *governance.State, added []string) error {
	old, next := plan.Votes(state)
	p, enough := plan.Release.Proto, old.Enough() && next.Enough()
	now := "nobody signed now: who was named had signed before"
	if len(added) > 0 {
		now = "signed now by " + strings.Join(added, ", ")
	}
	then := fmt.Sprintf("portcullis release publish%s %s", g.dataFlag(), path)
	if !enough {
		then = "let another governor sign this file"
	}
	return g.say(map[string]any{
		"event": "signed", "release": plan.Version(), "digest": plan.ID.String(), "replaces": state.Release().Digest.String(), "file": path,
		"not_before": p.GetNotBefore().AsTime(), "expires": p.GetExpires().AsTime(),
		"added": orEmpty(added), "in_force": voteJSON(old), "planned": voteJSON(next), "enough": enough,
	}, "%s\n  governors in force  %s\n  governors planned   %s\nnext: %s\n", now, voteText(old), voteText(next), then)
}
