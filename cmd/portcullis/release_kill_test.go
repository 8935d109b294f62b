package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/fabric"
)

// TestReleaseSignKilled kills processes that sign, at any moment with -9: the
// file is the plan before or the plan after, and signing again ends it.
func TestReleaseSignKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("many processes for many seconds: in make test")
	}
	data, path, f := signable(t, time.Now)
	before, err := os.ReadFile(path)
	must(t, err)
	plan, err := fabric.ReadPlan(path)
	must(t, err)
	governor, err := f.Governor("g1")
	must(t, err)
	_, err = plan.Sign(governor.Key) // RFC 8032 is deterministic: so are the bytes
	must(t, err)
	after, err := plan.Bytes()
	must(t, err)
	executable, err := os.Executable()
	must(t, err)
	sign := func(ctx context.Context) error {
		return exec.CommandContext(ctx, executable, "--data", data, "release", "sign", path, "--governor", "g1").Run()
	}
	began := time.Now()
	must(t, sign(t.Context()))
	whole := time.Since(began)
	unsigned, signed := 0, 0
	for range 25 {
		must(t, os.WriteFile(path, before, 0o600))
		ctx, cancel := context.WithTimeout(t.Context(), rand.N(whole+whole/4))
		_ = sign(ctx) // killed, or not
		cancel()
		got, err := os.ReadFile(path)
		must(t, err)
		switch {
		case bytes.Equal(got, before):
			unsigned++
		case bytes.Equal(got, after):
			signed++
		default:
			t.Fatalf("half a plan: %d bytes, of %d and %d", len(got), len(before), len(after))
		}
	}
	must(t, sign(t.Context()))
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, after) {
		t.Errorf("signing at last: %d bytes, %v", len(got), err)
	}
	t.Logf("%d unsigned, %d signed", unsigned, signed)
}

// TestReleasePublishKilled kills processes that publish: the ledger has the
// release or not, the data folder opens, and publishing again ends it.
func TestReleasePublishKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("many processes for many seconds: in make test")
	}
	data, _, f := signable(t, time.Now)
	serve(t, data, "server")
	executable, err := os.Executable()
	must(t, err)
	for version := uint64(2); version < 8; version++ {
		path := writePlan(t, f, fmt.Sprintf("%d.plan", version))
		signAll(t, f, path)
		for range 3 {
			ctx, cancel := context.WithTimeout(t.Context(), rand.N(150*time.Millisecond))
			_ = exec.CommandContext(ctx, executable, "--data", data, "release", "publish", path, "--wait", "0").Run()
			cancel()
			if _, err := fabric.Open(data); err != nil {
				t.Fatal(err)
			}
		}
		out, stderr, exit := cli(t, "--data", data, "release", "publish", path, "--wait", "0")
		current, err := f.Release()
		must(t, err)
		if exit != exitDone || !strings.Contains(out, "on the ledger") || current.Proto.GetVersion() != version {
			t.Fatalf("release %d: exit %d, %s%s; the folder has release %d", version, exit, out, stderr, current.Proto.GetVersion())
		}
	}
	out, stderr, exit := cli(t, "--data", data, "tail", "--from", "1", "--follow=false", "--kind", "governance")
	if exit != exitDone || len(slices.Collect(strings.Lines(out))) != 8 {
		t.Errorf("exit %d, want genesis and 7 releases:\n%s%s", exit, out, stderr)
	}
}
