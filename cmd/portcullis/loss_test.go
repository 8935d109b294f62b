package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/zone"
)

// twoGovernors makes a data folder whose second governor's key is elsewhere.
func twoGovernors(t *testing.T) (data, away string) {
	t.Helper()
	data = filepath.Join(t.TempDir(), "data")
	if _, stderr, exit := cli(t, "--data", data, "init", "--governors", "2", "--port", freePort(t), "--bank", freeAddress(t)); exit != exitDone {
		t.Fatal(stderr)
	}
	away = filepath.Join(t.TempDir(), "g2.pem")
	must(t, os.Rename(filepath.Join(data, "governors", "g2", "signing.pem"), away))
	return data, away
}

// evident is steady, with what is said of a tree left out as well.
func (s *session) evident(folders map[string]string) string {
	text := s.text.String()
	for path, word := range folders {
		text = strings.ReplaceAll(text, path, word)
	}
	s.text.Reset()
	s.text.WriteString(text)
	text = s.steady()
	for _, r := range []struct{ pattern, word string }{
		{`the first \d+`, "the first N"},
		{`the record at position N is not the one that was signed for|the ledger ends at position N`, "WHAT DIFFERS"},
		{`--from \d+`, "--from N"},
		{`"gone":\d+`, `"gone":N`},
		{`[A-Za-z0-9+/]{43}=`, "ROOT"},
		{`\d+ are`, "N are"},
		{`(?m)^— \S+ \S+$`, "— ORIGIN SIGNATURE"},
		{`(?m)^\d+$`, "SIZE"},
		{`(loss|seal)-ID\.json`, "$1-ID.json"},
	} {
		text = regexp.MustCompile(r.pattern).ReplaceAllString(text, r.word)
	}
	return text
}

// waitCovered waits until the newest checkpoint covers what was there when it was
// asked for.
func (s *session) waitCovered() {
	s.t.Helper()
	position := uint64(0)
	eventually(s.t, func() bool {
		told := statusOf(s.t, s.data)
		if position == 0 {
			position = told.Position
		}
		return told.Evidence.State == "covered" && told.Evidence.Size >= position
	})
}

// TestLossSession: a broker's store is rolled back; testdata/loss.txt is what two
// governors do about it.
func TestLossSession(t *testing.T) {
	t.Parallel()
	data, away := twoGovernors(t)
	s := &session{t: t, data: data}
	s.note("Nothing runs.")
	s.run("loss")
	up := serve(t, data, "up")
	s.waitCovered()
	s.note("All is well.")
	s.run("loss")
	s.run("loss", "--reason", "the power failed")
	must(t, up.Stop(killLoopPatience))
	earlier := t.TempDir()
	must(t, os.CopyFS(earlier, os.DirFS(filepath.Join(data, "server"))))
	up = serve(t, data, "up")
	s.waitCovered()
	must(t, up.Stop(killLoopPatience))
	must(t, os.Remove(filepath.Join(data, "run", "x1.mark"))) // it is beyond the ledger's end now
	must(t, os.RemoveAll(filepath.Join(data, "server")))
	must(t, os.CopyFS(filepath.Join(data, "server"), os.DirFS(earlier)))
	serve(t, data, "up")
	eventually(t, func() bool { told := statusOf(t, data); return told.Evidence.State == "fork" && len(told.Halts) > 0 })

	s.note("The broker's store is an earlier copy. The recorder signs nothing, and a sentinel has tripped.")
	s.run("loss")
	s.run("loss", "--key", away)
	for _, lift := range [][]string{{"--all"}, {statusOf(t, data).Halts[0].Halt}} {
		refused(t, "a resume before the loss", exitError, "nobody has signed for", "sign the loss first: portcullis loss",
			append([]string{"--data", data, "resume", "--reason", "over"}, lift...)...)
	}
	if told := statusOf(t, data); len(told.Halts) == 0 {
		t.Error("the trip was lifted")
	}
	s.run("loss", "--reason", "the power failed", "--recorder", "r2")
	out := filepath.Join(t.TempDir(), "loss.json")
	s.run("loss", "--reason", "the power failed", "--out", out)
	s.note("Another governor reads it and signs.")
	s.run("loss", "--submit", out)
	s.run("seal", "--sign", out)
	s.run("loss", "--sign", out)
	s.run("loss", "--sign", out, "--key", away)
	s.run("--json", "loss", "--submit", out)
	s.run("loss", "--submit", out)
	s.waitCovered()
	s.run("loss")
	golden(t, "loss.txt", s.evident(map[string]string{out: "FILE", away: "g2.pem"}))
}

// TestSealSession: a ledger is sealed and continued; testdata/seal.txt.
func TestSealSession(t *testing.T) {
	t.Parallel()
	data, away := twoGovernors(t)
	next := filepath.Join(t.TempDir(), "next")
	s := &session{t: t, data: data}
	s.run("seal", "--reason", "the year is over", "--confirm", "home")
	up := serve(t, data, "up")
	s.waitCovered()
	s.note("It has to be meant.")
	s.run("seal")
	s.run("seal", "--reason", "the year is over")
	s.run("seal", "--reason", "the year is over", "--confirm", "house")
	out := filepath.Join(t.TempDir(), "seal.json")
	s.run("seal", "--reason", "the year is over", "--confirm", "home", "--out", out)
	s.run("seal", "--sign", out, "--key", away)
	s.run("continue", "--from", data)
	must(t, os.Rename(away, filepath.Join(data, "governors", "g2", "signing.pem")))
	s.run("seal", "--submit", out, "--confirm", "home")
	s.run("seal")
	s.run("halt", "--reason", "fire", "--wait", "0")
	s.run("halt", "--drill", "--reason", "weekly")
	s.run("propose", "--as", "scout", "--tool", "file-read", "--resource", "reports/q3.txt", "--arg", "path=reports/q3.txt")
	s.data = next
	s.note("As long as the old one runs, nothing continues it.")
	s.run("continue", "--from", data)
	f, err := fabric.Open(data)
	must(t, err)
	s.run("--server", f.NATS.URL, "continue", "--from", data)
	sealedExports(t, data)
	must(t, up.Stop(killLoopPatience))
	s.note("It goes on in another folder.")
	s.run("continue")
	s.run("continue", "--from", data)
	s.run("continue", "--from", data)
	files := filepath.Join(next, "files", "reports")
	must(t, os.MkdirAll(files, 0o700))
	must(t, os.WriteFile(filepath.Join(files, "q3.txt"), []byte("moved\n"), 0o600))
	serve(t, next, "up")
	s.run("propose", "--as", "scout", "--tool", "file-read", "--resource", "reports/q3.txt", "--arg", "path=reports/q3.txt")
	golden(t, "seal.txt", s.evident(map[string]string{out: "FILE", away: "g2.pem", data: "OLD", next: "NEW"}))
}

// sealedExports: what stands behind a seal waits for no checkpoint.
func sealedExports(t *testing.T, data string) {
	t.Helper()
	dir := t.TempDir()
	for _, command := range [][]string{{"export", "-o", filepath.Join(dir, "ledger.pcx")}, {"archive", "--to", filepath.Join(dir, "archives")}} {
		out := done(t, append([]string{"--data", data, "--json"}, command...)...)
		var told struct{ Covered, Last uint64 }
		must(t, json.Unmarshal([]byte(out), &told))
		if told.Covered == 0 || told.Covered >= told.Last {
			t.Errorf("%v: %s", command, out)
		}
	}
	out := done(t, "--data", data, "export", "-o", filepath.Join(dir, "again.pcx"))
	if !strings.Contains(out, "and the seal at position") || strings.Contains(out, "not covered yet") {
		t.Errorf("the seal is covered: %s", out)
	}
}

// TestJointFilesRefused: what is no loss, was altered, or is for another ledger is
// not signed, and the file stays as it is.
func TestJointFilesRefused(t *testing.T) {
	data, away := twoGovernors(t)
	f, err := fabric.Open(data)
	must(t, err)
	loss := zone.Fork{Lost: &pb.CheckpointHead{Size: 40, Root: make([]byte, 32)}, Kept: 30}.Record("why")
	signed := func(record *pb.Governance) []byte {
		envelope, err := f.SignGovernance(record, "g1")
		must(t, err)
		return envelope
	}
	text := func(k jointKind, envelope []byte) string {
		data, err := (&jointFile{halfSignedRecord{envelope: envelope}, k}).bytes()
		must(t, err)
		return string(data)
	}
	good := signed(loss)
	flipped := append([]byte(nil), good...)
	flipped[len(flipped)-1] ^= 1 // in the signature
	stranger, err := trust.GenerateKey()
	must(t, err)
	byStranger, err := trust.AddSignature(good, stranger)
	must(t, err)
	elsewhere, _ := twoGovernors(t)
	for name, test := range map[string]struct {
		data, text, says string
	}{
		"nothing":             {data, "", "give the file that portcullis loss wrote"},
		"another format":      {data, text(sealKind, good), "give the file that portcullis loss wrote"},
		"more in it":          {data, text(lossKind, good) + "{}", "give the file that portcullis loss wrote"},
		"a seal":              {data, text(lossKind, signed(zone.SealRecord("why"))), "its record is no loss"},
		"not an envelope":     {data, text(lossKind, []byte("x")), "get it again"},
		"altered":             {data, text(lossKind, flipped), "does not fit"},
		"a stranger's":        {data, text(lossKind, byStranger), "no governor's"},
		"for another ledger":  {elsewhere, text(lossKind, good), "use the data folder of that ledger"},
		"signed here already": {data, text(lossKind, good), "these keys have signed it already"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "loss.json")
			must(t, os.WriteFile(path, []byte(test.text), 0o600))
			arguments := []string{"--data", test.data, "loss", "--sign", path}
			if name == "signed here already" {
				arguments = append(arguments, "--key", filepath.Join(test.data, "governors", "g1", "signing.pem"))
			} else {
				arguments = append(arguments, "--key", away)
			}
			if out, stderr, exit := cli(t, arguments...); exit != exitError || !strings.Contains(stderr, test.says) {
				t.Errorf("exit %d: %s%s", exit, out, stderr)
			}
			if now, err := os.ReadFile(path); err != nil || string(now) != test.text {
				t.Errorf("the file was changed, or is gone: %v", err)
			}
		})
	}
	if _, stderr, exit := cli(t, "--data", data, "loss", "--sign", filepath.Join(data, "none.json")); exit != exitLocalState {
		t.Errorf("no file: exit %d: %s", exit, stderr)
	}
}
