package auth

import (
	"errors"
	"fmt"
	"strings"
)

// readFile adds the users of an htpasswd file. Errors name lines and repeat
// nothing of them, because the file may be another one that is secret too.
func (u *users) readFile(f File) {
	fail := func(line int, err error) { u.fail(fmt.Errorf("%s, line %d: %w", f.Name, line, err)) }
	found := false
	for i, line := range strings.Split(string(f.Text.Reveal()), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		found = true
		name, rest, colon := strings.Cut(line, ":")
		hash, _, _ := strings.Cut(rest, ":") // what follows is a comment, as in Apache and nginx
		switch {
		case strings.HasPrefix(line, "\ufeff"):
			fail(i+1, errors.New("the file begins with a byte order mark; save it as UTF-8 without one"))
			continue
		case !colon || name == "":
			fail(i+1, errors.New(`the line is not USER:HASH; make it with: htpasswd -nB USER`))
			continue
		}
		m, c, err := newHash(hash)
		if err != nil {
			fail(i+1, err)
			continue
		}
		if !u.add(name, m, c) {
			fail(i+1, errors.New("this user has a password already; remove one of the two"))
		}
	}
	if !found {
		u.fail(fmt.Errorf("%s: there is no user in it, so that nobody could pass; make a line with: htpasswd -nB USER", f.Name))
	}
}
