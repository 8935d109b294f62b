package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/verdict"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/gateway/authzen"
	"github.com/portcullis-dev/portcullis/loadtest/peers"
	"github.com/portcullis-dev/portcullis/schemas"
	"github.com/portcullis-dev/portcullis/zone/pdp"
)

// founded answers from a fabric's founding records.
type founded struct{ core *pdp.Core }

func (f founded) Ask(ask func(*pdp.Core)) error { ask(f.core); return nil }

func foundedOn(t *testing.T, f *fabric.Fabric) founded {
	t.Helper()
	fold, parser := ledger.NewFold(f.Ledger, nil), ledger.Parser{Zone: f.Zone}
	records, err := f.Founding()
	must(t, err)
	for i, data := range records {
		_, err := fold.Step(parser.Parse(ledger.Raw{Seq: uint64(i) + 1, Time: time.Now(), Subject: schemas.Subject(f.Zone, schemas.KindGovernance, ""), Data: data}))
		must(t, err)
	}
	core, err := pdp.NewCore(fold, verdict.NewState())
	must(t, err)
	return founded{core}
}

// TestAuthZENSameAsDirect: the server answers what the comparison with other engines
// measures, and what is right.
func TestAuthZENSameAsDirect(t *testing.T) {
	task, err := peers.NewTask(100)
	must(t, err)
	f, err := task.Create(t.TempDir(), true)
	must(t, err)
	direct, err := peers.NewDirect(f)
	must(t, err)
	server, err := authzen.New(authzen.Config{Asker: foundedOn(t, f), URL: "http://127.0.0.1", Logger: slog.New(slog.DiscardHandler)})
	must(t, err)
	rapid.Check(t, func(rt *rapid.T) {
		q := rapid.SampledFrom(task.Questions).Draw(rt, "question")
		if q.Currency != "" {
			q.Amount = rapid.Int64Range(-1, 7000).Draw(rt, "amount")
		}
		kind, arguments := "File", `{}`
		if q.Currency != "" {
			kind, arguments = "Account", fmt.Sprintf(`{"amount":%d,"currency":%q}`, q.Amount, q.Currency)
		}
		name, resource := task.Agents[q.Agent].Name, fmt.Sprintf(`"resource":{"type":%q,"id":%q}`, kind, q.Resource)
		there := decided(t, direct.Handler(), fmt.Sprintf(`{"subject":{"type":"agent","id":"spiffe://%s/%s/agent/%s"},"action":{"name":%q},%s,"context":{"arguments":%s}}`,
			f.TrustDomain, f.Zone, name, q.Tool, resource, arguments))
		here := decided(t, server, fmt.Sprintf(`{"subject":{"type":"agent","id":%q},"action":{"name":%q,"properties":%s},%s}`, name, q.Tool, arguments, resource))
		if here != there || here != task.Wanted(q) {
			rt.Fatalf("%+v: the server says %v, Direct %v, right is %v", q, here, there, task.Wanted(q))
		}
	})
}

func decided(t *testing.T, h http.Handler, body string) bool {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1/access/v1/evaluation", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	var answer struct{ Decision *bool }
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || answer.Decision == nil {
		t.Fatalf("%s: %d %s", body, w.Code, w.Body)
	}
	return *answer.Decision
}
