package vectors_test

import (
	"encoding/hex"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// intent is one row of intents.json: what an agent was asked for, and all that it
// sends for it.
type intent struct {
	About      string   `json:"about"`
	Seed       string   `json:"seed"` // of the agent's signing key
	KeyID      string   `json:"key_id"`
	Ledger     string   `json:"ledger"`
	ID         string   `json:"id"`
	Agent      string   `json:"agent"`
	Session    string   `json:"session"`
	Sequence   uint64   `json:"sequence"`
	Previous   string   `json:"previous,omitempty"`
	Parents    []string `json:"parents,omitempty"`
	Tool       string   `json:"tool"`
	Action     string   `json:"action,omitempty"`
	Resource   string   `json:"resource,omitempty"`
	Arguments  string   `json:"arguments"`
	Context    string   `json:"context,omitempty"`
	Deadline   int64    `json:"deadline"` // milliseconds since 1970
	Parent     string   `json:"trace_parent,omitempty"`
	Definition string   `json:"definition,omitempty"`

	Bytes    string `json:"bytes"`
	Digest   string `json:"digest"`
	Payload  string `json:"payload"`  // the list of this one item
	PAE      string `json:"pae"`      // what is signed
	Envelope string `json:"envelope"` // what is sent
}

// TestIntents: what an agent puts on the wire, byte for byte.
func TestIntents(t *testing.T) {
	digest := func(text string) string { return trust.DigestOf([]byte(text)).String() }
	alice := trusttest.ID(pb.Role_ROLE_AGENT, "alice").String()
	rows := []intent{
		{About: "the least", Agent: alice, Session: "s", Sequence: 1, Tool: "read", Arguments: "{}"},
		{
			About: "with everything", Agent: alice, Session: "a_B-9", Sequence: 300, Previous: digest("before"), Parents: []string{digest("p"), digest("q")},
			Tool: "transfer", Action: "pay", Resource: "acme", Arguments: `{"to":"acme","amount":250}`, Context: `{"why":"invoice"}`,
			Parent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", Definition: digest("definition"),
		},
		{About: "text beyond ASCII", Agent: alice, Session: "s", Sequence: 2, Previous: digest("before"), Tool: "read", Resource: "Übergang/値/🏰", Arguments: `{"path":"🏰"}`},
		{About: "a large sequence", Agent: alice, Session: "s", Sequence: 1<<63 + 1, Tool: "read", Arguments: "{ }"},
	}
	for i := range rows {
		complete(t, &rows[i], i)
	}
	vectors(t, "intents.json", rows)
}

func complete(t *testing.T, row *intent, i int) {
	t.Helper()
	seed := trust.DigestOf([]byte("a seed"))
	ledger := trust.DigestOf([]byte("a genesis"))
	deadline := trusttest.Start.Add(time.Duration(i)*time.Millisecond + time.Minute)
	id := trust.DigestOf([]byte(row.About))
	key := trust.SigningKeyFromSeedInsecure(seed)
	arguments := trust.DigestOf([]byte(row.Arguments))
	in := &pb.Intent{
		Id: id[:16], Agent: row.Agent, Session: row.Session, Sequence: row.Sequence, Previous: raw(t, row.Previous),
		Tool: row.Tool, Action: row.Action, Resource: row.Resource, Arguments: []byte(row.Arguments), ArgumentsDigest: arguments[:],
		Context: []byte(row.Context), Deadline: timestamppb.New(deadline), TraceParent: row.Parent, DefinitionDigest: raw(t, row.Definition),
	}
	if in.Action == "" {
		in.Action = in.Tool
	}
	for _, p := range row.Parents {
		in.Parents = append(in.Parents, raw(t, p))
	}
	item, err := schemas.Marshal(in)
	must(t, err)
	envelope, err := trust.SealList(schemas.KindIntent, ledger, [][]byte{item}, key)
	must(t, err)
	env, err := trust.ParseEnvelope(envelope)
	must(t, err)
	row.Seed, row.KeyID, row.Ledger, row.ID, row.Deadline = seed.String(), key.ID().String(), ledger.String(), hex.EncodeToString(id[:16]), deadline.UnixMilli()
	row.Bytes, row.Digest = hex.EncodeToString(item), trust.DigestOf(item).String()
	row.Payload, row.Envelope = hex.EncodeToString(env.Payload), hex.EncodeToString(envelope)
	row.PAE = hex.EncodeToString(trust.PAE(env.PayloadType, env.Payload))
}

func raw(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	must(t, err)
	return b
}
