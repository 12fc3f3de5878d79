package sqlite

import (
	"database/sql/driver"
	"encoding/binary"
	"time"

	"hookaido/internal/queue"
)

const (
	claimLen = 24 // key and end
	// pruneStep is how many rows of the table a batch looks at for claims that
	// have passed.
	pruneStep = 8
	// roundPause is the least time between two rounds over the table, in
	// nanoseconds.
	roundPause = int64(time.Second)
	// longClaim is the length from which a claim counts as long.
	longClaim = int64(time.Hour)
)

// claimSet holds the claims in memory, 24 octets and change each; the table
// holds them as a log with one row per transaction, or two if it has short and
// long ones: a row goes when its last claim has passed. A table keyed by claim
// would cost a page of the WAL for each, because digests fall anywhere.
type claimSet struct {
	until  map[[16]byte]int64
	cursor int64 // rows up to here were looked at
	lookAt int64 // the next round over the table begins then
}

// claimBatch has the claims of an open transaction.
type claimBatch struct {
	keys map[[16]byte]int64
	blob []byte
}

func (b *claimBatch) add(c queue.Claim) {
	until := queue.Nanos(c.Until)
	if b.keys == nil {
		b.keys = map[[16]byte]int64{}
	}
	b.keys[c.Key] = until
	b.blob = binary.BigEndian.AppendUint64(append(b.blob, c.Key[:]...), uint64(until)) //nolint:gosec // a round trip
}

// claimed reports whether the key is taken now. Wall time rules, because what
// is claimed carries wall times.
func (w *writer) claimed(key [16]byte) bool {
	if until, ok := w.tx.claims.keys[key]; ok && until > w.now {
		return true
	}
	until, ok := w.claims.until[key]
	return ok && until > w.now
}

func (w *writer) saveClaims() error {
	var blob [2][]byte // of short and long ones
	var last [2]int64  // their latest ends
	for rest := w.tx.claims.blob; len(rest) >= claimLen; rest = rest[claimLen:] {
		eachClaim(rest[:claimLen], func(_ [16]byte, until int64) {
			kind := 0
			if until-longClaim >= w.now {
				kind = 1
			}
			blob[kind], last[kind] = append(blob[kind], rest[:claimLen]...), max(last[kind], until)
		})
	}
	for kind := range blob {
		if len(blob[kind]) == 0 {
			continue
		}
		if err := w.sql.insertClaims.run(last[kind], blob[kind]); err != nil {
			return err
		}
	}
	return nil
}

// add takes over what was committed.
func (c *claimSet) add(b *claimBatch) {
	for key, until := range b.keys {
		c.until[key] = until
	}
}

func eachClaim(blob []byte, f func(key [16]byte, until int64)) {
	for ; len(blob) >= claimLen; blob = blob[claimLen:] {
		f([16]byte(blob), int64(binary.BigEndian.Uint64(blob[16:]))) //nolint:gosec // a round trip
	}
}

// pruneClaims looks at a few rows of the log and deletes those of which every
// claim has passed. It only rides on transactions that write anyway.
func (w *writer) pruneClaims() error {
	c := &w.claims
	if !w.tx.open || len(c.until) == 0 || w.now < c.lookAt {
		return nil
	}
	seen := 0
	var passed []int64
	err := w.sql.someClaims.each(func(row []driver.Value) error {
		seen++
		c.cursor = row[0].(int64)
		if row[1].(int64) <= w.now {
			passed = append(passed, c.cursor)
		}
		return nil
	}, c.cursor, int64(pruneStep))
	if err != nil {
		return err
	}
	if seen < pruneStep {
		c.cursor, c.lookAt = 0, w.now+roundPause
	}
	for _, id := range passed {
		err := w.sql.deleteClaims.each(func(row []driver.Value) error {
			eachClaim(row[0].([]byte), func(key [16]byte, until int64) {
				if c.until[key] == until {
					delete(c.until, key)
				}
			})
			return nil
		}, id)
		if err != nil {
			return err
		}
	}
	return nil
}

// loadClaims reads the log.
func (w *writer) loadClaims() error {
	w.claims.until = map[[16]byte]int64{}
	return w.sql.claims.each(func(row []driver.Value) error {
		eachClaim(row[0].([]byte), func(key [16]byte, until int64) {
			if until > w.claims.until[key] {
				w.claims.until[key] = until
			}
		})
		return nil
	})
}
