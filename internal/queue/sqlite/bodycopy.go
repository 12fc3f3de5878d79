package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"

	"hookaido/internal/queue/bodylog"
)

const (
	// body_segment
	sqlPlacedAll = `SELECT seq, segment, at, length, sum FROM body INDEXED BY body_segment WHERE segment IS NOT NULL`
	sqlCountLost = `SELECT count(*) FROM body INDEXED BY body_segment WHERE segment IS NOT NULL`
	// message_ended; lanes are few
	sqlRecount = `UPDATE lane SET
		delivered = (SELECT count(*) FROM message INDEXED BY message_ended WHERE state >= 2 AND lane = lane.id AND state = 2),
		dead = (SELECT count(*) FROM message INDEXED BY message_ended WHERE state >= 2 AND lane = lane.id AND state = 3),
		canceled = (SELECT count(*) FROM message INDEXED BY message_ended WHERE state >= 2 AND lane = lane.id AND state = 4);
		UPDATE meta SET counted = 0`
	sqlHasPlaces = `SELECT count(*) FROM pragma_table_info('body') WHERE name = 'segment'`
)

// gather brings payloads into the copy that are in body files beside the
// original, so that the copy is one file. A message that was settled since the
// copy began leaves it; a payload that is lost stays where it was put.
func (k copying) gather(ctx context.Context, source, target *conn) error {
	if there, err := target.integer(sqlHasPlaces); err != nil || there == 0 {
		return err // of a version that had no body files
	}
	if n, err := target.integer(sqlCountLost); err != nil || n == 0 {
		return err
	}
	identity, err := target.value("SELECT identity FROM meta")
	if err != nil {
		return err
	}
	name, _ := identity.(string)
	g := gathering{files: bodylog.NewReader(behindLink(k.from), name)}
	err = g.prepare(source, target)
	for _, b := range g.all {
		if err == nil && ctx.Err() == nil {
			err = g.one(b)
		}
	}
	if err == nil && g.dropped {
		err = target.exec(sqlRecount)
	}
	return errors.Join(err, ctx.Err(), g.files.Close())
}

// gathering is the state of a gather.
type gathering struct {
	files                     *bodylog.Reader
	all                       []placedBody
	move, live, drop, dropRow *stmt
	dropped                   bool // the counters are not right any more
}

func (g *gathering) prepare(source, target *conn) error {
	var placed *stmt
	for _, p := range []struct {
		st  **stmt
		c   *conn
		sql string
	}{
		{&placed, target, sqlPlacedAll},
		{&g.move, target, sqlMoveBody},
		{&g.live, source, sqlPlaced},
		{&g.drop, target, sqlDeleteB + "?)"},
		{&g.dropRow, target, sqlDelete + "?)"},
	} {
		var err error
		if *p.st, err = p.c.prepare(p.sql); err != nil {
			return fmt.Errorf("gather the bodies: %w", err)
		}
	}
	return placed.each(func(v []driver.Value) error {
		g.all = append(g.all, readPlaced(v))
		return nil
	})
}

// one brings one payload.
func (g *gathering) one(b placedBody) error {
	payload, err := g.files.Read(b.place)
	switch {
	case errors.Is(err, bodylog.ErrLost):
		return g.missing(b)
	case err != nil:
		return err
	}
	return g.move.run(payload, b.seq, b.place.Segment, b.place.At)
}

// missing deals with a payload that is not in its file: it may have moved to the
// original since the copy was made, or be gone with its message.
func (g *gathering) missing(b placedBody) error {
	there, moved := false, false
	var payload []byte
	err := g.live.each(func(v []driver.Value) error {
		there, payload = true, v[0].([]byte)
		_, placed := readPlace(v[1:])
		moved = !placed
		return nil
	}, b.seq)
	switch {
	case err != nil:
		return err
	case moved:
		return g.move.run(payload, b.seq, b.place.Segment, b.place.At)
	case !there:
		g.dropped = true
		return errors.Join(g.drop.run(b.seq), g.dropRow.run(b.seq))
	}
	return nil
}
