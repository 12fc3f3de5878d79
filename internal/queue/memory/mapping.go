package memory

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"hookaido/internal/queue"
)

// pair is an application and a name in it, or a pool of secrets and the id of a
// version.
type pair [2]string

func comparePairs(a, b pair) int {
	return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1]))
}

// sortedValues are those of m in the order of its keys.
func sortedValues[T any](m map[pair]T) []T {
	var list []T
	for _, key := range slices.SortedFunc(maps.Keys(m), comparePairs) {
		list = append(list, m[key])
	}
	return list
}

// Mappings returns the routes of endpoints, sorted by application and name.
func (s *Store) Mappings(ctx context.Context) ([]queue.Mapping, error) {
	now, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer s.exit(now)
	return sortedValues(s.mappings), nil
}

// SetMapping gives an endpoint a route. What either had before ends.
func (s *Store) SetMapping(ctx context.Context, m queue.Mapping) error {
	now, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer s.exit(now)
	m.Since = s.time.wall(now)
	maps.DeleteFunc(s.mappings, func(_ pair, old queue.Mapping) bool { return old.Route == m.Route })
	s.mappings[pair{m.Application, m.EndpointName}] = m
	return nil
}

// DropMapping takes the route of an endpoint away, if it has one.
func (s *Store) DropMapping(ctx context.Context, application, endpointName string) error {
	now, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer s.exit(now)
	delete(s.mappings, pair{application, endpointName})
	return nil
}

// SealedSecrets returns all versions of secrets, sorted by pool and id.
func (s *Store) SealedSecrets(ctx context.Context) ([]queue.SealedSecret, error) {
	now, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer s.exit(now)
	return sortedValues(s.sealed), nil
}

// PutSealed keeps a version of a secret, in place of one with the same names.
func (s *Store) PutSealed(ctx context.Context, v queue.SealedSecret) error {
	now, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer s.exit(now)
	s.sealed[pair{v.Pool, v.ID}] = v
	return nil
}

// DropSealed removes a version of a secret, if it is there.
func (s *Store) DropSealed(ctx context.Context, pool, id string) error {
	now, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer s.exit(now)
	delete(s.sealed, pair{pool, id})
	return nil
}
