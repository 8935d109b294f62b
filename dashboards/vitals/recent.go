package vitals

// recent remembers the newest keys, at least keep and at most twice as many of them: when
// keep have come, those of the generation before are forgotten.
type recent[K comparable, V any] struct {
	keep       int
	young, old map[K]V
}

func newRecent[K comparable, V any](keep int) *recent[K, V] {
	return &recent[K, V]{keep: keep, young: make(map[K]V)}
}

func (r *recent[K, V]) get(key K) (V, bool) {
	if v, ok := r.young[key]; ok {
		return v, true
	}
	v, ok := r.old[key]
	return v, ok
}

func (r *recent[K, V]) put(key K, v V) {
	if len(r.young) >= r.keep {
		r.young, r.old = make(map[K]V), r.young
	}
	r.young[key] = v
}

func (r *recent[K, V]) len() int { return len(r.young) + len(r.old) }
