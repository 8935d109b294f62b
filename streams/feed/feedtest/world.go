// Package feedtest gives tests of services a real ledger on an embedded server,
// with people who can write to it by hand what no honest service would. It is
// for tests only.
package feedtest

import (
	"context"
	"crypto/x509"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/streams/feed"
)

// Patience is how long anything may take on a busy machine; nothing waits so
// long when all is well.
const Patience = 60 * time.Second

// ZoneName is the zone of every World.
const ZoneName = trusttest.ZoneName

var roles = map[string]pb.Role{
	"alice": pb.Role_ROLE_AGENT, "bob": pb.Role_ROLE_AGENT,
	"e1": pb.Role_ROLE_ENFORCER, "e2": pb.Role_ROLE_ENFORCER,
	"x1": pb.Role_ROLE_EXECUTOR, "x2": pb.Role_ROLE_EXECUTOR,
	"s1": pb.Role_ROLE_SENTINEL, "g0": pb.Role_ROLE_GOVERNOR,
	"p1": pb.Role_ROLE_APPROVER, "p2": pb.Role_ROLE_APPROVER,
	"r1": pb.Role_ROLE_RECORDER, "a1": pb.Role_ROLE_AUDITOR,
}

// World is a zone's ledger, founded, and its people: agents alice and bob,
// enforcers e1 and e2, executors x1 and x2 of the tools read and pay, approvers p1
// and p2 for the tool read, sentinel s1, recorder r1 (without log keys), auditor a1
// and one governor. Nobody but g0 has written anything.
type World struct {
	t      testing.TB
	Server *streams.Server
	Zone   *trusttest.Zone

	members map[string]trusttest.Member
	seeds   map[string][]byte
	conns   map[string]*streams.Conn
	pulses  uint64
}

// New founds a world. Mutators change its release, which allows relaxed sync
// unless they say otherwise.
func New(t testing.TB, mutators ...func(*pb.Release)) *World {
	t.Helper()
	w := &World{
		t: t, Zone: trusttest.NewZone(1, 1),
		members: map[string]trusttest.Member{}, seeds: map[string][]byte{}, conns: map[string]*streams.Conn{},
	}
	server, err := streams.StartServer(streams.ServerConfig{
		StoreDir: t.TempDir(), Port: -1, Durability: streams.RelaxedSyncMayLoseRecords,
		Zones: []streams.ZoneConfig{{Zone: ZoneName}}, Participants: w.participants(),
	})
	w.must(err)
	t.Cleanup(server.Shutdown)
	w.Server = server
	release := w.Zone.Release(append([]func(*pb.Release){ofToday, withSeconds}, mutators...)...)
	w.Write("g0", schemas.KindGovernance, "", w.Zone.Genesis)
	w.Write("g0", schemas.KindGovernance, "", w.Zone.Seal(trusttest.Released(release)))
	return w
}

// ofToday makes a release of trusttest hold today, with log times that a real
// broker gives.
func ofToday(r *pb.Release) {
	r.NotBefore, r.Expires = timestamppb.New(time.Now().Add(-time.Hour)), timestamppb.New(time.Now().Add(time.Hour))
	r.Durability = pb.Durability_DURABILITY_RELAXED_SYNC_MAY_LOSE_RECORDS
	r.Bounds.PulseLimit, r.Bounds.Start = durationpb.New(20*time.Second), durationpb.New(10*time.Second)
	r.Bounds.MaxClockSkew = durationpb.New(20 * time.Second)
}

// withSeconds adds a second enforcer and a second executor, and approvers.
func withSeconds(r *pb.Release) {
	second := trusttest.Entry(pb.Role_ROLE_ENFORCER, "e2")
	second.Rank = 1
	r.Directory = slices.DeleteFunc(r.GetDirectory(), func(e *pb.Identity) bool { return e.GetRole() == pb.Role_ROLE_APPROVER })
	r.Directory = append(r.Directory, second, trusttest.Entry(pb.Role_ROLE_EXECUTOR, "x2", "read", "pay"),
		trusttest.Entry(pb.Role_ROLE_APPROVER, "p1", "read"), trusttest.Entry(pb.Role_ROLE_APPROVER, "p2", "read"),
		trusttest.Entry(pb.Role_ROLE_AUDITOR, "a1"))
}

func (w *World) participants() []streams.Participant {
	var all []streams.Participant
	for name, role := range roles {
		key, err := nkeys.CreateUser()
		w.must(err)
		public, err := key.PublicKey()
		w.must(err)
		w.seeds[name], err = key.Seed()
		w.must(err)
		p := streams.Participant{Zone: ZoneName, Name: name, Role: role, Key: public}
		if role == pb.Role_ROLE_EXECUTOR {
			p.Tools = []string{"read", "pay"}
		}
		all = append(all, p)
		w.members[name] = w.Enroll(w.Zone.CA, role, name, time.Now().Add(time.Hour))
	}
	return all
}

// Enroll makes a participant of today whose SVID a CA issued.
func (*World) Enroll(ca *trusttest.CA, role pb.Role, name string, expires time.Time) trusttest.Member {
	id := trusttest.ID(role, name)
	svid := ca.SVID(id, func(c *x509.Certificate) { c.NotAfter = expires })
	return trusttest.Enroll(svid, id, trusttest.Key(id.String()), trust.Digest{})
}

// Member is a participant by name.
func (w *World) Member(name string) trusttest.Member { return w.members[name] }

// Connect makes a new connection of a participant.
func (w *World) Connect(name string) *streams.Conn {
	w.t.Helper()
	c, err := streams.Connect(w.Soon(), streams.ConnConfig{Server: w.Server, Seed: w.seeds[name], Zone: ZoneName, Name: name})
	w.must(err)
	w.t.Cleanup(c.Close)
	return c
}

func (w *World) conn(name string) *streams.Conn {
	if w.conns[name] == nil {
		w.conns[name] = w.Connect(name)
	}
	return w.conns[name]
}

// Write appends a record as a participant and returns its position.
func (w *World) Write(name string, kind schemas.Kind, token string, data []byte) uint64 {
	w.t.Helper()
	seq, err := w.conn(name).Append(w.Soon(), schemas.Subject(ZoneName, kind, token), data)
	w.must(err)
	return seq
}

// WriteForeign stores a record with a header of its own, as whoever attacks the
// ledger with a participant's key could.
func (w *World) WriteForeign(name string, kind schemas.Kind, token string, data []byte) {
	w.t.Helper()
	key, err := nkeys.FromSeed(w.seeds[name])
	w.must(err)
	public, err := key.PublicKey()
	w.must(err)
	nc, err := nats.Connect(w.Server.URL(), nats.Nkey(public, key.Sign))
	w.must(err)
	defer nc.Close()
	before := w.Last()
	w.must(nc.PublishMsg(&nats.Msg{
		Subject: schemas.Subject(ZoneName, kind, token), Data: data, Header: nats.Header{"X-Foreign": {"yes"}},
	}))
	w.must(nc.Flush())
	w.Eventually("the foreign record is stored", func() bool { return w.Last() > before })
}

// Introduce writes the participants' credentials.
func (w *World) Introduce(names ...string) {
	w.t.Helper()
	for _, name := range names {
		w.Write(name, schemas.KindCredential, name, w.members[name].Credential)
	}
}

// Govern writes a governance record.
func (w *World) Govern(record *pb.Governance) uint64 {
	w.t.Helper()
	return w.Write("g0", schemas.KindGovernance, "", w.Zone.Seal(record))
}

// Last is the newest position of the ledger.
func (w *World) Last() uint64 {
	w.t.Helper()
	last, err := w.conn("g0").Last(w.Soon())
	w.must(err)
	return last
}

// Fold is the ledger's fold as of now, from governance and credentials.
func (w *World) Fold() *ledger.Fold {
	w.t.Helper()
	raws, err := feed.Rest(w.Soon(), w.conn("g0"), ZoneName, 0)
	w.must(err)
	f := ledger.NewFold(w.Zone.Ledger, nil)
	for _, raw := range raws {
		_, _ = f.Step(ledger.Parser{Zone: ZoneName}.Parse(raw)) // noise is the test's own
	}
	return f
}

// Soon is a context that ends when patience does.
func (w *World) Soon() context.Context {
	ctx, cancel := context.WithTimeout(w.t.Context(), Patience)
	w.t.Cleanup(cancel)
	return ctx
}

// Eventually waits for something.
func (w *World) Eventually(what string, ok func() bool) {
	w.t.Helper()
	for end := time.Now().Add(Patience); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if ok() {
			return
		}
	}
	w.t.Fatalf("not within %v: %s", Patience, what)
}

func (w *World) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}
