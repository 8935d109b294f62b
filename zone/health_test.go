package zone_test

import (
	"context"
	"testing"
	"time"

	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/zone"
)

// everybody is who a zone of the template runs.
var everybody = map[pb.Role]string{
	pb.Role_ROLE_ENFORCER: "e1", pb.Role_ROLE_EXECUTOR: "x1", pb.Role_ROLE_SENTINEL: "s1", pb.Role_ROLE_RECORDER: "r1",
}

// becomes waits until a member is able, or is not, and returns what it said then.
func (w *live) becomes(role pb.Role, able bool) zone.Health {
	w.t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for {
		h := w.Health(w.t.Context(), role, everybody[role])
		if h.Able == able {
			return h
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("%s %s: able %t: %s", h.Role, h.Name, h.Able, h.Why)
		}
	}
}

// TestHealthOfAZone: who works is able, who was stopped or never started is not.
func TestHealthOfAZone(t *testing.T) {
	w := liveOf(t, nothing)
	for role := range everybody {
		if h := w.becomes(role, true); h.Why != "" || (h.Position == 0) != (role == pb.Role_ROLE_SENTINEL) {
			t.Errorf("able, and says %+v", h)
		}
	}
	for role, name := range map[pb.Role]string{
		pb.Role_ROLE_ENFORCER: "e2", pb.Role_ROLE_AUDITOR: "a1", pb.Role_ROLE_AGENT: "scout", pb.Role_ROLE_UNSPECIFIED: "",
	} {
		if h := w.Health(t.Context(), role, name); h.Able || h.Why == "" {
			t.Errorf("%s %s does not run here: %+v", role, name, h)
		}
	}
	w.Stop(pb.Role_ROLE_ENFORCER, "e1")
	w.becomes(pb.Role_ROLE_ENFORCER, false)
}

// TestHealthWithoutPulses: an executor that may not act is not able; who may go on
// reading and signing is.
func TestHealthWithoutPulses(t *testing.T) {
	w := liveOf(t, nothing)
	w.Stop(pb.Role_ROLE_SENTINEL, "s1")
	w.becomes(pb.Role_ROLE_SENTINEL, false)
	if h := w.becomes(pb.Role_ROLE_EXECUTOR, false); h.Why == "" {
		t.Error("it does not say why")
	}
	w.becomes(pb.Role_ROLE_ENFORCER, true)
	w.becomes(pb.Role_ROLE_RECORDER, true)
}

// TestHealthWithTheBrake: the local brake disarms, and shows.
func TestHealthWithTheBrake(t *testing.T) {
	w := liveOf(t, nothing)
	must(t, w.Brake().Engage("fire", time.Now()))
	w.becomes(pb.Role_ROLE_EXECUTOR, false)
	w.becomes(pb.Role_ROLE_ENFORCER, true)
}

// TestHealthWithoutBroker: nobody is able whose ledger cannot be reached.
func TestHealthWithoutBroker(t *testing.T) {
	w := liveOf(t, nothing)
	w.Broker().Server.Shutdown()
	for role := range everybody {
		w.becomes(role, false)
	}
}

// TestHealthOfNobodyWhoHurries: no answer in time is no health.
func TestHealthOfNobodyWhoHurries(t *testing.T) {
	w := liveOf(t, nothing)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for role, name := range everybody {
		if h := w.Health(ctx, role, name); h.Able {
			t.Errorf("asked in no time: %+v", h)
		}
	}
}
