package sim

import (
	"google.golang.org/protobuf/proto"
)

// marshal serializes what the simulator itself made, valid or not.
func marshal(m proto.Message) []byte {
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		panic("sim: " + err.Error()) // invalid UTF-8 in the simulator's own text
	}
	return data
}

func unmarshal(data []byte, m proto.Message) error { return proto.Unmarshal(data, m) }
