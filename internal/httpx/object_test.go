package httpx

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// sample has a field of every kind.
type sample struct {
	Batch int      `json:"batch"`
	ID    string   `json:"lease_id"`
	IDs   []string `json:"lease_ids"`
	Dead  bool     `json:"dead"`
}

func parseSample(body []byte) (sample, *Error) {
	s := sample{Batch: 7}
	err := ParseObject(body, []Field{{"batch", &s.Batch}, {"lease_id", &s.ID}, {"lease_ids", &s.IDs}, {"dead", &s.Dead}})
	return s, err
}

func TestParseObjectAccepts(t *testing.T) {
	tests := map[string]sample{
		`{}`:                            {Batch: 7},
		` null `:                        {Batch: 7}, // badinput 85
		"\t{ }\r\n":                     {Batch: 7},
		`{"batch":0}`:                   {},
		`{"batch":-12}`:                 {Batch: -12},
		`{"batch":null}`:                {Batch: 7},
		`{"dead":true,"batch":100}`:     {Batch: 100, Dead: true},
		`{"batch":9223372036854775807}`: {Batch: 9223372036854775807},
		`{"lease_ids":[]}`:              {Batch: 7, IDs: []string{}},
		`{"lease_ids" : [ "a" , "b" ] , "dead" : false}`:                 {Batch: 7, IDs: []string{"a", "b"}},
		`{"lease_id":"\"\\\/\b\f\n\r\té\ud83c\udf89é🎉\u0000","batch":1}`: {Batch: 1, ID: "\"\\/\b\f\n\r\té🎉é🎉\x00"},
		`{"\u006cease_id":"x"}`: {Batch: 7, ID: "x"},
	}
	for body, want := range tests {
		got, err := parseSample([]byte(body))
		if err != nil {
			t.Errorf("%s: %v", body, err)
		} else if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", body, diff)
		}
	}
}

func TestParseObjectRefuses(t *testing.T) {
	tests := []struct{ name, body, want string }{
		{"empty", ``, "the body is empty"},
		{"blank", " \n", "the body is empty"},
		{"no object", `[]`, "expected an object (at byte 1)"},
		{"badinput 79: fraction", `{"batch":1.5}`, "batch must be a whole number (at byte 10)"},
		{"badinput 79: string", `{"batch":"1"}`, "batch must be a whole number"},
		{"badinput 79: too large", `{"batch":9223372036854775808}`, "batch must be a whole number"},
		{"badinput 79: far too large", `{"batch":` + strings.Repeat("9", 400) + `}`, "batch must be a whole number"},
		{"badinput 79: bool", `{"batch":true}`, "batch must be a whole number"},
		{"exponent", `{"batch":1e2}`, "batch must be a whole number"},
		{"leading zero", `{"batch":01}`, "batch must be a whole number"},
		{"plus", `{"batch":+1}`, "batch must be a whole number"},
		{"minus alone", `{"batch":-}`, "batch must be a whole number"},
		{"number for a string", `{"lease_id":1}`, "lease_id must be a string (at byte 13)"},
		{"string for a bool", `{"dead":"true"}`, "dead must be true or false"},
		{"string for a list", `{"lease_ids":"a"}`, "lease_ids must be a list of strings"},
		{"number in a list", `{"lease_ids":["a",1]}`, "lease_ids must be a list of strings (at byte 19)"},
		{"null in a list", `{"lease_ids":[null]}`, "lease_ids must be a list of strings"},
		{"nested list", `{"lease_ids":[["a"]]}`, "lease_ids must be a list of strings"},
		{"badinput 86: twice", `{"batch":1,"batch":2}`, "batch stands twice (at byte 12)"},
		{"badinput 86: twice in disguise", `{"batch":1,"\u0062atch":2}`, "batch stands twice"},
		{"badinput 86: upper case", `{"Batch":1}`, `unknown field "Batch", did you mean "batch" (at byte 2)`},
		{"badinput 87: unknown", `{"bogus":{"x":[1]}}`, `unknown field "bogus"`},
		{"badinput 87: second document", `{}{}`, "something follows the object (at byte 3)"},
		{"badinput 87: after null", `null null`, "something follows the object"},
		{"badinput 87: deep", strings.Repeat("[", 200_000), "expected an object"},
		{"badinput 87: deep list", `{"lease_ids":` + strings.Repeat("[", 200_000), "lease_ids must be a list of strings"},
		{"badinput 88: invalid UTF-8", "{\"lease_id\":\"a\xff\"}", "invalid UTF-8 in a string (at byte 15)"},
		{"badinput 88: NUL", "{\"lease_id\":\"a\x00\"}", "a control character in a string"},
		{"cut character", "{\"lease_id\":\"a\xc3\"}", "invalid UTF-8"},
		{"half a surrogate pair", `{"lease_id":"\ud83c"}`, "a bad escape in a string (at byte 14)"},
		{"pair the wrong way round", `{"lease_id":"\udf89\ud83c"}`, "a bad escape"},
		{"unknown escape", `{"lease_id":"\x41"}`, "a bad escape"},
		{"short escape", `{"lease_id":"\u00`, "a bad escape"},
		{"backslash at the end", `{"lease_id":"\`, "a bad escape"},
		{"open string", `{"lease_id":"abc`, "a string is not closed"},
		{"open string after an escape", `{"lease_id":"a\nbc`, "a string is not closed"},
		{"open object", `{"batch":1`, `expected "," or "}"`},
		{"open list", `{"lease_ids":["a"`, `expected "," or "]"`},
		{"comma at the end", `{"batch":1,}`, "expected a string"},
		{"comma at the end of a list", `{"lease_ids":["a",]}`, "lease_ids must be a list of strings"},
		{"no colon", `{"batch" 1}`, `expected ":"`},
		{"no quotes", `{batch:1}`, "expected a string"},
		{"no value", `{"batch":}`, "batch must be a whole number"},
		{"words run together", `{"dead":truefalse}`, `expected "," or "}"`},
		{"byte order mark", "\ufeff{}", "expected an object"},
		{"long name", `{"` + strings.Repeat("é", 5000) + `":1}`, "unknown field \"" + strings.Repeat("é", 32) + "…\""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := parseSample([]byte(test.body))
			if err == nil {
				t.Fatalf("accepted as %+v", got)
			}
			if err.Status != 400 || err.Code != "invalid_body" || !strings.HasPrefix(err.Detail, "invalid JSON body: "+test.want) {
				t.Errorf("got %d %s %.200q, want the detail %q", err.Status, err.Code, err.Detail, test.want)
			}
		})
	}
}

// FuzzParseObject compares with encoding/json: what is accepted must mean the
// same there, and what only encoding/json accepts must be one of the things on
// which we are stricter.
func FuzzParseObject(f *testing.F) {
	for _, s := range []string{
		``, `null`, `{}`, `{"batch":1,"lease_id":"a","lease_ids":["b","\u00e9\ud83c\udf89"],"dead":true}`,
		`{"batch":-0}`, `{"batch":1.0}`, `{"batch":null,"lease_ids":null}`, `{"batch":1,"batch":2}`, `{"BATCH":1}`,
		"{\"lease_id\":\"\xff\"}", `{"lease_id":"\ud800"}`, `{"lease_ids":[null]}`, `{} {}`, `{"x":1}`, `{"batch":1e1}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		ours, refused := parseSample(body)
		theirs := sample{Batch: 7}
		d := json.NewDecoder(bytes.NewReader(body))
		d.DisallowUnknownFields()
		err := d.Decode(&theirs)
		if err == nil {
			_, err = d.Token()
			if err == io.EOF {
				err = nil
			} else {
				err = io.ErrUnexpectedEOF
			}
		}
		if refused == nil {
			if err != nil || !cmp.Equal(ours, theirs) {
				t.Fatalf("%q: we read %+v, encoding/json %+v, %v", body, ours, theirs, err)
			}
			return
		}
		if err == nil && !stricter(body, refused) {
			t.Fatalf("%q is refused: %v", body, refused)
		}
	})
}

func stricter(body []byte, e *Error) bool {
	for _, reason := range []string{"stands twice", "did you mean", "a bad escape", "must be a list of strings", "-9223372036854775808"} {
		if strings.Contains(e.Detail, reason) {
			return true
		}
	}
	return !utf8.Valid(body) || bytes.Contains(body, []byte("-9223372036854775808"))
}

func TestParseObjectCostsLittle(t *testing.T) {
	body := []byte(`{"batch":15,"lease_id":"lease_8899aabbccddeeff","dead":true}`)
	allocs := testing.AllocsPerRun(100, func() {
		if _, err := parseSample(body); err != nil {
			t.Fatal(err)
		}
	})
	if allocs > 2 {
		t.Errorf("%v allocations, want one for the text and one for where it goes", allocs)
	}
}

func BenchmarkParseObject(b *testing.B) {
	body := []byte(`{"batch":15,"lease_id":"lease_8899aabbccddeeff","dead":true}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := parseSample(body); err != nil {
			b.Fatal(err)
		}
	}
}
