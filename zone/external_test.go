package zone_test

import (
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/fabric"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams/plainserver"
	"github.com/portcullis-dev/portcullis/zone"
)

// TestABrokerOfOnesOwn: the whole path over TCP, on a plain NATS server that runs
// the printed configuration.
func TestABrokerOfOnesOwn(t *testing.T) {
	f, err := fabric.Create(filepath.Join(t.TempDir(), "fabric"), fabric.Params{Clock: time.Now, TrustDomain: "example.test", Zone: "home"})
	must(t, err)
	text, err := zone.BrokerConfig(f, zone.Listen{Port: -1})
	must(t, err)
	again, err := zone.BrokerConfig(f, zone.Listen{Port: -1})
	must(t, err)
	if text != again {
		t.Fatal("the configuration differs when it is printed again")
	}
	url := plainserver.Start(t, text)
	log := slog.New(slog.DiscardHandler)
	must(t, foundAt(t, f, url))
	must(t, foundAt(t, f, url)) // changes nothing

	w := &live{t: t, fabric: f, config: zone.Config{Fabric: f, Logger: log, Handlers: handlersOf(nothing)}}
	z, err := zone.Join(w.config, zone.Broker{URL: url})
	must(t, err)
	w.Zone = z
	t.Cleanup(z.Close)
	for _, one := range []struct {
		role pb.Role
		name string
	}{{pb.Role_ROLE_ENFORCER, "e1"}, {pb.Role_ROLE_EXECUTOR, "x1"}, {pb.Role_ROLE_SENTINEL, "s1"}, {pb.Role_ROLE_RECORDER, "r1"}} {
		must(t, z.Start(t.Context(), one.role, one.name))
	}
	w.ready()
	_, err = w.agent("scout").Propose(t.Context(), readFile(20*time.Second))
	must(t, err)
}

func foundAt(t *testing.T, f *fabric.Fabric, url string) error {
	t.Helper()
	_, err := zone.FoundAt(t.Context(), f, zone.Broker{URL: url}, slog.New(slog.DiscardHandler))
	return err
}
