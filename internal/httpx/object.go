package httpx

import (
	"fmt"
	"net/http"
	"strings"
)

// Field is one member that a request body may have.
type Field struct {
	Name string
	// Into receives the value: *string, *bool, *int, *[]string or
	// *map[string]string. It is left alone when the member is absent or null.
	// For a list of objects it is [Objects].
	Into any
}

// ParseObject reads a JSON object (RFC 8259) with the given fields, or null,
// which stands for an object without members. It is strict where encoding/json
// is lenient: names are matched to the letter, no member may come twice or be
// unknown, and text must be valid UTF-8. The strings are copies of body.
//
// A refusal is a 400 invalid_body that says where the fault is.
func ParseObject(body []byte, fields []Field) *Error {
	s := scanner{body: body}
	s.blanks()
	if s.at == len(body) {
		return s.fail("the body is empty")
	}
	if s.literal("null") {
		return s.end()
	}
	if err := s.object(fields); err != nil {
		return err
	}
	return s.end()
}

// object reads an object with the given fields.
func (s *scanner) object(fields []Field) *Error {
	if !s.take('{') {
		return s.fail("expected an object")
	}
	var seen uint64 // one bit per field
	s.blanks()
	for first := true; !s.take('}'); first = false {
		if !first {
			if !s.take(',') {
				return s.fail(`expected "," or "}"`)
			}
			s.blanks()
		}
		if err := s.member(fields, &seen); err != nil {
			return err
		}
		s.blanks()
	}
	return nil
}

// member reads one name and its value.
func (s *scanner) member(fields []Field, seen *uint64) *Error {
	start := s.at
	name, err := s.text()
	if err != nil {
		return err
	}
	i := s.find(name, fields)
	if i < 0 {
		s.at = start
		return s.unknown(string(name), fields)
	}
	if *seen&(1<<i) != 0 {
		s.at = start
		return s.fail(fields[i].Name + " stands twice")
	}
	*seen |= 1 << i
	s.blanks()
	if !s.take(':') {
		return s.fail(`expected ":"`)
	}
	s.blanks()
	if s.literal("null") {
		return nil
	}
	return s.value(fields[i])
}

func (*scanner) find(name []byte, fields []Field) int {
	for i := range fields {
		if fields[i].Name == string(name) {
			return i
		}
	}
	return -1
}

func (s *scanner) unknown(name string, fields []Field) *Error {
	for i := range fields {
		if strings.EqualFold(fields[i].Name, name) {
			return s.fail(fmt.Sprintf("unknown field %q, did you mean %q", name, fields[i].Name))
		}
	}
	const longest = 64
	if len(name) > longest {
		name = strings.ToValidUTF8(name[:longest], "") + "…"
	}
	return s.fail(fmt.Sprintf("unknown field %q", name))
}

func (s *scanner) value(f Field) *Error {
	start := s.at
	switch into := f.Into.(type) {
	case *string:
		if !s.ahead('"') {
			return s.fail(f.Name + " must be a string")
		}
		text, err := s.text()
		if err != nil {
			return err
		}
		*into = string(text)
	case *bool:
		switch {
		case s.literal("true"):
			*into = true
		case s.literal("false"):
			*into = false
		default:
			return s.fail(f.Name + " must be true or false")
		}
	case *int:
		n, ok := s.integer()
		if !ok {
			s.at = start
			return s.fail(f.Name + " must be a whole number")
		}
		*into = n
	case *[]string:
		return s.list(f.Name, into)
	case *map[string]string:
		return s.texts(f.Name, into)
	case Objects:
		return s.objects(f.Name, into)
	default:
		return &Error{Status: http.StatusInternalServerError, Code: "internal_error",
			Detail: "the field " + f.Name + " has a type that is not provided for"}
	}
	return nil
}

func (s *scanner) list(name string, into *[]string) *Error {
	if !s.take('[') {
		return s.fail(name + " must be a list of strings")
	}
	list := []string{}
	s.blanks()
	for first := true; !s.take(']'); first = false {
		if !first {
			if !s.take(',') {
				return s.fail(`expected "," or "]"`)
			}
			s.blanks()
		}
		if !s.ahead('"') {
			return s.fail(name + " must be a list of strings")
		}
		text, err := s.text()
		if err != nil {
			return err
		}
		list = append(list, string(text))
		s.blanks()
	}
	*into = list
	return nil
}
