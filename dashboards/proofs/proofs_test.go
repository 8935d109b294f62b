package proofs

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/portcullis-dev/portcullis/core/proof"
	"github.com/portcullis-dev/portcullis/dashboards/surface"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/transcript"
	"github.com/portcullis-dev/portcullis/zone"
)

var errBroken = errors.New("there is no broker")

// asked is what making a proof came to; 0 if no problem was told.
func asked(t *testing.T, p *Proofs, intent string) (status int, err error) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/v1/proofs/x", nil)
	r.SetPathValue("intent", intent)
	err = p.prove(httptest.NewRecorder(), r)
	if problem, ok := errors.AsType[*surface.Problem](err); ok {
		status = problem.Status
	}
	return status, err
}

func TestRoles(t *testing.T) {
	routes := New(Config{}).Routes()
	if len(routes) != 2 {
		t.Fatalf("%d routes", len(routes))
	}
	for _, r := range routes {
		if r.Needs != surface.Viewer {
			t.Errorf("%s needs %s", r.Pattern, r.Needs)
		}
	}
}

// TestTooMany: a third proof is refused while two are made, connects to nothing, and may
// be asked for again when one has ended.
func TestTooMany(t *testing.T) {
	entered, leave := make(chan struct{}, atATime+1), make(chan struct{})
	p := New(Config{Fabric: new(fabric.Fabric), Connect: func(context.Context) (*streams.Conn, error) {
		entered <- struct{}{}
		<-leave
		return nil, errBroken
	}})
	ended := make(chan error, atATime)
	for range atATime {
		go func() {
			_, err := asked(t, p, "7.0")
			ended <- err
		}()
	}
	for range atATime {
		<-entered
	}
	if status, err := asked(t, p, "7.0"); status != http.StatusTooManyRequests {
		t.Errorf("a third one: %v", err)
	}
	if len(entered) != 0 {
		t.Error("what was refused has connected")
	}
	close(leave)
	for range atATime {
		if err := <-ended; err == nil {
			t.Error("a proof without a ledger")
		}
	}
	if status, err := asked(t, p, "7.0"); status != http.StatusServiceUnavailable {
		t.Errorf("when there is room again: %v", err)
	}
}

// TestBadQuery: what names no intent is refused before anything is connected to.
func TestBadQuery(t *testing.T) {
	p := New(Config{Connect: func(context.Context) (*streams.Conn, error) {
		t.Error("connected")
		return nil, errBroken
	}})
	for _, query := range []string{"", "zz", "../status", "<b>"} {
		if status, err := asked(t, p, query); status != http.StatusBadRequest {
			t.Errorf("%q: %v", query, err)
		}
	}
}

// TestTold: each kind of error is told for what it is; of any other only the log hears.
func TestTold(t *testing.T) {
	secret := errors.New("a secret of the console")
	for _, test := range []struct {
		err    error
		status int
	}{
		{transcript.ErrNotFound, http.StatusNotFound},
		{proof.ErrUnknown, http.StatusNotFound},
		{transcript.ErrAmbiguous, http.StatusBadRequest},
		{proof.ErrOpen, http.StatusConflict},
		{zone.ErrNoCheckpoint, http.StatusConflict},
		{proof.ErrUnprovable, http.StatusConflict},
		{context.DeadlineExceeded, http.StatusServiceUnavailable},
		{surface.Unable("no broker"), http.StatusServiceUnavailable},
		{secret, 0},
	} {
		got := told(fmt.Errorf("proving: %w", test.err))
		var problem *surface.Problem
		if errors.As(got, &problem) != (test.status != 0) || problem != nil && problem.Status != test.status {
			t.Errorf("%v is told as %v, want %d", test.err, got, test.status)
		}
		if problem != nil && test.status == http.StatusConflict && problem.Mend == "" {
			t.Errorf("%v: nothing says what to do", test.err)
		}
	}
}
