package sqlite

import (
	"context"
	"database/sql/driver"
	"slices"

	"go.uber.org/zap"

	"hookaido/internal/clock"
	"hookaido/internal/queue"
)

// moveStep is about how many octets of bodies the keeper moves to the database
// at a time, so that no neighbour in the batch waits long.
const moveStep = 1 * mib

// tidyBodies drops the segments of the log of bodies that no message refers to.
// When nothing large has come in since the last round, or the log has reached
// its bound, it also moves some of what is left to the database. It reports
// whether there is more to move.
func (k *keeper) tidyBodies(low bool) (more bool, err error) {
	log := k.s.bodies
	if k.s.bodiesStay.Load() {
		return false, nil
	}
	rests := k.bodiesRest()
	segments := slices.DeleteFunc(log.Settled(rests), func(n int64) bool { return k.stuck[n] })
	var unused []int64
	for _, n := range segments {
		switch rows, err := k.inSegment(n, 0, 1); {
		case err != nil:
			return false, err
		case len(rows) == 0:
			unused = append(unused, n)
			delete(k.moved, n)
		}
	}
	if err := k.dropSegments(unused); err != nil || low || !rests && log.Size() < k.s.rules.most/4*3 {
		return false, err
	}
	if _, free, err := k.s.disk.space(); err != nil || free < k.s.disk.floor+4*moveStep {
		return false, err
	}
	for _, n := range segments {
		if done, err := k.moveSome(n); err != nil || !done {
			return err == nil, err
		}
	}
	return false, nil
}

// bodiesRest reports whether for a second or more nothing was appended to the
// log of bodies.
func (k *keeper) bodiesRest() bool {
	now, appends := clock.System{}.Monotonic(), k.s.bodies.Appends()
	switch {
	case now-k.appendsAt >= keepEvery:
		k.rests = appends == k.appends
		k.appendsAt, k.appends = now, appends
	case appends != k.appends:
		k.rests = false
	}
	return k.rests
}

// dropSegments removes segments. What deleted or moved the last of their bodies
// must be on the disk before.
func (k *keeper) dropSegments(numbers []int64) error {
	if len(numbers) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(k.s.ctx, taskTime)
	defer cancel()
	o := &pingOp{newCall(0, true)}
	if err := k.s.submit(o, false); err != nil {
		return nil //nolint:nilerr // the store is closed or has failed, which others report
	}
	if err := k.s.await(ctx, o); err != nil {
		return err
	}
	for _, n := range numbers {
		if err := k.s.bodies.Drop(n); err != nil {
			k.stuck[n] = true // until the next start
			k.s.log.Warn("a file of large bodies that is not needed any more can't be removed: let the user of the service do so, or remove it when the service is stopped",
				zap.Error(err))
		}
	}
	return nil
}

// inSegment returns the first bodies, behind after, with their payloads in a
// segment.
func (k *keeper) inSegment(segment, after int64, limit int) ([]placedBody, error) {
	var rows []placedBody
	err := k.placed.each(func(v []driver.Value) error {
		rows = append(rows, readPlaced(v))
		return nil
	}, segment, after, int64(limit))
	return rows, err
}

// moveSome moves some bodies of a segment to the database, and reports whether
// none is left that can be.
func (k *keeper) moveSome(segment int64) (done bool, err error) {
	rows, err := k.inSegment(segment, k.moved[segment], int(moveStep/max(k.s.rules.min, kib))+1)
	if err != nil || len(rows) == 0 {
		return true, err
	}
	o := &moveOp{}
	weight, last := 0, int64(0)
	var lost error
	for _, r := range rows {
		last = r.seq
		payload, err := k.s.bodies.Read(r.place)
		if err != nil {
			lost = err
			continue
		}
		o.rows, o.payloads = append(o.rows, r), append(o.payloads, payload)
		if weight += rowWeight + len(payload); weight >= moveStep {
			break
		}
	}
	if lost != nil && !k.warned[segment] {
		k.warned[segment] = true
		k.s.log.Warn("large bodies can't be moved to the database; whoever asks for their messages will be told", zap.Error(lost))
	}
	o.call = newCall(weight, false)
	ctx, cancel := context.WithTimeout(k.s.ctx, taskTime)
	defer cancel()
	if err := k.s.submit(o, false); err != nil {
		return true, nil //nolint:nilerr // the store is closed or has failed, which others report
	}
	if err := k.s.await(ctx, o); err != nil {
		return false, err
	}
	k.moved[segment] = last
	return false, nil
}

// moveOp stores payloads in the database that were in the log.
type moveOp struct {
	call
	rows     []placedBody
	payloads [][]byte
}

func (o *moveOp) apply(w *writer) error {
	o.err = nil
	if w.tx.refuseNew {
		o.err = queue.ErrDiskFull // the space is for consumers
	}
	if len(o.rows) == 0 || o.err != nil {
		return nil
	}
	if err := w.open(); err != nil {
		return err
	}
	st, err := w.c.prepare(sqlMoveBody)
	if err != nil {
		return err
	}
	defer w.c.drop(st)
	for i, r := range o.rows {
		if err := st.run(o.payloads[i], r.seq, r.place.Segment, r.place.At); err != nil {
			return err
		}
	}
	w.tx.wrote = true
	return nil
}
