package deliver

import "sync"

// head keeps the beginning of what is written to it and swallows the rest, so
// that a program which writes much isn't stopped by it. After kept it swallows
// everything, because a descendant may go on writing.
type head struct {
	limit int

	mu   sync.Mutex
	text []byte
	shut bool
}

func (h *head) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.shut {
		h.text = append(h.text, p[:min(len(p), h.limit+1-len(h.text))]...)
	}
	return len(p), nil
}

// kept returns what has been written, at most one byte more than the limit, by
// which a cut can be told.
func (h *head) kept() []byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.shut = true
	return h.text
}
