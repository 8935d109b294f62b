package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/portcullis-dev/portcullis/core/proof"
)

const vectors = "../../core/proof/testdata/vectors"

// TestVerifyVectors: the command says of each vector what its index says.
func TestVerifyVectors(t *testing.T) {
	t.Parallel()
	var index []struct {
		File, Anchor, Failed string
		OK                   bool
	}
	text, err := os.ReadFile(filepath.Join(vectors, "index.json"))
	must(t, err)
	must(t, json.Unmarshal(text, &index))
	for _, v := range index {
		stdout, stderr, exit := cli(t, "--json", "verify", filepath.Join(vectors, v.File), "--anchor", v.Anchor)
		var said struct {
			OK    bool
			Steps []proof.Step
		}
		if err := json.Unmarshal([]byte(stdout), &said); err != nil {
			t.Fatalf("%s: %v: %s%s", v.File, err, stdout, stderr)
		}
		failed := ""
		for _, s := range said.Steps {
			if !s.Established && failed == "" {
				failed = string(s.Name)
			}
		}
		if said.OK != v.OK || failed != v.Failed || (exit == exitDone) != v.OK {
			t.Errorf("%s: ok %v, step %q fails, exit %d; the index says %v, %q", v.File, said.OK, failed, exit, v.OK, v.Failed)
		}
	}
}

func TestVerifyText(t *testing.T) {
	t.Parallel()
	good, bad := filepath.Join(vectors, "executed.json"), filepath.Join(vectors, "bad_quorum.json")
	data, err := os.ReadFile(good)
	must(t, err)
	f, err := proof.Decode(data)
	must(t, err)
	anchor, err := f.Anchor.MarshalText()
	must(t, err)
	dir := t.TempDir()
	inFile, genesis := filepath.Join(dir, "anchor.txt"), filepath.Join(dir, "genesis.binpb")
	must(t, os.WriteFile(inFile, append(anchor, '\n'), 0o600))
	must(t, os.WriteFile(genesis, f.Records[0].Envelope, 0o600))
	for _, named := range []string{string(anchor), inFile, genesis} {
		stdout, stderr, exit := cli(t, "verify", good, "--anchor", named)
		if exit != exitDone || !strings.Contains(stdout, "VERIFIED: all 10 steps hold.") || !strings.Contains(stdout, "Not established by this file:") {
			t.Errorf("--anchor %s: exit %d: %s%s", named, exit, stdout, stderr)
		}
	}
	stdout, _, exit := cli(t, "verify", bad, "--anchor", string(anchor))
	if exit != exitError || !strings.Contains(stdout, "NOT VERIFIED: the step decision fails.") || strings.Contains(stdout, "all 10 steps") {
		t.Errorf("a file that does not verify: exit %d: %s", exit, stdout)
	}
	other := strings.Repeat("0", 63) + "1"
	if stdout, _, exit := cli(t, "verify", good, "--anchor", other); exit != exitError || !strings.Contains(stdout, "the step anchor fails") {
		t.Errorf("another anchor: exit %d: %s", exit, stdout)
	}
	for _, wrong := range [][]string{{good, "--anchor", "nonsense"}, {good, "--anchor", good}, {good, "--anchor", ""}} {
		if _, stderr, exit := cli(t, append([]string{"--data", dir, "verify"}, wrong...)...); exit == exitDone {
			t.Errorf("verify %q: %s", wrong, stderr)
		}
	}
	for _, missing := range []string{filepath.Join(dir, "nothing"), inFile} {
		if _, stderr, exit := cli(t, "verify", missing, "--anchor", string(anchor)); exit == exitDone || stderr == "" {
			t.Errorf("verify %s: exit %d", missing, exit)
		}
	}
}
