package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/zone"
)

func newApprovalsCommand(g *globals) *cobra.Command {
	c := &cobra.Command{
		Use:   "approvals",
		Short: "Approve or refuse what waits for people",
		Long: `A policy with @approvals("n") keeps an intent waiting until n approvers have
approved exactly that intent, or its deadline has passed. The directory says for
which tools an approver may answer:

  portcullis enroll approver alice --tools transfer`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newApprovalsListCommand(g), newAnswerCommand(g, true), newAnswerCommand(g, false))
	return c
}

func newApprovalsListCommand(g *globals) *cobra.Command {
	var as string
	c := &cobra.Command{
		Use:   "list",
		Short: "List the intents that wait for approval",
		Long: `Lists the intents that wait for approval: digest, position, agent, tool, resource,
arguments, how many have approved of how many that must, and what is left until
the deadline. An approver's machine names the approver with --as.

JSON: one object each: {"intent","position","agent","tool","resource","arguments","approved":[…],"needed","left_ms"}; needed is 0
where policy alone does not tell`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return g.listApprovals(c.Context(), as) },
	}
	c.Flags().StringVar(&as, "as", "", "read as this approver (default: an auditor or a governor of the data folder)")
	return c
}

func (g *globals) listApprovals(ctx context.Context, as string) error {
	waiting, f, err := g.waiting(ctx, as)
	if err != nil {
		return err
	}
	told := false
	for _, w := range waiting {
		if !w.Pending() {
			continue
		}
		told = true
		if err := g.say(waitingJSON(f, w), "%s", waitingText(f, w)); err != nil {
			return err
		}
	}
	if !told && !g.json {
		fmt.Fprintln(g.stdout, "nothing waits for approval")
	}
	return nil
}

// waiting reads what waits, as an approver or as whoever may read.
func (g *globals) waiting(ctx context.Context, as string) ([]zone.Waiting, *fabric.Fabric, error) {
	within, cancel := context.WithTimeout(ctx, readWithin)
	defer cancel()
	if as != "" {
		f, a, err := g.answering(within, as)
		if err != nil {
			return nil, nil, err
		}
		defer a.Close()
		return a.Waiting(), f, nil
	}
	f, conn, err := g.openLedger(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer conn.Close()
	observer, err := zone.Observe(ctx, zone.ObserveConfig{Fabric: f, Conn: conn, Approvals: true})
	if err != nil {
		return nil, nil, err
	}
	defer observer.Close()
	if err := observer.Ready(within); err != nil {
		return nil, nil, orUnreachable(err)
	}
	return observer.Waiting(), f, nil
}

// answering connects as an approver of the data folder.
func (g *globals) answering(within context.Context, as string) (*fabric.Fabric, *zone.Answering, error) {
	f, log, broker, err := g.openAt()
	if err != nil {
		return nil, nil, err
	}
	build, err := fabric.BuildDigest()
	if err != nil {
		return nil, nil, err
	}
	if _, err := f.Load(pb.Role_ROLE_APPROVER, as, build); err != nil {
		return nil, nil, &failure{exitLocalState, err}
	}
	connecting, cancel := context.WithTimeout(within, connectWithin)
	defer cancel()
	a, err := zone.AnswerAs(connecting, f, broker, as, build, log)
	return f, a, orUnreachable(err)
}

// maxArguments bounds what is shown of an intent's arguments, in bytes.
const maxArguments = 600

func waitingText(f *fabric.Fabric, w zone.Waiting) string {
	in := w.Intent.Content
	left := w.Deadline.Sub(f.Clock())
	return fmt.Sprintf("%s  at %s  %s asks for %s of %s\n  arguments  %s\n  approved   %s; %s left\n",
		w.Intent.Digest.Short(), w.Intent.Position, w.Intent.Signer.ID.Name, in.GetTool(), quoted(in.GetResource()),
		argumentsText(in), approvedText(w), span(left))
}

// argumentsText is an intent's arguments as an approver sees them.
func argumentsText(in *pb.Intent) string {
	if key := in.GetSealed().GetKey(); key != "" {
		return "sealed to " + key
	}
	return shown(in.GetArguments(), maxArguments)
}

func approvedText(w zone.Waiting) string {
	by := w.Approved()
	text := fmt.Sprintf("%d of %d", len(by), w.Needed)
	if w.Needed == 0 {
		text = fmt.Sprintf("%d, more are needed", len(by))
	}
	if len(by) > 0 {
		text += ": " + strings.Join(namesOf(by), ", ")
	}
	return text
}

func namesOf(ids []trust.Identity) []string {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = id.Name
	}
	return names
}

func waitingJSON(f *fabric.Fabric, w zone.Waiting) object {
	in := w.Intent.Content
	return object{
		"intent": w.Intent.Digest.String(), "position": w.Intent.Position.String(), "agent": w.Intent.Signer.ID.Name, "tool": in.GetTool(),
		"resource": in.GetResource(), "arguments": asJSON(in.GetArguments()), "approved": namesOf(w.Approved()), "needed": w.Needed,
		"left_ms": millis(w.Deadline.Sub(f.Clock())),
	}
}
