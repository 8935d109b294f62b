package demo

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/dashboards/surface"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// shownRecord is a record for people who want to see its bytes. Nothing in Envelope or
// Items was verified by this: Lines are what the ledger's readers say of it.
type shownRecord struct {
	Seq      uint64            `json:"seq"`
	Time     time.Time         `json:"time"`
	Subject  string            `json:"subject"`
	Bytes    []byte            `json:"bytes"`  // base64
	SHA256   string            `json:"sha256"` // of Bytes
	Lines    []json.RawMessage `json:"lines"`
	Envelope *shownEnvelope    `json:"envelope,omitempty"`
	Items    []json.RawMessage `json:"items,omitempty"`  // protobuf's JSON form
	Defect   string            `json:"defect,omitempty"` // why some of it is not shown
}

type shownEnvelope struct {
	PayloadType string           `json:"payload_type"`
	PayloadSize int              `json:"payload_size"`
	Signatures  []shownSignature `json:"signatures"`
}

type shownSignature struct {
	KeyID     string `json:"key_id"`
	Signature string `json:"sig"`
}

// shown takes a record apart as far as that goes. Noise may be anything.
func shown(r Record) shownRecord {
	digest := sha256.Sum256(r.Envelope)
	s := shownRecord{Seq: r.Seq, Time: r.Time, Subject: r.Subject, Bytes: r.Envelope, SHA256: hex.EncodeToString(digest[:]), Lines: r.Lines}
	env := new(pb.Envelope)
	if err := proto.Unmarshal(r.Envelope, env); err != nil {
		s.Defect = "it is no envelope: " + err.Error()
		return s
	}
	s.Envelope = &shownEnvelope{PayloadType: env.GetPayloadType(), PayloadSize: len(env.GetPayload())}
	for _, sig := range env.GetSignatures() {
		s.Envelope.Signatures = append(s.Envelope.Signatures, shownSignature{hex.EncodeToString(sig.GetKeyId()), hex.EncodeToString(sig.GetSig())})
	}
	var err error
	if s.Items, err = itemsOf(env); err != nil {
		s.Defect = err.Error()
	}
	return s
}

// itemsOf reads the items of a list in protobuf's JSON form.
func itemsOf(env *pb.Envelope) ([]json.RawMessage, error) {
	for _, info := range schemas.Kinds() {
		if !info.List || info.PayloadType != env.GetPayloadType() {
			continue
		}
		_, items, err := trust.ParseList(env.GetPayload())
		if err != nil {
			return nil, err
		}
		all := make([]json.RawMessage, len(items))
		for i, item := range items {
			if all[i], err = surface.Item(info.Message, item, protojson.MarshalOptions{}); err != nil {
				return nil, fmt.Errorf("item %d: %w", i, err)
			}
		}
		return all, nil
	}
	return nil, fmt.Errorf("payload type %.80q is that of no list", env.GetPayloadType())
}
