// Package aged holds a map that forgets its oldest entries: what every fold needs
// that must remember for a while and stay bounded.
package aged

import "time"

// Map is a map whose entries have an age. The zero value is empty and ready. It
// belongs to one goroutine.
type Map[K comparable, V any] struct {
	entries map[K]V
	order   []entry[K] // oldest first
}

type entry[K comparable] struct {
	key K
	at  time.Time
}

// Get returns the value under a key.
func (m *Map[K, V]) Get(k K) (V, bool) {
	v, ok := m.entries[k]
	return v, ok
}

// Add puts a value under a key that has none. Times must not go back.
func (m *Map[K, V]) Add(k K, v V, at time.Time) {
	if m.entries == nil {
		m.entries = make(map[K]V)
	}
	m.entries[k] = v
	m.order = append(m.order, entry[K]{k, at})
}

// Forget drops what was added before a time and tells each key.
func (m *Map[K, V]) Forget(before time.Time, forgotten func(K)) {
	n := 0
	for n < len(m.order) && m.order[n].at.Before(before) {
		n++
	}
	m.drop(n, forgotten)
}

// Trim drops the oldest beyond a number of entries and tells each key.
func (m *Map[K, V]) Trim(most int, forgotten func(K)) {
	m.drop(max(len(m.order)-most, 0), forgotten)
}

func (m *Map[K, V]) drop(n int, forgotten func(K)) {
	for _, e := range m.order[:n] {
		delete(m.entries, e.key)
		forgotten(e.key)
	}
	m.order = m.order[n:]
}
