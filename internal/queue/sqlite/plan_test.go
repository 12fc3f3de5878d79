package sqlite

import (
	"database/sql/driver"
	"strings"
	"testing"

	"hookaido/internal/queue"
)

// TestPlans pins how SQLite finds the rows of each statement on a deep queue: a
// scan, or a sort, would make the cost grow with the depth.
func TestPlans(t *testing.T) {
	s := open(t, Options{})
	for range 5 {
		batch := make([]queue.NewMessage, 1000)
		for i := range batch {
			batch[i] = message("/a", "x")
		}
		enqueue(t, s, batch...)
	}
	must(t, s.w.c.exec("ANALYZE"))
	before := &queue.AttemptCursor{}
	byKey := "SEARCH message USING INTEGER PRIMARY KEY (rowid=?)"
	for sql, want := range map[string]string{
		sqlFindChosen:     "SEARCH message USING COVERING INDEX message_chosen (chosen=?)",
		sqlReady:          "SEARCH message USING INDEX message_ready (lane=? AND due<?)",
		sqlFirstDue:       "SEARCH message USING COVERING INDEX message_ready (lane=?)",
		sqlExpired:        "SEARCH message USING INDEX message_leased (due<?)",
		sqlFirstEnd:       "SCAN message USING COVERING INDEX message_leased", // stops at the first
		sqlOldest:         "SEARCH message USING INTEGER PRIMARY KEY (rowid>?)",
		sqlByKey + "?,?)": byKey, sqlLease: byKey, sqlRequeue: byKey, sqlTakeBack: byKey, sqlSweep: byKey,
		sqlExtend: byKey, sqlBury: byKey, sqlForget: byKey, sqlDelete + "?,?)": byKey,
		sqlDeleteB + "?,?)": "SEARCH body USING INTEGER PRIMARY KEY (rowid=?)",
		sqlBodies + "?,?)":  "SEARCH body USING INTEGER PRIMARY KEY (rowid=?)",
		sqlPlaced:           "SEARCH body USING INTEGER PRIMARY KEY (rowid=?)",
		sqlMoveBody:         "SEARCH body USING INTEGER PRIMARY KEY (rowid=?)",
		sqlInSegment:        "SEARCH body USING INDEX body_segment (segment=? AND rowid>?)",
		sqlSegments:         "SEARCH body USING COVERING INDEX body_segment (segment>?)",
		sqlPlacedAll:        "SEARCH body USING INDEX body_segment (segment>?)",
		sqlCountLost:        "SEARCH body USING COVERING INDEX body_segment (segment>?)",
		sqlUpdateLane:       "SEARCH lane USING INTEGER PRIMARY KEY (rowid=?)",
		sqlSomeClaims:       "SEARCH claim USING INTEGER PRIMARY KEY (rowid>?)",
		sqlDeleteClaims:     "SEARCH claim USING INTEGER PRIMARY KEY (rowid=?)",
		sqlShiftQueued:      "SEARCH message USING INDEX message_ready (lane=? AND due>?)",
		sqlFirstQueued:      "SEARCH message USING INDEX message_ready (lane=?)",
		sqlTrimAttempts:     "SEARCH attempt USING INTEGER PRIMARY KEY (rowid=?)",
		sqlLastAttempt:      "SEARCH attempt",

		sqlDeliver: byKey, sqlCancel: byKey, sqlRestart: byKey, sqlMove: byKey, sqlStored: byKey,
		sqlOverAge:                        "SEARCH message USING INDEX message_age (state=? AND since<?)",
		sqlWaitedTooLong:                  "SEARCH message USING INDEX message_lane (lane=? AND received>? AND received<?)",
		sqlOldAttempts:                    "SEARCH attempt USING COVERING INDEX attempt_at (at<?)",
		sqlOverAttempts:                   "SEARCH attempt USING INTEGER PRIMARY KEY (rowid<?)",
		lookSQL(fromLane, queue.Filter{}): "SEARCH message USING INDEX message_lane (lane=?)",
		lookSQL(fromLane, queue.Filter{Before: start, After: &queue.Cursor{}}):     "SEARCH message USING INDEX message_lane (lane=? AND received<?)",
		lookSQL(fromLane, queue.Filter{After: &queue.Cursor{}, OldestFirst: true}): "SEARCH message USING INDEX message_lane (lane=? AND received>?)",
		lookSQL(fromEnded, queue.Filter{}):                                         "SEARCH message USING INDEX message_ended (lane=? AND state=?)",

		attemptSQL(queue.AttemptFilter{}):                 "SCAN attempt USING INDEX attempt_at",
		attemptSQL(queue.AttemptFilter{Before: before}):   "SEARCH attempt USING INDEX attempt_at (at<?)",
		attemptSQL(queue.AttemptFilter{Route: "/a"}):      "SCAN attempt USING INDEX attempt_at",
		attemptSQL(queue.AttemptFilter{MessageID: "evt"}): "SEARCH attempt USING INDEX attempt_message (message=?)",
	} {
		st, err := s.w.c.prepare("EXPLAIN QUERY PLAN " + sql)
		must(t, err)
		var plan []string
		args := make([]driver.Value, len(st.args))
		must(t, st.each(func(row []driver.Value) error {
			plan = append(plan, row[3].(string))
			return nil
		}, args...))
		s.w.c.drop(st)
		all := strings.Join(plan, "; ")
		if !strings.Contains(all, want) || strings.Contains(all, "TEMP B-TREE") {
			t.Errorf("%s\nplan: %s\nwant: %s", sql, all, want)
		}
	}
}

func lookSQL(source string, f queue.Filter) string {
	sql, _ := (&look{f: f, found: make([]stored, 1)}).query(source, nil)
	return sql
}

func attemptSQL(f queue.AttemptFilter) string {
	sql, _ := attemptQuery(f)
	return sql
}
