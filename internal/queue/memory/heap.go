package memory

// The heaps that an item can be in, each with its own place in item.pos.
const (
	slotReady = iota
	slotAge
	slotLease
	slots
)

func dueBefore(a, b *item) bool {
	return a.due < b.due || a.due == b.due && a.seq < b.seq
}

func olderThan(a, b *item) bool { return a.seq < b.seq }

func endsBefore(a, b *item) bool {
	return a.until < b.until || a.until == b.until && a.seq < b.seq
}

// ordered is a binary heap that can remove from its middle. (container/heap would
// cost an interface call for every comparison and exchange.)
type ordered struct {
	list   []*item
	before func(a, b *item) bool
	slot   int
}

func (h *ordered) len() int { return len(h.list) }

// first returns the first item, or nil.
func (h *ordered) first() *item {
	if len(h.list) == 0 {
		return nil
	}
	return h.list[0]
}

func (h *ordered) push(it *item) {
	h.list = append(h.list, it)
	h.up(len(h.list)-1, it)
}

func (h *ordered) remove(it *item) {
	i, last := it.pos[h.slot], len(h.list)-1
	moved := h.list[last]
	h.list[last] = nil
	h.list = h.list[:last]
	if i < last {
		h.place(i, moved)
	}
}

// fix restores the order after the key of it changed.
func (h *ordered) fix(it *item) { h.place(it.pos[h.slot], it) }

// place finds the place of it, starting from i, which is free.
func (h *ordered) place(i int, it *item) {
	if i > 0 && h.before(it, h.list[(i-1)/2]) {
		h.up(i, it)
		return
	}
	h.down(i, it)
}

func (h *ordered) up(i int, it *item) {
	for i > 0 {
		parent := (i - 1) / 2
		if !h.before(it, h.list[parent]) {
			break
		}
		h.set(i, h.list[parent])
		i = parent
	}
	h.set(i, it)
}

func (h *ordered) down(i int, it *item) {
	for {
		child := 2*i + 1
		if child >= len(h.list) {
			break
		}
		if right := child + 1; right < len(h.list) && h.before(h.list[right], h.list[child]) {
			child = right
		}
		if !h.before(h.list[child], it) {
			break
		}
		h.set(i, h.list[child])
		i = child
	}
	h.set(i, it)
}

func (h *ordered) set(i int, it *item) {
	h.list[i] = it
	it.pos[h.slot] = i
}
