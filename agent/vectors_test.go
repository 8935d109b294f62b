package agent

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

var update = flag.Bool("update", false, "write sdk/vectors/answers.json anew")

// vector is one row of sdk/vectors/answers.json: one answer to an agent, and what it
// then knows of its intent, as its deadline passes.
type vector struct {
	About  string `json:"about"`
	Agent  string `json:"agent"`
	Ledger string `json:"ledger"`
	Issuer string `json:"issuer"` // DER
	At     int64  `json:"at"`     // the agent's clock, nanoseconds since 1970
	Intent string `json:"intent"`
	Answer string `json:"answer"` // an envelope
	Told   string `json:"told"`   // an outcome's result, or the error's text
	Round  bool   `json:"round"`  // it was told that the intent waits for approvals
}

// TestVectors: agents in other languages make of each answer what this one does.
func TestVectors(t *testing.T) {
	intent := trust.DigestOf([]byte("an intent"))
	honest := map[string]func(trust.Digest) answering{
		"executed": done(executor),
		"executed without a result": func(i trust.Digest) answering {
			return answerOf(executor, outcomeOf(i, executor.SPIFFE(), nil, executed))
		},
		"denied":  func(i trust.Digest) answering { return answerOf(enforcer, decisionOn(i, func(*pb.Decision) {})) },
		"allowed": func(i trust.Digest) answering { return answerOf(enforcer, decisionOn(i, allow)) },
		"waiting for approvals": func(i trust.Digest) answering {
			return answerOf(enforcer, decisionOn(i, func(d *pb.Decision) { d.Reasons = []pb.Reason{pb.Reason_REASON_APPROVAL_PENDING} }))
		},
		"about another intent": func(trust.Digest) answering { return done(executor)(trust.DigestOf([]byte("another"))) },
	}
	for status, name := range pb.Status_name {
		if status != 0 && pb.Status(status) != pb.Status_STATUS_EXECUTED {
			honest["not executed: "+name] = func(i trust.Digest) answering {
				return answerOf(executor, outcomeOf(i, executor.SPIFFE(), nil, func(o *pb.Outcome) {
					o.Status, o.Reason = pb.Status(status), pb.Reason_REASON_START_LATE
				}))
			}
		}
	}
	var rows []vector
	for _, table := range []map[string]func(trust.Digest) answering{honest, forgeries()} {
		for _, about := range slices.Sorted(maps.Keys(table)) {
			rows = append(rows, told(t, about, intent, table[about](intent).bytes(t)))
		}
	}
	if settled := slices.DeleteFunc(slices.Clone(rows), func(v vector) bool { return bytes.Contains([]byte(v.Told), []byte("never acknowledged")) }); len(settled) < len(honest)-3 {
		t.Errorf("%d of the honest answers settle anything", len(settled))
	}
	vectors(t, rows)
}

// told takes one answer and lets the deadline pass.
func told(t *testing.T, about string, intent trust.Digest, answer []byte) vector {
	t.Helper()
	v := vector{
		About: about, Agent: alice.SPIFFE(), Ledger: ledgerID.String(), Issuer: hex.EncodeToString(ca.Cert.Raw), At: trusttest.Start.UnixNano(),
		Intent: intent.String(), Answer: hex.EncodeToString(answer),
	}
	in(t, &broker{}, func(t *testing.T, a *Agent) {
		w, err := a.answers.expect(intent, trusttest.Start, 0, func(*Refused) { v.Round = true })
		must(t, err)
		a.answers.take(answer)
		synctest.Wait()
		if !w.settled {
			w.fail(w.unanswered())
		}
		out, err := w.outcome, w.result()
		v.Told = fmt.Sprint(err)
		if err == nil {
			v.Told = fmt.Sprintf("%s %s %s", out.Claim, out.At, out.Result)
		}
		a.answers.forget(intent)
	})
	return v
}

func vectors(t *testing.T, rows []vector) {
	t.Helper()
	const name = "../sdk/vectors/answers.json"
	want, err := json.MarshalIndent(rows, "", " ")
	must(t, err)
	want = append(want, '\n')
	if *update {
		must(t, os.WriteFile(name, want, 0o600))
	}
	kept, err := os.ReadFile(name)
	must(t, err)
	if !bytes.Equal(kept, want) {
		t.Errorf("%s is not current; run: go test ./agent -run TestVectors -update, then make sdk-test", name)
	}
}
