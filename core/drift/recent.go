package drift

import "time"

// recent is a map that holds its newest entries. The zero value is empty.
type recent[K comparable, V any] struct {
	entries map[K]V
	order   []aged[K] // oldest first
}

type aged[K comparable] struct {
	key K
	at  time.Time
}

func (r *recent[K, V]) get(k K) (V, bool) {
	v, ok := r.entries[k]
	return v, ok
}

// add puts a value under a key that has none. Times must not go back.
func (r *recent[K, V]) add(k K, v V, at time.Time) {
	if r.entries == nil {
		r.entries = make(map[K]V)
	}
	r.entries[k] = v
	r.order = append(r.order, aged[K]{k, at})
}

// forget drops what was added before a time, and the oldest beyond a number of
// entries, and tells each key.
func (r *recent[K, V]) forget(before time.Time, most int, forgotten func(K)) {
	n := 0
	for n < len(r.order) && (len(r.order)-n > most || r.order[n].at.Before(before)) {
		delete(r.entries, r.order[n].key)
		forgotten(r.order[n].key)
		n++
	}
	r.order = r.order[n:]
}
