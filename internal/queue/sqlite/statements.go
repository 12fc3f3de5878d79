package sqlite

// The statements of the writer, with what SQLite finds its rows by. Names in
// INDEXED BY make a missing index an error at open instead of a scan later.
const (
	sqlBegin  = `BEGIN IMMEDIATE`
	sqlCommit = `COMMIT`

	// appended to the end of the tables
	sqlInsertMessage = `INSERT INTO message (seq, lane, due, received, size, since) VALUES `
	sqlInsertChosen  = `INSERT INTO message (seq, lane, due, received, size, since, chosen) VALUES (?,?,?,?,?,?,?)`
	sqlInsertBody    = `INSERT INTO body (seq, lane, received, due, envelope, payload) VALUES `
	bodyRow          = `(?,?,?,?,?,?)`
	sqlInsertPlaced  = `INSERT INTO body (seq, lane, received, due, envelope, payload, segment, at, length, sum) VALUES `
	placedRow        = `(?,?,?,?,?,?,?,?,?,?)`

	// message_chosen
	sqlFindChosen = `SELECT seq FROM message INDEXED BY message_chosen WHERE chosen = ?`
	// message_ready, in its order
	sqlReady = `SELECT seq, due, received, attempt, size, lease, chosen FROM message INDEXED BY message_ready
		WHERE state = 0 AND lane = ? AND due <= ? ORDER BY due, seq LIMIT ?`
	// message_ready, first entry
	sqlFirstDue = `SELECT due FROM message INDEXED BY message_ready WHERE state = 0 AND lane = ? ORDER BY due LIMIT 1`
	// message_leased, in its order
	sqlExpired = `SELECT seq, lane FROM message INDEXED BY message_leased WHERE state = 1 AND due <= ? ORDER BY due LIMIT ?`
	// message_leased, first entry
	sqlFirstEnd = `SELECT due FROM message INDEXED BY message_leased WHERE state = 1 ORDER BY due LIMIT 1`
	// rowid, from a hint on
	sqlOldest = `SELECT seq, lane FROM message NOT INDEXED WHERE seq >= ? AND state = 0 ORDER BY seq LIMIT ?`

	// rowid
	sqlByKey    = `SELECT seq, state, lane, due, lease FROM message WHERE seq IN (`
	sqlLease    = `UPDATE message SET state = 1, due = ?, attempt = ?, lease = ? WHERE seq = ?`
	sqlRequeue  = `UPDATE message SET state = 0, due = ?, lease = ? WHERE seq = ?`
	sqlTakeBack = `UPDATE message SET state = 0, due = ?, attempt = attempt - 1, lease = 0 WHERE seq = ?`
	sqlSweep    = `UPDATE message SET state = 0, due = ? WHERE seq = ?`
	sqlExtend   = `UPDATE message SET due = ? WHERE seq = ?`
	sqlBury     = `UPDATE message SET state = 3, due = ?1, since = ?1, lease = 0, reason = ?2 WHERE seq = ?3`
	sqlDeliver  = `UPDATE message SET state = 2, since = ?, lease = 0 WHERE seq = ?`
	sqlForget   = `UPDATE message SET lease = 0 WHERE seq = ?`
	sqlDelete   = `DELETE FROM message WHERE seq IN (`
	sqlDeleteB  = `DELETE FROM body WHERE seq IN (`
	sqlMoveBody = `UPDATE body SET payload = ?, segment = NULL, at = NULL, length = NULL, sum = NULL WHERE seq = ? AND segment = ? AND at = ?`

	// body_segment
	sqlSegments = `SELECT segment, count(*) FROM body INDEXED BY body_segment WHERE segment IS NOT NULL GROUP BY segment ORDER BY segment`
	// body_segment, in its order
	sqlInSegment = `SELECT seq, segment, at, length, sum FROM body INDEXED BY body_segment WHERE segment = ? AND seq > ? ORDER BY seq LIMIT ?`

	// rowid; lanes are few
	sqlLanes      = `SELECT id, route, target, queued, leased, delivered, dead, canceled FROM lane`
	sqlInsertLane = `INSERT INTO lane (id, route, target) VALUES (?,?,?)`
	sqlUpdateLane = `UPDATE lane SET queued = ?, leased = ?, delivered = ?, dead = ?, canceled = ? WHERE id = ?`

	// message_ready and message_leased: after an unclean stop
	sqlCountQueued = `SELECT lane, count(*) FROM message INDEXED BY message_ready WHERE state = 0 GROUP BY lane`
	sqlCountLeased = `SELECT lane, count(*) FROM message INDEXED BY message_leased WHERE state = 1 GROUP BY lane`
	sqlCounted     = `UPDATE meta SET counted = ? WHERE one = 1`

	sqlNextSeq = `UPDATE meta SET next_seq = ? WHERE one = 1`
	sqlBeat    = `UPDATE meta SET beat = beat + 1 WHERE one = 1`
	// fails when a table is lost
	sqlProbe = `SELECT (SELECT seq FROM message LIMIT 1), (SELECT seq FROM body LIMIT 1), (SELECT id FROM claim LIMIT 1)`

	sqlInsertClaims = `INSERT INTO claim (until, claims) VALUES (?,?)`
	// rowid range
	sqlSomeClaims   = `SELECT id, until FROM claim WHERE id > ? ORDER BY id LIMIT ?`
	sqlDeleteClaims = `DELETE FROM claim WHERE id = ? RETURNING claims`
	// whole table, once at start
	sqlClaims = `SELECT claims FROM claim`

	// nothing but counters, without touching pages
	sqlLogSize = `PRAGMA wal_checkpoint(NOOP)`
	// one row for each page that is given back to the file system
	sqlVacuum = `PRAGMA incremental_vacuum(256)`
	// the size the database has after the open transaction
	sqlPages = `PRAGMA page_count`
	// message_leased and message_ready; after a step of the clock only
	// (a sum beyond 63 bits would be no integer any more)
	sqlShiftLeases = `UPDATE message SET due = min(due, 4611686018427387904) + ? WHERE state = 1`
	sqlShiftQueued = `UPDATE message INDEXED BY message_ready SET due = min(due, 4611686018427387904) + ? WHERE state = 0 AND lane = ? AND due > ?`
)

// statements are the prepared statements of the write connection.
type statements struct {
	begin, commit, insertChosen, findChosen, ready, firstDue, expired, firstEnd, oldest,
	lease, requeue, takeBack, sweep, extend, bury, deliver, forget,
	selectLanes, insertLane, updateLane, countQueued, countLeased, counted, nextSeq, beat, probe,
	insertClaims, someClaims, deleteClaims, claims, logSize, vacuum, pages, shiftLeases, shiftQueued,
	trimAttempts *stmt
	insertMessage, insertBody, insertPlaced, insertAttempt, byKey, delete, deleteBody bySize
}

func (q *statements) prepare(c *conn) error {
	for _, p := range []struct {
		st  **stmt
		sql string
	}{
		{&q.begin, sqlBegin}, {&q.commit, sqlCommit},
		{&q.insertChosen, sqlInsertChosen}, {&q.findChosen, sqlFindChosen},
		{&q.ready, sqlReady}, {&q.firstDue, sqlFirstDue}, {&q.expired, sqlExpired},
		{&q.firstEnd, sqlFirstEnd}, {&q.oldest, sqlOldest}, {&q.lease, sqlLease},
		{&q.requeue, sqlRequeue}, {&q.takeBack, sqlTakeBack}, {&q.sweep, sqlSweep},
		{&q.extend, sqlExtend}, {&q.bury, sqlBury}, {&q.deliver, sqlDeliver}, {&q.forget, sqlForget},
		{&q.selectLanes, sqlLanes}, {&q.insertLane, sqlInsertLane}, {&q.updateLane, sqlUpdateLane},
		{&q.countQueued, sqlCountQueued}, {&q.countLeased, sqlCountLeased}, {&q.counted, sqlCounted},
		{&q.nextSeq, sqlNextSeq}, {&q.beat, sqlBeat}, {&q.probe, sqlProbe},
		{&q.insertClaims, sqlInsertClaims}, {&q.someClaims, sqlSomeClaims},
		{&q.deleteClaims, sqlDeleteClaims}, {&q.claims, sqlClaims}, {&q.logSize, sqlLogSize},
		{&q.vacuum, sqlVacuum}, {&q.pages, sqlPages},
		{&q.shiftLeases, sqlShiftLeases}, {&q.shiftQueued, sqlShiftQueued},
		{&q.trimAttempts, sqlTrimAttempts},
	} {
		var err error
		if *p.st, err = c.prepare(p.sql); err != nil {
			return err
		}
	}
	for _, p := range []struct {
		by                 *bySize
		head, repeat, tail string
		sizes              []int
	}{
		{&q.insertMessage, sqlInsertMessage, "(?,?,?,?,?,?)", "", []int{16, 4, 1}},
		{&q.insertBody, sqlInsertBody, bodyRow, "", []int{16, 4, 1}},
		{&q.insertPlaced, sqlInsertPlaced, placedRow, "", []int{16, 4, 1}},
		{&q.insertAttempt, sqlInsertAttempt, attemptRow, "", []int{16, 4, 1}},
		{&q.byKey, sqlByKey, "?", ")", []int{64, 8, 1}},
		{&q.delete, sqlDelete, "?", ")", []int{64, 8, 1}},
		{&q.deleteBody, sqlDeleteB, "?", ")", []int{64, 8, 1}},
	} {
		var err error
		if *p.by, err = c.prepareSizes(p.head, p.repeat, p.tail, p.sizes...); err != nil {
			return err
		}
	}
	return nil
}
