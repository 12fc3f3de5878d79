package secret

import (
	"strings"
	"testing"
	"time"
)

func at(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return t
}

func version(id, from, until string) Version {
	v := Version{ID: id, Value: New([]byte(id))}
	if from != "" {
		v.From = at(from)
	}
	if until != "" {
		v.Until = at(until)
	}
	return v
}

// TestPool holds the beginning of a window in it and the end outside, to the
// nanosecond.
func TestPool(t *testing.T) {
	pool := NewPool(
		version("b", "2026-07-01T00:00:00Z", ""),
		version("a", "2026-01-01T00:00:00Z", "2026-07-15T00:00:00Z"),
		version("c", "2026-07-01T00:00:00Z", "2026-08-01T00:00:00+02:00"),
	)
	tests := []struct{ name, at, valid, newest, oldest string }{
		{"before all", "2025-12-31T23:59:59.999999999Z", "", "", ""},
		{"the beginning belongs to it", "2026-01-01T00:00:00Z", "a", "a", "a"},
		{"just before the next", "2026-06-30T23:59:59.999999999Z", "a", "a", "a"},
		{"all, ties by the smaller id", "2026-07-01T00:00:00Z", "bca", "b", "a"},
		{"just before the end", "2026-07-14T23:59:59.999999999Z", "bca", "b", "a"},
		{"the end does not", "2026-07-15T00:00:00Z", "bc", "b", "b"},
		{"zones", "2026-07-31T22:00:00Z", "b", "b", "b"},
		{"for ever", "2226-01-01T00:00:00Z", "b", "b", "b"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			now := at(test.at)
			var ids strings.Builder
			for _, v := range pool.ValidAt(now) {
				ids.WriteString(v.ID)
			}
			newest, ok := pool.Newest(now)
			oldest, ok2 := pool.Oldest(now)
			if ids.String() != test.valid || newest.ID != test.newest || oldest.ID != test.oldest || ok != (test.newest != "") || ok2 != ok {
				t.Errorf("valid %q, newest %q %v, oldest %q %v", ids.String(), newest.ID, ok, oldest.ID, ok2)
			}
		})
	}
	if pool.Len() != 3 || (Pool{}).Len() != 0 {
		t.Error("length")
	}
	versions := []Version{version("x", "", ""), version("y", "2026-01-01T00:00:00Z", "")}
	pool = NewPool(versions...)
	versions[0].ID = "changed"
	if o, _ := pool.Oldest(at("2027-01-01T00:00:00Z")); o.ID != "x" {
		t.Errorf("a pool shares the list it was made of: %q", o.ID)
	}
}
