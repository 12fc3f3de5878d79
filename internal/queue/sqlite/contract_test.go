package sqlite

import (
	"testing"

	"hookaido/internal/queue/queuetest"
)

func openForSuite(t *testing.T, path string, o queuetest.Options) *Store {
	s, err := Open(t.Context(), Options{Path: path, Clock: o.Clock, Limits: o.Limits})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestContract(t *testing.T) {
	queuetest.Run(t, func(t *testing.T, o queuetest.Options) queuetest.Queue {
		return openForSuite(t, dbPath(t), o)
	})
}

func TestDurableContract(t *testing.T) {
	queuetest.RunDurable(t,
		func(t *testing.T, o queuetest.Options) queuetest.Queue { return openForSuite(t, dbPath(t), o) },
		func(t *testing.T, q queuetest.Queue, o queuetest.Options) queuetest.Queue {
			if err := q.Close(); err != nil {
				t.Fatal(err)
			}
			return openForSuite(t, q.(*Store).path, o)
		})
}
