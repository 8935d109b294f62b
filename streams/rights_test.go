package streams

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

func encodeSig(sig []byte) string { return base64.RawURLEncoding.EncodeToString(sig) }

// ledgerSubjects is one subject of each kind, for two names or tools each.
func ledgerSubjects() []string {
	return []string{
		subj(schemas.KindCredential, "alice"), subj(schemas.KindCredential, "bob"), subj(schemas.KindCredential, "enf"), subj(schemas.KindCredential, "exec"),
		subj(schemas.KindCredential, "sent"), subj(schemas.KindCredential, "gov"), subj(schemas.KindCredential, "appr"), subj(schemas.KindCredential, "rec"),
		subj(schemas.KindCredential, "wit"), subj(schemas.KindCredential, "aud"),
		subj(schemas.KindIntent, "alice"), subj(schemas.KindIntent, "bob"), subj(schemas.KindIntent, "enf"),
		subj(schemas.KindDecision, "files"), subj(schemas.KindDecision, "mail"),
		subj(schemas.KindClaim, "files"), subj(schemas.KindClaim, "mail"),
		subj(schemas.KindOutcome, "http"), subj(schemas.KindOutcome, "mail"),
		subj(schemas.KindGovernance, ""), subj(schemas.KindApproval, ""), subj(schemas.KindPulse, ""),
	}
}

func otherSubjects() []string {
	return []string{
		subj(schemas.KindHeartbeat, "enforcer.enf"), subj(schemas.KindHeartbeat, "executor.exec"), subj(schemas.KindHeartbeat, "sentinel.sent"),
		subj(schemas.KindHeartbeat, "recorder.rec"), subj(schemas.KindHeartbeat, "auditor.aud"), subj(schemas.KindHeartbeat, "agent.alice"), subj(schemas.KindCheckpoint, ""),
	}
}

// mayAppend is the matrix, written out by hand: who may append where.
var mayAppend = map[string][]string{
	"alice": {"fabric.z.credential.alice", "fabric.z.intent.alice"},
	"bob":   {"fabric.z.credential.bob", "fabric.z.intent.bob"},
	"enf":   {"fabric.z.credential.enf", "fabric.z.decision.files", "fabric.z.decision.mail", "heartbeat.z.enforcer.enf"},
	"exec":  {"fabric.z.credential.exec", "fabric.z.claim.files", "fabric.z.outcome.http", "heartbeat.z.executor.exec"},
	"sent":  {"fabric.z.credential.sent", "fabric.z.pulse", "fabric.z.governance", "heartbeat.z.sentinel.sent"},
	"gov":   {"fabric.z.governance"},
	"appr":  {"fabric.z.credential.appr", "fabric.z.approval"},
	"rec":   {"fabric.z.credential.rec", "heartbeat.z.recorder.rec", "checkpoint.z"},
	"wit":   {"checkpoint.z"},
	"aud":   {"fabric.z.credential.aud", "heartbeat.z.auditor.aud"},
}

// Every role against every subject: refused at the broker and nothing stored,
// or allowed and stored.
func TestAppendMatrix(t *testing.T) {
	for _, where := range []string{"embedded", "external"} {
		t.Run(where, func(t *testing.T) {
			w := newWorld(t, nil)
			if where == "external" {
				w = newExternalWorld(t)
			}
			for name := range roles {
				c := w.connect(name)
				for _, subject := range slices.Concat(ledgerSubjects(), otherSubjects()) {
					checkAppend(t, w, c, subject, slices.Contains(mayAppend[name], subject))
				}
			}
		})
	}
}

func checkAppend(t *testing.T, w *world, c *Conn, subject string, allowed bool) {
	t.Helper()
	s, ok := streamOf(zone, subject)
	if !ok {
		t.Fatalf("%s belongs to no stream", subject)
	}
	before := w.ledgerHead(s)
	seq, err := c.Append(soon(t), subject, []byte("x"))
	after := w.ledgerHead(s)
	switch {
	case allowed && (err != nil || seq != before+1 || after != before+1):
		t.Errorf("%s on %s: position %d, error %v; stream went from %d to %d; want it stored", c.cfg.Name, subject, seq, err, before, after)
	case !allowed && (!errors.Is(err, ErrRefused) || !errors.Is(err, nats.ErrPermissionViolation) || after != before):
		t.Errorf("%s on %s: error %v; stream went from %d to %d; want it refused by the broker", c.cfg.Name, subject, err, before, after)
	}
}

// mayRead is the matrix of subscriptions.
var mayRead = map[string][]string{
	"alice": {"answer.z.alice"},
	"bob":   {"answer.z.bob"},
	"enf":   {"live.fabric.z.>"}, "exec": {"live.fabric.z.>"}, "appr": {"live.fabric.z.>"},
	"gov":  {"live.fabric.z.>", "live.heartbeat.z.>", "live.checkpoint.z"},
	"sent": {"live.fabric.z.>", "live.heartbeat.z.>", "live.checkpoint.z"},
	"aud":  {"live.fabric.z.>", "live.heartbeat.z.>", "live.checkpoint.z"},
	"rec":  {"live.fabric.z.>", "live.checkpoint.z"},
	"wit":  {"live.checkpoint.z"},
}

func TestSubscribeMatrix(t *testing.T) {
	w := newWorld(t, nil)
	subjects := []string{
		">", "*", "live.>", "live.fabric.z.>", "live.heartbeat.z.>", "live.checkpoint.z", "fabric.>", "fabric.z.>", "fabric.z.governance", "heartbeat.z.>", "checkpoint.z",
		"answer.z.alice", "answer.z.bob", "answer.z.*", "answer.>", "$JS.>", "$SYS.>", "$JS.API.DIRECT.GET.LEDGER_z", "_R_.>",
	}
	for name := range roles {
		for _, subject := range subjects {
			refused := make(chan error, 4)
			nc := w.bare(name, nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { refused <- err }))
			nc.SetErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { refused <- err })
			_, err := nc.SubscribeSync(subject)
			must(t, err)
			must(t, nc.Flush())
			var got error
			select {
			case got = <-refused:
			case <-time.After(20 * time.Millisecond):
			}
			if allowed := slices.Contains(mayRead[name], subject); allowed != (got == nil) {
				t.Errorf("%s subscribes to %s: %v; allowed should be %v", name, subject, got, allowed)
			}
			nc.Close()
		}
	}
}

// What a participant can read is what the matrix says, in effect and not only in words.
func TestReadMatrix(t *testing.T) {
	w := newWorld(t, nil)
	w.append(w.connect("alice"), subj(schemas.KindIntent, "alice"), "x")
	w.append(w.connect("enf"), subj(schemas.KindHeartbeat, "enforcer.enf"), "x")
	w.append(w.connect("rec"), subj(schemas.KindCheckpoint, ""), "x")
	for name := range roles {
		nc := w.bare(name)
		for s := range streamCount {
			m, err := nc.Request(s.directGet(zone), []byte(`{"seq":1}`), 50*time.Millisecond)
			got := err == nil && string(m.Data) == "x"
			if want := slices.Contains(mayRead[name], s.live(zone)); got != want {
				t.Errorf("%s reads %s: %v (%v), want %v", name, s.Name(zone), got, err, want)
			}
		}
		varz, err := nc.Request(varzSubject, nil, 50*time.Millisecond)
		got := err == nil && len(varz.Data) > 100
		if want := rightsOf[roles[name]].verifiesSync; got != want {
			t.Errorf("%s asks for settings: %v (%v), want %v", name, got, err, want)
		}
	}
}

func TestAnswersReachTheirAgentOnly(t *testing.T) {
	w := newWorld(t, nil)
	var mu sync.Mutex
	got := map[string][]string{}
	for _, agent := range []string{"alice", "bob"} {
		c := w.connect(agent)
		stop, err := c.SubscribeAnswers(func(b []byte) { mu.Lock(); got[agent] = append(got[agent], string(b)); mu.Unlock() })
		must(t, err)
		t.Cleanup(stop)
		must(t, c.nc.Flush())
	}
	for name := range roles {
		c := w.connect(name)
		for _, agent := range []string{"alice", "bob"} {
			must(t, c.PublishAnswer(agent, []byte("from "+name+" to "+agent)))
		}
		must(t, c.nc.Flush())
	}
	want := map[string][]string{"alice": {"from enf to alice", "from exec to alice"}, "bob": {"from enf to bob", "from exec to bob"}}
	eventually(t, "answers", func() bool { mu.Lock(); defer mu.Unlock(); return len(got["alice"]) >= 2 && len(got["bob"]) >= 2 })
	time.Sleep(30 * time.Millisecond) // for those that must not come
	mu.Lock()
	defer mu.Unlock()
	for agent, answers := range got {
		slices.Sort(answers)
		if fmt.Sprint(answers) != fmt.Sprint(want[agent]) {
			t.Errorf("%s got %v, want %v", agent, answers, want[agent])
		}
	}
}

// The table of rights and the table of kinds must not disagree.
func TestRightsAgreeWithKinds(t *testing.T) {
	for _, info := range schemas.Kinds() {
		if info.Prefix == "" {
			continue // travels inside other records
		}
		for number := range pb.Role_name {
			role := pb.Role(number)
			rights := rightsOf[role]
			has := slices.ContainsFunc(rights.appends, func(g grant) bool { return g.kind == info.Kind })
			if info.Kind == schemas.KindAnswer {
				has = rights.sendsAnswers
			}
			if has != info.Kind.MayWrite(role) {
				t.Errorf("%v writes %s: rights say %v, kinds say %v", role, info.Name, has, info.Kind.MayWrite(role))
			}
		}
	}
}

func TestParticipantsAreChecked(t *testing.T) {
	key, _ := newUser(t)
	other, _ := newUser(t)
	good := Participant{Zone: zone, Name: "a", Role: pb.Role_ROLE_AGENT, Key: key}
	for name, tc := range map[string]struct {
		list []Participant
		say  string
	}{
		"zero value":      {[]Participant{{}}, "name"},
		"wildcard name":   {[]Participant{{Zone: zone, Name: "*", Role: pb.Role_ROLE_AGENT, Key: key}}, "name"},
		"dotted zone":     {[]Participant{{Zone: "a.b", Name: "a", Role: pb.Role_ROLE_AGENT, Key: key}}, "name"},
		"injected config": {[]Participant{{Zone: zone, Name: "a\"}", Role: pb.Role_ROLE_AGENT, Key: key}}, "name"},
		"no role":         {[]Participant{{Zone: zone, Name: "a", Key: key}}, "role"},
		"unknown role":    {[]Participant{{Zone: zone, Name: "a", Role: 99, Key: key}}, "role"},
		"tools of agent":  {[]Participant{{Zone: zone, Name: "a", Role: pb.Role_ROLE_AGENT, Key: key, Tools: []string{"t"}}}, "tools"},
		"wildcard tool":   {[]Participant{{Zone: zone, Name: "a", Role: pb.Role_ROLE_EXECUTOR, Key: key, Tools: []string{">"}}}, "name"},
		"no key":          {[]Participant{{Zone: zone, Name: "a", Role: pb.Role_ROLE_AGENT}}, "key"},
		"twice":           {[]Participant{good, {Zone: zone, Name: "a", Role: pb.Role_ROLE_ENFORCER, Key: other}}, "twice"},
		"shared key":      {[]Participant{good, {Zone: zone, Name: "b", Role: pb.Role_ROLE_AGENT, Key: key}}, "one key"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Config(ConfigParams{StoreDir: "x", Participants: tc.list})
			if err == nil {
				t.Fatal("accepted")
			}
			wantErr(t, err, err, tc.say)
		})
	}
	if _, err := Config(ConfigParams{StoreDir: "x", Participants: []Participant{good}}); err != nil {
		t.Errorf("good participant refused: %v", err)
	}
}
