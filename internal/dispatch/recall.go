package dispatch

// Recall gives back what is leased for a route and has not begun, as when an
// operator has paused it at the queue; an empty target stands for all of the
// route. Attempts that run come to their end.
func (d *Dispatcher) Recall(path, target string) {
	d.mu.Lock()
	r := d.routes[path]
	d.mu.Unlock()
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, l := range r.lanes {
		if target != "" && target != l.name {
			continue
		}
		for i := range l.ready {
			if l.ready[i].probe {
				l.breaker.probing = false
			}
		}
		l.halt()
	}
}
