package mcptest

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/zone"
)

// Outcomes waits until the ledger holds so many outcomes, and returns them.
func (w *World) Outcomes(n int) []*pb.Outcome {
	t := w.t
	t.Helper()
	conn, err := zone.ConnectReader(t.Context(), w.Fabric, w.Zone.Broker(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for until := time.Now().Add(Patience); ; time.Sleep(20 * time.Millisecond) {
		var all []*pb.Outcome
		last, err := conn.Last(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for seq := uint64(1); seq <= last; seq++ {
			raw, err := conn.Get(t.Context(), seq)
			if err == nil && strings.Contains(raw.Subject, ".outcome.") {
				all = append(all, read(t, raw)...)
			}
		}
		if len(all) >= n || time.Now().After(until) {
			if len(all) != n {
				t.Fatalf("%d outcomes, want %d", len(all), n)
			}
			return all
		}
	}
}

func read(t testing.TB, raw streams.Raw) (all []*pb.Outcome) {
	t.Helper()
	env, err := trust.ParseEnvelope(raw.Data)
	if err != nil {
		t.Fatal(err)
	}
	_, items, err := trust.ParseList(env.Payload)
	if err != nil {
		t.Fatal(err)
	}
	for _, item := range items {
		o := new(pb.Outcome)
		if err := schemas.Decode(item, schemas.MaxItem, o); err != nil {
			t.Fatal(err)
		}
		all = append(all, o)
	}
	return all
}
