package flood

import (
	"fmt"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// maker makes valid intents of an agent, cheaply and by the hundred.
type maker struct {
	agent    *fabric.Member
	session  string
	sequence uint64
	previous []byte
}

func (m *maker) newSession() {
	m.session, m.sequence, m.previous = uuid.NewString(), 0, nil
}

// intent is the session's next one.
func (m *maker) intent(tool, resource, arguments string, timeout time.Duration) ([]byte, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	if m.session == "" {
		m.newSession()
	}
	digest := trust.DigestOf([]byte(arguments))
	item, err := schemas.Marshal(&pb.Intent{
		Id: id[:], Agent: m.agent.ID.String(), Session: m.session, Sequence: m.sequence + 1, Previous: m.previous,
		Tool: tool, Action: tool, Resource: resource, Arguments: []byte(arguments), ArgumentsDigest: digest[:],
		Deadline: timestamppb.New(time.Now().Add(timeout)),
	})
	if err != nil {
		return nil, err
	}
	named := trust.DigestOf(item)
	m.sequence, m.previous = m.sequence+1, named[:]
	return item, nil
}

// list signs intents to read, each in the same session or each in its own.
func (m *maker) list(n int, sessions bool, tool, resource string) ([]byte, error) {
	items := make([][]byte, n)
	for i := range items {
		if sessions {
			m.newSession()
		}
		var err error
		if items[i], err = m.intent(tool, resource, fmt.Sprintf(`{"path":%q}`, resource), 50*time.Second); err != nil {
			return nil, err
		}
	}
	return trust.SealList(schemas.KindIntent, m.agent.Bundle.Ledger, items, m.agent.Key)
}

func (m *maker) subject() string {
	return schemas.Subject(m.agent.ID.Zone, schemas.KindIntent, m.agent.ID.Name)
}
