package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/zone"
)

func newEnrollCommand(g *globals) *cobra.Command {
	var e fabric.Enrollment
	c := &cobra.Command{
		Use:   "enroll ROLE NAME",
		Short: "Make keys for a new participant, and a release that knows it",
		Long: `Makes the keys of a new agent, enforcer, executor, sentinel, approver, recorder,
witness or auditor, and signs the next release, which has it in the directory. A
ledger that can be reached gets the release at once, another at its next start.
The participant's folder is all that it needs, on whatever machine. A witness keeps
its own keys: it is known by the verifier key that portcullis witness keygen prints,
and gets no folder.

JSON: {"event":"enrolled","role","name","folder","release","on_ledger","admitted","logs":[…]}`,
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			role, err := roleNamed(args[0])
			if err != nil {
				return err
			}
			e.Role, e.Name = role, args[1]
			return g.enroll(c.Context(), e)
		},
	}
	c.Flags().StringSliceVar(&e.Groups, "group", nil, "a group of the agent; may be repeated")
	c.Flags().StringSliceVar(&e.Tools, "tool", nil, "a tool that the agent may ask for, the executor serve, or the approver answer for; may be repeated")
	c.Flags().StringSliceVar(&e.Tools, "tools", nil, "the same, with commas between them")
	c.Flags().StringVar(&e.Verifier, "verifier", "", "the verifier key of a witness, as C2SP signed-note writes it")
	c.Flags().BoolVar(&e.Gateway, "gateway", false, "the executor is a gateway's: portcullis up leaves it alone")
	c.MarkFlagsMutuallyExclusive("tool", "tools")
	return c
}

// roleNamed finds a role by its name; governors are no role to enroll.
func roleNamed(name string) (pb.Role, error) {
	var known []string
	for i := range pb.Role_name {
		role := pb.Role(i)
		text := trust.RoleName(role)
		if text == "" || role == pb.Role_ROLE_GOVERNOR {
			continue
		}
		if text == name {
			return role, nil
		}
		known = append(known, text)
	}
	return 0, usage(fmt.Errorf("role %q cannot be enrolled; name one of %s", name, strings.Join(sorted(known), ", ")))
}

// enrollWithin bounds how long a running ledger may take to know a newcomer.
const enrollWithin = 3 * time.Second

func (g *globals) enroll(ctx context.Context, e fabric.Enrollment) error {
	f, log, err := g.open()
	if err != nil {
		return err
	}
	enrolled, err := f.Enroll(e)
	if err != nil {
		return err
	}
	broker, err := g.broker(f)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, enrollWithin)
	defer cancel()
	state := "the ledger cannot be reached now: it gets the release when it is started next"
	onLedger := zone.Found(ctx, f, broker, log) == nil
	if onLedger && enrolled.Record != nil {
		if err := effective(ctx, f, broker, enrolled, log); err != nil {
			return err
		}
	}
	admitted := onLedger && enrolled.Dir != "" && zone.AwaitAdmission(ctx, f, broker, e.Role, e.Name) == nil
	folder, logs := "its folder: "+enrolled.Dir, []string{}
	if e.Role == pb.Role_ROLE_WITNESS {
		if logs, err = g.witnessLogs(ctx, f, broker, onLedger); err != nil {
			return err
		}
		folder = "it is to follow, each with --log:\n  " + strings.Join(logs, "\n  ") +
			"\nrecorders ask it once evidence.yaml says where it answers; how many must cosign, witness_threshold in release.yaml says"
	}
	switch {
	case onLedger && enrolled.Dir == "":
		state = "the release is on the ledger"
	case admitted:
		state = "the release is on the ledger, and the broker lets it connect"
	case onLedger:
		state = "the release is on the ledger; the broker must be told of the newcomer's key before it can connect"
	}
	return g.say(map[string]any{
		"event": "enrolled", "role": trust.RoleName(e.Role), "name": e.Name, "folder": enrolled.Dir,
		"release": enrolled.Version, "on_ledger": onLedger, "admitted": admitted, "logs": logs,
	}, "enrolled %s %s with release %d\n%s\n%s\n", trust.RoleName(e.Role), e.Name, enrolled.Version, state, folder)
}

// witnessLogs is what a witness must follow: by the ledger if it can be reached,
// which knows of losses, else by the folder.
func (g *globals) witnessLogs(ctx context.Context, f *fabric.Fabric, broker zone.Broker, onLedger bool) ([]string, error) {
	state, err := f.State()
	if err != nil {
		return nil, err
	}
	if onLedger {
		log, err := g.logger()
		if err != nil {
			return nil, err
		}
		gov, err := zone.Govern(ctx, f, broker, log)
		if err != nil {
			return nil, orUnreachable(err)
		}
		defer gov.Close()
		if state, err = gov.State(ctx); err != nil {
			return nil, orUnreachable(err)
		}
	}
	return zone.WitnessLogs(state)
}

// effective makes sure that the release which has a newcomer is one: from a
// folder that is behind its ledger it is noise there.
func effective(ctx context.Context, f *fabric.Fabric, broker zone.Broker, e *fabric.Enrolled, log *slog.Logger) error {
	env, err := trust.ParseEnvelope(e.Record)
	if err != nil {
		return err
	}
	gov, err := zone.Govern(ctx, f, broker, log)
	if err != nil {
		return orUnreachable(err)
	}
	defer gov.Close()
	state, err := gov.State(ctx)
	if err != nil || state.Applied(trust.DigestOf(env.Payload)) {
		return orUnreachable(err)
	}
	return &failure{exitLocalState, fmt.Errorf("release %d of %s took no effect: another stands on the ledger, and this folder did not know it; take the newest file out of records/, run portcullis release show --keep, and enroll again", e.Version, f.Dir)}
}
