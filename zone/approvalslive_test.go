package zone_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/portcullis-dev/portcullis/agent"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/zone"
)

// twoPeople is a policy under which larger transfers need two approvals.
const twoPeople = `
@id("large-transfers")
@reason("Larger transfers need two people.")
@approvals("2")
permit (principal in Group::"staff", action == Action::"transfer", resource is Account)
when { context.arguments.amount >= 80 };
`

// approvedZone is a zone with the policy, and alice and bob who may approve
// transfers. Smaller transfers are permitted to nobody.
func approvedZone(t *testing.T) *live {
	t.Helper()
	release := edited(t).(fstest.MapFS) //nolint:errcheck,forcetypeassert // what edited makes
	release["policies/money.cedar"] = &fstest.MapFile{Data: []byte(twoPeople), Mode: 0o600}
	delete(release, "tests/money.yaml")
	f, err := fabric.Create(filepath.Join(t.TempDir(), "fabric"), fabric.Params{
		Clock: time.Now, TrustDomain: "example.test", Zone: "home", Release: fs.FS(release),
	})
	must(t, err)
	for _, name := range []string{"alice", "bob"} {
		_, err := f.Enroll(fabric.Enrollment{Role: pb.Role_ROLE_APPROVER, Name: name, Tools: []string{"transfer"}})
		must(t, err)
	}
	w := &live{t: t, fabric: f, config: zone.Config{
		Fabric: f, Logger: slog.New(slog.DiscardHandler), Port: -1, Handlers: handlersOf(nothing),
	}}
	w.open()
	return w
}

// transfer proposes in the background.
func (w *live) transfer(a *agent.Agent, amount int) chan error {
	failed := make(chan error, 1)
	go func() {
		_, err := a.Propose(w.t.Context(), agent.Request{
			Tool: "transfer", Resource: "acme", Timeout: 50 * time.Second,
			Arguments: json.RawMessage(fmt.Sprintf(`{"to":"acme","amount":%d,"currency":"EUR"}`, amount)),
		})
		failed <- err
	}()
	return failed
}

func (w *live) answering(name string) *zone.Answering {
	w.t.Helper()
	a, err := zone.AnswerAs(w.within(20*time.Second), w.fabric, w.Broker(), name, trust.Digest{}, slog.New(slog.DiscardHandler))
	must(w.t, err)
	w.t.Cleanup(a.Close)
	return a
}

// seen waits until an approver sees a transfer of an amount waiting.
func (w *live) seen(a *zone.Answering, amount int) zone.Waiting {
	w.t.Helper()
	for ctx := w.within(20 * time.Second); ctx.Err() == nil; time.Sleep(5 * time.Millisecond) {
		for _, one := range a.Waiting() {
			if strings.Contains(string(one.Intent.Content.GetArguments()), fmt.Sprintf(`"amount":%d,`, amount)) {
				return one
			}
		}
	}
	w.t.Fatalf("nobody sees a transfer of %d waiting", amount)
	return zone.Waiting{}
}

// TestAnApprovalFitsOneIntent: two people approve 82, and nothing comes of 820;
// then one refuses that.
func TestAnApprovalFitsOneIntent(t *testing.T) {
	w := approvedZone(t)
	scout, alice, bob := w.agent("scout"), w.answering("alice"), w.answering("bob")
	small := w.transfer(scout, 82)
	a := w.seen(alice, 82)
	large := w.transfer(scout, 820)
	b := w.seen(alice, 820)
	if a.Needed != 2 || len(a.Answers) != 0 || !a.Pending() {
		t.Errorf("waiting: %+v", a)
	}
	for i, who := range []*zone.Answering{alice, bob} {
		done, err := who.Answer(w.within(20*time.Second), a.Intent.Digest.String(), true, "seen")
		must(t, err)
		want := pb.Verdict_VERDICT_DENY_UNSPECIFIED // one of two
		if i == 1 {
			want = pb.Verdict_VERDICT_ALLOW
		}
		if done.Decision.GetVerdict() != want || done.Decision.GetApproval().GetSequence() != done.Seq || int(done.Decision.GetRound()) != i+1 {
			t.Errorf("answer %d: %+v", i, done.Decision)
		}
	}
	must(t, <-small)
	if again := w.seen(alice, 820); len(again.Answers) != 0 || !again.Pending() {
		t.Errorf("the approvals of 82 count for 820: %+v", again)
	}
	done, err := bob.Answer(w.within(20*time.Second), b.Intent.Position.String(), false, "")
	must(t, err)
	var refused *agent.Refused
	if err := <-large; !errors.As(err, &refused) || done.Decision.GetVerdict() == pb.Verdict_VERDICT_ALLOW {
		t.Errorf("refused: %v", err)
	}
	if _, err := alice.Answer(w.within(20*time.Second), b.Intent.Digest.String(), true, ""); !errors.Is(err, zone.ErrNotWaiting) {
		t.Errorf("approving what was refused: %v", err)
	}
}

// TestAWrongClockApprovesNothing: what is left of a deadline cannot be judged by
// a clock that is behind or ahead.
func TestAWrongClockApprovesNothing(t *testing.T) {
	w := approvedZone(t)
	scout := w.agent("scout")
	failed := w.transfer(scout, 82)
	right := w.answering("alice")
	intent := w.seen(right, 82).Intent
	for _, off := range []time.Duration{-time.Minute, 20 * time.Second} {
		wrong := *w.fabric
		wrong.Clock = func() time.Time { return time.Now().Add(off) }
		a, err := zone.AnswerAs(w.within(20*time.Second), &wrong, w.Broker(), "bob", trust.Digest{}, slog.New(slog.DiscardHandler))
		must(t, err)
		_, err = a.Answer(w.within(20*time.Second), intent.Digest.String(), true, "")
		a.Close()
		if err == nil || !strings.Contains(err.Error(), "set the clock right") {
			t.Errorf("%v off: %v", off, err)
		}
	}
	if n := w.approvals(); n != 0 {
		t.Errorf("%d approvals stand on the ledger", n)
	}
	for _, who := range []*zone.Answering{right, w.answering("bob")} {
		_, err := who.Answer(w.within(20*time.Second), intent.Digest.String(), true, "")
		must(t, err)
	}
	must(t, <-failed)
}

// approvals is how many stand on the ledger.
func (w *live) approvals() (n int) {
	w.t.Helper()
	gov, _ := w.governing()
	_, err := streams.Read(w.within(20*time.Second), gov.Conn(), streams.ReadConfig{Filter: "fabric.home.approval"}, func(streams.Raw) error {
		n++
		return nil
	})
	must(w.t, err)
	return n
}
