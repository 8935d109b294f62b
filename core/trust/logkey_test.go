package trust

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	cosignature "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"

	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

const logOrigin = "example.test/z1/abc"

func logKeys(t *testing.T) (*LogKeys, []byte) {
	t.Helper()
	text, public, err := GenerateLogKeys()
	if err != nil {
		t.Fatal(err)
	}
	k, err := ParseLogKeys(text)
	if err != nil {
		t.Fatal(err)
	}
	for i, key := range k.Public() {
		if !bytes.Equal(key.GetPublicKey(), public[i].GetPublicKey()) || key.GetAlgorithm() != public[i].GetAlgorithm() {
			t.Fatalf("public half %d is another after parsing", i)
		}
	}
	return k, text
}

// vkey writes a public half as C2SP signed-note does, independently.
func vkey(name string, algorithm byte, key *pb.LogKey) string {
	raw := append([]byte{algorithm}, key.GetPublicKey()...)
	hash := sha256.Sum256([]byte(name + "\n" + string(raw)))
	return fmt.Sprintf("%s+%x+%s", name, hash[:4], base64.StdEncoding.EncodeToString(raw))
}

func logVerifiers(t *testing.T, name string, public []*pb.LogKey) note.Verifiers {
	t.Helper()
	plain, err := note.NewVerifier(vkey(name, 1, public[0]))
	if err != nil {
		t.Fatal(err)
	}
	quantum, err := cosignature.NewMLDSAVerifier(vkey(name, 6, public[1]))
	if err != nil {
		t.Fatal(err)
	}
	return note.VerifierList(plain, quantum)
}

func logText(origin string) string {
	return origin + "\n7\n" + base64.StdEncoding.EncodeToString(make([]byte, 32)) + "\n"
}

func TestLogKeysSign(t *testing.T) {
	k, _ := logKeys(t)
	s, err := k.Signer(logOrigin)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Unix(1_800_000_000, 5)
	signed, err := s.Sign(logText(logOrigin), at)
	if err != nil {
		t.Fatal(err)
	}
	n, err := note.Open(signed, logVerifiers(t, logOrigin, k.Public()))
	if err != nil || len(n.Sigs) != 2 || len(n.UnverifiedSigs) != 0 || n.Text != logText(logOrigin) {
		t.Fatalf("%+v, %v", n, err)
	}
	if got, err := cosignature.CoSigV1Timestamp(n.Sigs[1]); err != nil || got.Unix() != at.Unix() {
		t.Errorf("it states %v, %v", got, err)
	}
	if s.Origin() != logOrigin {
		t.Errorf("it signs for %s", s.Origin())
	}
	again, err := s.Sign(logText(logOrigin), at)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := note.Open(again, logVerifiers(t, logOrigin, k.Public())); err != nil {
		t.Error(err)
	}
}

func TestLogSignerRefuses(t *testing.T) {
	k, _ := logKeys(t)
	s, err := k.Signer(logOrigin)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"another tree's": logText("example.test/z2/abc"), "a longer name": logText(logOrigin + "/loss-1"), "no checkpoint": logOrigin + "\n",
		"no size": strings.Replace(logText(logOrigin), "\n7\n", "\nx\n", 1), "no root": strings.Replace(logText(logOrigin), "AAAA", "", 1), "a fourth line": logText(logOrigin) + "more\n",
		"no end": strings.TrimSuffix(logText(logOrigin), "\n"), "nothing": "",
	} {
		if _, err := s.Sign(text, time.Unix(1, 0)); err == nil {
			t.Errorf("signed: %s", name)
		}
	}
	if _, err := s.Sign(logText(logOrigin), time.Time{}); err == nil {
		t.Error("signed before the epoch")
	}
	for name, origin := range map[string]string{"empty": "", "a space": "a b", "a plus": "a+b", "too long": strings.Repeat("x", 256)} {
		if _, err := k.Signer(origin); err == nil {
			t.Errorf("a signer for an origin that is %s", name)
		}
	}
	if _, err := k.Signer(strings.Repeat("x", 255)); err != nil {
		t.Error(err)
	}
	if _, err := new(LogKeys).Signer(logOrigin); err == nil {
		t.Error("the zero value has a signer")
	}
	if new(LogKeys).Public() != nil {
		t.Error("the zero value has public halves")
	}
	if _, err := new(LogSigner).Sign("\n", time.Unix(1, 0)); err == nil {
		t.Error("the zero value signs")
	}
}

func TestLogKeysParseStrictly(t *testing.T) {
	_, text := logKeys(t)
	lines := strings.SplitAfter(string(text), "\n")
	for name, wrong := range map[string]string{
		"nothing":         "",
		"one key":         lines[0],
		"the other alone": lines[1],
		"swapped":         lines[1] + lines[0],
		"one twice":       lines[0] + lines[0],
		"three":           string(text) + lines[1],
		"no last newline": strings.TrimSuffix(string(text), "\n"),
		"an empty line":   lines[0] + "\n" + lines[1],
		"a carriage":      strings.ReplaceAll(string(text), "\n", "\r\n"),
		"a space":         " " + string(text),
		"another prefix":  strings.ReplaceAll(string(text), "PRIVATE", "PUBLIC"),
		"cut":             lines[0][:len(lines[0])-5] + "\n" + lines[1],
		"longer":          lines[0][:len(lines[0])-1] + "AAAA\n" + lines[1],
		"not base64":      strings.Replace(string(text), "KEY+A", "KEY+*", 1),
	} {
		_, err := ParseLogKeys([]byte(wrong))
		if err == nil {
			t.Errorf("taken: %s", name)
			continue
		}
		if secret := strings.TrimPrefix(strings.TrimSpace(lines[0]), logKeyLine); strings.Contains(err.Error(), secret[4:12]) {
			t.Errorf("%s: the error tells the secret", name)
		}
	}
}

func FuzzParseLogKeys(f *testing.F) {
	text, _, err := GenerateLogKeys()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(logKeyLine + "\n" + logKeyLine + "\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if k, err := ParseLogKeys(text); err == nil && !bytes.Equal(k.text(), text) {
			t.Errorf("%q is taken, and is not what it would write", text)
		}
	})
}
