package aged

import (
	"testing"
	"time"
)

func TestForgetsTheOldestOnly(t *testing.T) {
	var a Map[string, int]
	start := time.Unix(1000, 0)
	for i, key := range []string{"a", "b", "c"} {
		a.Add(key, i, start.Add(time.Duration(i)*time.Second))
	}
	var gone []string
	a.Forget(start.Add(2*time.Second), func(key string) { gone = append(gone, key) })
	if len(gone) != 2 || gone[0] != "a" || gone[1] != "b" {
		t.Errorf("forgot %q, want a and b", gone)
	}
	if _, known := a.Get("b"); known {
		t.Error("b is still known")
	}
	if v, known := a.Get("c"); !known || v != 2 {
		t.Error("c was forgotten though it is not older than the moment")
	}
	if len(a.order) != 1 {
		t.Errorf("%d keys are kept in order, want 1: it grows without bound", len(a.order))
	}
}

func TestTrimsTheOldestOnly(t *testing.T) {
	var m Map[int, int]
	for i := range 5 {
		m.Add(i, i*i, time.Unix(int64(i), 0))
	}
	var gone []int
	tell := func(key int) { gone = append(gone, key) }
	m.Trim(9, tell)
	m.Trim(3, tell)
	if len(gone) != 2 || gone[0] != 0 || gone[1] != 1 || len(m.entries) != 3 || len(m.order) != 3 {
		t.Errorf("dropped %v, %d are left", gone, len(m.entries))
	}
}
