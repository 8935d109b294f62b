package history

import (
	"container/heap"
	"slices"
)

// file lists a node under what has become of it by now, and only there.
func (h *History) file(ordinal uint32) {
	n := &h.nodes[ordinal]
	state := h.number(string(h.state(n, nanos(h.logTime))))
	if state == n.filed {
		return
	}
	leave(h.index.states, n.filed, ordinal)
	enter(h.index.states, state, ordinal)
	n.filed = state
}

// pass files anew what a deadline changes that has passed by now.
func (h *History) pass() {
	for now := nanos(h.logTime); len(h.due) > 0 && h.due[0].deadline <= now; {
		h.file(heap.Pop(&h.due).(due).ordinal) //nolint:errcheck,forcetypeassert // dueHeap holds nothing else
	}
}

// due is a node whose deadline has not passed.
type due struct {
	deadline int64
	ordinal  uint32
}

type dueHeap []due

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(i, j int) bool { return h[i].deadline < h[j].deadline }
func (h dueHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *dueHeap) Push(x any)        { *h = append(*h, x.(due)) } //nolint:errcheck,forcetypeassert // container/heap's own contract
func (h *dueHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

// leave takes an ordinal from a key's list, if it is there.
func leave[K comparable](lists map[K]*[]uint32, key K, ordinal uint32) {
	if i, there := slices.BinarySearch(listed(lists, key), ordinal); there {
		*lists[key] = slices.Delete(*lists[key], i, i+1)
	}
}
