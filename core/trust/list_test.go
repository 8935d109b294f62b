package trust_test

import (
	"errors"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

func TestSealList(t *testing.T) {
	ledger := trust.DigestOf([]byte("ledger"))
	member := trusttest.NewMember(pb.Role_ROLE_AGENT, "alice")
	items := [][]byte{[]byte("one"), {}, []byte("three")}
	plain, err := trust.SealList(schemas.KindIntent, ledger, items, member.Key)
	if err != nil {
		t.Fatal(err)
	}
	introduced, err := trust.SealIntroducedList(schemas.KindIntent, ledger, items, member.Credential, member.Key)
	if err != nil {
		t.Fatal(err)
	}
	for _, data := range [][]byte{plain, introduced} {
		env := parsed(t, data)
		if env.PayloadType != schemas.KindIntent.PayloadType() || !env.VerifiedBy(0, member.Key.Public()) {
			t.Errorf("sealed as %q, or the signature does not verify", env.PayloadType)
		}
		gotLedger, got, err := trust.ParseList(env.Payload)
		if err != nil || gotLedger != ledger || !slices.EqualFunc(got, items, slices.Equal[[]byte]) {
			t.Errorf("comes back as %q for %s, %v", got, gotLedger, err)
		}
	}
	if len(parsed(t, plain).Signatures[0].Credential) != 0 {
		t.Error("a list for the ledger carries a credential")
	}
}

func TestSealListRefuses(t *testing.T) {
	key := trusttest.Key("a")
	tests := []struct {
		name  string
		kind  schemas.Kind
		items [][]byte
	}{
		{"no item", schemas.KindIntent, nil},
		{"too many items", schemas.KindIntent, make([][]byte, schemas.MaxItems+1)},
		{"too many bytes", schemas.KindIntent, [][]byte{make([]byte, schemas.MaxPayload)}},
		{"no kind", schemas.KindUnknown, [][]byte{[]byte("item")}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if data, err := trust.SealList(test.kind, trust.Digest{1}, test.items, key); err == nil || data != nil {
				t.Errorf("sealed %d bytes, %v", len(data), err)
			}
		})
	}
}

// TestListAgreesWithSchema: the checks by hand accept exactly what the rules in
// the schema accept.
func TestListAgreesWithSchema(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := &pb.List{
			Ledger: make([]byte, rapid.SampledFrom([]int{32, 32, 32, 0, 31, 33}).Draw(t, "ledger")),
			Items:  make([][]byte, rapid.SampledFrom([]int{1, 2, 511, 512, 513, 0}).Draw(t, "items")),
		}
		list.ProtoReflect().SetUnknown(rapid.SampledFrom([][]byte{nil, nil, nil, {0x78, 1}}).Draw(t, "unknown"))
		data, err := proto.Marshal(list)
		if err != nil {
			t.Fatal(err)
		}
		_, _, byHand := trust.ParseList(data)
		if bySchema := schemas.Decode(data, schemas.MaxPayload, new(pb.List)); (byHand == nil) != (bySchema == nil) {
			t.Fatalf("by hand: %v; by the schema: %v", byHand, bySchema)
		}
	})
}

// FuzzParseList: what is refused yields nothing, what is accepted keeps the
// schema's rules.
func FuzzParseList(f *testing.F) {
	good, err := proto.Marshal(&pb.List{Ledger: make([]byte, 32), Items: [][]byte{[]byte("item"), nil}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, payload []byte) {
		ledger, items, err := trust.ParseList(payload)
		if bySchema := schemas.Decode(payload, schemas.MaxPayload, new(pb.List)); (err == nil) != (bySchema == nil) {
			t.Fatalf("by hand: %v; by the schema: %v", err, bySchema)
		}
		if err != nil && (!errors.Is(err, trust.ErrList) || items != nil || !ledger.IsZero()) {
			t.Errorf("refused with %v, %d items, ledger %s", err, len(items), ledger)
		}
	})
}
