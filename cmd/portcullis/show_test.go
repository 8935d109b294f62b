package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/executor"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/transcript"
	"github.com/portcullis-dev/portcullis/zone"
)

// amounts are transferred in zoneToRead: one allowed, one denied.
var amounts = []string{"250", "5000"}

// zoneToRead is a zone in this process with one allowed action and one denied.
func zoneToRead(t *testing.T) (flags []string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	f, err := fabric.Create(dir, fabric.Params{Clock: time.Now, TrustDomain: "example.test", Zone: "home"})
	must(t, err)
	z, err := zone.Open(t.Context(), zone.Config{
		Fabric: f, Logger: slog.New(slog.DiscardHandler), Port: -1,
		Handlers: func(_ string, tools []string) (map[string]executor.Handler, error) {
			handlers := make(map[string]executor.Handler)
			for _, tool := range tools {
				handlers[tool] = executor.HandlerFunc(func(context.Context, executor.Action) (executor.Result, error) {
					return executor.Result{Data: []byte("done")}, nil
				})
			}
			return handlers, nil
		},
	})
	must(t, err)
	t.Cleanup(z.Close)
	must(t, z.StartAll(t.Context()))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	must(t, z.Ready(ctx))
	flags = []string{"--data", dir, "--server", z.URL()}
	for i, amount := range amounts {
		want := []int{exitDone, exitRefused}[i]
		_, stderr, exit := cli(t, append(flags, "propose", "--as", "scout", "--tool", "transfer", "--resource", "acme",
			"--arg", "to=acme", "--arg", "currency=EUR", "--arg", "amount="+amount, "--timeout", "50s")...)
		if exit != want {
			t.Fatalf("propose %s: exit %d, want %d: %s", amount, exit, want, stderr)
		}
	}
	return flags
}

// told reads the whole ledger through tail.
func told(t *testing.T, flags []string, more ...string) []transcript.Line {
	t.Helper()
	stdout, stderr, exit := cli(t, append(append(flags, "--json", "tail", "--from", "1", "--follow=false"), more...)...)
	if exit != exitDone {
		t.Fatalf("tail: exit %d: %s", exit, stderr)
	}
	var all []transcript.Line
	for line := range strings.Lines(stdout) {
		var l transcript.Line
		must(t, json.Unmarshal([]byte(line), &l))
		all = append(all, l)
	}
	return all
}

func TestTailAndShow(t *testing.T) {
	flags := zoneToRead(t)
	var text strings.Builder
	say := func(arguments ...string) {
		stdout, stderr, exit := cli(t, append(flags, arguments...)...)
		fmt.Fprintf(&text, "$ portcullis %s\n%s%s= exit %d\n\n", strings.Join(arguments, " "), stdout, stderr, exit)
	}
	var intents []transcript.Line // the allowed one first
	for _, amount := range amounts {
		for _, l := range told(t, flags, "--kind", "intent") {
			if strings.Contains(string(l.Intent.Arguments), `"amount":`+amount) {
				intents = append(intents, l)
			}
		}
	}
	allowed, denied := intents[0], intents[1]
	say("tail", "--from", "1", "--follow=false", "--kind", "governance")
	say("tail", "--from", allowed.Position.String(), "--follow=false", "--kind", "outcome,claim")
	say("show", allowed.Intent.Digest[:12])
	say("show", denied.Intent.ID)
	say("--json", "show", denied.Position.String())
	say("show", strings.Repeat("0", 64))
	say("show", "99999")
	say("show", "nonsense")
	say("show")
	say("tail", "--kind", "rumour")
	say("tail", "--from", "soon")
	golden(t, "tail_show.txt", readable(text.String()))
}

// readable replaces what differs from run to run.
func readable(text string) string {
	for _, r := range []struct{ pattern, word string }{
		{`\b[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}\b`, "UUID"},
		{`\b[0-9a-f]{64}\b`, "DIGEST"},
		{`show [0-9a-f]{12}`, "show PREFIX"},
		{`\b[0-9a-f]{24}\b`, "SESSION"},
		{`\d{4}-\d\d-\d\dT[0-9:.]+Z`, "TIME"},
		{`\([0-9ms.]+ after`, "(N after"},
		{` +[-+]?\d+\.\d ms`, " N ms"},
		{`"(quorum|claim|outcome|run)":[0-9.]+`, `"$1":N`},
		{`\b\d+\.0\b`, "AT"},
		{` {2,}AT`, "  AT"},
		{`AT {2,}`, "AT  "},
	} {
		text = regexp.MustCompile(r.pattern).ReplaceAllString(text, r.word)
	}
	return text
}

// TestTailFollows: what is appended after tail began is told, and Ctrl-C ends it
// well.
func TestTailFollows(t *testing.T) {
	flags := zoneToRead(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	reader, writer := io.Pipe()
	lines := bufio.NewScanner(reader)
	exit := make(chan int, 1)
	go func() {
		exit <- run(ctx, append(flags, "--json", "tail", "--kind", "pulse,intent"), writer, io.Discard)
		_ = writer.Close() // never fails
	}()
	pulses, before := 0, time.Now()
	for lines.Scan() {
		var l transcript.Line
		must(t, json.Unmarshal(lines.Bytes(), &l))
		if l.Pulse != nil && l.LogTime.After(before) {
			pulses++
		}
		if pulses == 2 {
			cancel()
		}
	}
	if got := <-exit; got != exitDone || pulses < 2 {
		t.Errorf("exit %d after %d pulses", got, pulses)
	}
}

func TestTailWithoutLedger(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	for _, command := range [][]string{{"tail"}, {"show", "17"}} {
		_, stderr, exit := cli(t, append([]string{"--data", dir}, command...)...)
		if exit != exitLocalState || !strings.Contains(stderr, "portcullis init") {
			t.Errorf("%v without a data folder: exit %d: %s", command, exit, stderr)
		}
	}
	_, err := fabric.Create(dir, fabric.Params{Clock: time.Now, TrustDomain: "example.test", Zone: "home"})
	must(t, err)
	_, stderr, exit := cli(t, "--data", dir, "--server", "nats://"+freeAddress(t), "show", "17")
	if exit != exitUnreachable {
		t.Errorf("without a broker: exit %d: %s", exit, stderr)
	}
}
