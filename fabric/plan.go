package fabric

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"google.golang.org/protobuf/proto"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/verdict"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// ErrPlan reports a file that is no plan, or one that somebody altered.
var ErrPlan = errors.New("fabric: not a plan")

// Plan is a release on its way to the ledger: the governance record that will be
// appended, byte for byte, and the signatures that it has so far.
//
// As a file it is one Envelope of the protocol in binary protobuf: payload type
// and payload of a governance record, and no signature or several. What is
// signed never changes on the way from one governor to the next, so plans that
// travelled apart can be compared by ID. It holds no secret.
type Plan struct {
	ID      trust.Digest        // SHA-256 of the payload: the digest of the release in force, later
	Ledger  trust.Digest        // of the genesis that it is for
	Release *governance.Release // it holds together, and its policies compile

	envelope *pb.Envelope
	signed   *trust.Envelope // nil while nobody has signed
}

// newPlan makes an unsigned plan of a release.
func (f *Fabric) newPlan(release *pb.Release) (*Plan, error) {
	payload, err := f.governancePayload(&pb.Governance{Record: &pb.Governance_Release{Release: release}})
	if err != nil {
		return nil, err
	}
	data, err := marshalPlan(&pb.Envelope{PayloadType: schemas.KindGovernance.PayloadType(), Payload: payload})
	if err != nil {
		return nil, err
	}
	return ParsePlan(data)
}

// ParsePlan reads a plan strictly. It refuses, with an error that wraps ErrPlan,
// everything but one well-formed release that would not deny everything, and a
// key that signs twice. Whose the signatures are is for CheckSignatures to say.
func ParsePlan(data []byte) (*Plan, error) {
	p := &Plan{envelope: new(pb.Envelope)}
	if err := schemas.DecodeUnchecked(data, schemas.MaxEnvelope, p.envelope); err != nil {
		return nil, fmt.Errorf("%w: %w; give the file that portcullis release plan wrote", ErrPlan, err)
	}
	if p.envelope.GetPayloadType() != schemas.KindGovernance.PayloadType() {
		return nil, fmt.Errorf("%w: its payload type is %.60q; give the file that portcullis release plan wrote", ErrPlan, p.envelope.GetPayloadType())
	}
	if err := p.readSignatures(data); err != nil {
		return nil, err
	}
	return p, p.readRelease()
}

func (p *Plan) readSignatures(data []byte) (err error) {
	if len(p.envelope.GetSignatures()) == 0 {
		return nil
	}
	if p.signed, err = trust.ParseEnvelope(data); err != nil {
		return fmt.Errorf("%w: %w; get it again from who planned it", ErrPlan, err)
	}
	seen := map[trust.KeyID]bool{}
	for _, s := range p.signed.Signatures {
		if seen[s.KeyID] || len(s.Credential) > 0 {
			return fmt.Errorf("%w: key %s signed twice, or carries a credential; get it again from who planned it, and sign that", ErrPlan, s.KeyID.Short())
		}
		seen[s.KeyID] = true
	}
	return nil
}

func (p *Plan) readRelease() error {
	record := new(pb.Governance)
	if err := schemas.Decode(p.envelope.GetPayload(), schemas.MaxPayload, record); err != nil {
		return fmt.Errorf("%w: %w; get it again from who planned it", ErrPlan, err)
	}
	if record.GetRelease() == nil {
		return fmt.Errorf("%w: it is another governance record than a release; give the file that portcullis release plan wrote", ErrPlan)
	}
	p.ID = trust.DigestOf(p.envelope.GetPayload())
	p.Ledger, _ = trust.DigestFrom(record.GetLedger())
	var err error
	if p.Release, err = governance.NewRelease(p.ID, record.GetRelease()); err != nil {
		return fmt.Errorf("%w: release %d does not hold together: %w; plan again", ErrPlan, record.GetRelease().GetVersion(), err)
	}
	if rules := verdict.Compile(p.Release); rules.Err != nil {
		return fmt.Errorf("%w: release %d would deny everything: %w; plan again", ErrPlan, record.GetRelease().GetVersion(), rules.Err)
	}
	return nil
}

// Version is the release's.
func (p *Plan) Version() uint64 { return p.Release.Proto.GetVersion() }

// Bytes is the plan as its file holds it; signed by enough governors, it is the
// record to append.
func (p *Plan) Bytes() ([]byte, error) { return marshalPlan(p.envelope) }

func marshalPlan(env *pb.Envelope) ([]byte, error) {
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(env)
	if err != nil {
		return nil, fmt.Errorf("fabric: serializing a plan: %w", err)
	}
	return data, nil
}

// Sign adds a key's signature. It reports false, and does nothing, if the key
// has signed already.
func (p *Plan) Sign(key *trust.SigningKey) (added bool, err error) {
	if p.signed != nil && len(p.signed.Signers(map[trust.KeyID]trust.PublicKey{key.ID(): key.Public()})) > 0 {
		return false, nil
	}
	data, err := p.Bytes()
	if err != nil {
		return false, err
	}
	if data, err = trust.AddSignature(data, key); err != nil {
		return false, fmt.Errorf("fabric: signing a plan: %w", err)
	}
	next, err := ParsePlan(data)
	if err != nil {
		return false, err
	}
	*p = *next
	return true, nil
}

// ReadPlan reads the plan in a file.
func ReadPlan(path string) (*Plan, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w; give the file that portcullis release plan wrote", ErrPlan, err)
	}
	if !info.Mode().IsRegular() || info.Size() > schemas.MaxEnvelope {
		return nil, fmt.Errorf("%w: %s is not a file of at most %d bytes; give the file that portcullis release plan wrote", ErrPlan, path, schemas.MaxEnvelope)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("fabric: the plan: %w", err)
	}
	p, err := ParsePlan(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}

// Write puts the plan into a file, mode 0600, whole: after a crash there is what
// was there before, or the plan. Without replace, a file that exists is refused.
func (p *Plan) Write(path string, replace bool) error {
	data, err := p.Bytes()
	if err != nil {
		return err
	}
	path, err = filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("fabric: %w", err)
	}
	if replace {
		return replaceFile(path, data)
	}
	return addFile(path, data)
}
