package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"sync"
	"time"

	"github.com/portcullis-dev/portcullis/dashboards/surface"
)

const (
	maxSessions = 1024 // of everybody
	perSubject  = 8    // of one: a ninth login ends the first
)

// errFull is told to who would be one too many.
var errFull = errors.New("access: too many people are logged in")

// sessionKey is the hash of a session's identifier: who reads this program's memory of
// sessions cannot use what is there.
type sessionKey [sha256.Size]byte

// session is one login, on one browser.
type session struct {
	user        surface.User
	end         context.CancelFunc // of user.Login
	timer       *time.Timer
	begun, used time.Time
}

// sessions are all logins, in memory alone: when the console ends, they do. Safe for
// concurrent use.
type sessions struct {
	lifetime, idle time.Duration // from the login, and from the newest request

	mu  sync.Mutex
	all map[sessionKey]*session
}

func newSessions(lifetime, idle time.Duration) *sessions {
	return &sessions{lifetime: lifetime, idle: idle, all: map[sessionKey]*session{}}
}

// begin makes a session under a new identifier of 256 random bits, never under one that
// somebody brings. The user's Login is set.
func (s *sessions) begin(user surface.User) (id string, err error) {
	var secret [32]byte
	if _, err := rand.Read(secret[:]); err != nil {
		return "", err
	}
	id = base64.RawURLEncoding.EncodeToString(secret[:])
	key := sessionKey(sha256.Sum256([]byte(id)))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.makeRoom(user.Subject)
	if len(s.all) >= maxSessions {
		return "", errFull
	}
	now := time.Now()
	one := &session{begun: now, used: now}
	user.Login, one.end = context.WithCancel(context.Background())
	one.user = user
	one.timer = time.AfterFunc(s.left(one, now), func() { s.expire(key) })
	s.all[key] = one
	return id, nil
}

// makeRoom ends the oldest session of one who has too many.
func (s *sessions) makeRoom(subject string) {
	var oldest sessionKey
	var found *session
	count := 0
	for key, one := range s.all {
		if one.user.Subject != subject {
			continue
		}
		count++
		if found == nil || one.begun.Before(found.begun) {
			oldest, found = key, one
		}
	}
	if count >= perSubject {
		s.drop(oldest)
	}
}

// find is who has a session, if it has not ended, and counts as its use.
func (s *sessions) find(id string) (surface.User, bool) {
	key := sessionKey(sha256.Sum256([]byte(id)))
	s.mu.Lock()
	defer s.mu.Unlock()
	one, found := s.all[key]
	if !found {
		return surface.User{}, false
	}
	now := time.Now()
	if s.left(one, now) <= 0 {
		s.drop(key)
		return surface.User{}, false
	}
	one.used = now
	return one.user, true
}

// close ends a session, if there is one.
func (s *sessions) close(id string) (surface.User, bool) {
	key := sessionKey(sha256.Sum256([]byte(id)))
	s.mu.Lock()
	defer s.mu.Unlock()
	one, found := s.all[key]
	if !found {
		return surface.User{}, false
	}
	s.drop(key)
	return one.user, true
}

// expire ends a session whose time may have come, or waits on.
func (s *sessions) expire(key sessionKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one, found := s.all[key]
	if !found {
		return
	}
	if left := s.left(one, time.Now()); left > 0 {
		one.timer.Reset(left)
		return
	}
	s.drop(key)
}

func (s *sessions) drop(key sessionKey) {
	if one, found := s.all[key]; found {
		one.timer.Stop()
		one.end()
		delete(s.all, key)
	}
}

// left is how long a session may go on as it stands.
func (s *sessions) left(one *session, now time.Time) time.Duration {
	return min(s.lifetime-elapsed(one.begun, now), s.idle-elapsed(one.used, now))
}

// elapsed is the longer of what two clocks say: the monotonic one stands still while a
// machine sleeps, and the wall clock can be set back.
func elapsed(since, now time.Time) time.Duration {
	return max(now.Sub(since), now.Round(0).Sub(since.Round(0)))
}
