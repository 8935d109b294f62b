package trust_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

var sealLedger = trust.DigestOf([]byte("a ledger"))

func newKey(tb rapid.TB, id string) *trust.SealingKey {
	tb.Helper()
	k, err := trust.GenerateSealingKey(id)
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

func bareIntent() *pb.Intent {
	return &pb.Intent{Id: []byte("sixteen bytes id"), Agent: "spiffe://example.test/z1/agent/alice", Arguments: []byte("in the clear")}
}

func sealedIntent(tb rapid.TB, to trust.SealTo, arguments []byte) *pb.Intent {
	tb.Helper()
	in := bareIntent()
	if err := trust.SealArguments(to, sealLedger, in, arguments); err != nil {
		tb.Fatal(err)
	}
	return in
}

func TestSealedArgumentsOpen(t *testing.T) {
	key := newKey(t, "k1")
	rapid.Check(t, func(t *rapid.T) {
		arguments := rapid.SliceOfN(rapid.Byte(), 1, 300).Draw(t, "arguments")
		in := sealedIntent(t, key.SealTo(), arguments)
		if in.GetArguments() != nil || in.GetSealed().GetKey() != "k1" || bytes.Contains(in.GetSealed().GetData(), arguments) && len(arguments) > 8 {
			t.Fatalf("the arguments are in the clear: %v", in)
		}
		got, err := key.Open(sealLedger, in)
		if err != nil || !bytes.Equal(got, arguments) {
			t.Fatalf("opened %x, %v", got, err)
		}
	})
}

// TestSealsDiffer: equal arguments are neither sealed nor digested alike, or the
// digest in the clear would give short ones away.
func TestSealsDiffer(t *testing.T) {
	key := newKey(t, "k1")
	a, b := sealedIntent(t, key.SealTo(), []byte("{}")), sealedIntent(t, key.SealTo(), []byte("{}"))
	if bytes.Equal(a.GetArgumentsDigest(), b.GetArgumentsDigest()) || bytes.Equal(a.GetSealed().GetData(), b.GetSealed().GetData()) {
		t.Error("the same arguments were sealed alike twice")
	}
	plain := trust.DigestOf([]byte("{}"))
	if bytes.Equal(a.GetArgumentsDigest(), plain[:]) {
		t.Error("the digest is that of the bare arguments")
	}
	// An empty object is the shortest that the schema admits.
	if n := len(a.GetSealed().GetData()); n != 82 {
		t.Errorf("an empty object takes %d bytes, the schema asks for 82 at least", n)
	}
}

func TestWhatDoesNotOpen(t *testing.T) {
	key, other := newKey(t, "k1"), newKey(t, "k1")
	arguments := []byte(`{"amount":5}`)
	tests := map[string]struct {
		key    *trust.SealingKey
		ledger trust.Digest
		change func(in *pb.Intent)
	}{
		"another key of that id": {key: other},
		"another id":             {change: func(in *pb.Intent) { in.Sealed.Key = "k2" }},
		"another ledger":         {ledger: trust.DigestOf([]byte("another"))},
		"another agent":          {change: func(in *pb.Intent) { in.Agent += "x" }},
		"another intent":         {change: func(in *pb.Intent) { in.Id[0] ^= 1 }},
		"agent and id shifted":   {change: func(in *pb.Intent) { in.Agent, in.Id = in.GetAgent()[:5], []byte(in.GetAgent()[5:]+string(in.GetId())) }},
		"encapsulated key":       {change: func(in *pb.Intent) { in.Sealed.Data[0] ^= 1 }},
		"its unused bit":         {change: func(in *pb.Intent) { in.Sealed.Data[31] ^= 0x80 }},
		"ciphertext":             {change: func(in *pb.Intent) { in.Sealed.Data[40] ^= 1 }},
		"tag":                    {change: func(in *pb.Intent) { in.Sealed.Data[len(in.Sealed.Data)-1] ^= 1 }},
		"cut off":                {change: func(in *pb.Intent) { in.Sealed.Data = in.GetSealed().GetData()[:90] }},
		"a key of low order":     {change: func(in *pb.Intent) { clear(in.GetSealed().GetData()[:32]) }},
		"nothing":                {change: func(in *pb.Intent) { in.Sealed.Data = nil }},
		"longer":                 {change: func(in *pb.Intent) { in.Sealed.Data = append(in.GetSealed().GetData(), 0) }},
		"not sealed":             {change: func(in *pb.Intent) { in.Sealed = nil }},
		"digest":                 {change: func(in *pb.Intent) { in.ArgumentsDigest[0] ^= 1 }},
		"no digest":              {change: func(in *pb.Intent) { in.ArgumentsDigest = nil }},
		"digest of what is said": {change: func(in *pb.Intent) { d := trust.DigestOf(arguments); in.ArgumentsDigest = d[:] }},
	}
	for name, test := range tests {
		in := sealedIntent(t, key.SealTo(), arguments)
		if test.change != nil {
			test.change(in)
		}
		opener, ledger := test.key, test.ledger
		if opener == nil {
			opener = key
		}
		if ledger.IsZero() {
			ledger = sealLedger
		}
		got, err := opener.Open(ledger, in)
		if got != nil || !errors.Is(err, trust.ErrSealed) {
			t.Errorf("%s: opened %q, %v", name, got, err)
		}
		if err != nil && strings.Contains(err.Error(), "amount") {
			t.Errorf("%s: the error tells what was sealed: %v", name, err)
		}
	}
	empty := sealedIntent(t, key.SealTo(), nil)
	if got, err := key.Open(sealLedger, empty); got != nil || !errors.Is(err, trust.ErrSealed) {
		t.Errorf("nothing sealed opened as %q, %v", got, err)
	}
}

// TestSealedByTheBook opens what was sealed once by this code: the info, the
// suite and the order of the bytes are the protocol's and must not change.
func TestSealedByTheBook(t *testing.T) {
	private, err := ecdh.X25519().NewPrivateKey(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	key, err := trust.ParseSealingKey("k1", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	if err != nil {
		t.Fatal(err)
	}
	in := bareIntent()
	in.Arguments = nil
	in.ArgumentsDigest, err = hex.DecodeString(vectorDigest)
	if err != nil {
		t.Fatal(err)
	}
	data, err := hex.DecodeString(vectorData)
	if err != nil {
		t.Fatal(err)
	}
	in.Sealed = &pb.Sealed{Key: "k1", Data: data}
	if got, err := key.Open(sealLedger, in); err != nil || string(got) != `{"amount":5}` {
		t.Errorf("opened %q, %v", got, err)
	}
}

const (
	vectorDigest = "0dd4a3a716ece77222eff1ca4ee14aba455541b39f0a09cfcb949376b1ce6ae5"
	vectorData   = "de51bfe87756f48566ac2189f2d587a5219f3ee8faf5d420767f4b098db36b1d2bf5b58d5c094acf22abe0a2f490d99bd168816b9cecf0aa93e59993975675094b756bbc034ec35e39eafc5ae30047e42574e9dad4ab4070ecde7892"
)

func TestSealingNeedsItsParts(t *testing.T) {
	key := newKey(t, "k1")
	for name, seal := range map[string]func() error{
		"no key":    func() error { return trust.SealArguments(trust.SealTo{}, sealLedger, bareIntent(), []byte("{}")) },
		"no ledger": func() error { return trust.SealArguments(key.SealTo(), trust.Digest{}, bareIntent(), []byte("{}")) },
		"no agent": func() error {
			return trust.SealArguments(key.SealTo(), sealLedger, &pb.Intent{Id: make([]byte, 16)}, []byte("{}"))
		},
		"no id": func() error {
			return trust.SealArguments(key.SealTo(), sealLedger, &pb.Intent{Agent: "a"}, []byte("{}"))
		},
		"a key of low order": func() error {
			to, err := trust.NewSealTo(&pb.SealingKey{Id: "zero", PublicKey: make([]byte, 32)})
			if err != nil {
				return err
			}
			return trust.SealArguments(to, sealLedger, bareIntent(), []byte("{}"))
		},
	} {
		if seal() == nil {
			t.Errorf("%s: sealed all the same", name)
		}
	}
	for name, listed := range map[string]*pb.SealingKey{"nothing": nil, "no id": {PublicKey: make([]byte, 32)}, "short": {Id: "k1", PublicKey: make([]byte, 31)}} {
		if to, err := trust.NewSealTo(listed); err == nil || to != (trust.SealTo{}) {
			t.Errorf("%s: %v is a key", name, to)
		}
	}
}

func TestSealingKeyFile(t *testing.T) {
	key := newKey(t, "k1")
	text, err := key.MarshalPEM()
	if err != nil {
		t.Fatal(err)
	}
	again, err := trust.ParseSealingKey("k1", text)
	if err != nil || again.SealTo() != key.SealTo() {
		t.Fatalf("read back %v, %v", again, err)
	}
	listed, err := trust.NewSealTo(key.SealTo().Proto())
	if err != nil || listed != key.SealTo() || listed.ID() != "k1" {
		t.Errorf("listed %v, %v", listed, err)
	}
	if err := schemas.Validate(key.SealTo().Proto()); err != nil {
		t.Error(err)
	}
	signing, err := trust.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	ed, err := signing.MarshalPEM()
	if err != nil {
		t.Fatal(err)
	}
	p256, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(p256)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{
		"empty": nil, "an Ed25519 key": ed, "a P-256 key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}),
		"two keys": append(slices.Clone(text), text...), "no id": nil,
	} {
		if _, err := trust.ParseSealingKey("k1", text); err == nil {
			t.Errorf("%s: read as a sealing key", name)
		}
	}
	if _, err := trust.ParseSealingKey("", text); err == nil {
		t.Error("a key without an id")
	}
}

func TestSealingKeys(t *testing.T) {
	a, b, other := newKey(t, "a"), newKey(t, "b"), newKey(t, "b")
	set, err := trust.NewSealingKeys(b, a)
	if err != nil || !slices.Equal(set.IDs(), []string{"a", "b"}) {
		t.Fatalf("%v, %v", set.IDs(), err)
	}
	if k, ok := set.Key("a"); !ok || k.SealTo() != a.SealTo() {
		t.Error("a is not found")
	}
	if _, err := trust.NewSealingKeys(b, other); err == nil {
		t.Error("two keys under one id")
	}
	var none *trust.SealingKeys
	if _, ok := none.Key("a"); ok || none.IDs() != nil {
		t.Error("nil holds a key")
	}
	listed := func(keys ...*trust.SealingKey) (all []*pb.SealingKey) {
		for _, k := range keys {
			all = append(all, proto.CloneOf(k.SealTo().Proto()))
		}
		return all
	}
	for _, test := range []struct {
		set    *trust.SealingKeys
		listed []*pb.SealingKey
		want   []string
	}{
		{set, nil, nil},
		{none, nil, nil},
		{set, listed(a, b), nil},
		{set, listed(other), []string{"b"}},
		{none, listed(a, b), []string{"a", "b"}},
		{set, []*pb.SealingKey{{Id: "a"}}, []string{"a"}},
	} {
		if got := test.set.Lacking(test.listed); !slices.Equal(got, test.want) {
			t.Errorf("of %v lacking %v, want %v", test.listed, got, test.want)
		}
	}
}

func FuzzOpen(f *testing.F) {
	key, err := trust.GenerateSealingKey("k1")
	if err != nil {
		f.Fatal(err)
	}
	in := sealedIntent(f, key.SealTo(), []byte(`{"amount":5}`))
	f.Add(in.GetSealed().GetData(), in.GetArgumentsDigest(), in.GetId())
	f.Fuzz(func(t *testing.T, data, digest, id []byte) {
		changed := &pb.Intent{Id: id, Agent: in.GetAgent(), ArgumentsDigest: digest, Sealed: &pb.Sealed{Key: "k1", Data: data}}
		got, err := key.Open(sealLedger, changed)
		same := bytes.Equal(data, in.GetSealed().GetData()) && bytes.Equal(digest, in.GetArgumentsDigest()) && bytes.Equal(id, in.GetId())
		if (err == nil) != same || same && string(got) != `{"amount":5}` {
			t.Errorf("opened %q, %v", got, err)
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	key := newKey(b, "k1")
	in := sealedIntent(b, key.SealTo(), []byte(`{"to":"acme","amount":250,"currency":"EUR"}`))
	for b.Loop() {
		if _, err := key.Open(sealLedger, in); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSealArguments(b *testing.B) {
	key := newKey(b, "k1")
	for b.Loop() {
		sealedIntent(b, key.SealTo(), []byte(`{"to":"acme","amount":250,"currency":"EUR"}`))
	}
}
