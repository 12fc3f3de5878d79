package cli

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hookaido/internal/admin"
)

var noon = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

func TestMoment(t *testing.T) {
	for text, want := range map[string]time.Time{
		"2026-01-31T11:00:00Z":      noon.Add(-time.Hour),
		"2026-01-31T12:00:00+01:00": noon.Add(-time.Hour),
		"90m":                       noon.Add(-90 * time.Minute),
		"1h30m":                     noon.Add(-90 * time.Minute),
		"7d":                        noon.AddDate(0, 0, -7),
		"0s":                        noon,
	} {
		if got, err := moment(text, noon); err != nil || !got.Equal(want) {
			t.Errorf("moment(%q) = %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "yesterday", "-1h", "1w", "d", "-1d", "99999d", "2026-01-31"} {
		if got, err := moment(text, noon); err == nil {
			t.Errorf("moment(%q) = %v, want an error", text, got)
		}
	}
}

func TestChoice(t *testing.T) {
	for name, c := range map[string]choice{
		"all and limit": {all: true, limit: 1}, "negative": {limit: -1}, "before": {before: "x"}, "after": {after: "x"},
	} {
		if _, err := c.read(noon); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	c := choice{route: "/a", before: "1h", after: "2h", limit: 5}
	got, err := c.read(noon)
	want := chosen{selector: admin.Selector{Route: "/a", Before: "2026-01-31T11:00:00Z"}, since: noon.Add(-2 * time.Hour), limit: 5}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(chosen{})); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if !c.narrows() || (&choice{all: true}).narrows() {
		t.Error("what narrows is not told from what doesn't")
	}
}

// pages answers as the admin API does, with n entries that are a second apart,
// the newest first.
func pages(n int, asked *[]int) walk[admin.Message] {
	ask := func(_ context.Context, s admin.Selector) (admin.Page[admin.Message], error) {
		*asked = append(*asked, s.Limit)
		var page admin.Page[admin.Message]
		from, _ := strconv.Atoi(s.After)
		for i := from; i < min(n, from+s.Limit); i++ {
			page.Items = append(page.Items, admin.Message{ID: strconv.Itoa(i), ReceivedAt: noon.Add(-time.Duration(i) * time.Second)})
		}
		if len(page.Items) == s.Limit {
			page.NextAfter = strconv.Itoa(from + s.Limit)
		}
		return page, nil
	}
	return walk[admin.Message]{ask, receivedAt}
}

func TestWalk(t *testing.T) {
	for name, test := range map[string]struct {
		there  int
		chosen chosen
		want   int
		more   bool
		asked  []int
	}{
		"none":                  {0, chosen{}, 0, false, []int{1000}},
		"all over pages":        {2500, chosen{}, 2500, false, []int{1000, 1000, 1000}},
		"exactly a page":        {1000, chosen{}, 1000, false, []int{1000, 1000}},
		"a limit":               {50, chosen{limit: 10}, 10, true, []int{11}},
		"a limit that is met":   {10, chosen{limit: 10}, 10, false, []int{11}},
		"a limit over pages":    {2500, chosen{limit: 1500}, 1500, true, []int{1000, 501}},
		"down to a time":        {100, chosen{since: noon.Add(-9 * time.Second)}, 10, false, []int{1000}},
		"a time before a limit": {100, chosen{since: noon.Add(-9 * time.Second), limit: 20}, 10, false, []int{21}},
	} {
		t.Run(name, func(t *testing.T) {
			var asked []int
			n := 0
			more, err := pages(test.there, &asked).each(t.Context(), test.chosen, func(m *admin.Message) error {
				if m.ID != strconv.Itoa(n) {
					t.Fatalf("entry %d is %s", n, m.ID)
				}
				n++
				return nil
			})
			if err != nil || n != test.want || more != test.more {
				t.Errorf("%d entries, more %v, %v; want %d, %v", n, more, err, test.want, test.more)
			}
			if diff := cmp.Diff(test.asked, asked); diff != "" {
				t.Error(diff)
			}
		})
	}
}
