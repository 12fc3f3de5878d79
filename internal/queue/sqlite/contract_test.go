package sqlite

import (
	"testing"

	"hookaido/internal/queue/queuetest"
)

func openForSuite(t *testing.T, path string, o queuetest.Options, bodies *bodyRules) *Store {
	t.Helper()
	s, err := Open(t.Context(), Options{Path: path, Clock: o.Clock, Limits: o.Limits, bodies: bodies})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// ways are where the engine puts the bodies.
func ways() map[string]*bodyRules {
	return map[string]*bodyRules{"bodies in the database": noneApart(), "bodies in files": allApart()}
}

func TestContract(t *testing.T) {
	for name, bodies := range ways() {
		t.Run(name, func(t *testing.T) {
			queuetest.Run(t, func(t *testing.T, o queuetest.Options) queuetest.Queue {
				return openForSuite(t, dbPath(t), o, bodies)
			})
		})
	}
}

func TestDurableContract(t *testing.T) {
	for name, bodies := range ways() {
		t.Run(name, func(t *testing.T) {
			queuetest.RunDurable(t,
				func(t *testing.T, o queuetest.Options) queuetest.Queue {
					return openForSuite(t, dbPath(t), o, bodies)
				},
				func(t *testing.T, q queuetest.Queue, o queuetest.Options) queuetest.Queue {
					if err := q.Close(); err != nil {
						t.Fatal(err)
					}
					return openForSuite(t, q.(*Store).path, o, bodies)
				})
		})
	}
}
