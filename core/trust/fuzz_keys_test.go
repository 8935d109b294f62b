package trust_test

import (
	"bytes"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
)

// FuzzParsePrivateKey: a file of a key is one PEM block or refused, the key that
// is read writes itself as it was read, and no refusal repeats the file, which may
// be a secret with one byte too many.
func FuzzParsePrivateKey(f *testing.F) {
	for _, text := range [][]byte{pemOf(f, trusttest.Key("alice")), pemOf(f, newKey(f, "people"))} {
		f.Add(text)
		f.Add(append(bytes.Clone(text), text...))
		f.Add(append([]byte("# a comment\n"), text...))
		f.Add(bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n")))
		f.Add(text[:len(text)-4])
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		_, err := trust.ParsePrivateKey(text)
		quotesNothing(t, text, err)
		signing, err := trust.ParseSigningKey(text)
		quotesNothing(t, text, err)
		sealing, sealingErr := trust.ParseSealingKey("people", text)
		quotesNothing(t, text, sealingErr)
		switch {
		case err == nil && sealingErr == nil:
			t.Fatal("one key both signs and opens seals")
		case err == nil:
			if same, err := trust.ParseSigningKey(pemOf(t, signing)); err != nil || same.ID() != signing.ID() {
				t.Fatalf("written and read again: %v", err)
			}
		case sealingErr == nil:
			if same, err := trust.ParseSealingKey("people", pemOf(t, sealing)); err != nil || same.SealTo() != sealing.SealTo() {
				t.Fatalf("written and read again: %v", err)
			}
		}
	})
}

func pemOf(tb testing.TB, key interface{ MarshalPEM() ([]byte, error) }) []byte {
	tb.Helper()
	text, err := key.MarshalPEM()
	if err != nil {
		tb.Fatal(err)
	}
	return text
}

// quotesNothing demands that a refusal holds no eight characters of a PEM body.
func quotesNothing(t *testing.T, text []byte, err error) {
	t.Helper()
	block, _ := pem.Decode(text)
	if err == nil || block == nil {
		return
	}
	body := strings.Join(strings.Fields(string(pem.EncodeToMemory(&pem.Block{Type: "X", Bytes: block.Bytes}))), "")
	body = strings.TrimSuffix(strings.TrimPrefix(body, "-----BEGINX-----"), "-----ENDX-----")
	for i := 0; i+8 <= len(body); i++ {
		if strings.Contains(err.Error(), body[i:i+8]) {
			t.Fatalf("the refusal %q repeats the key's file", err)
		}
	}
}

// FuzzParseDigest: a digest has one meaning, whatever the case of its digits.
func FuzzParseDigest(f *testing.F) {
	whole := trust.DigestOf([]byte("x")).String()
	for _, text := range []string{whole, strings.ToUpper(whole), whole[1:], whole + "0", "g" + whole[1:], ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := trust.ParseDigest(text)
		if err == nil && d.String() != strings.ToLower(text) || err != nil && !d.IsZero() {
			t.Errorf("%q is read as %s, %v", text, d, err)
		}
	})
}
