package history

// table numbers values, so that what occurs a million times is kept once. The
// first number is 0. The zero value is empty.
type table[T comparable] struct {
	numbers map[T]uint32
	values  []T
}

// number is the value's number, a new one if it has none.
func (t *table[T]) number(v T) uint32 {
	if n, known := t.numbers[v]; known {
		return n
	}
	if t.numbers == nil {
		t.numbers = make(map[T]uint32)
	}
	n := uint32(len(t.values)) //nolint:gosec // bounded by the history's limit
	t.numbers[v], t.values = n, append(t.values, v)
	return n
}

// find is number for values that must have one.
func (t *table[T]) find(v T) (uint32, bool) {
	n, known := t.numbers[v]
	return n, known
}

func (t *table[T]) at(n uint32) T { return t.values[n] }
