// Package proxytest is a whole zone with an HTTP gateway's routes in its release, for
// tests.
package proxytest

import (
	"log/slog"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/gateway/gatewaytest"
	"github.com/portcullis-dev/portcullis/gateway/proxy"
	"github.com/portcullis-dev/portcullis/gateway/proxy/mapping"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/zone"
)

// Patience is how long a test waits for what must come.
const Patience = gatewaytest.Patience

// Map is the routes of a bank.
const Map = `routes:
  - operation: pay
    method: POST
    path: /accounts/{account}/payments
    resource: "{account}"
    resource_type: Account
    description: Moves money.
    body: json
    headers: [X-Note]
    arguments:
      - {name: amount, in: body, type: long, required: true, min: 0}
      - {name: to, in: body, type: string, required: true}
      - {name: dry_run, in: query, type: bool}
      - {name: tenant, in: header, from: X-Tenant, type: string}
  - operation: balance
    method: GET
    path: /accounts/{account}
    resource: "{account}"
    resource_type: Account
  - operation: remove
    method: DELETE
    path: /accounts/{account}
    resource: "{account}"
    resource_type: Account
`

// Policy lets staff look, and pay up to 100.
const Policy = `@id("look")
permit (principal in Group::"staff", action == Action::"bank-balance", resource is Account);
@id("pay")
permit (principal in Group::"staff", action == Action::"bank-pay", resource is Account)
when { context.arguments.amount <= 100 };
`

// World is a zone whose agent may use the bank.
type World struct {
	*gatewaytest.World
	Table   *mapping.Table
	Gateway *proxy.Gateway
}

// New starts a zone, and waits until it can act.
func New(t testing.TB) *World {
	t.Helper()
	table := Table(t, Map)
	entries, err := table.Entries()
	must(t, err)
	source := gatewaytest.Source{Entries: entries, Policy: Policy}
	for _, tool := range table.Tools() {
		source.Tools = append(source.Tools, tool.Name)
	}
	w := &World{World: gatewaytest.New(t, source), Table: table}
	w.Gateway = w.Within(t, 20*time.Second)
	return w
}

// Within is a gateway whose calls have so much time.
func (w *World) Within(t testing.TB, timeout time.Duration) *proxy.Gateway {
	t.Helper()
	g, err := proxy.New(proxy.Config{Agent: w.Agent, Desk: w.Desk, Timeout: timeout})
	must(t, err)
	return g
}

// Halt halts everything, and returns when the halt stands on the ledger.
func (w *World) Halt(t testing.TB) {
	t.Helper()
	governing, err := zone.Govern(t.Context(), w.Fabric, w.Zone.Broker(), slog.New(slog.DiscardHandler))
	must(t, err)
	defer governing.Close()
	_, _, err = governing.Halt(t.Context(), &pb.Scope{Kind: pb.ScopeKind_SCOPE_KIND_GLOBAL}, "a test")
	must(t, err)
}

// Table reads a mapping file for the API "bank".
func Table(t testing.TB, text string) *mapping.Table {
	t.Helper()
	routes, err := mapping.Parse([]byte(text))
	must(t, err)
	table, err := mapping.New("bank", routes)
	must(t, err)
	return table
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
