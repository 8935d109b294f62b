package door

import (
	"container/list"
	"sync"
)

// places is how many may be in the lobby at once.
const places = 512

// lobby holds those who have not proved a key yet, in the order in which they
// came. When it is full the one that has been there longest must go: an honest
// client is through in a moment, so whoever fills it pushes out his own.
type lobby struct {
	mu   sync.Mutex
	line list.List // of *visit
}

// enter takes a place and returns how to leave it.
func (l *lobby) enter(v *visit) (leave func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.line.Len() >= places {
		oldest := l.line.Front()
		l.line.Remove(oldest)
		oldest.Value.(*visit).end() //nolint:forcetypeassert,errcheck // the line holds nothing else
	}
	place := l.line.PushBack(v)
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.line.Remove(place) // nothing happens if it was pushed out
	}
}
