package lineage

import (
	"encoding/json"
	"testing"

	"github.com/portcullis-dev/portcullis/schemas"
)

// FuzzRecord: whatever stands in a record of any kind, it is decoded within bounds or
// said to be unread, and can be told.
func FuzzRecord(f *testing.F) {
	f.Add(uint8(0), []byte{})
	f.Add(uint8(1), []byte{0x0a, 0x02, 0x08, 0x01})
	f.Add(uint8(2), []byte{0xff})
	f.Fuzz(func(t *testing.T, kind uint8, payload []byte) {
		kinds := schemas.Kinds()
		told := &rawRecord{}
		told.decode(kinds[int(kind)%len(kinds)], payload)
		if len(told.Items) > mostItems {
			t.Fatalf("%d items", len(told.Items))
		}
		if _, err := json.Marshal(told); err != nil {
			t.Fatal(err)
		}
		told.Bytes = payload
		told.open()
	})
}
