package trust_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/portcullis-dev/portcullis/core/trust"
)

// TestNothingPrintsAKey: whatever prints a key, alone or inside something, by any
// verb, as JSON or in a log, shows none of its bytes.
func TestNothingPrintsAKey(t *testing.T) {
	seed := bytes.Repeat([]byte("Zq"), 16)
	key := trust.SigningKeyFromSeedInsecure(trust.Digest(seed))
	logText, _, err := trust.GenerateLogKeys()
	if err != nil {
		t.Fatal(err)
	}
	logKeys, err := trust.ParseLogKeys(logText)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := logKeys.Signer("example.test/z1/log")
	if err != nil {
		t.Fatal(err)
	}
	sealing, err := trust.GenerateSealingKey("k1")
	if err != nil {
		t.Fatal(err)
	}
	type member struct {
		Name string
		Seed trust.Secret
		Key  *trust.SigningKey
	}
	for name, secret := range map[string]any{
		"secret": trust.Secret(seed), "signing key": key, "log keys": logKeys, "log signer": signer, "sealing key": sealing,
		"a struct": member{"x", seed, key}, "its pointer": &member{"x", seed, key}, "a list": []any{trust.Secret(seed), key}, "log keys by value": *logKeys,
	} {
		var printed strings.Builder
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%X", "%q", "%d", "%o", "%b", "%c", "%U"} {
			fmt.Fprintf(&printed, verb+"\n", secret)
		}
		for _, h := range []slog.Handler{slog.NewTextHandler(&printed, nil), slog.NewJSONHandler(&printed, nil)} {
			slog.New(h).Info("a key", "key", secret)
		}
		if data, err := json.Marshal(secret); err != nil {
			t.Errorf("%s: %v", name, err)
		} else {
			printed.Write(data)
		}
		printed.WriteString(fmt.Errorf("wrapped: %w: %v", errors.New("x"), secret).Error())
		got := printed.String()
		for _, form := range []string{
			"ZqZqZq", hex.EncodeToString(seed[:8]), strings.ToUpper(hex.EncodeToString(seed[:8])), base64.StdEncoding.EncodeToString(seed[:6]), "90 113 90", "0x5a, 0x71", "132 161",
		} {
			if strings.Contains(got, form) {
				t.Errorf("%s prints %q", name, form)
			}
		}
		if !strings.Contains(got, "[private key]") {
			t.Errorf("%s is not recognisable in %s", name, got)
		}
		for line := range strings.SplitSeq(string(logText), "\n") {
			if len(line) > 20 && strings.Contains(got, line[10:20]) {
				t.Errorf("%s prints its key file", name)
			}
		}
	}
}
