package trust_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

func TestPAE(t *testing.T) {
	tests := []struct{ name, payloadType, payload, want string }{
		{"the vector of the DSSE specification", "http://example.com/HelloWorld", "hello world", "DSSEv1 29 http://example.com/HelloWorld 11 hello world"},
		{"empty", "", "", "DSSEv1 0  0 "},
		{"lengths are of bytes", "é", "\x00\xff", "DSSEv1 2 é 2 \x00\xff"},
		{"spaces shift nothing", "a 1", "b", "DSSEv1 3 a 1 1 b"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := string(trust.PAE(test.payloadType, []byte(test.payload))); got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

// TestPAEInjective: no two pairs of type and payload share an encoding.
func TestPAEInjective(t *testing.T) {
	text := rapid.StringMatching(`[ 0-9a]{0,4}`)
	rapid.Check(t, func(t *rapid.T) {
		aType, aPayload := text.Draw(t, "a type"), text.Draw(t, "a payload")
		bType, bPayload := text.Draw(t, "b type"), text.Draw(t, "b payload")
		same := aType == bType && aPayload == bPayload
		if bytes.Equal(trust.PAE(aType, []byte(aPayload)), trust.PAE(bType, []byte(bPayload))) != same {
			t.Fatalf("(%q, %q) and (%q, %q)", aType, aPayload, bType, bPayload)
		}
	})
}

func parsed(t testing.TB, data []byte) *trust.Envelope {
	t.Helper()
	env, err := trust.ParseEnvelope(data)
	if err != nil {
		t.Fatal(err)
	}
	return env
}

// altered decodes an envelope, lets change have its way, and encodes it without
// any check.
func altered(t testing.TB, data []byte, change func(*pb.Envelope)) []byte {
	t.Helper()
	var env pb.Envelope
	if err := proto.Unmarshal(data, &env); err != nil {
		t.Fatal(err)
	}
	change(&env)
	out, err := proto.Marshal(&env)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func sealed(t testing.TB, keys ...*trust.SigningKey) []byte {
	t.Helper()
	data, err := trust.Seal("text/test", []byte("payload"), keys...)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestSealAndParse(t *testing.T) {
	a, b := trusttest.Key("a"), trusttest.Key("b")
	data := sealed(t, a, b)
	env := parsed(t, data)
	if env.PayloadType != "text/test" || string(env.Payload) != "payload" || len(env.Signatures) != 2 {
		t.Fatalf("parsed %+v", env)
	}
	if !env.VerifiedBy(0, a.Public()) || !env.VerifiedBy(1, b.Public()) {
		t.Error("a signature does not verify under its key")
	}
	if env.VerifiedBy(0, b.Public()) || env.VerifiedBy(1, a.Public()) || env.VerifiedBy(2, a.Public()) || env.VerifiedBy(0, trust.PublicKey{}) {
		t.Error("a signature verifies under another key, or one that is not there does")
	}
	if !bytes.Equal(data, sealed(t, a, b)) {
		t.Error("sealing twice makes different bytes")
	}
}

func TestSealRefuses(t *testing.T) {
	key := trusttest.Key("a")
	tests := []struct {
		name        string
		payloadType string
		payload     []byte
		keys        []*trust.SigningKey
	}{
		{"no key", "t", []byte("p"), nil},
		{"no type", "", []byte("p"), []*trust.SigningKey{key}},
		{"no payload", "t", nil, []*trust.SigningKey{key}},
		{"payload too large", "t", make([]byte, schemas.MaxPayload+1), []*trust.SigningKey{key}},
		{"too many signatures", "t", []byte("p"), slices.Repeat([]*trust.SigningKey{key}, 17)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if data, err := trust.Seal(test.payloadType, test.payload, test.keys...); err == nil || data != nil {
				t.Errorf("sealed %d bytes, %v", len(data), err)
			}
		})
	}
}

func TestSealIntroduced(t *testing.T) {
	member := trusttest.NewMember(pb.Role_ROLE_ENFORCER, "e1")
	data, err := trust.SealIntroduced("text/test", []byte("payload"), member.Credential, member.Key)
	if err != nil {
		t.Fatal(err)
	}
	env := parsed(t, data)
	if !bytes.Equal(env.Signatures[0].Credential, member.Credential) || !env.VerifiedBy(0, member.Key.Public()) {
		t.Error("the credential does not travel with a signature that verifies")
	}
}

func TestAddSignature(t *testing.T) {
	a, b := trusttest.Key("a"), trusttest.Key("b")
	data, err := trust.AddSignature(sealed(t, a), b)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(data, sealed(t, a, b)) {
		t.Error("signing one after the other differs from signing at once")
	}
	if _, err := trust.AddSignature([]byte("\x08\x01"), b); !errors.Is(err, trust.ErrEnvelope) {
		t.Errorf("a signature is added to garbage: %v", err)
	}
	if _, err := trust.AddSignature(sealed(t, slices.Repeat([]*trust.SigningKey{a}, 16)...), b); err == nil {
		t.Error("a seventeenth signature is added")
	}
}

// TestTampering: one changed bit anywhere, and no signature verifies any more.
func TestTampering(t *testing.T) {
	key := trusttest.Key("a")
	data := sealed(t, key)
	for at := range data {
		for bit := range 8 {
			changed := bytes.Clone(data)
			changed[at] ^= 1 << bit
			env, err := trust.ParseEnvelope(changed)
			if err == nil && env.VerifiedBy(0, key.Public()) {
				t.Fatalf("bit %d of byte %d is covered by nothing", bit, at)
			}
		}
	}
}

func TestSigners(t *testing.T) {
	a, b, c := trusttest.Key("a"), trusttest.Key("b"), trusttest.Key("c")
	signature := func(id *trust.SigningKey, by *trust.SigningKey) *pb.Signature {
		keyID := id.ID()
		return &pb.Signature{KeyId: keyID[:], Sig: by.Sign(trust.PAE("text/test", []byte("payload")))}
	}
	malleable := signature(b, b)
	malleable.Sig = malleated(malleable.Sig)
	foreign := signature(b, b)
	foreign.Sig = b.Sign([]byte("payload"))
	tests := []struct {
		name string
		sigs []*pb.Signature
		want []*trust.SigningKey
	}{
		{"one", []*pb.Signature{signature(a, a)}, []*trust.SigningKey{a}},
		{"two", []*pb.Signature{signature(a, a), signature(b, b)}, []*trust.SigningKey{a, b}},
		{"one key twice", []*pb.Signature{signature(a, a), signature(a, a)}, []*trust.SigningKey{a}},
		{"one key under another's id", []*pb.Signature{signature(a, a), signature(b, a)}, []*trust.SigningKey{a}},
		{"swapped ids", []*pb.Signature{signature(a, b), signature(b, a)}, nil},
		{"a stranger", []*pb.Signature{signature(c, c), signature(a, a)}, []*trust.SigningKey{a}},
		{"a stranger under a known id", []*pb.Signature{signature(a, c)}, nil},
		{"a bad signature before the good one", []*pb.Signature{signature(a, c), signature(a, a)}, []*trust.SigningKey{a}},
		{"a malleable signature", []*pb.Signature{signature(a, a), malleable}, []*trust.SigningKey{a}},
		{"the payload signed without its type", []*pb.Signature{signature(a, a), foreign}, []*trust.SigningKey{a}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			env := parsed(t, altered(t, sealed(t, a), func(e *pb.Envelope) { e.Signatures = test.sigs }))
			got := env.Signers(map[trust.KeyID]trust.PublicKey{a.ID(): a.Public(), b.ID(): b.Public()})
			if len(got) != len(test.want) {
				t.Errorf("%d signers, want %d", len(got), len(test.want))
			}
			for _, key := range test.want {
				if got[key.ID()] != key.Public() {
					t.Errorf("key %s is missing", key.ID().Short())
				}
			}
		})
	}
}

// TestSignersWrongTable: a table that files a key under another id lends nobody
// a second vote.
func TestSignersWrongTable(t *testing.T) {
	a, b := trusttest.Key("a"), trusttest.Key("b")
	env := parsed(t, altered(t, sealed(t, a), func(e *pb.Envelope) {
		id := b.ID()
		e.Signatures = append(e.Signatures, &pb.Signature{KeyId: id[:], Sig: e.GetSignatures()[0].GetSig()})
	}))
	if got := env.Signers(map[trust.KeyID]trust.PublicKey{a.ID(): a.Public(), b.ID(): a.Public()}); len(got) != 1 {
		t.Errorf("one key counts %d times", len(got))
	}
}

func TestParseEnvelopeRefuses(t *testing.T) {
	good := sealed(t, trusttest.Key("a"))
	unknown := protowire.AppendVarint(protowire.AppendTag(nil, 15, protowire.VarintType), 1)
	tests := map[string][]byte{
		"nothing":       {},
		"garbage":       []byte("garbage"),
		"a PubAck":      []byte(`{"stream":"LEDGER_z1","seq":7}`),
		"truncated":     good[:len(good)-1],
		"unknown field": append(bytes.Clone(good), unknown...),
		"unknown field in a signature": altered(t, good, func(e *pb.Envelope) {
			e.GetSignatures()[0].ProtoReflect().SetUnknown(unknown)
		}),
		"oversized":        append(bytes.Clone(good), make([]byte, schemas.MaxEnvelope)...),
		"no type":          altered(t, good, func(e *pb.Envelope) { e.PayloadType = "" }),
		"type too long":    altered(t, good, func(e *pb.Envelope) { e.PayloadType = strings.Repeat("t", 129) }),
		"no payload":       altered(t, good, func(e *pb.Envelope) { e.Payload = nil }),
		"no signature":     altered(t, good, func(e *pb.Envelope) { e.Signatures = nil }),
		"empty signature":  altered(t, good, func(e *pb.Envelope) { e.Signatures = []*pb.Signature{{}} }),
		"short key id":     altered(t, good, func(e *pb.Envelope) { e.Signatures[0].KeyId = make([]byte, 31) }),
		"short signature":  altered(t, good, func(e *pb.Envelope) { e.Signatures[0].Sig = make([]byte, 63) }),
		"long signature":   altered(t, good, func(e *pb.Envelope) { e.Signatures[0].Sig = make([]byte, 145) }),
		"long credential":  altered(t, good, func(e *pb.Envelope) { e.Signatures[0].Credential = make([]byte, 32<<10+1) }),
		"many signatures":  altered(t, good, func(e *pb.Envelope) { e.Signatures = slices.Repeat(e.Signatures, 17) }),
		"a bad second one": altered(t, good, func(e *pb.Envelope) { e.Signatures = append(e.Signatures, &pb.Signature{}) }),
	}
	for name, data := range tests {
		t.Run(name, func(t *testing.T) {
			if env, err := trust.ParseEnvelope(data); !errors.Is(err, trust.ErrEnvelope) || env != nil {
				t.Errorf("error %v, want ErrEnvelope", err)
			}
		})
	}
}

// TestEnvelopeAgreesWithSchema: the checks by hand accept exactly what the rules
// in the schema accept.
func TestEnvelopeAgreesWithSchema(t *testing.T) {
	size := func(sizes ...int) *rapid.Generator[[]byte] {
		return rapid.Custom(func(t *rapid.T) []byte { return make([]byte, rapid.SampledFrom(sizes).Draw(t, "size")) })
	}
	signature := rapid.Custom(func(t *rapid.T) *pb.Signature {
		return &pb.Signature{
			KeyId:      size(32, 32, 32, 32, 31, 33, 0).Draw(t, "key id"),
			Sig:        size(64, 64, 72, 144, 63, 145, 0).Draw(t, "sig"),
			Credential: size(0, 0, 1, 32768, 32769).Draw(t, "credential"),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		letter := rapid.SampledFrom([]string{"t", "é", "語", "🗝"}).Draw(t, "letter")
		env := &pb.Envelope{
			PayloadType: strings.Repeat(letter, rapid.SampledFrom([]int{1, 2, 64, 127, 128, 129, 0}).Draw(t, "letters")),
			Payload:     size(1, 2, schemas.MaxPayload, schemas.MaxPayload+1, 0).Draw(t, "payload"),
			Signatures:  rapid.SliceOfN(signature, 0, 18).Draw(t, "signatures"),
		}
		data, err := proto.Marshal(env)
		if err != nil {
			t.Fatal(err)
		}
		_, byHand := trust.ParseEnvelope(data)
		bySchema := schemas.Decode(data, schemas.MaxEnvelope, new(pb.Envelope))
		if (byHand == nil) != (bySchema == nil) {
			t.Fatalf("by hand: %v; by the schema: %v", byHand, bySchema)
		}
	})
}

// FuzzParseEnvelope: whatever is accepted keeps the schema's rules, and its
// signatures are checked without a panic.
func FuzzParseEnvelope(f *testing.F) {
	member := trusttest.NewMember(pb.Role_ROLE_AGENT, "alice")
	f.Add(sealed(f, member.Key))
	f.Add(member.Credential)
	f.Add(member.List(schemas.KindIntent, trust.Digest{1}, []byte("item")))
	f.Add([]byte(`{"stream":"LEDGER_z1","seq":7}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		env, err := trust.ParseEnvelope(data)
		bySchema := schemas.Decode(data, schemas.MaxEnvelope, new(pb.Envelope))
		if (err == nil) != (bySchema == nil) {
			t.Fatalf("by hand: %v; by the schema: %v", err, bySchema)
		}
		if err == nil && env.VerifiedBy(0, member.Key.Public()) != (len(env.Signers(map[trust.KeyID]trust.PublicKey{member.Key.ID(): member.Key.Public()})) > 0) && len(env.Signatures) == 1 {
			t.Error("VerifiedBy and Signers disagree on one signature")
		}
	})
}
