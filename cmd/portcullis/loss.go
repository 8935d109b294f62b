package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/zone"
)

// lossKind is how a loss travels between governors.
var lossKind = jointKind{
	travelling: travelling{command: "loss", pending: "no loss is signed for yet"},
	format:     "portcullis-loss-v1",
	holds:      func(r *pb.Governance) bool { return r.GetLoss() != nil },
}

// lossFlags are one loss.
type lossFlags struct {
	jointFlags
	recorder string
}

func newLossCommand(g *globals) *cobra.Command {
	var flags lossFlags
	c := &cobra.Command{
		Use:   "loss [--reason TEXT]",
		Short: "Sign for records that the ledger has lost",
		Long: `Shows what the ledger has lost: its recorder has signed a checkpoint of more
records, or of others, than are there now, signs nothing any more, and says so;
sentinels have tripped. Look for the lost records first: a restored copy of the
broker's store may bring them back, and then nothing needs to be signed.

With --reason the governors' keys of this data folder sign that they know of the
loss, as many as a resume needs. From there on the recorder keeps the old tree as
evidence and begins a new one. The trip stays: portcullis resume lifts it.

Where more governors must sign than have keys here, a file is written instead:

  portcullis loss --sign FILE
  portcullis loss --submit FILE

JSON: {"event":"fork","recorder","lost":{"size","root"},"kept","gone","detail","since"}; {"event":"signed","file","needed","signed":[…],
"missing":[…]}; {"event":"lost","position","kept","size","trips":[…],"logs":[…]}`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := flags.check(); err != nil {
				return err
			}
			if flags.sign != "" {
				return g.signFile(lossKind, flags.jointFlags, func(r *pb.Governance) { showLoss(g.stdout, r.GetLoss()) })
			}
			return g.loss(c.Context(), flags)
		},
	}
	flags.register(c, "loss")
	c.Flags().StringVar(&flags.recorder, "recorder", "", "whose loss, where several recorders report one")
	return c
}

// losing is one run of the command that asks the ledger.
type losing struct {
	g        *globals
	f        *fabric.Fabric
	gov      *zone.Governing
	observer *zone.Observer
	state    *governance.State
	status   zone.Status
}

func (g *globals) loss(ctx context.Context, flags lossFlags) error {
	return g.govern(ctx, func(within context.Context, f *fabric.Fabric, gov *zone.Governing) (err error) {
		l := &losing{g: g, f: f, gov: gov}
		if l.state, err = gov.State(within); err != nil {
			return err
		}
		if l.observer, err = zone.Observe(ctx, zone.ObserveConfig{Fabric: f, Conn: gov.Conn(), Back: zone.PulseBack, Heartbeats: true}); err != nil {
			return err
		}
		defer l.observer.Close()
		if err := l.observer.Heard(within); err != nil {
			return err
		}
		if l.status, err = l.observer.Status(within); err != nil {
			return err
		}
		return l.run(within, flags)
	})
}

func (l *losing) run(ctx context.Context, flags lossFlags) error {
	if flags.submit != "" {
		j, err := lossKind.submitted(flags.submit, l.state)
		if err != nil {
			return err
		}
		if !l.g.json {
			showLoss(l.g.stdout, j.record.GetLoss())
		}
		return l.append(ctx, j)
	}
	fork, err := l.status.Fork(flags.recorder)
	if err != nil {
		return err
	}
	if err := l.tellFork(fork, flags.reason == ""); err != nil || flags.reason == "" {
		return err
	}
	j, err := l.g.signed(lossKind, l.f, l.gov, l.state, fork.Record(flags.reason), flags.out)
	if err != nil || j == nil {
		return err
	}
	return l.append(ctx, j)
}

func (l *losing) tellFork(fork zone.Fork, only bool) error {
	lost := fork.Lost.GetSize()
	hint := ""
	if only {
		hint = "sign for it with: portcullis loss --reason TEXT" + l.g.dataFlag() + "\n"
	}
	return l.g.say(object{
		"event": "fork", "recorder": fork.Recorder.Name, "lost": object{"size": lost, "root": base64.StdEncoding.EncodeToString(fork.Lost.GetRoot())},
		"kept": fork.Kept, "gone": lost - fork.Kept, "detail": fork.Detail, "since": fork.Since.UTC().Format(time.RFC3339Nano),
	}, "recorder %s: %s\nits last checkpoint has %s; the first %d of them are as they were, %s lost or replaced\n%s",
		fork.Recorder.Name, shown([]byte(fork.Detail), 2*maxReason), plural(int(lost), "record"), fork.Kept, isOrAre(lost-fork.Kept), hint) //nolint:gosec // for people
}

func isOrAre(n uint64) string {
	if n == 1 {
		return "1 is"
	}
	return fmt.Sprintf("%d are", n)
}

// showLoss shows a loss to whoever is to sign it.
func showLoss(w io.Writer, loss *pb.Loss) {
	fmt.Fprintf(w, "it gives up, because %s:\n  all but the first %d of the %d records that the checkpoint with root %s has\n",
		quoted(loss.GetReason()), loss.GetKept(), loss.GetLost().GetSize(), base64.StdEncoding.EncodeToString(loss.GetLost().GetRoot()))
}

// append puts a loss on the ledger if it is what recorders report, and says what is
// left to do.
func (l *losing) append(ctx context.Context, j *jointFile) error {
	loss := j.record.GetLoss()
	if err := l.status.CheckLoss(loss); err != nil {
		return err
	}
	if err := l.gov.Try(ctx, j.envelope); err != nil {
		return err
	}
	sent, err := l.gov.Send(ctx, j.envelope)
	if err != nil {
		return err
	}
	if _, err := l.observer.Effective(ctx, sent); err != nil {
		return err
	}
	trips := []trust.Digest{}
	var hint strings.Builder
	for _, h := range l.observer.ForkHalts() {
		trips = append(trips, h.ID)
		fmt.Fprintf(&hint, "the trip stays in force; lift it with: portcullis resume %s --reason TEXT%s\n", h.ID.Short(), l.g.dataFlag())
	}
	logs, err := l.newLogs(ctx)
	if err != nil {
		return err
	}
	if len(logs) > 0 {
		hint.WriteString("witnesses are to follow, each with --log:\n  " + strings.Join(logs, "\n  ") + "\n")
	}
	return l.g.say(object{"event": "lost", "position": sent.Seq, "kept": loss.GetKept(), "size": loss.GetLost().GetSize(), "trips": texts(trips), "logs": logs},
		"signed for at ledger position %d: recorders begin a new tree\n%s", sent.Seq, hint.String())
}

// newLogs is what the directory's witnesses must follow from now on; nothing where
// it has none.
func (l *losing) newLogs(ctx context.Context) ([]string, error) {
	state, err := l.gov.State(ctx)
	if err != nil {
		return nil, err
	}
	if l.status.Evidence.Witnesses == 0 {
		return []string{}, nil
	}
	return zone.WitnessLogs(state)
}
