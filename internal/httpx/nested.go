package httpx

import "fmt"

// Objects takes a list of objects: it is called with the place of each in the
// list, from 0, and returns the fields that this one may have, or nil if the
// list may not be as long.
type Objects func(index int) []Field

// objects reads a list of objects.
func (s *scanner) objects(name string, of Objects) *Error {
	if !s.take('[') {
		return s.fail(name + " must be a list of objects")
	}
	s.blanks()
	for i := 0; !s.take(']'); i++ {
		if i > 0 {
			if !s.take(',') {
				return s.fail(`expected "," or "]"`)
			}
			s.blanks()
		}
		if !s.ahead('{') {
			return s.fail(name + " must be a list of objects")
		}
		fields := of(i)
		if fields == nil {
			return s.fail(fmt.Sprintf("%s may have %d entries at most", name, i))
		}
		if err := s.object(fields); err != nil {
			return err
		}
		s.blanks()
	}
	return nil
}

// texts reads an object whose names are free and whose values are strings.
func (s *scanner) texts(name string, into *map[string]string) *Error {
	if !s.take('{') {
		return s.fail(name + " must be an object")
	}
	m := map[string]string{}
	s.blanks()
	for first := true; !s.take('}'); first = false {
		if !first {
			if !s.take(',') {
				return s.fail(`expected "," or "}"`)
			}
			s.blanks()
		}
		if err := s.pair(name, m); err != nil {
			return err
		}
		s.blanks()
	}
	*into = m
	return nil
}

// pair reads one name and its string into m.
func (s *scanner) pair(of string, m map[string]string) *Error {
	start := s.at
	text, err := s.text()
	if err != nil {
		return err
	}
	key := string(text)
	if _, twice := m[key]; twice {
		s.at = start
		return s.fail("a name in " + of + " stands twice")
	}
	s.blanks()
	if !s.take(':') {
		return s.fail(`expected ":"`)
	}
	s.blanks()
	if !s.ahead('"') {
		return s.fail("the values in " + of + " must be strings")
	}
	if text, err = s.text(); err != nil {
		return err
	}
	m[key] = string(text)
	return nil
}
