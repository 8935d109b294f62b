package trust_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
)

// TestRFC8032 is test 2 of RFC 8032, section 7.1: key, public key and signature
// are those of the standard.
func TestRFC8032(t *testing.T) {
	seed, err := trust.ParseDigest("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
	if err != nil {
		t.Fatal(err)
	}
	key, message := trust.SigningKeyFromSeedInsecure(seed), []byte{0x72}
	if got := hex.EncodeToString(key.Public().Bytes()); got != "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c" {
		t.Errorf("public key %s", got)
	}
	const want = "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
	if got := hex.EncodeToString(key.Sign(message)); got != want {
		t.Errorf("signature %s", got)
	}
	if key.ID() != trust.DigestOf(key.Public().Bytes()) || key.ID() != key.Public().ID() {
		t.Error("the key's id is not the SHA-256 of the public key")
	}
}

func TestVerifyRefuses(t *testing.T) {
	key, message := trusttest.Key("k"), []byte("message")
	sig := key.Sign(message)
	if !key.Public().Verify(message, sig) {
		t.Fatal("the true signature does not verify")
	}
	flipped := slices.Clone(sig)
	flipped[0] ^= 1
	tests := []struct {
		name    string
		key     trust.PublicKey
		message []byte
		sig     []byte
	}{
		{"another message", key.Public(), []byte("massage"), sig},
		{"another key", trusttest.Key("other").Public(), message, sig},
		{"no key", trust.PublicKey{}, message, sig},
		{"no signature", key.Public(), message, nil},
		{"short signature", key.Public(), message, sig[:63]},
		{"long signature", key.Public(), message, append(slices.Clone(sig), 0)},
		{"flipped bit", key.Public(), message, flipped},
		{"scalar not reduced", key.Public(), message, malleated(sig)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.key.Verify(test.message, test.sig) {
				t.Error("it verifies")
			}
		})
	}
}

// TestZeroKeyVerifiesNothing: 32 zero bytes are a point of order 4, for which the
// standard library accepts one message in four with an empty signature.
func TestZeroKeyVerifiesNothing(t *testing.T) {
	accepted := 0
	for i := range 64 {
		message, sig := []byte{byte(i)}, make([]byte, ed25519.SignatureSize)
		if ed25519.Verify(make([]byte, ed25519.PublicKeySize), message, sig) {
			accepted++
		}
		if (trust.PublicKey{}).Verify(message, sig) {
			t.Fatalf("message %d verifies under no key", i)
		}
	}
	if accepted == 0 {
		t.Error("the standard library accepts none: this test shows nothing")
	}
}

// malleated adds the group's order to the scalar of a signature: the same
// equation holds, and RFC 8032 section 5.1.7 refuses it.
func malleated(sig []byte) []byte {
	order, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	half := slices.Clone(sig[32:])
	slices.Reverse(half)
	sum := new(big.Int).Add(new(big.Int).SetBytes(half), order).FillBytes(make([]byte, 32))
	slices.Reverse(sum)
	return append(slices.Clone(sig[:32]), sum...)
}

func TestDigest(t *testing.T) {
	d := trust.DigestOf([]byte("abc"))
	if d.String() != "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" || d.Short() != "ba7816bf" {
		t.Errorf("SHA-256 of abc: %s, short %s", d, d.Short())
	}
	if back, err := trust.ParseDigest(d.String()); err != nil || back != d {
		t.Errorf("%s comes back as %s, %v", d, back, err)
	}
	for _, s := range []string{"", "ba78", d.String() + "00", strings.Repeat("g", 64), d.String()[:63]} {
		if got, err := trust.ParseDigest(s); err == nil || !got.IsZero() {
			t.Errorf("ParseDigest(%q) = %s, %v", s, got, err)
		}
	}
	for _, n := range []int{0, 31, 33} {
		if got, ok := trust.DigestFrom(make([]byte, n)); ok || !got.IsZero() {
			t.Errorf("%d bytes are taken for a digest", n)
		}
	}
}

func TestPublicKeySize(t *testing.T) {
	for _, n := range []int{0, 31, 33} {
		if key, err := trust.NewPublicKey(make([]byte, n)); err == nil || key != (trust.PublicKey{}) {
			t.Errorf("%d bytes are taken for a public key", n)
		}
	}
	key := trusttest.Key("k").Public()
	key.Bytes()[0] ^= 1
	if key != trusttest.Key("k").Public() {
		t.Error("Bytes hands out the key itself")
	}
}

func TestSigningKeyRoundTrip(t *testing.T) {
	key, err := trust.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	text, err := key.MarshalPEM()
	if err != nil {
		t.Fatal(err)
	}
	back, err := trust.ParseSigningKey(text)
	if err != nil {
		t.Fatal(err)
	}
	if back.Public() != key.Public() || !bytes.Equal(back.Sign([]byte("m")), key.Sign([]byte("m"))) {
		t.Error("another key comes back")
	}
	if other, err := trust.GenerateKey(); err != nil || other.ID() == key.ID() {
		t.Errorf("two new keys are the same (%v)", err)
	}
}

func TestParseSigningKeyRefuses(t *testing.T) {
	good, err := trusttest.Key("k").MarshalPEM()
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(good)
	encoded := func(b *pem.Block) string { return string(pem.EncodeToMemory(b)) }
	tests := map[string]string{
		"nothing":              "",
		"no PEM":               "a key",
		"another type":         encoded(&pem.Block{Type: "ED25519 PRIVATE KEY", Bytes: block.Bytes}),
		"a public key":         encoded(&pem.Block{Type: "PUBLIC KEY", Bytes: publicDER(t)}),
		"a public key, lied":   encoded(&pem.Block{Type: "PRIVATE KEY", Bytes: publicDER(t)}),
		"no DER":               encoded(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("key")}),
		"empty block":          encoded(&pem.Block{Type: "PRIVATE KEY"}),
		"truncated DER":        encoded(&pem.Block{Type: "PRIVATE KEY", Bytes: block.Bytes[:len(block.Bytes)-1]}),
		"headers":              encoded(&pem.Block{Type: "PRIVATE KEY", Bytes: block.Bytes, Headers: map[string]string{"Proc-Type": "4,ENCRYPTED"}}),
		"text before":          "my key\n" + string(good),
		"text after":           string(good) + "my key\n",
		"two keys":             string(good) + string(good),
		"a broken block first": "-----BEGIN PRIVATE KEY-----\n!\n" + string(good),
		"P-256":                encoded(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8(t, ecKey(t, elliptic.P256()))}),
		"RSA":                  encoded(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8(t, rsaKey(t))}),
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			if key, err := trust.ParseSigningKey([]byte(text)); err == nil || key != nil {
				t.Errorf("accepted, %v", err)
			} else if strings.Contains(err.Error(), "MC4C") {
				t.Errorf("the error tells the key: %v", err)
			}
		})
	}
}

// TestParsePrivateKey: keys of SVIDs and issuers may be of other types.
func TestParsePrivateKey(t *testing.T) {
	text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8(t, ecKey(t, elliptic.P256()))})
	key, err := trust.ParsePrivateKey(text)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := key.(*ecdsa.PrivateKey); !ok {
		t.Errorf("a P-256 key is read as %T", key)
	}
}

func publicDER(t *testing.T) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(ed25519.PublicKey(trusttest.Key("k").Public().Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func pkcs8(t *testing.T, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func ecKey(t *testing.T, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func rsaKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
