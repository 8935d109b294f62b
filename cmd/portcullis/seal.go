package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/lineage"
	"github.com/portcullis-dev/portcullis/fabric"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/zone"
)

// sealKind is how a seal travels between governors.
var sealKind = jointKind{
	travelling: travelling{command: "seal", pending: "nothing is sealed yet"},
	format:     "portcullis-seal-v1",
	holds:      func(r *pb.Governance) bool { return r.GetSeal() != nil },
}

// sealFlags are one seal.
type sealFlags struct {
	jointFlags
	confirm string
	wait    time.Duration
}

// coveredWithin is how long a recorder and its witnesses may take for the last
// checkpoint, unless asked otherwise.
const coveredWithin = 30 * time.Second

func newSealCommand(g *globals) *cobra.Command {
	var flags sealFlags
	c := &cobra.Command{
		Use:   "seal --reason TEXT",
		Short: "End the ledger for good, with a last checkpoint",
		Long: `Ends the ledger: from the seal on everything is halted, for good, and no governance
record takes effect any more. There is no way back; portcullis continue makes a new
ledger that goes on from it. As many governors sign as a release needs.

Asks to type the zone's name; a script says it with --confirm. Then waits until the
recorder's last checkpoint covers the seal, with as many cosignatures as the release
demands, prints it, and keeps it as sealed.checkpoint in the data folder. On a
ledger that is sealed already it does only that. Without a recorder that works, and
after a loss that nobody has signed for, nothing is sealed.

Where more governors must sign than have keys here, a file is written instead:

  portcullis seal --sign FILE
  portcullis seal --submit FILE

Exit code 8: it is sealed, and no checkpoint covers the seal in time.

JSON: {"event":"signed","file","needed","signed":[…],"missing":[…]}; {"event":"sealed","position"};
{"event":"covered","size","root","recorder","cosigned":[…],"checkpoint","file"}`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := flags.check(); err != nil {
				return err
			}
			if flags.sign != "" {
				return g.signFile(sealKind, flags.jointFlags, func(r *pb.Governance) {
					fmt.Fprintf(g.stdout, "it ends the ledger for good, because %s\n", quoted(r.GetSeal().GetReason()))
				})
			}
			return g.seal(c.Context(), c.InOrStdin(), flags)
		},
	}
	flags.register(c, "seal")
	c.Flags().StringVar(&flags.confirm, "confirm", "", "the zone's name, instead of typing it")
	c.Flags().DurationVar(&flags.wait, "wait", coveredWithin, "how long the last checkpoint may take")
	return c
}

// sealing is one run of the command that asks the ledger.
type sealing struct {
	g        *globals
	f        *fabric.Fabric
	gov      *zone.Governing
	observer *zone.Observer
	state    *governance.State
	asked    io.Reader
	flags    sealFlags
}

func (g *globals) seal(ctx context.Context, asked io.Reader, flags sealFlags) error {
	if flags.wait < 0 {
		return usage(errors.New("--wait is less than nothing; give for example 30s"))
	}
	return g.govern(ctx, func(within context.Context, f *fabric.Fabric, gov *zone.Governing) (err error) {
		s := &sealing{g: g, f: f, gov: gov, asked: asked, flags: flags}
		if s.state, err = gov.State(within); err != nil {
			return err
		}
		if s.observer, err = zone.Observe(ctx, zone.ObserveConfig{Fabric: f, Conn: gov.Conn(), Back: zone.PulseBack, Heartbeats: true}); err != nil {
			return err
		}
		defer s.observer.Close()
		if s.state.Sealed() {
			end, err := zone.ReadSealed(within, f, gov.Conn())
			if err != nil {
				return err
			}
			return s.cover(ctx, end.Seal)
		}
		return s.run(ctx, within)
	})
}

// run asks, signs and seals. What a person takes to answer is not the ledger's
// time: within begins after it.
func (s *sealing) run(ctx, within context.Context) error {
	if s.flags.reason == "" && s.flags.submit == "" {
		return usage(errors.New("say why with --reason"))
	}
	if err := s.observer.CanSeal(within); err != nil {
		return err
	}
	if err := s.confirm(); err != nil {
		return err
	}
	within, cancel := context.WithTimeout(ctx, governWithin)
	defer cancel()
	j, err := s.sealed()
	if err != nil || j == nil {
		return err
	}
	if err := s.gov.Try(within, j.envelope); err != nil {
		return err
	}
	sent, err := s.gov.Send(within, j.envelope)
	if err != nil {
		return err
	}
	if _, err := s.observer.Effective(within, sent); err != nil {
		return err
	}
	if err := s.g.say(object{"event": "sealed", "position": sent.Seq}, "sealed at ledger position %d: everything is halted, for good\n", sent.Seq); err != nil {
		return err
	}
	return s.cover(ctx, sent.Seq)
}

// sealed is the signed seal, nil where others must sign it too.
func (s *sealing) sealed() (*jointFile, error) {
	if s.flags.submit != "" {
		return sealKind.submitted(s.flags.submit, s.state)
	}
	return s.g.signed(sealKind, s.f, s.gov, s.state, zone.SealRecord(s.flags.reason), s.flags.out)
}

// confirm asks for the zone's name. Nothing but the name is a yes.
func (s *sealing) confirm() error {
	typed := s.flags.confirm
	if typed == "" {
		fmt.Fprintf(s.g.stderr, "This ends ledger %s for good: nothing in zone %s will ever be allowed on it again.\nType the zone's name to seal it: ", s.f.Ledger.Short(), s.f.Zone)
		line, err := bufio.NewReader(io.LimitReader(s.asked, maxRecordFile)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if errors.Is(err, io.EOF) {
			fmt.Fprintln(s.g.stderr)
		}
		typed = strings.TrimSpace(line)
	}
	if typed != s.f.Zone {
		return usage(fmt.Errorf("that is not the zone's name, so nothing was sealed; type %s, or give it with --confirm", s.f.Zone))
	}
	return nil
}

// cover waits for the last checkpoint and keeps it.
func (s *sealing) cover(ctx context.Context, seal uint64) error {
	waiting, cancel := context.WithTimeout(ctx, s.flags.wait)
	defer cancel()
	signed, err := s.observer.Covered(waiting, seal)
	if errors.Is(err, zone.ErrUncovered) {
		return &failure{exitUnconfirmed, err}
	}
	if err != nil {
		return err
	}
	path, err := s.f.KeepSealed(signed.Note)
	if err != nil {
		return err
	}
	witnesses := cosigners(signed)
	return s.g.say(object{
		"event": "covered", "size": signed.Size, "root": signed.Root.String(), "recorder": signed.Recorder, "cosigned": orEmpty(witnesses),
		"checkpoint": string(signed.Note), "file": path,
	}, "its last checkpoint, of %d records, signed by %s%s, kept in %s:\n%s", signed.Size, signed.Recorder, cosignedText(witnesses), path, signed.Note)
}

func cosigners(signed lineage.Signed) (names []string) {
	for _, c := range signed.Cosigned {
		names = append(names, c.Witness)
	}
	return names
}

func cosignedText(witnesses []string) string {
	if len(witnesses) == 0 {
		return ""
	}
	return ", cosigned by " + strings.Join(witnesses, ", ")
}
