package governing_test

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/portcullis-dev/portcullis/agent"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/dashboards/surface"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/zone"
)

// onePerson is a policy under which transfers need one approval.
const onePerson = `
@id("transfers")
@reason("Transfers need somebody.")
@approvals("1")
permit (principal in Group::"staff", action == Action::"transfer", resource is Account);
`

// answeredWorld is a world in which alice and bob approve transfers, dora reads, and
// none of their signing keys is where the console looks.
type answeredWorld struct {
	*world
	people map[string]*fabric.Member
	scout  *agent.Agent
}

func newAnsweredWorld(t *testing.T) *answeredWorld {
	t.Helper()
	f, err := fabric.Create(filepath.Join(t.TempDir(), "data"), fabric.Params{
		Clock: time.Now, TrustDomain: "example.test", Zone: "home", Governors: 2, Release: withPolicy(t),
	})
	must(t, err)
	w := &answeredWorld{people: map[string]*fabric.Member{}}
	for name, tool := range map[string]string{"alice": "transfer", "bob": "transfer", "dora": "file-read"} {
		_, err := f.Enroll(fabric.Enrollment{Role: pb.Role_ROLE_APPROVER, Name: name, Tools: []string{tool}})
		must(t, err)
		w.people[name], err = f.Load(pb.Role_ROLE_APPROVER, name, trust.Digest{})
		must(t, err)
		for _, secret := range []string{"signing.pem", "svid.key"} {
			must(t, os.Remove(filepath.Join(f.MemberDir(pb.Role_ROLE_APPROVER, name), secret)))
		}
	}
	w.world = worldOf(t, f)
	w.role = surface.Approver
	scout, conn, err := w.zone.Agent(t.Context(), "scout")
	must(t, err)
	t.Cleanup(conn.Close)
	t.Cleanup(scout.Close)
	w.scout = scout
	return w
}

// withPolicy is the template under which transfers wait for somebody, for minutes.
func withPolicy(t *testing.T) fs.FS {
	t.Helper()
	tree, err := fabric.Template()
	must(t, err)
	release := fstest.MapFS{}
	must(t, fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(tree, name)
		release[name] = &fstest.MapFile{Data: data, Mode: 0o600}
		return err
	}))
	text := string(release["release.yaml"].Data)
	patient := strings.Replace(text, "max_deadline: 60s", "max_deadline: 10m", 1)
	if patient == text {
		t.Fatal("the template has no max_deadline of 60s")
	}
	release["release.yaml"].Data = []byte(patient)
	release["policies/money.cedar"].Data = []byte(onePerson)
	delete(release, "tests/money.yaml")
	return release
}

// transfer proposes in the background, and waits until the console shows that it waits.
func (w *answeredWorld) transfer(amount int, timeout time.Duration) (intent trust.Digest, ended <-chan error) {
	w.t.Helper()
	failed := make(chan error, 1)
	go func() {
		_, err := w.scout.Propose(w.t.Context(), agent.Request{
			Tool: "transfer", Resource: "acme", Timeout: timeout, Arguments: json.RawMessage(fmt.Sprintf(`{"to":"acme","amount":%d,"currency":"EUR"}`, amount)),
		})
		failed <- err
	}()
	w.until("the console shows that it waits", func() bool {
		for _, one := range w.waiting() {
			if strings.Contains(one.Arguments, fmt.Sprintf(`"amount":%d,`, amount)) && one.Pending {
				intent = digestOf(w.t, one.Intent)
				return true
			}
		}
		return false
	})
	return intent, failed
}

// until waits until something is so.
func (w *answeredWorld) until(what string, so func() bool) {
	w.t.Helper()
	for end := time.Now().Add(time.Minute); !so(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatal("waited in vain until", what)
		}
	}
}

// waiting is an intent that waits, as the console tells it.
type waiting struct {
	Intent    string `json:"intent"`
	Arguments string `json:"arguments"`
	Pending   bool   `json:"pending"`
	Answers   []struct {
		By       string `json:"by"`
		Approve  bool   `json:"approve"`
		Position uint64 `json:"position"`
	} `json:"answers"`
}

func (w *answeredWorld) waiting() []waiting {
	w.t.Helper()
	status, told := w.ask("/approvals", nil)
	if status != http.StatusOK {
		w.t.Fatal(status, told)
	}
	text, err := json.Marshal(told["intents"])
	must(w.t, err)
	var all []waiting
	must(w.t, json.Unmarshal(text, &all))
	return all
}

// answerTo is an approver's answer, as a page makes it.
func (w *answeredWorld) answerTo(intent trust.Digest, name string, approve bool, change ...func(*pb.Approval)) []byte {
	w.t.Helper()
	a := &pb.Approval{Ledger: w.fabric.Ledger[:], IntentDigest: intent[:], Approver: w.people[name].ID.String(), Approve: approve, Note: note}
	for _, f := range change {
		f(a)
	}
	payload, err := schemas.Marshal(a)
	must(w.t, err)
	data, err := trust.Seal(schemas.KindApproval.PayloadType(), payload, w.people[name].Key)
	must(w.t, err)
	return data
}

// note stands on every answer, for logs to be searched for.
const note = "a note that is nobody's business but the ledger's"

// answer is what a page hands in.
type answer struct {
	Envelope   []byte `json:"envelope"`
	Credential []byte `json:"credential,omitempty"`
}

// TestApprovalsAreCarried: an answer that somebody signed elsewhere stands where the
// console says, opens the round that decides, and is logged by digest and position.
func TestApprovalsAreCarried(t *testing.T) {
	w := newAnsweredWorld(t)
	yes, done := w.transfer(1, 5*time.Minute)
	data := w.answerTo(yes, "alice", true)
	status, first := w.ask("/approvals", answer{data, w.people["alice"].Credential})
	if status != http.StatusOK || first["decided"] != true || first["verdict"] != "ALLOW" {
		t.Fatal(status, first)
	}
	if err := <-done; err != nil {
		t.Error("it was approved:", err)
	}
	w.role = surface.Operator // may what approvers may
	no, ended := w.transfer(2, 5*time.Minute)
	refusal := w.answerTo(no, "alice", false)
	status, second := w.ask("/approvals", answer{Envelope: refusal}) // her key is known by now
	if status != http.StatusOK || second["decided"] != true || second["verdict"] != "DENY" {
		t.Fatal(status, second)
	}
	if err := <-ended; err == nil {
		t.Error("it was refused")
	}
	w.stands(first, data)
	w.stands(second, refusal)

	for _, stale := range [][]byte{data, refusal, w.answerTo(yes, "bob", true), w.answerTo(no, "bob", true)} {
		if status, told := w.ask("/approvals", answer{stale, w.people["bob"].Credential}); status != http.StatusUnprocessableEntity {
			t.Error("answered already:", status, told)
		}
	}
	const route = "POST /api/v1/governance/approvals"
	want := []act{
		{Route: route, Role: "approver", Status: http.StatusOK, Record: payloadDigest(t, data), Position: positionOf(t, first)},
		{Route: route, Role: "operator", Status: http.StatusOK, Record: payloadDigest(t, refusal), Position: positionOf(t, second)},
	}
	for range 4 {
		want = append(want, act{Route: route, Role: "operator", Status: http.StatusUnprocessableEntity})
	}
	w.logs(want)
	for _, sent := range [][]byte{data, refusal} {
		env, err := trust.ParseEnvelope(sent)
		must(t, err)
		w.tellsNothingOf(sent, env.Payload, env.Signatures[0].Sig, w.people["alice"].Credential, []byte(note))
	}
}

// stands demands that a record is, byte for byte, where the console said.
func (w *answeredWorld) stands(told map[string]any, want []byte) {
	w.t.Helper()
	conn, err := zone.ConnectReader(w.t.Context(), w.fabric, w.zone.Broker(), slog.New(slog.DiscardHandler))
	must(w.t, err)
	defer conn.Close()
	found, err := conn.Get(w.t.Context(), positionOf(w.t, told))
	must(w.t, err)
	if !slices.Equal(found.Data, want) {
		w.t.Errorf("%x stands there, want %x", found.Data, want)
	}
}

func payloadDigest(t *testing.T, data []byte) string {
	t.Helper()
	env, err := trust.ParseEnvelope(data)
	must(t, err)
	return trust.DigestOf(env.Payload).String()
}

// TestAnswersThatAreRefused: an answer that would not count is not sent, whatever is
// wrong with it; then the honest one is.
func TestAnswersThatAreRefused(t *testing.T) {
	w := newAnsweredWorld(t)
	late, ended := w.transfer(3, 15*time.Second)
	intent, done := w.transfer(4, 5*time.Minute)
	good, credential := w.answerTo(intent, "alice", true), w.people["alice"].Credential
	if err := <-ended; err == nil {
		t.Fatal("nobody had approved it")
	}
	w.until("the late one waits no more", func() bool {
		return !slices.ContainsFunc(w.waiting(), func(one waiting) bool { return one.Intent == late.String() })
	})
	for name, test := range w.spoiled(intent, late) {
		if test.credential == nil {
			test.credential = credential
		}
		status, told := w.ask("/approvals", answer{test.data, test.credential})
		text, _ := json.Marshal(told) //nolint:errchkjson // it was JSON before
		if status != test.status || !strings.Contains(string(text), test.says) {
			t.Errorf("%s: %d %s; want %d %q", name, status, text, test.status, test.says)
		}
	}
	for name, body := range map[string]any{
		"more than an answer": map[string]any{"envelope": good, "credential": credential, "as": "bob"},
		"no object":           []string{"yes"},
	} {
		if status, told := w.ask("/approvals", body); status != http.StatusBadRequest {
			t.Errorf("%s: %d %v", name, status, told)
		}
	}
	if status, told := w.ask("/approvals", answer{make([]byte, 2<<20), nil}); status != http.StatusRequestEntityTooLarge {
		t.Error("too much:", status, told)
	}
	for _, method := range []string{http.MethodPut, http.MethodPatch, http.MethodDelete} {
		if status := w.by(method, answer{good, credential}); status != http.StatusMethodNotAllowed {
			t.Errorf("%s: %d", method, status)
		}
	}
	for _, one := range w.waiting() {
		if one.Intent != intent.String() || !one.Pending || len(one.Answers) > 0 {
			t.Errorf("something was sent: %+v", one)
		}
	}
	if _, told := w.ask("/keys/"+w.people["alice"].Key.ID().String(), nil); told["known"] != false {
		t.Error("somebody was introduced:", told)
	}
	for one := range strings.Lines(w.log.String()) {
		if strings.Contains(one, `"record"`) || strings.Contains(one, note) {
			t.Error("of what was refused the log tells", one)
		}
	}
	if status, told := w.ask("/approvals", answer{good, credential}); status != http.StatusOK || told["verdict"] != "ALLOW" {
		t.Error("the honest one:", status, told)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// by asks with another method than what is asked is for.
func (w *answeredWorld) by(method string, body any) int {
	w.t.Helper()
	data, err := json.Marshal(body)
	must(w.t, err)
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.url+"/api/v1/governance/approvals", strings.NewReader(string(data)))
	must(w.t, err)
	told, err := http.DefaultClient.Do(r)
	must(w.t, err)
	defer told.Body.Close()
	_, err = io.Copy(io.Discard, told.Body)
	must(w.t, err)
	return told.StatusCode
}

// spoiledAnswer is one that is refused, and how. Without a credential of its own it
// comes with alice's.
type spoiledAnswer struct {
	data, credential []byte
	status           int
	says             string
}

// spoiled are all ways in which an answer to an intent is none; late is one that
// waits no more.
func (w *answeredWorld) spoiled(intent, late trust.Digest) map[string]spoiledAnswer {
	w.t.Helper()
	const asked, void = http.StatusBadRequest, http.StatusUnprocessableEntity
	good, halt := w.answerTo(intent, "alice", true), w.signed(zone.HaltRecord(w.scope("global"), note), "g1")
	twice, err := trust.AddSignature(good, w.people["bob"].Key)
	must(w.t, err)
	relabelled, err := trust.Seal(schemas.KindApproval.PayloadType(), trustPayload(w.t, halt), w.people["alice"].Key)
	must(w.t, err)
	as := func(id trust.Identity) []byte {
		return w.answerTo(intent, "alice", true, func(a *pb.Approval) { a.Approver = id.String() })
	}
	self, stranger := w.people["alice"].ID, w.people["alice"].ID
	elsewhere, agents := self, self
	elsewhere.Zone, agents.Role, stranger.Name = "away", pb.Role_ROLE_AGENT, "eve"
	all := map[string]spoiledAnswer{
		"nothing":                    {nil, nil, asked, "payload_type"},
		"no envelope":                {[]byte("yes!"), nil, asked, "not an envelope"},
		"cut off":                    {good[:len(good)-1], nil, asked, "not an envelope"},
		"a halt":                     {halt, nil, asked, "no approval with one signature"},
		"a halt that says approval":  {relabelled, nil, asked, "Approval"},
		"signed by two":              {twice, nil, asked, "no approval with one signature"},
		"of another ledger":          {w.answerTo(intent, "alice", true, func(a *pb.Approval) { a.Ledger = make([]byte, 32) }), nil, asked, "for another ledger"},
		"of another zone":            {as(elsewhere), nil, asked, "no approver of this zone"},
		"as an agent":                {as(agents), nil, asked, "no approver of this zone"},
		"as nobody of the directory": {as(stranger), nil, void, "not in the directory"},
		"as somebody else":           {as(w.people["bob"].ID), nil, void, "is of"},
		"for another tool":           {w.answerTo(intent, "dora", true), w.people["dora"].Credential, void, "does not let dora"},
		"to no intent":               {w.answerTo(trust.Digest{1}, "alice", true), nil, void, "no intent"},
		"after the deadline":         {w.answerTo(late, "alice", true), nil, void, "no intent"},
		"another's credential":       {good, w.people["bob"].Credential, void, "is of"},
		"no credential":              {good, []byte{}, void, "not introduced"},
		"a broken credential":        {good, w.people["alice"].Credential[1:], void, "not an envelope"},
	}
	maps.Copy(all, w.altered(good))
	return all
}

// altered are answers of which somebody on the way has changed one thing.
func (w *answeredWorld) altered(good []byte) map[string]spoiledAnswer {
	w.t.Helper()
	payload := func(change func(*pb.Approval)) []byte {
		env, a := new(pb.Envelope), new(pb.Approval)
		must(w.t, schemas.DecodeUnchecked(good, schemas.MaxEnvelope, env))
		must(w.t, schemas.Decode(env.GetPayload(), schemas.MaxItem, a))
		change(a)
		var err error
		env.Payload, err = schemas.Marshal(a)
		must(w.t, err)
		data, err := schemas.Marshal(env)
		must(w.t, err)
		return data
	}
	sig := slices.Clone(good)
	sig[len(sig)-1] ^= 1 // the last byte of the signature
	const says = "signature does not fit"
	return map[string]spoiledAnswer{
		"a yes made of a no":   {payload(func(a *pb.Approval) { a.Approve = !a.GetApprove() }), nil, http.StatusUnprocessableEntity, says},
		"another note":         {payload(func(a *pb.Approval) { a.Note += "!" }), nil, http.StatusUnprocessableEntity, says},
		"an altered signature": {sig, nil, http.StatusUnprocessableEntity, says},
	}
}

func trustPayload(t *testing.T, data []byte) []byte {
	t.Helper()
	env, err := trust.ParseEnvelope(data)
	must(t, err)
	return env.Payload
}
