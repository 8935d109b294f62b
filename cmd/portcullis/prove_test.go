package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/portcullis-dev/portcullis/core/trust"
)

// TestProveAndVerify proves what became of an allowed and of a denied intent on a
// running zone, and checks each file with verify.
func TestProveAndVerify(t *testing.T) {
	flags := zoneToRead(t)
	dir := t.TempDir()
	for i, l := range told(t, flags, "--kind", "intent") {
		kind := []string{"executed", "denied"}[i]
		path := filepath.Join(dir, kind+".json")
		stdout, stderr, exit := cli(t, append(flags, "prove", l.Position.String(), "-o", path, "--wait", "50s")...)
		if exit != exitDone || !strings.HasPrefix(stdout, "proof of "+kind+" (") {
			t.Fatalf("prove %s: exit %d: %s%s", kind, exit, stdout, stderr)
		}
		if stdout, stderr, exit := cli(t, append(flags, "verify", path)...); exit != exitDone || !strings.Contains(stdout, "is "+kind+"\n") {
			t.Errorf("verify %s: exit %d: %s%s", kind, exit, stdout, stderr)
		}
		if _, stderr, exit := cli(t, append(flags, "prove", l.Position.String(), "-o", path)...); exit == exitDone || !strings.Contains(stderr, "exists") {
			t.Errorf("over a file that exists: exit %d: %s", exit, stderr)
		}
		same, stderr, exit := cli(t, append(flags, "prove", l.Intent.Digest, "--wait", "50s")...)
		if exit != exitDone || !strings.Contains(same, `"kind": "`+kind+`"`) {
			t.Errorf("to standard output: exit %d: %s", exit, stderr)
		}
		proveOtherwise(t, flags, dir, l.Intent.Digest)
	}
	for _, wrong := range [][]string{
		{"prove"}, {"prove", "nonsense"}, {"prove", "17", "--in-toto"}, {"prove", "17", "--sign-as", "g1"}, {"prove", "17", "--dsse", "--tlog-proof"}, {"prove", "17", "--wait", "-1s"},
	} {
		if _, stderr, exit := cli(t, append(flags, wrong...)...); exit != exitUsage {
			t.Errorf("%q: exit %d: %s", wrong, exit, stderr)
		}
	}
	if _, stderr, exit := cli(t, append(flags, "prove", strings.Repeat("0", 64))...); exit != exitError || stderr == "" {
		t.Errorf("of an intent that is not there: exit %d: %s", exit, stderr)
	}
}

// proveOtherwise writes the same proof in the formats of others.
func proveOtherwise(t *testing.T, flags []string, dir, intent string) {
	t.Helper()
	key, err := trust.GenerateKey()
	must(t, err)
	text, err := key.MarshalPEM()
	must(t, err)
	keyFile := filepath.Join(dir, intent[:8]+".pem")
	must(t, os.WriteFile(keyFile, text, 0o600))
	say := func(more ...string) string {
		t.Helper()
		stdout, stderr, exit := cli(t, append(append(flags, "prove", intent, "--wait", "50s"), more...)...)
		if exit != exitDone {
			t.Errorf("%q: exit %d: %s", more, exit, stderr)
		}
		return stdout
	}
	if got := say("--tlog-proof"); !strings.HasPrefix(got, "c2sp.org/tlog-proof@v1\n") {
		t.Errorf("--tlog-proof: %.100s", got)
	}
	if got := say("--dsse"); !strings.HasPrefix(got, `{"payloadType":"application/vnd.portcullis.decisions.v1+protobuf"`) {
		t.Errorf("--dsse: %.100s", got)
	}
	var sealed struct {
		PayloadType string `json:"payloadType"`
		Payload     []byte `json:"payload"`
		Signatures  []struct {
			Sig []byte `json:"sig"`
		} `json:"signatures"`
	}
	must(t, json.Unmarshal([]byte(say("--in-toto", "--sign-as", keyFile)), &sealed))
	if !key.Public().Verify(trust.PAE(sealed.PayloadType, sealed.Payload), sealed.Signatures[0].Sig) {
		t.Error("--in-toto: the statement's signature does not verify")
	}
}
