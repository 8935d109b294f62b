package streams

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/portcullis-dev/portcullis/schemas"
)

// wire is a participant that speaks the NATS protocol by hand, and so can send
// what no client library would.
type wire struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func (w *world) wire(t *testing.T, name string) *wire {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(w.url(), "nats://"))
	must(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	raw := &wire{t, conn, bufio.NewReader(conn)}
	var info struct {
		Nonce string `json:"nonce"`
	}
	must(t, json.Unmarshal([]byte(strings.TrimPrefix(raw.line(), "INFO ")), &info))
	key, err := nkeys.FromSeed(w.cast.seeds[name])
	must(t, err)
	public, err := key.PublicKey()
	must(t, err)
	sig, err := key.Sign([]byte(info.Nonce))
	must(t, err)
	raw.send("CONNECT {\"verbose\":false,\"headers\":true,\"no_responders\":true,\"nkey\":%q,\"sig\":%q}\r\nPING\r\n", public, encodeSig(sig))
	raw.pong()
	return raw
}

func (w *wire) send(format string, a ...any) {
	_, err := fmt.Fprintf(w.conn, format, a...)
	must(w.t, err)
}

func (w *wire) line() string {
	must(w.t, w.conn.SetReadDeadline(time.Now().Add(10*time.Second)))
	line, err := w.in.ReadString('\n')
	must(w.t, err)
	return strings.TrimSpace(line)
}

func (w *wire) pong() {
	for {
		if w.line() == "PONG" {
			return
		}
	}
}

// publish sends a record with a raw header block and waits until the broker has read it.
func (w *wire) publish(subject, header, data string) {
	w.send("HPUB %s %d %d\r\n%s%s\r\nPING\r\n", subject, len(header), len(header)+len(data), header, data)
	w.pong()
}

// forgedBlock pretends to be the broker's own header for another position.
func forgedBlock(seq uint64, end string) string {
	return "NATS/1.0\r\nNats-Stream: LEDGER_z\r\nNats-Subject: fabric.z.governance\r\nNats-Sequence: " + fmt.Sprint(seq) +
		"\r\nNats-Time-Stamp: 2031-01-01T00:00:00Z\r\nNats-Last-Sequence: 0\r\nNats-Num-Pending: 0\r\n" + end
}

// evilHeaders are header blocks that try to lie about a record or to break a reader.
var evilHeaders = map[string]string{
	"forged, broker's lines behind":        forgedBlock(1, "\r\n"),
	"forged, broker's lines after the end": forgedBlock(1, "\r\n\r\n"),
	"forged far ahead":                     forgedBlock(1<<40, "\r\n\r\n"),
	"forged next":                          forgedBlock(2, "\r\n\r\n"),
	"end of batch":                         "NATS/1.0 204 EOB\r\nNats-Num-Pending: 0\r\nNats-Last-Sequence: 1\r\n\r\n\r\n",
	"end of batch by key":                  "NATS/1.0\r\nStatus: 204\r\nDescription: EOB\r\nNats-Num-Pending: 0\r\nNats-Last-Sequence: 1\r\n\r\n\r\n",
	"not found":                            "NATS/1.0 404 Message Not Found\r\n\r\n\r\n",
	"no responders":                        "NATS/1.0 503\r\n\r\n",
	"not a header":                         "garbage\r\n\r\n",
	"line without colon":                   "NATS/1.0\r\ngarbage\r\n\r\n",
	"one byte":                             "X",
	"two bytes":                            "\r\n",
	"empty block":                          "NATS/1.0\r\n\r\n",
	"no end":                               "NATS/1.0\r\nA: b",
	"bare newlines":                        "NATS/1.0\n\r\n\n",
	"origin":                               "NATS/1.0\r\nNats-Request-Info: {\"acc\":\"FABRIC\"}\r\n\r\n",
	"swallowed line":                       "NATS/1.0\r\nNats-Num-Pending: xx",
	"harmless":                             "NATS/1.0\r\nTrace: 1\r\n\r\n",
	"trace elsewhere":                      "NATS/1.0\r\nNats-Trace-Dest: fabric.z.governance\r\n\r\n",
	"expire":                               "NATS/1.0\r\nNats-TTL: 1s\r\n\r\n",
	"roll up":                              "NATS/1.0\r\nNats-Rollup: all\r\n\r\n",
	"long":                                 "NATS/1.0\r\nA: " + strings.Repeat("x", 60000) + "\r\n\r\n",
}

// A record's headers can neither move a record, nor forge its time or subject,
// nor stop or crash anything; and the announced record and the one read by
// position are the same for every reader.
func TestHeadersFoolNobody(t *testing.T) {
	w := newWorld(t, nil)
	alice, sent := w.connect("alice"), w.connect("sent")
	enf := w.connect("enf")
	first := w.append(sent, subj(schemas.KindGovernance, ""), "genesis")
	live := w.follow(enf, FollowConfig{})
	live.upTo(t, first)
	attacker := w.wire(t, "alice")
	started := time.Now().UTC().Add(-time.Minute)
	for name, header := range evilHeaders {
		attacker.publish(subj(schemas.KindIntent, "alice"), header, name)
	}
	last := w.append(alice, subj(schemas.KindIntent, "alice"), "honest")
	if last < first+10 {
		t.Fatalf("only %d records were stored; the attack did not happen", last)
	}
	seen := live.upTo(t, last)
	contiguous(t, seen, first)

	again := w.follow(w.connect("aud"), FollowConfig{}).upTo(t, last)
	foreign := 0
	for i, r := range seen {
		if !r.same(again[i]) {
			t.Errorf("live reader has %+v, later reader has %+v", r, again[i])
		}
		if r.Foreign {
			foreign++
			if r.Subject != "" || !r.Time.IsZero() {
				t.Errorf("foreign record %d has subject %q and time %v", r.Seq, r.Subject, r.Time)
			}
			continue
		}
		if r.Time.Before(started) || r.Time.After(time.Now()) {
			t.Errorf("record %d has time %v", r.Seq, r.Time)
		}
		if want := subj(schemas.KindIntent, "alice"); r.Seq > first && r.Subject != want {
			t.Errorf("record %d has subject %q, want %q", r.Seq, r.Subject, want)
		}
	}
	if foreign < 10 {
		t.Errorf("%d foreign records seen, want most of %d", foreign, len(evilHeaders))
	}
	honest, err := enf.Get(soon(t), last)
	must(t, err)
	if string(honest.Data) != "honest" || honest.Foreign {
		t.Errorf("honest record is %+v", honest)
	}
	forged, err := enf.Get(soon(t), first+1)
	must(t, err)
	if !forged.same(seen[1]) {
		t.Errorf("Get gives %+v, follower has %+v", forged, seen[1])
	}
	if head, err := enf.Last(soon(t)); err != nil || head != last {
		t.Errorf("Last is %d, %v; want %d", head, err, last)
	}
}

func TestReadSkipsNothingAmongForeignRecords(t *testing.T) {
	w := newWorld(t, nil)
	alice, enf := w.connect("alice"), w.connect("enf")
	attacker := w.wire(t, "alice")
	var want []uint64
	for i := range 20 {
		if i%3 == 1 {
			before := w.ledgerHead(Ledger)
			attacker.publish(subj(schemas.KindCredential, "alice"), evilHeaders["forged next"], "forged")
			eventually(t, "stored", func() bool { return w.ledgerHead(Ledger) == before+1 })
			want = append(want, before+1)
		}
		w.append(alice, subj(schemas.KindIntent, "alice"), "between")
		want = append(want, w.append(alice, subj(schemas.KindCredential, "alice"), "good"))
	}
	head := w.ledgerHead(Ledger) + 1
	attacker.publish(subj(schemas.KindIntent, "alice"), evilHeaders["forged far ahead"], "at the end")
	eventually(t, "stored", func() bool { return w.ledgerHead(Ledger) == head })
	var got []uint64
	last, err := Read(soon(t), enf, ReadConfig{Filter: subj(schemas.KindCredential, "*")}, func(r Raw) error {
		got = append(got, r.Seq)
		if r.Foreign != (string(r.Data) == "forged") {
			t.Errorf("record %+v", r)
		}
		return nil
	})
	must(t, err)
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("read positions %v, want %v", got, want)
	}
	if last != head {
		t.Errorf("covered up to %d, want %d", last, head)
	}
}

// Hole 1: the acknowledgement of a publish goes to its reply subject, with the
// broker's own rights.
func TestHolePubAckInjection(t *testing.T) {
	w := newWorld(t, nil)
	enf := w.connect("enf")
	nc := w.bare("alice")
	intent := subj(schemas.KindIntent, "alice")
	targets := []string{subj(schemas.KindGovernance, ""), subj(schemas.KindDecision, "files"), subj(schemas.KindPulse, ""), Ledger.live(zone)}
	for _, target := range targets {
		must(t, nc.PublishRequest(intent, strings.ReplaceAll(target, ">", "governance"), []byte("mine")))
	}
	must(t, nc.Flush())
	seen := w.follow(enf, FollowConfig{}).upTo(t, uint64(len(targets)))
	mark := w.append(w.connect("alice"), intent, "after") // all acknowledgements are out
	seen = append(seen, w.follow(enf, FollowConfig{FromSeq: mark}).upTo(t, mark)...)
	if mark != uint64(len(targets))+1 {
		t.Errorf("%d records stored, want %d: an acknowledgement was stored", mark, len(targets)+1)
	}
	for _, r := range seen {
		if r.Subject != intent {
			t.Errorf("record on %s: %q", r.Subject, r.Data)
		}
	}
}

// Holes 2 and 3: a participant can neither have records sent to another's
// subject nor make a consumer that does; nor use any of JetStream's API but
// reading by position, whose answers come to its own account alone.
func TestHoleConsumersAndForeignReplies(t *testing.T) {
	w := newWorld(t, nil)
	w.append(w.connect("alice"), subj(schemas.KindIntent, "alice"), "secret")
	head := w.ledgerHead(Ledger)
	victim := make(chan string, 16)
	stop, err := w.connect("alice").SubscribeAnswers(func(b []byte) { victim <- string(b) })
	must(t, err)
	defer stop()
	for name := range roles {
		nc := w.bare(name)
		for _, api := range []string{
			"$JS.API.INFO", "$JS.API.STREAM.NAMES", "$JS.API.STREAM.INFO.LEDGER_z", "$JS.API.STREAM.DELETE.LEDGER_z", "$JS.API.STREAM.PURGE.LEDGER_z",
			"$JS.API.STREAM.CREATE.MINE", "$JS.API.STREAM.UPDATE.LEDGER_z", "$JS.API.STREAM.MSG.GET.LEDGER_z", "$JS.API.STREAM.MSG.DELETE.LEDGER_z",
			"$JS.API.CONSUMER.CREATE.LEDGER_z", "$JS.API.CONSUMER.MSG.NEXT.LEDGER_z.x", "$SYS.REQ.SERVER.PING", "$SYS.REQ.ACCOUNT.PING.CONNZ", "$SYS.REQ.USER.INFO",
		} {
			if m, err := nc.Request(api, []byte(`{"stream_name":"LEDGER_z","config":{"deliver_subject":"answer.z.alice"}}`), 30*time.Millisecond); err == nil && m.Header.Get("Status") != "503" {
				t.Errorf("%s may call %s: %s", name, api, m.Data)
			}
		}
		must(t, nc.PublishRequest(Ledger.directGet(zone), subj(schemas.KindIntent, "alice"), []byte(`{"seq":1,"batch":9}`)))
		must(t, nc.PublishRequest(Ledger.directGet(zone), Ledger.directGet(zone), []byte(`{"seq":1,"batch":9}`)))
		must(t, nc.PublishRequest(Ledger.directGet(zone), "$JS.ACK.LEDGER_z.x.1.1.1.1.1", []byte(`{"seq":1,"batch":9}`)))
		must(t, nc.Flush())
	}
	if now := w.ledgerHead(Ledger); now != head {
		t.Errorf("ledger grew from %d to %d", head, now)
	}
	select {
	case s := <-victim:
		t.Errorf("alice was sent %q", s)
	case <-time.After(50 * time.Millisecond):
	}
}

// Nobody can announce but the broker: neither a role nor an agent's neighbour hears a forged announcement.
func TestNobodyForgesAnnouncements(t *testing.T) {
	w := newWorld(t, nil)
	tp := w.follow(w.connect("enf"), FollowConfig{})
	eventually(t, "live", func() bool { return tp.state() == Live })
	for name := range roles {
		refused := make(chan error, 4)
		nc := w.bare(name)
		nc.SetErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { refused <- err })
		m := nats.NewMsg("live.fabric.z.governance")
		m.Header = nats.Header{
			headerStream: {"LEDGER_z"}, headerSubject: {"fabric.z.governance"}, headerSequence: {"1"},
			headerTime: {"2026-01-01T00:00:00Z"}, headerPrev: {"0"},
		}
		m.Data = []byte("forged by " + name)
		must(t, nc.PublishMsg(m))
		must(t, nc.Flush())
		select {
		case err := <-refused:
			wantErr(t, err, nats.ErrPermissionViolation)
		case <-time.After(5 * time.Second):
			t.Errorf("%s may publish announcements", name)
		}
	}
	seq := w.append(w.connect("alice"), subj(schemas.KindIntent, "alice"), "true")
	if got := tp.upTo(t, seq); len(got) != 1 || string(got[0].Data) != "true" {
		t.Errorf("delivered %+v", got)
	}
}

// Hole 4: a squatted message id makes nobody's record vanish, for ours have none.
func TestHoleMessageID(t *testing.T) {
	w := newWorld(t, nil)
	alice, bob := w.bare("alice"), w.connect("bob")
	for range 3 { // repeated within the window, so that the broker drops two
		m := nats.NewMsg(subj(schemas.KindIntent, "alice"))
		m.Header.Set(nats.MsgIdHdr, "squatted")
		m.Data = []byte("squat")
		_, err := alice.RequestMsgWithContext(soon(t), m) // acknowledged: what comes next finds it stored
		must(t, err)
	}
	before := w.ledgerHead(Ledger)
	for i := range 10 {
		if seq := w.append(bob, subj(schemas.KindIntent, "bob"), "same bytes"); seq != before+uint64(i)+1 {
			t.Fatalf("append %d came to position %d, want %d", i, seq, before+uint64(i)+1)
		}
	}
}

// Noise on every subject of the ledger reaches followers as it is.
func TestNoiseIsDelivered(t *testing.T) {
	w := newWorld(t, nil)
	admin, enf := w.admin(), w.connect("enf")
	tp := w.follow(enf, FollowConfig{})
	noise := []string{"", "\x00", `{"stream":"LEDGER_z","seq":1}`, strings.Repeat("x", schemas.MaxEnvelope)}
	var want []Raw
	for _, subject := range ledgerSubjects() {
		for _, data := range noise {
			want = append(want, Raw{Seq: w.append(admin, subject, data), Subject: subject, Data: []byte(data)})
		}
	}
	// A subject that the protocol does not know is stored too; only FABRIC's own users can write it.
	want = append(want, Raw{Seq: w.append(admin, "fabric.z.x.y.z", "odd"), Subject: "fabric.z.x.y.z", Data: []byte("odd")})
	got := tp.upTo(t, want[len(want)-1].Seq)
	for i, r := range got {
		if want[i].Time = r.Time; !r.same(want[i]) {
			t.Errorf("record %d: subject %s, %d bytes; want subject %s, %d bytes", r.Seq, r.Subject, len(r.Data), want[i].Subject, len(want[i].Data))
		}
	}
}
