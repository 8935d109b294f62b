package authzen_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/gateway/authzen"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// notary records as it is told, and remembers what it was asked.
type notary struct {
	asked  []authzen.Asked
	answer func(authzen.Asked) (authzen.Recorded, error)
}

func (n *notary) Record(_ context.Context, q authzen.Asked) (authzen.Recorded, error) {
	n.asked = append(n.asked, q)
	return n.answer(q)
}

func recording(t *testing.T, reasons bool, answer func(authzen.Asked) (authzen.Recorded, error)) (*notary, func(path, body, want string)) {
	t.Helper()
	_, cfg := todo(t)
	n := &notary{answer: answer}
	cfg.Recorder, cfg.As, cfg.Reasons = n, "rick", reasons
	h := serve(t, cfg)
	return n, func(path, body, want string) {
		t.Helper()
		answered(t, h, path, body, want)
	}
}

// TestRecordDecides: what stands on the ledger is the answer, whatever this process
// would have said.
func TestRecordDecides(t *testing.T) {
	for name, tt := range map[string]struct {
		recorded authzen.Recorded
		err      error
		want     bool
	}{
		"allowed":             {authzen.Recorded{Allowed: true}, nil, true},
		"denied":              {authzen.Recorded{Reasons: []pb.Reason{pb.Reason_REASON_HALTED}}, nil, false},
		"allowed with a flaw": {authzen.Recorded{Allowed: true, Reasons: []pb.Reason{pb.Reason_REASON_HALTED}}, nil, false},
		"nothing":             {authzen.Recorded{}, nil, false},
		"no record":           {authzen.Recorded{Allowed: true}, errors.New("nobody answered"), false},
	} {
		n, ask := recording(t, false, func(authzen.Asked) (authzen.Recorded, error) { return tt.recorded, tt.err })
		ask(evaluation, right, fmt.Sprintf(`{"decision":%v}`, tt.want))
		if len(n.asked) != 1 || n.asked[0].Tool != "can-read-todos" || n.asked[0].Action != "can_read_todos" || n.asked[0].Agent != "rick" || n.asked[0].Resource != "1" || n.asked[0].Quorum != 1 {
			t.Errorf("%s: asked %+v", name, n.asked)
		}
	}
}

// TestRecordsForOne: nobody else's evaluation can be recorded, so it is denied.
func TestRecordsForOne(t *testing.T) {
	n, ask := recording(t, false, func(authzen.Asked) (authzen.Recorded, error) { return authzen.Recorded{Allowed: true}, nil })
	ask(evaluation, right, `{"decision":true}`)
	for _, change := range [][2]string{
		{`"rick"`, `"morty"`}, {`"rick"`, `"nobody"`}, {`"agent"`, `"robot"`}, {`can_read_todos`, `can_steal`}, {`"todo"`, `"user"`},
	} {
		ask(evaluation, strings.Replace(right, change[0], change[1], 1), `{"decision":false}`)
	}
	if len(n.asked) != 1 {
		t.Errorf("%d were recorded, want 1", len(n.asked))
	}
}

// TestRecordsInOrder: a list is recorded as far as its semantic goes, and one that says
// too little is not.
func TestRecordsInOrder(t *testing.T) {
	list := `{` + rick + `,` + reads + `,"options":{"evaluations_semantic":"deny_on_first_deny"},"evaluations":[{` + one + `},{"resource":{"type":"todo","id":"no"}},{` + one + `}]}`
	n, ask := recording(t, false, func(q authzen.Asked) (authzen.Recorded, error) {
		return authzen.Recorded{Allowed: q.Resource != "no"}, nil
	})
	ask(evaluations, list, `{"evaluations":[{"decision":true},{"decision":false}]}`)
	if len(n.asked) != 2 {
		t.Errorf("%d were recorded, want 2", len(n.asked))
	}
}

// TestRecordedReasons: the answer says where it stands.
func TestRecordedReasons(t *testing.T) {
	_, ask := recording(t, true, func(authzen.Asked) (authzen.Recorded, error) {
		return authzen.Recorded{
			Intent: trust.DigestOf(nil), At: ledger.Position{Seq: 30}, DecidedAt: ledger.Position{Seq: 31},
			Reasons: []pb.Reason{pb.Reason_REASON_POLICY_DEFAULT_DENY}, Policies: []string{"read"}, Explanation: "No policy permits it.",
		}, nil
	})
	ask(evaluation, right, `{"decision":false,"context":{"reasons":["policy.default_deny"],"policies":["read"],"reason_admin":{"en":"No policy permits it."},`+
		`"intent":"`+trust.DigestOf(nil).String()+`","intent_at":"30.0","decided_at":"31.0"}}`)
	_, ask = recording(t, true, func(authzen.Asked) (authzen.Recorded, error) { return authzen.Recorded{}, errors.New("a secret") })
	ask(evaluation, right, `{"decision":false,"context":{"reason_admin":{"en":"no decision was recorded"}}}`)
}
