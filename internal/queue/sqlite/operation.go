package sqlite

// operation is something to do on the write connection.
type operation interface {
	// apply decides and writes within the open batch. A refusal goes into the
	// call's err; an error of SQLite is returned and fails the batch.
	apply(w *writer) error
	base() *call
}

// call is the part of an operation that its caller waits for.
type call struct {
	done chan struct{} // gets one value when err and the results are final
	err  error
	// weight is about how many octets the operation writes.
	weight int
	// synced says that the answer promises durability.
	synced bool
	// alone keeps the operation out of transactions.
	alone bool
}

func newCall(weight int, synced bool) call {
	return call{done: make(chan struct{}, 1), weight: weight, synced: synced}
}

func (c *call) base() *call { return c }

// taskOp runs a function on the write connection, outside of a transaction.
type taskOp struct {
	call
	f func(w *writer) error
}

func newTask(f func(w *writer) error) *taskOp {
	t := &taskOp{newCall(0, false), f}
	t.alone = true
	return t
}

func (t *taskOp) apply(w *writer) error {
	t.err = t.f(w)
	if classify(t.err) == faultFatal {
		return t.err
	}
	return nil
}
