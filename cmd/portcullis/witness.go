package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/telemetry"
	"github.com/portcullis-dev/portcullis/witness"
)

// witnessFlags are the flags of `witness`.
type witnessFlags struct {
	dir, listen, file string
	logs              []string
}

func newWitnessCommand(g *globals) *cobra.Command {
	var flags witnessFlags
	c := &cobra.Command{
		Use:   "witness",
		Short: "Cosign checkpoints of ledgers; refuse forks and rollbacks",
		Long: `Cosigns checkpoints that continue what it cosigned before (C2SP tlog-witness), for
the logs that it is told to follow, at POST /add-checkpoint. It has a folder of its
own, made by witness keygen, and needs no data folder; it is best run by somebody
else than the ledger. Runs until it is interrupted. Never restore its folder from a
backup, nor run a copy of it: a witness that forgets what it cosigned would cosign a
fork. Evidence of forks lies in forks/ there.

A log is ORIGIN=KEY[,KEY]: the origin and verifier keys of its recorder's
checkpoints, all of which must have signed. The same origin again is another
recorder. In a file (YAML or JSON): {"logs":[{"origin","keys":[KEY]}]}.

JSON: {"event":"ready","role":"witness","name","server","verifiers"}, and "metrics" with --metrics`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return g.runWitness(c.Context(), &flags) },
	}
	c.Flags().StringVar(&flags.dir, "dir", "", "the witness's folder")
	c.Flags().StringVar(&flags.listen, "listen", "", "address to listen on, such as 127.0.0.1:4290 (port 0: any free one)")
	c.Flags().StringArrayVar(&flags.logs, "log", nil, "a log to follow, ORIGIN=KEY[,KEY]; may be given again")
	c.Flags().StringVar(&flags.file, "logs", "", "file of logs to follow")
	for _, name := range []string{"dir", "listen"} {
		if err := c.MarkFlagRequired(name); err != nil {
			panic(err) // unreachable: the flag stands above
		}
	}
	c.MarkFlagsOneRequired("log", "logs")
	c.AddCommand(newWitnessKeygenCommand(g))
	return g.watched(c)
}

func (g *globals) runWitness(ctx context.Context, flags *witnessFlags) error {
	log, err := g.logger()
	if err != nil {
		return err
	}
	logs, err := flags.follow()
	if err != nil {
		return err
	}
	watch := &monitor{}
	var open atomic.Pointer[witness.Witness]
	if err := g.monitorWith(ctx, watch, telemetry.Pages{Parts: ofWitnesses(&open), Logger: log}); err != nil {
		return err
	}
	defer watch.close()
	w, err := witness.Open(witness.Config{Dir: flags.dir, Logs: logs, Clock: time.Now, Logger: log, Meter: watch.meters.Witness()})
	if err != nil {
		return ofWitness(err)
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", flags.listen)
	if err != nil {
		return errors.Join(fmt.Errorf("the witness cannot listen on %s: %w; choose another address with --listen", flags.listen, err), w.Close())
	}
	open.Store(w)
	url := "http://" + listener.Addr().String()
	object := map[string]any{"event": "ready", "role": "witness", "name": w.Name(), "server": url, "verifiers": w.Verifiers()}
	if g.pages != "" {
		object["metrics"] = g.pages
	}
	err = g.say(object, "ready: witness %s at %s\n  verifier  %s\n", w.Name(), url, strings.Join(w.Verifiers(), "\n  verifier  "))
	if err != nil {
		return errors.Join(err, listener.Close(), w.Close())
	}
	return errors.Join(w.Serve(ctx, listener), w.Close())
}

// ofWitnesses looks at the witness of this process once it is open.
func ofWitnesses(open *atomic.Pointer[witness.Witness]) func(context.Context) []telemetry.Part {
	return func(context.Context) []telemetry.Part {
		w := open.Load()
		if w == nil {
			return nil
		}
		why := w.Unable()
		return []telemetry.Part{{Role: "witness", Name: w.Name(), Able: why == "", Why: why}}
	}
}

// follow is the logs that the flags name, of which there must be one at least.
func (f *witnessFlags) follow() ([]witness.Log, error) {
	var logs []witness.Log
	if f.file != "" {
		var err error
		if logs, err = witness.ReadLogs(f.file); err != nil {
			return nil, err
		}
	}
	for _, text := range f.logs {
		l, err := witness.ParseLog(text)
		if err != nil {
			return nil, usage(err)
		}
		logs = append(logs, l)
	}
	if len(logs) == 0 {
		return nil, usage(fmt.Errorf("%s names no log; a witness follows one at least", f.file))
	}
	return logs, nil
}

func newWitnessKeygenCommand(g *globals) *cobra.Command {
	var dir, name string
	var mlDSA bool
	c := &cobra.Command{
		Use:   "keygen",
		Short: "Make a witness: a folder with its keys",
		Long: `Makes a witness's folder with an Ed25519 key and, with --ml-dsa, an ML-DSA-44 key
too, and prints its verifier keys (C2SP signed-note): governors put one of them into
the witness's entry of a release's directory. A folder that has keys is left alone.

JSON: one object for each key: {"event":"key","file","verifier"}`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return g.makeWitness(dir, name, mlDSA) },
	}
	c.Flags().StringVar(&dir, "dir", "", "the folder, which is made if it is missing")
	c.Flags().StringVar(&name, "name", "", "the witness's name, a URL without its scheme, such as example.com/w1")
	c.Flags().BoolVar(&mlDSA, "ml-dsa", false, "make an ML-DSA-44 key too, which outlives Ed25519 if that falls to a quantum computer")
	for _, required := range []string{"dir", "name"} {
		if err := c.MarkFlagRequired(required); err != nil {
			panic(err) // unreachable: the flag stands above
		}
	}
	return c
}

func (g *globals) makeWitness(dir, name string, mlDSA bool) error {
	if err := witness.CheckName(name); err != nil {
		return usage(err)
	}
	keys, err := witness.Generate(dir, name, mlDSA)
	if err != nil {
		return ofWitness(err)
	}
	for _, k := range keys {
		object := map[string]string{"event": "key", "file": filepath.Join(dir, k.File), "verifier": k.Verifier}
		if err := g.say(object, "%s\n", k.Verifier); err != nil {
			return err
		}
	}
	return nil
}

// ofWitness gives errors of a witness's folder their exit code.
func ofWitness(err error) error {
	if errors.Is(err, witness.ErrFolder) {
		return &failure{exitLocalState, err}
	}
	return err
}
