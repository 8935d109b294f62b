package door

import "testing"

func TestRoomFollowsWhatComes(t *testing.T) {
	r := room{most: mostRoom}
	if n := len(r.next()); n != leastRoom {
		t.Errorf("it begins with %d bytes", n)
	}
	for range 20 {
		r.used(len(r.next()))
	}
	if n := len(r.next()); n != mostRoom {
		t.Errorf("busy, it has %d bytes, want %d", n, mostRoom)
	}
	for range patience - 1 {
		r.used(1)
	}
	r.used(mostRoom / 2) // not idle yet
	for range patience - 1 {
		r.used(1)
	}
	if n := len(r.next()); n != mostRoom {
		t.Errorf("after some small reads it has %d bytes, want %d", n, mostRoom)
	}
	for range 20 * patience {
		r.used(1)
	}
	if n := len(r.next()); n != leastRoom {
		t.Errorf("idle, it has %d bytes, want %d", n, leastRoom)
	}
}
