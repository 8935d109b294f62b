package local

// maxUsed is how many keys are remembered.
const maxUsed = 1 << 16

// used remembers the newest keys.
type used struct {
	keys map[string]bool
	ring []string
	next int
}

func newUsed(most int) *used {
	return &used{keys: make(map[string]bool), ring: make([]string, most)}
}

func (u *used) has(key string) bool { return u.keys[key] }

func (u *used) add(key string) {
	delete(u.keys, u.ring[u.next])
	u.ring[u.next] = key
	u.keys[key] = true
	u.next = (u.next + 1) % len(u.ring)
}
