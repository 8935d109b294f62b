package history

import (
	"time"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// A million of these are held, so texts, signers and grounds are numbers of
// tables, digests of intents are numbers of vertices, and times are nanoseconds.

// vertex is an intent that stands on the ledger, or that one of those names.
type vertex struct {
	digest   trust.Digest
	ordinal  uint32   // of its node, plus one; 0 while it does not stand on the ledger
	children []uint32 // ordinals of the nodes that name it as a parent, ascending
	next     []uint32 // ordinals of the nodes that name it as their session's previous, ascending
}

// node is an intent where it stands first. Nodes are in the order of their
// positions; a node's ordinal is its place in that order, from 0.
type node struct {
	at         ledger.Position
	time       int64 // log time
	deadline   int64 // 0 if it could not be read
	sequence   uint64
	id         [16]byte
	vertex     uint32
	previous   uint32 // vertex, plus one; 0 if it names none
	sameID     uint32 // the node before it with its id, plus one
	signer     uint32
	agent      uint32 // text: the signer's SPIFFE ID, whatever the intent says
	says       uint32 // text: whom the intent names as its agent
	session    uint32 // text
	tool       uint32 // text
	action     uint32 // text
	resource   uint32 // text
	sealed     uint32 // text: the key that arguments are sealed to
	filed      uint32 // text: the state that it is listed under
	defect     pb.Reason
	parents    []uint32 // vertices
	delegation []delegation
	resent     []ledger.Position

	decisions []decision
	approvals []approval
	claims    []claim
	outcomes  []outcome
}

// decision is one enforcer's vote.
type decision struct {
	at         ledger.Position
	time       int64
	of         ledger.Position // where the intent stands that it decides: one that is sent again late is decided again
	bytes      trust.Digest
	round      uint32
	signer     uint32
	ground     uint32
	allow      bool
	evaluation bool // the intent asked for no more
	stray      bool // on another tool's subject: it counts for nothing
	quorum     bool // it completed the round's first quorum
}

// ground is what a decision rests on, apart from its intent.
type ground struct {
	reasons  string // codes, joined by blanks, ascending
	policies string // names, joined by line breaks
	epoch    uint64
	release  trust.Digest
}

type approval struct {
	at      ledger.Position
	time    int64
	signer  uint32
	note    uint32 // text
	approve bool
}

type claim struct {
	at     ledger.Position
	time   int64
	signer uint32
	void   pb.Reason // 0 for a valid claim
}

type outcome struct {
	at       ledger.Position
	time     int64
	claim    ledger.Position
	bytes    trust.Digest
	result   trust.Digest
	started  int64 // the executor's clock; 0 if nothing was started
	finished int64
	signer   uint32
	status   pb.Status
	reason   pb.Reason
	rogue    bool
	repeats  bool
}

// delegation is one link of a chain, as the intent carries it.
type delegation struct {
	delegator, delegate uint32   // texts
	tools               []uint32 // texts
	depth               uint32
	expires             int64
	signed              bool // by its delegator's key, introduced before
}

// signer is a key and whose it is.
type signer struct {
	identity string // SPIFFE ID
	key      trust.KeyID
}

func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func moment(nanos int64) time.Time { return time.Unix(0, nanos).UTC() }
