package ledger

import (
	"slices"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Item is one item of a list, not yet looked into.
type Item struct {
	Bytes  []byte
	Digest trust.Digest
}

// Parsed is what one message says by itself. It is made by Parse, used once by
// Fold.Step, and holds no verdict of its own.
type Parsed struct {
	Raw
	leaf     trust.Digest
	kind     schemas.Kind
	token    string
	skipped  bool
	bare     bool  // a kind that the parser leaves unauthenticated
	refusal  error // noise whatever the fold's state
	env      *trust.Envelope
	verified bool // signature 0 verifies under the key that its key id names
	listErr  error
	ledger   trust.Digest
	items    []Item
}

// Kind is the kind of record that the subject says it is.
func (p *Parsed) Kind() schemas.Kind { return p.kind }

// Items are the items of a list, for readers that decode them ahead of the
// fold. Nothing about them is authentic before Fold.Step says so.
func (p *Parsed) Items() []Item { return p.items }

// Parser parses messages of one zone's ledger.
type Parser struct {
	Zone string
	Keys *Keys
	// Skip lists kinds that this follower takes no interest in. They are neither
	// opened nor reported as noise. Governance, credentials and pulses are never
	// skipped: every fold rests on them.
	Skip []schemas.Kind
	// Unauthenticated lists kinds of lists of which the follower wants nothing but
	// bytes that it will name by a digest from elsewhere. Their signers are not
	// looked at: see Record.Unauthenticated.
	Unauthenticated []schemas.Kind
}

// Parse looks at one message alone. It is safe for concurrent use.
func (ps Parser) Parse(raw Raw) *Parsed {
	p := &Parsed{Raw: raw, leaf: leafOf(raw)}
	zone, kind, token, err := schemas.LedgerSubject(raw.Subject)
	if err != nil || zone != ps.Zone {
		p.refusal = schemas.Refuse(pb.Reason_REASON_NOISE_SUBJECT, "subject %.80q", raw.Subject)
		return p
	}
	p.kind, p.token = kind, token
	if ps.skips(kind) {
		p.skipped = true
		return p
	}
	p.bare = slices.Contains(ps.Unauthenticated, kind)
	p.refusal = p.open(ps.Keys)
	return p
}

func (ps Parser) skips(k schemas.Kind) bool {
	base := k == schemas.KindGovernance || k == schemas.KindCredential || k == schemas.KindPulse
	return !base && slices.Contains(ps.Skip, k)
}

func (p *Parsed) open(keys *Keys) error {
	env, err := trust.ParseEnvelope(p.Data)
	if err != nil {
		return schemas.Refuse(pb.Reason_REASON_NOISE_ENVELOPE, "%v", err)
	}
	info, _ := p.kind.Info()
	if env.PayloadType != info.PayloadType {
		return schemas.Refuse(pb.Reason_REASON_NOISE_PAYLOAD_TYPE, "%.60q on subject %s", env.PayloadType, p.Subject)
	}
	if slices.ContainsFunc(env.Signatures, func(s trust.Signature) bool { return len(s.Credential) > 0 }) {
		return schemas.Refuse(pb.Reason_REASON_NOISE_ENVELOPE, "an embedded credential; on the ledger credentials are records of their own")
	}
	p.env = env
	switch p.kind { //nolint:exhaustive // every other kind has one signature
	case schemas.KindCredential:
		keys.anticipate(env)
		return nil // its signatures are judged by the fold's state, as those of governance are
	case schemas.KindGovernance:
		return nil
	default:
	}
	if len(env.Signatures) != 1 {
		return schemas.Refuse(pb.Reason_REASON_NOISE_SIGNER, "%d signatures; a %s has one", len(env.Signatures), p.kind)
	}
	if key, known := keys.lookup(env.Signatures[0].KeyID); known && !p.bare {
		p.verified = keys.isVouched(p.Data) || env.VerifiedBy(0, key)
	}
	if info.List {
		p.openList()
	}
	return nil
}

func (p *Parsed) openList() {
	ledger, items, err := trust.ParseList(p.env.Payload)
	p.ledger, p.listErr = ledger, err
	p.items = make([]Item, len(items))
	for i, b := range items {
		p.items[i] = Item{Bytes: b, Digest: trust.DigestOf(b)}
	}
}
