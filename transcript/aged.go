package transcript

import "time"

// aged is a map that forgets its oldest entries. The zero value is ready.
type aged[K comparable, V any] struct {
	entries map[K]V
	order   []agedKey[K] // oldest first
}

type agedKey[K comparable] struct {
	key K
	at  time.Time
}

func (a *aged[K, V]) get(k K) (V, bool) {
	v, ok := a.entries[k]
	return v, ok
}

// add puts a value under a key that has none. Times must not go back.
func (a *aged[K, V]) add(k K, v V, at time.Time) {
	if a.entries == nil {
		a.entries = make(map[K]V)
	}
	a.entries[k] = v
	a.order = append(a.order, agedKey[K]{k, at})
}

// forget drops what was added before a time and tells each key.
func (a *aged[K, V]) forget(before time.Time, forgotten func(K)) {
	n := 0
	for n < len(a.order) && a.order[n].at.Before(before) {
		delete(a.entries, a.order[n].key)
		forgotten(a.order[n].key)
		n++
	}
	a.order = a.order[n:]
}
