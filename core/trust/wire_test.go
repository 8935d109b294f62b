package trust

import (
	"bytes"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// sameAsProtobuf compares what is read from the wire with what protobuf reads,
// unknown fields refused.
func sameAsProtobuf(t interface {
	Helper()
	Fatalf(string, ...any)
}, data []byte,
) {
	t.Helper()
	var want pb.Envelope
	wantErr := schemas.DecodeUnchecked(data, schemas.MaxEnvelope, &want)
	got, err := readEnvelope(data)
	if (err == nil) != (wantErr == nil) {
		t.Fatalf("envelope %x: %v, protobuf says %v", data, err, wantErr)
	}
	if err == nil && !proto.Equal(inProtobuf(got), &want) {
		t.Fatalf("envelope %x is read as %v, by protobuf as %v", data, got, &want)
	}
	var list pb.List
	wantErr = schemas.DecodeUnchecked(data, schemas.MaxPayload, &list)
	ledger, items, err := readList(data)
	tooMany := wantErr == nil && len(list.GetItems()) > schemas.MaxItems
	if (err == nil) != (wantErr == nil && !tooMany) {
		t.Fatalf("list %x: %v, protobuf says %v", data, err, wantErr)
	}
	if err == nil && (!bytes.Equal(ledger, list.GetLedger()) || !proto.Equal(&pb.List{Items: items}, &pb.List{Items: list.GetItems()})) {
		t.Fatalf("list %x is read otherwise than by protobuf", data)
	}
}

func inProtobuf(env *Envelope) *pb.Envelope {
	p := &pb.Envelope{PayloadType: env.PayloadType, Payload: env.Payload}
	for _, s := range env.Signatures {
		p.Signatures = append(p.Signatures, &pb.Signature{KeyId: s.rawID, Sig: s.Sig, Credential: s.Credential})
	}
	return p
}

// wire draws a message of mostly known fields, some of them twice, some of
// another wire type, some cut off.
func wire(t *rapid.T, depth int) []byte {
	var b []byte
	for range rapid.IntRange(0, 5).Draw(t, "fields") {
		number := protowire.Number(rapid.SampledFrom([]int{1, 2, 3, 1, 2, 3, 4, 536870911}).Draw(t, "number"))
		switch rapid.IntRange(0, 12).Draw(t, "kind") {
		case 0:
			b = protowire.AppendVarint(protowire.AppendTag(b, number, protowire.VarintType), rapid.Uint64().Draw(t, "varint"))
		case 1:
			b = protowire.AppendFixed32(protowire.AppendTag(b, number, protowire.Fixed32Type), 7)
		case 2:
			b = append(b, rapid.SliceOfN(rapid.Byte(), 0, 4).Draw(t, "junk")...)
		default:
			value := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "value")
			if depth > 0 && number == 3 {
				value = wire(t, depth-1)
			}
			b = protowire.AppendBytes(protowire.AppendTag(b, number, protowire.BytesType), value)
		}
	}
	if rapid.IntRange(0, 9).Draw(t, "cut") == 0 && len(b) > 0 {
		b = b[:len(b)-1]
	}
	return b
}

func TestWireIsWhatProtobufReads(t *testing.T) {
	read, refused := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		data := wire(t, 1)
		sameAsProtobuf(t, data)
		if _, err := readEnvelope(data); err == nil {
			read++
		} else {
			refused++
		}
	})
	if read == 0 || refused == 0 {
		t.Errorf("%d messages were read and %d refused: they prove nothing", read, refused)
	}
}

func FuzzWire(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0x0a, 1, 'a', 0x12, 1, 'b', 0x1a, 4, 0x0a, 0, 0x12, 0})
	f.Add([]byte{0x0a, 0x80, 0x00})
	f.Fuzz(func(t *testing.T, data []byte) { sameAsProtobuf(t, data) })
}

// TestWhatIsReadCannotGrowIntoItsNeighbour: values share memory, not capacity.
func TestWhatIsReadCannotGrowIntoItsNeighbour(t *testing.T) {
	payload, err := proto.Marshal(&pb.List{Ledger: make([]byte, 32), Items: [][]byte{[]byte("first"), []byte("second")}})
	if err != nil {
		t.Fatal(err)
	}
	_, items, err := ParseList(payload)
	if err != nil {
		t.Fatal(err)
	}
	_ = append(items[0], "XXXXXXXX"...)
	if string(items[1]) != "second" {
		t.Errorf("an append to one item changed the next to %q", items[1])
	}
}
