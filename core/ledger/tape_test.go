package ledger

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// The people of the test zone.
var (
	alice     = trusttest.NewMember(pb.Role_ROLE_AGENT, "alice")
	bob       = trusttest.NewMember(pb.Role_ROLE_AGENT, "bob")
	enforcer  = trusttest.NewMember(pb.Role_ROLE_ENFORCER, "e1")
	executor  = trusttest.NewMember(pb.Role_ROLE_EXECUTOR, "x1")
	sentinel  = trusttest.NewMember(pb.Role_ROLE_SENTINEL, "s1")
	approver  = trusttest.NewMember(pb.Role_ROLE_APPROVER, "p1")
	stranger  = trusttest.NewMember(pb.Role_ROLE_AGENT, "stranger") // in no directory
	everybody = []trusttest.Member{alice, bob, enforcer, executor, sentinel, approver, stranger}
)

// tape is a ledger that a test writes, and a fold that follows it.
type tape struct {
	t      testing.TB
	zone   *trusttest.Zone
	fold   *Fold
	parser Parser
	seq    uint64
	now    time.Time
	raws   []Raw
}

// blank is a tape without any record.
func blank(t testing.TB) *tape {
	t.Helper()
	zone, keys := trusttest.NewZone(1, 1), NewKeys()
	return &tape{
		t: t, zone: zone, fold: NewFold(zone.Ledger, keys),
		parser: Parser{Zone: trusttest.ZoneName, Keys: keys}, now: trusttest.Start,
	}
}

// begun is a tape with genesis, release 1 and everybody's credential.
func begun(t testing.TB) *tape {
	t.Helper()
	l := blank(t)
	l.must(schemas.KindGovernance, "", l.zone.Genesis)
	l.must(schemas.KindGovernance, "", l.zone.Seal(trusttest.Released(l.zone.Release())))
	for _, m := range everybody {
		l.must(schemas.KindCredential, m.ID.Name, m.Credential)
	}
	return l
}

// tick is the time from one message to the next: a pulse that a test makes ahead
// is still fresh a thousand messages later.
const tick = time.Millisecond

// put appends a message one tick after the last and folds it. It checks that
// noise changes nothing but position and log time.
func (l *tape) put(subject string, data []byte) (Record, error) {
	l.t.Helper()
	l.now = l.now.Add(tick)
	return l.putAt(l.now, subject, data)
}

func (l *tape) putAt(at time.Time, subject string, data []byte) (Record, error) {
	l.t.Helper()
	l.seq++
	raw := Raw{Seq: l.seq, Time: at, Subject: subject, Data: data}
	l.raws = append(l.raws, raw)
	was, before := snapshot(l.fold), l.fold.LogTime()
	rec, err := l.fold.Step(l.parser.Parse(raw))
	if l.fold.Seq() != l.seq || l.fold.LogTime().Before(at) || l.fold.LogTime().Before(before) {
		l.t.Fatalf("at %d the fold stands at %d, log time %v", l.seq, l.fold.Seq(), l.fold.LogTime())
	}
	if err != nil {
		if schemas.ReasonOf(err) == pb.Reason_REASON_UNSPECIFIED || rec.Seq != 0 || rec.Kind != schemas.KindUnknown || rec.Items != nil {
			l.t.Fatalf("noise without a reason of the table, or with a record: %v, %+v", err, rec)
		}
		if !reflect.DeepEqual(was, snapshot(l.fold)) {
			l.t.Fatalf("noise (%v) changed the fold", err)
		}
	}
	return rec, err
}

func (l *tape) must(kind schemas.Kind, token string, data []byte) Record {
	l.t.Helper()
	rec, err := l.put(schemas.Subject(trusttest.ZoneName, kind, token), data)
	if err != nil {
		l.t.Fatal(err)
	}
	if rec.Seq != l.seq || rec.Kind != kind || rec.Token != token || !rec.LogTime.Equal(l.fold.LogTime()) {
		l.t.Fatalf("record %+v at %d on %s %q", rec, l.seq, kind, token)
	}
	return rec
}

func (l *tape) noise(want pb.Reason, subject string, data []byte) {
	l.t.Helper()
	if _, err := l.put(subject, data); schemas.ReasonOf(err) != want {
		l.t.Errorf("on %.60s: %v, want %s", subject, err, schemas.ReasonCode(want))
	}
}

// frozen is what a fold knows, apart from position and log time.
type frozen struct {
	credentials map[trust.KeyID]trust.Credential
	byIdentity  map[trust.Identity][]trust.KeyID
	introduced  map[trust.Digest]bool
	pulsed      map[trust.Identity]time.Time
	pulse       string
	head        governance.Head
}

func snapshot(f *Fold) frozen {
	byIdentity := map[trust.Identity][]trust.KeyID{}
	for id, keys := range f.byIdentity {
		byIdentity[id] = slices.Clone(keys)
	}
	return frozen{maps.Clone(f.credentials), byIdentity, maps.Clone(f.introduced), maps.Clone(f.pulsed), fmt.Sprint(f.pulse), f.gov.Head()}
}

// honest is one record of each kind as its writer would make it.
type honest struct {
	kind   schemas.Kind
	token  string
	writer trusttest.Member
	data   []byte
}

func (h honest) subject() string { return schemas.Subject(trusttest.ZoneName, h.kind, h.token) }

// signedKinds is an honest record of each kind that one participant signs.
func (l *tape) signedKinds() []honest {
	return []honest{
		l.list(schemas.KindIntent, "alice", alice),
		l.list(schemas.KindDecision, "read", enforcer),
		l.list(schemas.KindClaim, "read", executor),
		l.list(schemas.KindOutcome, "read", executor),
		{schemas.KindApproval, "", approver, approver.Seal(schemas.KindApproval, l.marshal(l.approval()))},
		{schemas.KindPulse, "", sentinel, sentinel.Seal(schemas.KindPulse, l.marshal(l.pulse()))},
	}
}

func (l *tape) list(kind schemas.Kind, token string, m trusttest.Member) honest {
	return honest{kind, token, m, m.List(kind, l.zone.Ledger, []byte("item"))}
}

func (l *tape) pulse() *pb.Pulse {
	return &pb.Pulse{
		Ledger: l.zone.Ledger[:], Sentinel: sentinel.SPIFFE(), Incarnation: make([]byte, 16), Counter: l.seq + 1,
		Head: l.fold.Governance().Head().Proto(), Release: make([]byte, 32), Clock: timestamppb.New(l.now),
	}
}

func (l *tape) approval() *pb.Approval {
	return &pb.Approval{Ledger: l.zone.Ledger[:], IntentDigest: make([]byte, 32), Approver: approver.SPIFFE(), Approve: true}
}

func (l *tape) marshal(m proto.Message) []byte {
	l.t.Helper()
	data, err := proto.Marshal(m)
	if err != nil {
		l.t.Fatal(err)
	}
	return data
}
