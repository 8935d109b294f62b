package lineage

import (
	"encoding/json"
	"net/http"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/dashboards/surface"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// rawRecord is one message of the ledger as it stands there. Nothing is verified here:
// the history says what counts.
type rawRecord struct {
	Position    uint64            `json:"position"`
	Stored      time.Time         `json:"stored"` // the broker's timestamp
	Subject     string            `json:"subject"`
	Size        int               `json:"size"`
	Bytes       []byte            `json:"bytes"` // base64
	PayloadType string            `json:"payload_type,omitempty"`
	Keys        []string          `json:"key_ids,omitempty"` // that are said to have signed
	Items       []json.RawMessage `json:"items,omitempty"`   // decoded; sealed arguments stay sealed
	Unread      string            `json:"unread,omitempty"`  // why it could not be decoded
}

const mostItems = 64

func (e *Explorer) record(w http.ResponseWriter, r *http.Request) error {
	at, err := numeral("the position", r.PathValue("position"))
	if err != nil {
		return err
	}
	conn, held, err := e.conn(r)
	if err != nil {
		return err
	}
	if at == 0 || at > held.Newest {
		return surface.Missing("the ledger has no such position")
	}
	ctx, cancel := bounded(r)
	defer cancel()
	raw, err := conn.Get(ctx, at)
	if err != nil {
		return surface.Unable("the record could not be read: " + err.Error())
	}
	told := &rawRecord{Position: at, Stored: raw.Time.UTC(), Subject: raw.Subject, Size: len(raw.Data), Bytes: raw.Data}
	told.open()
	return surface.JSON(w, map[string]any{"record": told, "held": held})
}

// open decodes what a record holds.
func (t *rawRecord) open() {
	env, err := trust.ParseEnvelope(t.Bytes)
	if err != nil {
		t.Unread = err.Error()
		return
	}
	t.PayloadType = env.PayloadType
	for _, s := range env.Signatures {
		t.Keys = append(t.Keys, s.KeyID.String())
	}
	for _, info := range schemas.Kinds() {
		if info.PayloadType == env.PayloadType {
			t.decode(info, env.Payload)
			return
		}
	}
	t.Unread = "no kind of record has this payload type"
}

func (t *rawRecord) decode(info schemas.KindInfo, payload []byte) {
	items := [][]byte{payload}
	if info.List {
		list := new(pb.List)
		if err := proto.Unmarshal(payload, list); err != nil {
			t.Unread = err.Error()
			return
		}
		if items = list.GetItems(); len(items) > mostItems {
			t.Unread, items = "only the first items are decoded", items[:mostItems]
		}
	}
	for _, item := range items {
		text, err := surface.Item(info.Message, item, protojson.MarshalOptions{UseProtoNames: true})
		if err != nil {
			t.Unread = err.Error()
			return
		}
		t.Items = append(t.Items, text)
	}
}
