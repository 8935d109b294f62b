package access

import (
	"errors"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/portcullis-dev/portcullis/dashboards/surface"
)

func mustBegin(t *testing.T, s *sessions, subject string) string {
	t.Helper()
	id, err := s.begin(surface.User{Name: subject, Subject: subject, Role: surface.Viewer})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// TestSessionsEnd: by age however they are used, and by idleness.
func TestSessionsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSessions(8*time.Hour, time.Hour)
		used, idle := mustBegin(t, s, "used"), mustBegin(t, s, "idle")
		user, _ := s.find(idle)
		for range 9 {
			if _, found := s.find(used); !found {
				t.Fatal("ended while it was used")
			}
			time.Sleep(50 * time.Minute)
			synctest.Wait()
		}
		if user.Login.Err() == nil {
			t.Error("what an idle one began goes on")
		}
		if _, found := s.find(idle); found {
			t.Error("an idle one goes on")
		}
		user, _ = s.find(used)
		time.Sleep(31 * time.Minute)
		synctest.Wait()
		if _, found := s.find(used); found || user.Login.Err() == nil {
			t.Error("an old one goes on")
		}
		if len(s.all) != 0 {
			t.Errorf("%d are kept", len(s.all))
		}
	})
}

// TestSessionsAreBounded: of one, and of all.
func TestSessionsAreBounded(t *testing.T) {
	s := newSessions(time.Hour, time.Hour)
	first := mustBegin(t, s, "one")
	login, _ := s.find(first)
	for range perSubject {
		mustBegin(t, s, "one")
	}
	if _, found := s.find(first); found || login.Login.Err() == nil {
		t.Error("a ninth login leaves the first")
	}
	var err error
	for i := range maxSessions {
		if _, err = s.begin(surface.User{Subject: strconv.Itoa(i), Role: surface.Viewer}); err != nil {
			break
		}
	}
	if !errors.Is(err, errFull) || len(s.all) > maxSessions {
		t.Errorf("%v with %d", err, len(s.all))
	}
}

// TestSessionsAreUnlike: identifiers are new, long, and not kept.
func TestSessionsAreUnlike(t *testing.T) {
	s := newSessions(time.Hour, time.Hour)
	a, b := mustBegin(t, s, "a"), mustBegin(t, s, "b")
	if a == b || len(a) != 43 {
		t.Error(a, b)
	}
	for key := range s.all {
		if strings.Contains(string(key[:]), a) {
			t.Error("the identifier itself is kept")
		}
	}
	for _, bad := range []string{"", a + "=", a[:42], strings.ToLower(a) + "x", b + a} {
		if _, found := s.find(bad); found {
			t.Errorf("%q is a session", bad)
		}
	}
}

// TestPending: what a browser keeps of a login is opened once, whole, in time.
func TestPending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, err := newPendings()
		if err != nil {
			t.Fatal(err)
		}
		one := newPending()
		sealed, err := p.seal(one)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(sealed, one.State) || strings.Contains(sealed, one.Verifier) {
			t.Error("it can be read")
		}
		for i := range sealed {
			other := []byte(sealed)
			other[i] ^= 1
			if _, err := p.open(string(other), one.State); err == nil {
				t.Fatalf("changed at %d and opened", i)
			}
		}
		for _, state := range []string{"", one.State + "x", one.Nonce} {
			if _, err := p.open(sealed, state); !errors.Is(err, errNotPending) {
				t.Errorf("with state %q: %v", state, err)
			}
		}
		if got, err := p.open(sealed, one.State); err != nil || got != one {
			t.Error(got, err)
		}
		if _, err := p.open(sealed, one.State); !errors.Is(err, errNotPending) {
			t.Error("twice:", err)
		}
		late := newPending()
		if sealed, err = p.seal(late); err != nil {
			t.Fatal(err)
		}
		time.Sleep(pendingFor + time.Second)
		if _, err := p.open(sealed, late.State); !errors.Is(err, errNotPending) {
			t.Error("late:", err)
		}
	})
}

// TestManyPending: those that came back are forgotten when they are too old, and there
// is an end to them before.
func TestManyPending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, err := newPendings()
		if err != nil {
			t.Fatal(err)
		}
		for range maxSpent {
			if err := p.spend(newPending()); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.spend(newPending()); !errors.Is(err, errManyLogins) {
			t.Error(err)
		}
		time.Sleep(pendingFor + time.Second)
		if err := p.spend(newPending()); err != nil {
			t.Error("later:", err)
		}
	})
}

// TestAttempts: each peer has its own, and nobody can be many.
func TestAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var a attempts
		from := func(peer string) bool {
			r := httptest.NewRequestWithContext(t.Context(), "GET", "/login", nil)
			r.RemoteAddr = peer
			return a.allow(r)
		}
		for range attemptsEach {
			if !from("192.0.2.1:1") {
				t.Fatal("too early")
			}
		}
		if from("192.0.2.1:2") || from("[::ffff:192.0.2.1]:3") {
			t.Error("from another port, or written otherwise")
		}
		if !from("192.0.2.2:1") {
			t.Error("somebody else is refused")
		}
		for i := range attemptsEach {
			from("[2001:db8::" + strconv.Itoa(i) + "]:1")
		}
		if from("[2001:db8::ffff]:1") {
			t.Error("one network is many")
		}
		for i := range attemptsPeers {
			from("10.0." + strconv.Itoa(i/256) + "." + strconv.Itoa(i%256) + ":1")
		}
		if len(a.count) > attemptsPeers+1 {
			t.Errorf("%d are counted", len(a.count))
		}
		time.Sleep(attemptsWindow)
		if !from("192.0.2.1:1") {
			t.Error("a window later")
		}
	})
}

func TestParseRoles(t *testing.T) {
	roles, err := ParseRoles([]string{"operator=ops", "viewer=a=b", "operator=ops"})
	if err != nil || roles.of("ops") != surface.Operator || roles.of("a=b") != surface.Viewer || roles.of("", "a") != 0 {
		t.Error(roles, err)
	}
	for _, bad := range [][]string{nil, {"operator"}, {"operator="}, {"anyone=x"}, {"=x"}, {"admin=x"}, {"viewer=x", "operator=x"}} {
		if _, err := ParseRoles(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}
