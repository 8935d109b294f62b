package sim

import (
	"fmt"
	"time"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/permit"
	"github.com/portcullis-dev/portcullis/core/verdict"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Truth is what the simulator knows of a message because it made it. Followers
// never see it; History sees nothing else.
type Truth struct {
	By   string        // who signed it and may; "" for noise
	Kind schemas.Kind  // KindUnknown for noise
	Made time.Duration // true time at which it was signed
	Note string        // for the trace

	Items    [][]byte     // of a list
	Intents  []*pb.Intent // what the items say
	Foreign  bool         // a list of intents for another ledger
	Decision *pb.Decision
	Claim    *pb.Claim
	Pulse    *pb.Pulse
	Approval *pb.Approval
	Record   *pb.Governance
	Payload  []byte // of Record
	Signers  int    // governors that signed Record
}

// message is what somebody appends.
type message struct {
	subject string
	data    []byte
	truth   Truth
}

// entry is one message of the ledger.
type entry struct {
	message
	seq    uint64
	at     time.Duration // true time of the append
	stamp  time.Time     // the broker's timestamp
	copied uint64        // the first message with these bytes on this subject; 0 if this is it

	// What followers make of it alone, shared because it is the same for all.
	parsed    [readings]*ledger.Parsed
	contents  []verdict.Content
	decisions []*pb.Decision
	ahead     bool
}

// reading is which kinds of records a follower looks into.
type reading uint8

const (
	readsDecisions reading = iota // enforcers, and approvals
	readsClaims                   // executors
	readsBase                     // sentinels: governance, credentials and pulses
	readings
)

func (r reading) parser(zone string, keys *ledger.Keys) ledger.Parser {
	p := ledger.Parser{Zone: zone, Keys: keys}
	switch r {
	case readsClaims:
		p.Skip, p.Unauthenticated = []schemas.Kind{schemas.KindApproval}, []schemas.Kind{schemas.KindIntent}
	case readsDecisions:
		p.Skip = []schemas.Kind{schemas.KindClaim, schemas.KindOutcome}
	case readsBase, readings:
		p.Skip = []schemas.Kind{schemas.KindIntent, schemas.KindApproval, schemas.KindDecision, schemas.KindClaim, schemas.KindOutcome}
	}
	return p
}

// raw is the entry as the broker hands it out.
func (e *entry) raw() ledger.Raw {
	return ledger.Raw{Seq: e.seq, Time: e.stamp, Subject: e.subject, Data: e.data}
}

func (e *entry) parse(r reading, zone string, keys *ledger.Keys) *ledger.Parsed {
	if e.parsed[r] == nil {
		e.parsed[r] = r.parser(zone, keys).Parse(e.raw())
	}
	return e.parsed[r]
}

// read decodes the items that parse found.
func (e *entry) read(p *ledger.Parsed) {
	if e.ahead {
		return
	}
	e.ahead = true
	for _, item := range p.Items() {
		if p.Kind() == schemas.KindIntent {
			e.contents = append(e.contents, verdict.Read(item.Bytes))
		} else if p.Kind() == schemas.KindDecision {
			e.decisions = append(e.decisions, permit.ReadDecision(item.Bytes))
		}
	}
}

func (e *entry) String() string {
	text := fmt.Sprintf("#%d %s", e.seq, e.truth.Note)
	if e.copied != 0 {
		text += fmt.Sprintf(" (a copy of #%d)", e.copied)
	}
	return text
}
