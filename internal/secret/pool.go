package secret

import (
	"cmp"
	"slices"
	"time"
)

// Version is a secret with a time of validity: from From on and until just
// before Until. A zero From is no beginning, a zero Until no end.
type Version struct {
	ID          string
	Value       Value
	From, Until time.Time
}

// ValidAt reports whether t lies in the time of validity.
func (v Version) ValidAt(t time.Time) bool {
	return !t.Before(v.From) && (v.Until.IsZero() || t.Before(v.Until))
}

// Pool is a set of versions of one secret. It never changes and is safe for
// concurrent use; the zero value is empty.
type Pool struct{ versions []Version }

// NewPool makes a pool of versions, which it copies.
func NewPool(versions ...Version) Pool {
	sorted := slices.Clone(versions)
	slices.SortStableFunc(sorted, func(a, b Version) int {
		return cmp.Or(b.From.Compare(a.From), cmp.Compare(a.ID, b.ID))
	})
	return Pool{sorted}
}

// Len returns the number of versions, valid or not.
func (p Pool) Len() int { return len(p.versions) }

// All returns the versions, valid or not, in the order of [Pool.ValidAt].
func (p Pool) All() []Version { return slices.Clone(p.versions) }

// ValidAt returns the versions that are valid at t, those that began last
// first, and of those that began together the one with the smaller id.
func (p Pool) ValidAt(t time.Time) []Version {
	var valid []Version
	for _, v := range p.versions {
		if v.ValidAt(t) {
			valid = append(valid, v)
		}
	}
	return valid
}

// Newest returns the version valid at t that began last; of several that of the
// smallest id.
func (p Pool) Newest(t time.Time) (Version, bool) {
	for _, v := range p.versions {
		if v.ValidAt(t) {
			return v, true
		}
	}
	return Version{}, false
}

// Oldest returns the version valid at t that began first; of several that of
// the smallest id.
func (p Pool) Oldest(t time.Time) (Version, bool) {
	var oldest Version
	found := false
	for _, v := range p.versions {
		if v.ValidAt(t) && (!found || v.From.Before(oldest.From)) {
			oldest, found = v, true
		}
	}
	return oldest, found
}
