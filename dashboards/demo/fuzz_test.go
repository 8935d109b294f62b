package demo

import (
	"bytes"
	"encoding/json"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// FuzzShown: whatever stands on the ledger, its bytes are shown as they are, and what
// cannot be read is said to be so.
func FuzzShown(f *testing.F) {
	for _, kind := range schemas.Kinds() {
		data, err := proto.Marshal(&pb.Envelope{PayloadType: kind.PayloadType, Payload: []byte{10, 1, 0}})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s := shown(Record{Seq: 1, Envelope: data})
		if !bytes.Equal(s.Bytes, data) || s.Envelope == nil && s.Defect == "" || s.Items == nil && s.Defect == "" {
			t.Errorf("%+v", s)
		}
		if _, err := json.Marshal(s); err != nil {
			t.Error(err)
		}
	})
}
