package httpx

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// nest has lists of objects and objects with free names.
type nest struct {
	Items []*nestItem `json:"items"`
}

type nestItem struct {
	ID      string            `json:"id"`
	Headers map[string]string `json:"headers"`
}

const mostNested = 3

func parseNest(body []byte) (nest, *Error) {
	var n nest
	err := ParseObject(body, []Field{{"items", Objects(func(i int) []Field {
		if i == mostNested {
			return nil
		}
		it := &nestItem{}
		n.Items = append(n.Items, it)
		return []Field{{"id", &it.ID}, {"headers", &it.Headers}}
	})}})
	return n, err
}

func TestParseNested(t *testing.T) {
	accepted := []string{
		`{}`, `{"items":[]}`, `{"items":null}`, `{"items":[{}]}`, `{ "items" : [ { "id" : "a" } , { } ] }`,
		`{"items":[{"id":"a","headers":{}},{"headers":null},{"headers":{"b":"c\n","":"\u00e9"}}]}`,
	}
	for _, body := range accepted {
		var want nest
		if err := json.Unmarshal([]byte(body), &want); err != nil {
			t.Fatal(err)
		}
		got, err := parseNest([]byte(body))
		if err != nil {
			t.Errorf("%s: %v", body, err)
		} else if len(got.Items)+len(want.Items) > 0 && !cmp.Equal(want, got) {
			t.Error(body, cmp.Diff(want, got))
		}
	}
	refused := map[string]string{
		`{"items":{}}`:                                    "items must be a list of objects (at byte 10)",
		`{"items":[1]}`:                                   "items must be a list of objects",
		`{"items":[null]}`:                                "items must be a list of objects",
		`{"items":[{},]}`:                                 "items must be a list of objects",
		`{"items":[{} {}]}`:                               `expected "," or "]"`,
		`{"items":[{},{},{},{}]}`:                         "items may have 3 entries at most",
		`{"items":[{"id":"a","id":"b"}]}`:                 "id stands twice",
		`{"items":[{"ID":"a"}]}`:                          `unknown field "ID", did you mean "id"`,
		`{"items":[{"headers":[]}]}`:                      "headers must be an object",
		`{"items":[{"headers":{"a":1}}]}`:                 "the values in headers must be strings",
		`{"items":[{"headers":{"a":{"b":"c"}}}]}`:         "the values in headers must be strings",
		`{"items":[{"headers":{"a":"1","\u0061":"2"}}]}`:  "a name in headers stands twice (at byte 31)",
		`{"items":[{"headers":{"a" "1"}}]}`:               `expected ":"`,
		`{"items":[{"headers":{"a":"1" "b":"2"}}]}`:       `expected "," or "}"`,
		`{"items":[{"headers":{a:"1"}}]}`:                 "expected a string",
		`{"items":[{`:                                     "expected a string",
		`{"items":[`:                                      "items must be a list of objects",
		`{"items":[` + strings.Repeat(`{"headers":`, 1e5): "the values in headers must be strings",
		"{\"items\":[{\"headers\":{\"a\":\"\xff\"}}]}":    "invalid UTF-8",
	}
	for body, want := range refused {
		got, err := parseNest([]byte(body))
		if err == nil || err.Status != 400 || !strings.HasPrefix(err.Detail, "invalid JSON body: "+want) {
			t.Errorf("%.80s: %v, %v; want %q", body, got, err, want)
		}
	}
}

// FuzzParseNested holds that what is accepted means the same to encoding/json.
func FuzzParseNested(f *testing.F) {
	for i, s := range []string{`{"items":[{"id":"a","headers":{"b":"c"}}]}`, `{"items":[{},{}]}`, `{"items":[{"headers":null}]}`, `null`} {
		f.Add([]byte(s))
		f.Add([]byte(s[:len(s)-i]))
		f.Add([]byte(strconv.Quote(s)))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		ours, refused := parseNest(body)
		if refused != nil {
			return
		}
		var theirs nest
		if err := json.Unmarshal(body, &theirs); err != nil || len(ours.Items) != len(theirs.Items) {
			t.Fatalf("%q: we read %+v, encoding/json %+v, %v", body, ours, theirs, err)
		}
		for i := range ours.Items {
			if !cmp.Equal(ours.Items[i], theirs.Items[i]) {
				t.Fatalf("%q: %s", body, cmp.Diff(theirs.Items[i], ours.Items[i]))
			}
		}
	})
}
