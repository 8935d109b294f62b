package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/zone"
)

// answerFlags are one approver's answer.
type answerFlags struct {
	as, note string
	wait     time.Duration
	approve  bool
}

func newAnswerCommand(g *globals, approve bool) *cobra.Command {
	flags := answerFlags{approve: approve}
	use, short := "approve", "Approve one waiting intent"
	if !approve {
		use, short = "refuse", "Refuse one waiting intent, or one that was approved and is not claimed yet"
	}
	c := &cobra.Command{
		Use:   use + " INTENT --as APPROVER",
		Short: short,
		Long: short + `. INTENT is the beginning of its
digest, at least four digits, or its position (17 or 17.0; up to seven decimal
digits are a position). The answer is bound to exactly that intent: it fits no
other, however much alike. Nothing is appended where it would count for nothing.
Then the decision of the round that it opens is told.

Exit code 3: the new decision denies, for other reasons than want of approvals.

JSON: {"event":"answered","intent","approve","position"}; {"event":"decided","intent","verdict","reasons":[…],"round"}`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return g.answer(c.Context(), args[0], flags) },
	}
	c.Flags().StringVar(&flags.as, "as", "", "the approver who answers")
	c.Flags().StringVar(&flags.note, "note", "", "for everybody to read on the ledger")
	c.Flags().DurationVar(&flags.wait, "wait", answerWithin, "how long to wait for the new decision")
	required(c, "as")
	return c
}

const (
	answerWithin = 5 * time.Second
	maxNote      = 1024 // characters, by the schema
)

func (g *globals) answer(ctx context.Context, intent string, flags answerFlags) error {
	if n := len([]rune(flags.note)); n > maxNote {
		return usage(fmt.Errorf("--note has %d characters; write at most %d", n, maxNote))
	}
	if flags.wait <= 0 {
		return usage(errors.New("--wait must be more than nothing; give for example 5s"))
	}
	reading, cancel := context.WithTimeout(ctx, readWithin)
	defer cancel()
	_, a, err := g.answering(reading, flags.as)
	if err != nil {
		return err
	}
	defer a.Close()
	deciding, stop := context.WithTimeout(ctx, flags.wait)
	defer stop()
	done, err := a.Answer(deciding, intent, flags.approve, flags.note)
	if err != nil {
		return orUnreachable(err)
	}
	return g.tellAnswered(done, flags)
}

func (g *globals) tellAnswered(done zone.Answered, flags answerFlags) error {
	in, word := done.Waiting.Intent, "approved"
	if !flags.approve {
		word = "refused"
	}
	err := g.say(object{"event": "answered", "intent": in.Digest.String(), "approve": flags.approve, "position": done.Seq},
		"%s %s at ledger position %d: %s asks for %s of %s\n  arguments  %s\n", word, in.Digest.Short(), done.Seq,
		in.Signer.ID.Name, in.Content.GetTool(), quoted(in.Content.GetResource()), argumentsText(in.Content))
	if err != nil {
		return err
	}
	d := done.Decision
	if d == nil {
		return &failure{exitUnanswered, fmt.Errorf("no decision within %s; see portcullis show %s", flags.wait, in.Digest.Short())}
	}
	codes := schemas.ReasonCodes(d.GetReasons())
	text := strings.TrimSpace(verdictName(d) + " " + strings.Join(codes, ", "))
	err = g.say(object{"event": "decided", "intent": in.Digest.String(), "verdict": verdictName(d), "reasons": orEmpty(codes), "round": d.GetRound()},
		"round %d: %s, decided at %s\n", d.GetRound(), text, ledger.PositionOf(d.GetApproval()))
	if err == nil && !asMeant(d, flags.approve) {
		return silent(exitRefused)
	}
	return err
}

func verdictName(d *pb.Decision) string {
	if d.GetVerdict() == pb.Verdict_VERDICT_ALLOW {
		return "ALLOW"
	}
	return "DENY"
}

// asMeant reports whether the new decision is what the answer was for: an ALLOW,
// or a wait for more, after an approval; a DENY after a refusal.
func asMeant(d *pb.Decision, approve bool) bool {
	if !approve {
		return d.GetVerdict() != pb.Verdict_VERDICT_ALLOW
	}
	return d.GetVerdict() == pb.Verdict_VERDICT_ALLOW || zone.Waiting{Decision: d}.Pending()
}

// shown is JSON that an agent wrote, fit for a terminal and bounded: approvers
// must see what they sign for, and nothing that hides it.
func shown(data []byte, most int) string {
	text := strings.ToValidUTF8(string(data), "\uFFFD")
	var b strings.Builder
	for _, r := range text {
		if b.Len() > most {
			fmt.Fprintf(&b, "… (%d bytes; see portcullis show)", len(data))
			break
		}
		if unicode.IsPrint(r) {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}
