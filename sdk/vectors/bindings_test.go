package vectors_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"slices"
	"testing"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// binding is one row of bindings.json: a key and an SVID, and the credential that
// binds them. The SVID's own signature is random and stands in no file.
type binding struct {
	About       string   `json:"about"`
	Key         string   `json:"key"`      // signing.pem
	SVID        string   `json:"svid"`     // svid.pem
	SVIDKey     string   `json:"svid_key"` // svid.key
	TrustDomain string   `json:"trust_domain"`
	Zone        string   `json:"zone"`
	Approver    string   `json:"approver"`
	Issuers     []string `json:"issuers"` // DER
	At          int64    `json:"at"`      // nanoseconds since 1970

	Payload   string   `json:"payload"`
	KeyIDs    []string `json:"key_ids"`   // of who signs: the SVID's, then the key's
	PAE       string   `json:"pae"`       // what both sign
	Signature string   `json:"signature"` // the key's
}

// TestBindings: how a key is introduced by an SVID whose key is ECDSA P-256.
func TestBindings(t *testing.T) {
	root, id := trusttest.NewCA(), trusttest.ID(pb.Role_ROLE_APPROVER, "carol")
	key, private := trusttest.Key("carol"), fixedECDSA(t)
	rows := []binding{
		bind(t, "an SVID of the issuer itself", root.SVIDFor(id, private), key),
		bind(t, "an SVID below two intermediates", root.Intermediate("one").Intermediate("two").SVIDFor(id, private), key),
	}
	vectors(t, "bindings.json", rows)
}

func fixedECDSA(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	number := trust.DigestOf([]byte("an SVID's key"))
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), number[:])
	must(t, err)
	return key
}

func bind(t *testing.T, about string, svid trust.SVID, key *trust.SigningKey) binding {
	t.Helper()
	data, err := trust.Bind(svid, key, trust.Digest{})
	must(t, err)
	env, err := trust.ParseEnvelope(data)
	must(t, err)
	issuer := trusttest.NewCA().Cert.Raw
	issuers, err := trust.NewIssuers([][]byte{issuer})
	must(t, err)
	cred, err := trust.VerifyCredential(env, issuers, trusttest.Start)
	must(t, err)
	row := binding{
		About: about, TrustDomain: trusttest.TrustDomain, Zone: trusttest.ZoneName, Approver: cred.ID.Name,
		Issuers: []string{hex.EncodeToString(issuer)}, At: trusttest.Start.UnixNano(),
		Payload: hex.EncodeToString(env.Payload), PAE: hex.EncodeToString(trust.PAE(env.PayloadType, env.Payload)), Signature: hex.EncodeToString(env.Signatures[1].Sig),
	}
	for _, s := range env.Signatures {
		row.KeyIDs = append(row.KeyIDs, s.KeyID.String())
	}
	text, err := key.MarshalPEM()
	must(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(svid.Key)
	must(t, err)
	var chain bytes.Buffer
	for _, cert := range svid.Chain {
		must(t, pem.Encode(&chain, &pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}))
	}
	row.Key, row.SVID, row.SVIDKey = string(text), chain.String(), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
	return row
}

// spelling is one row of ecdsa.json: two numbers of 32 bytes, as browsers give an
// ECDSA signature, and the same in ASN.1 DER, as certificates have it.
type spelling struct {
	Raw string `json:"raw"`
	DER string `json:"der"`
}

// TestSpellings: both spellings of ECDSA signatures, in the corners of DER's numbers.
func TestSpellings(t *testing.T) {
	var numbers [][]byte
	for _, text := range []string{"01", "7f", "80", "ff", "0100", "7fff", "8000", "00ff00"} {
		numbers = append(numbers, new(big.Int).SetBytes(raw(t, text)).FillBytes(make([]byte, 32)))
	}
	for _, first := range []byte{0x00, 0x01, 0x7f, 0x80, 0xff} {
		numbers = append(numbers, slices.Concat([]byte{first}, bytes.Repeat([]byte{0x80}, 31)), slices.Concat([]byte{first}, bytes.Repeat([]byte{0x01}, 31)))
	}
	var rows []spelling
	for i, r := range numbers {
		s := numbers[(i*7+3)%len(numbers)]
		der, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(r), new(big.Int).SetBytes(s)})
		must(t, err)
		rows = append(rows, spelling{hex.EncodeToString(slices.Concat(r, s)), hex.EncodeToString(der)})
	}
	vectors(t, "ecdsa.json", rows)
}
