package sqlite

import (
	"context"
	"database/sql/driver"
	"time"

	"hookaido/internal/queue"
)

// The tables are small and change seldom; their statements are not kept.
const (
	sqlMappings    = `SELECT application, endpoint, route, since FROM mapping ORDER BY application, endpoint`
	sqlDropMapping = `DELETE FROM mapping WHERE application = ? AND endpoint = ?`
	sqlSetMapping  = `REPLACE INTO mapping (application, endpoint, route, since) VALUES (?,?,?,?)`

	sqlSealed     = `SELECT pool, id, sealed, not_before, not_after, created FROM sealed_secret ORDER BY pool, id`
	sqlPutSealed  = `REPLACE INTO sealed_secret (pool, id, sealed, not_before, not_after, created) VALUES (?,?,?,?,?,?)`
	sqlDropSealed = `DELETE FROM sealed_secret WHERE pool = ? AND id = ?`
)

// smallOp runs one statement on a small table.
type smallOp struct {
	call
	sql  string
	args func(w *writer) []driver.Value
}

func (s *Store) small(ctx context.Context, sql string, args func(w *writer) []driver.Value) error {
	return s.do(ctx, &smallOp{newCall(rowWeight, true), sql, args})
}

func (o *smallOp) apply(w *writer) error {
	if err := w.open(); err != nil {
		return err
	}
	w.tx.wrote = true
	st, err := w.c.prepare(o.sql)
	if err != nil {
		return err
	}
	defer w.c.drop(st)
	return st.run(o.args(w)...)
}

// eachSmall calls f for every row of a small table.
func (s *Store) eachSmall(ctx context.Context, sql string, f func(v []driver.Value)) error {
	return s.read(ctx, func(r *reader) error {
		st, err := r.c.prepare(sql)
		if err != nil {
			return err
		}
		defer r.c.drop(st)
		return st.each(func(v []driver.Value) error {
			f(v)
			return nil
		})
	})
}

// Mappings returns the routes of endpoints, sorted by application and name.
func (s *Store) Mappings(ctx context.Context) ([]queue.Mapping, error) {
	var list []queue.Mapping
	err := s.eachSmall(ctx, sqlMappings, func(v []driver.Value) {
		list = append(list, queue.Mapping{
			Application: v[0].(string), EndpointName: v[1].(string), Route: v[2].(string), Since: wallTime(v[3].(int64)),
		})
	})
	return list, err
}

// SetMapping gives an endpoint a route. What either had before ends: both are
// unique in the table.
func (s *Store) SetMapping(ctx context.Context, m queue.Mapping) error {
	return s.small(ctx, sqlSetMapping, func(w *writer) []driver.Value {
		return []driver.Value{m.Application, m.EndpointName, m.Route, w.now}
	})
}

// DropMapping takes the route of an endpoint away, if it has one.
func (s *Store) DropMapping(ctx context.Context, application, endpointName string) error {
	return s.small(ctx, sqlDropMapping, func(*writer) []driver.Value {
		return []driver.Value{application, endpointName}
	})
}

// SealedSecrets returns all versions of secrets, sorted by pool and id.
func (s *Store) SealedSecrets(ctx context.Context) ([]queue.SealedSecret, error) {
	var list []queue.SealedSecret
	err := s.eachSmall(ctx, sqlSealed, func(v []driver.Value) {
		secret := queue.SealedSecret{
			Pool: v[0].(string), ID: v[1].(string), NotBefore: wallTime(v[3].(int64)), CreatedAt: wallTime(v[5].(int64)),
		}
		secret.Sealed, _ = v[2].([]byte) // an empty one may come as null
		if until, ends := v[4].(int64); ends {
			secret.NotAfter = wallTime(until)
		}
		list = append(list, secret)
	})
	return list, err
}

// PutSealed keeps a version of a secret, in place of one with the same names.
func (s *Store) PutSealed(ctx context.Context, v queue.SealedSecret) error {
	sealed := append([]byte{}, v.Sealed...) // not null
	return s.small(ctx, sqlPutSealed, func(*writer) []driver.Value {
		return []driver.Value{v.Pool, v.ID, sealed, queue.Nanos(v.NotBefore), until(v.NotAfter), queue.Nanos(v.CreatedAt)}
	})
}

// until is null for no end.
func until(t time.Time) driver.Value {
	if t.IsZero() {
		return nil
	}
	return queue.Nanos(t)
}

// DropSealed removes a version of a secret, if it is there.
func (s *Store) DropSealed(ctx context.Context, pool, id string) error {
	return s.small(ctx, sqlDropSealed, func(*writer) []driver.Value { return []driver.Value{pool, id} })
}
