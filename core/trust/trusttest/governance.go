package trusttest

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Zone is a ledger's beginning: who governs it and what its genesis is.
type Zone struct {
	CA        *CA
	Governors []*trust.SigningKey
	Need      uint32 // governors that a release and a resume need
	Ledger    trust.Digest
	Genesis   []byte // sealed, by all governors

	records uint64 // makes record ids distinct
}

// NewZone makes a zone with n governors, need of whom sign releases and resumes.
func NewZone(need uint32, n int) *Zone {
	z := &Zone{CA: NewCA(), Need: need}
	for i := range n {
		z.Governors = append(z.Governors, Governor(i))
	}
	genesis := Genesis(need, z.Governors...)
	payload := must(schemas.Marshal(genesis))
	z.Ledger = trust.DigestOf(payload)
	z.Genesis = must(trust.Seal(schemas.KindGovernance.PayloadType(), payload, z.Governors...))
	return z
}

// Governor is the key of governor number i, from 0.
func Governor(i int) *trust.SigningKey { return Key(fmt.Sprintf("governor %d", i)) }

// Genesis is a genesis record of the test zone.
func Genesis(need uint32, governors ...*trust.SigningKey) *pb.Governance {
	return &pb.Governance{Id: make([]byte, 16), Record: &pb.Governance_Genesis{Genesis: &pb.Genesis{
		TrustDomain: TrustDomain,
		Zone:        ZoneName,
		Governors:   Roster(governors...),
		Thresholds:  &pb.GovernorThresholds{Release: need, Resume: need},
		Created:     timestamppb.New(Start),
	}}}
}

// Roster names the holders of governor keys g0, g1 and so on.
func Roster(governors ...*trust.SigningKey) []*pb.Governor {
	roster := make([]*pb.Governor, len(governors))
	for i, g := range governors {
		roster[i] = &pb.Governor{Name: fmt.Sprintf("g%d", i), PublicKey: g.Public().Bytes()}
	}
	return roster
}

// Release is release 1 of the zone: see Release for its content.
func (z *Zone) Release(mutators ...func(*pb.Release)) *pb.Release {
	return Release(append([]func(*pb.Release){func(p *pb.Release) {
		p.Replaces = z.Ledger[:]
		p.Governors = Roster(z.Governors...)
		p.Thresholds = &pb.GovernorThresholds{Release: z.Need, Resume: z.Need}
		p.Issuers = [][]byte{z.CA.Cert.Raw}
	}}, mutators...)...)
}

// Seal makes record a governance record of this ledger, with an id of its own
// unless it has one, and signs it with keys; with no key given, as many
// governors sign as releases need.
func (z *Zone) Seal(record *pb.Governance, keys ...*trust.SigningKey) []byte {
	if record.Ledger == nil {
		record.Ledger = z.Ledger[:]
	}
	if record.Id == nil {
		z.records++
		record.Id = fmt.Appendf(nil, "record %9d", z.records)
	}
	if len(keys) == 0 {
		keys = z.Governors[:z.Need]
	}
	return must(trust.Seal(schemas.KindGovernance.PayloadType(), must(schemas.Marshal(record)), keys...))
}

// Payload is the payload of a sealed record.
func Payload(envelope []byte) []byte { return must(trust.ParseEnvelope(envelope)).Payload }

// RecordID is what a sealed governance record is named by: the SHA-256 of its
// payload.
func RecordID(envelope []byte) trust.Digest { return trust.DigestOf(Payload(envelope)) }

// Released wraps a release as a governance record.
func Released(p *pb.Release) *pb.Governance {
	return &pb.Governance{Record: &pb.Governance_Release{Release: p}}
}

// Halt is a halt of a scope.
func Halt(kind pb.ScopeKind, value string) *pb.Governance {
	return &pb.Governance{Record: &pb.Governance_Halt{Halt: &pb.Halt{Scope: &pb.Scope{Kind: kind, Value: value}, Reason: "a test halts"}}}
}

// Trip is a sentinel's halt of everything.
func Trip() *pb.Governance {
	return &pb.Governance{Record: &pb.Governance_Trip{Trip: &pb.Trip{
		Rule: "heartbeat.missing", Scope: &pb.Scope{Kind: pb.ScopeKind_SCOPE_KIND_GLOBAL}, Detail: "a test trips",
	}}}
}

// Resume lifts the halts with these record ids.
func Resume(halts ...trust.Digest) *pb.Governance {
	resume := &pb.Resume{Reason: "a test resumes"}
	for _, id := range halts {
		resume.Halts = append(resume.Halts, id[:])
	}
	return &pb.Governance{Record: &pb.Governance_Resume{Resume: resume}}
}

// RevokeKey ends a key.
func RevokeKey(id trust.KeyID) *pb.Governance {
	return &pb.Governance{Record: &pb.Governance_Revoke{Revoke: &pb.Revoke{
		Subject: &pb.Revoke_KeyId{KeyId: id[:]}, Reason: "a test revokes",
	}}}
}

// RevokeIdentity ends an identity.
func RevokeIdentity(id trust.Identity) *pb.Governance {
	return &pb.Governance{Record: &pb.Governance_Revoke{Revoke: &pb.Revoke{
		Subject: &pb.Revoke_SpiffeId{SpiffeId: id.String()}, Reason: "a test revokes",
	}}}
}

// Release is version 1 of a small release: agents alice and bob who may use the
// tools read (path) and pay (amount), executor x1 who serves both,
// enforcer e1, sentinel s1, approver p1, recorder r1, one governor, no limit
// and one policy that permits everything. Mutators change it. A release for a
// particular ledger comes from Zone.Release.
func Release(mutators ...func(*pb.Release)) *pb.Release {
	p := &pb.Release{
		Version:           1,
		Replaces:          make([]byte, 32),
		NotBefore:         timestamppb.New(Start.Add(-early)),
		Expires:           timestamppb.New(Start.Add(ReleaseLife)),
		Governors:         Roster(Governor(0)),
		Thresholds:        &pb.GovernorThresholds{Release: 1, Resume: 1},
		Issuers:           [][]byte{NewCA().Cert.Raw},
		Directory:         directory(),
		DecisionThreshold: 1,
		Tools:             tools(),
		Policies:          []*pb.PolicySource{{Name: "all.cedar", Text: `@id("all") permit (principal, action, resource);`}},
		Bounds:            Bounds(),
	}
	for _, mutate := range mutators {
		mutate(p)
	}
	return p
}

// Bounds are the protocol's durations, as tests like them.
func Bounds() *pb.Bounds {
	return &pb.Bounds{
		Memory:            durationpb.New(time.Hour),
		MaxDeadline:       durationpb.New(time.Minute),
		Start:             durationpb.New(250 * time.Millisecond),
		PulseLimit:        durationpb.New(2 * time.Second),
		PulseInterval:     durationpb.New(500 * time.Millisecond),
		MaxClockSkew:      durationpb.New(2 * time.Second),
		Hedge:             durationpb.New(50 * time.Millisecond),
		HeartbeatInterval: durationpb.New(time.Second),
		MaxSessions:       16,
	}
}

// Entry is a directory entry.
func Entry(role pb.Role, name string, tools ...string) *pb.Identity {
	return &pb.Identity{Name: name, Role: role, Tools: tools}
}

func directory() []*pb.Identity {
	return []*pb.Identity{
		Entry(pb.Role_ROLE_AGENT, "alice", "read", "pay"),
		Entry(pb.Role_ROLE_AGENT, "bob", "read", "pay"),
		Entry(pb.Role_ROLE_ENFORCER, "e1"),
		Entry(pb.Role_ROLE_EXECUTOR, "x1", "read", "pay"),
		Entry(pb.Role_ROLE_SENTINEL, "s1"),
		Entry(pb.Role_ROLE_APPROVER, "p1"),
		Entry(pb.Role_ROLE_RECORDER, "r1"),
	}
}

func tools() []*pb.Tool {
	least := int64(0)
	return []*pb.Tool{
		{Name: "read", ResourceType: "File", Arguments: []*pb.Attribute{
			{Name: "path", Type: pb.AttributeType_ATTRIBUTE_TYPE_STRING},
		}},
		{Name: "pay", ResourceType: "Account", Arguments: []*pb.Attribute{
			{Name: "amount", Type: pb.AttributeType_ATTRIBUTE_TYPE_LONG, Required: true, Min: &least},
		}},
	}
}
