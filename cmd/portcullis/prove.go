package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/proof"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/transcript"
)

// proveFlags say what is written, and where.
type proveFlags struct {
	output   string
	wait     time.Duration
	tlog     bool
	intoto   bool
	dsse     bool
	signAs   string
	file     exportFile
	position ledger.Position // of the argument, zero if it names no position
}

func newProveCommand(g *globals) *cobra.Command {
	flags := proveFlags{}
	c := &cobra.Command{
		Use:   "prove INTENT|POSITION [-o FILE]",
		Short: "Write one file that proves what became of an intent",
		Long: `Writes one self-contained file that proves what became of an intent: its records, the
governance and the credentials that they rest on, inclusion proofs, and a checkpoint
with its cosignatures. Anybody can check it offline with portcullis verify, or with
a program of their own: docs/proofs.md.

INTENT is the beginning of its digest (4 digits or more), its id, or the position
(17 or 17.0) of the intent or of anything that is about it. The position of a void
claim proves that this claim is void.

With --file the proof is made offline, from an export of the whole ledger or from an
archive, and rests on the checkpoints in it.

  --tlog-proof  where the intent, or the record at POSITION, stands: C2SP tlog-proof
  --in-toto     an in-toto statement about the decision, in a DSSE envelope signed
                with --sign-as
  --dsse        the enforcers' own signed decisions, a DSSE envelope a line

JSON: with -o FILE, {"event":"proof","file","kind","intent","records","bytes"}; else what would be in the file.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return g.prove(c.Context(), args[0], flags) },
	}
	c.Flags().StringVarP(&flags.output, "output", "o", "", "write to this new file (default: standard output)")
	c.Flags().DurationVar(&flags.wait, "wait", 3*time.Second, "how long to wait for a checkpoint that covers it")
	c.Flags().BoolVar(&flags.tlog, "tlog-proof", false, "write a C2SP tlog-proof of one record")
	c.Flags().BoolVar(&flags.intoto, "in-toto", false, "write an in-toto statement about the decision")
	c.Flags().BoolVar(&flags.dsse, "dsse", false, "write the enforcers' signed decisions as DSSE")
	c.Flags().StringVar(&flags.signAs, "sign-as", "", "who signs the statement: a governor of the data folder, or a file that holds an Ed25519 key")
	flags.file.register(c.Flags())
	c.MarkFlagsMutuallyExclusive("tlog-proof", "in-toto", "dsse")
	return c
}

// proved is what `prove --json -o FILE` says.
type proved struct {
	Event   string     `json:"event"`
	File    string     `json:"file"`
	Kind    proof.Kind `json:"kind,omitempty"`
	Intent  string     `json:"intent,omitempty"`
	Records int        `json:"records,omitempty"`
	Bytes   int        `json:"bytes"`
}

func (g *globals) prove(ctx context.Context, text string, flags proveFlags) error {
	query, err := transcript.ParseQuery(text)
	if err == nil {
		err = flags.check()
	}
	if err != nil {
		return usage(err)
	}
	flags.position, _ = ledger.ParsePosition(text) // what is no position asks for none
	p, err := g.provable(ctx, &flags)
	if err != nil {
		return err
	}
	defer p.close()
	if flags.tlog && flags.position != (ledger.Position{}) {
		data, err := p.ProveRecord(ctx, flags.position.Seq)
		if err != nil {
			return err
		}
		return g.deliver(flags.output, data, proved{})
	}
	file, err := p.intent(ctx, query, flags.position)
	if err != nil {
		return err
	}
	data, err := flags.render(g, p.Ledger, file)
	if err != nil {
		return err
	}
	return g.deliver(flags.output, data, proved{Kind: file.Kind, Intent: trust.Digest(file.About.Intent).String(), Records: len(file.Records)})
}

func (flags *proveFlags) check() error {
	switch {
	case flags.intoto != (flags.signAs != ""):
		return errors.New("--in-toto and --sign-as go together; name a governor, or a key file made with portcullis keys new")
	case flags.wait < 0:
		return fmt.Errorf("--wait %v is negative", flags.wait)
	default:
		return flags.file.check()
	}
}

// intent finds out which intent is meant and proves what became of it.
func (p *provable) intent(ctx context.Context, query transcript.Query, claim ledger.Position) (*proof.File, error) {
	intent, err := p.find(ctx, query)
	if errors.Is(err, transcript.ErrAmbiguous) {
		return nil, usage(err)
	}
	if err != nil {
		return nil, err
	}
	return p.Prove(ctx, proof.Question{Intent: intent, Claim: claim})
}

// render is the file in the form that was asked for.
func (flags *proveFlags) render(g *globals, anchor trust.Digest, file *proof.File) ([]byte, error) {
	switch {
	case flags.tlog:
		return file.TLogProof(0)
	case flags.intoto:
		key, err := g.signingKey(flags.signAs)
		if err != nil {
			return nil, err
		}
		return line(proof.Statement(file, anchor, key))
	case flags.dsse:
		envelopes, err := proof.Envelopes(file, anchor)
		return line(bytes.Join(envelopes, []byte("\n")), err)
	default:
		return file.Encode()
	}
}

func line(data []byte, err error) ([]byte, error) { return append(data, '\n'), err }

// signingKey is a governor's key, by name, or the one in a file.
func (g *globals) signingKey(who string) (*trust.SigningKey, error) {
	if !strings.ContainsAny(who, "/.") {
		f, err := g.fabric()
		if err != nil {
			return nil, err
		}
		governor, err := f.Governor(who)
		if err != nil {
			return nil, err
		}
		return governor.Key, nil
	}
	text, err := fabric.ReadSecret(who)
	if err != nil {
		return nil, err
	}
	return trust.ParseSigningKey(text)
}

// deliver writes to standard output, or to a file that must not exist yet.
func (g *globals) deliver(path string, data []byte, p proved) error {
	if path == "" {
		_, err := g.stdout.Write(data)
		return err
	}
	if err := writeNew(path, data); err != nil {
		return err
	}
	p.Event, p.File, p.Bytes = "proof", path, len(data)
	what := "proof"
	if p.Kind != "" {
		what = fmt.Sprintf("proof of %s (%d records)", p.Kind, p.Records)
	}
	return g.say(p, "%s in %s\n", what, path)
}

// writeNew writes a file that must not exist yet. A file that could not be written
// whole does not stay.
func writeNew(path string, data []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists already: %w; name another file with -o", path, err)
	}
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}
