package auth

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"

	"hookaido/internal/secret"
)

// Verdict is what [Basic] says of a request.
type Verdict int

// The verdicts. Refused is answered with 401; Busy with 503, because too many
// passwords are being checked at the moment, and says nothing about the sender.
const (
	Refused Verdict = iota
	Allowed
	Busy
)

// User is a user with a password, or with the hash of one.
type User struct {
	Name   string
	Secret secret.Value
}

// File is an htpasswd file.
type File struct {
	// Name says in errors which file it is, such as the reference to it.
	Name string
	// Text is what the file holds.
	Text secret.Value
}

// BasicOptions describe a [Basic]. A user may have one password over all of
// its sources.
type BasicOptions struct {
	Passwords []User // the secrets are passwords
	Hashes    []User // the secrets are bcrypt hashes
	// Files have bcrypt, apr1 or {SHA} hashes.
	Files []File
	// Gate bounds the work of checking hashes.
	Gate *Gate
}

// Basic is the Basic authentication of a route (RFC 7617). It is safe for
// concurrent use.
//
// An unknown user costs as much as a wrong password, also where users have
// hashes of different kinds: each refusal computes one hash of every kind and
// cost that the route has. bcrypt looks at the first 72 bytes of a password
// alone, here as everywhere.
//
// A slow hash is computed once for a steady sender: the last login of each user
// that succeeded is remembered as a digest under a key that exists in this
// value alone, and is forgotten with it, that is on reload. Failures are not
// remembered.
type Basic struct {
	users  map[string]*account
	decoys map[class]matcher // one of each class that the route has
	slow   bool              // there is a class whose checks are slow
	gate   *Gate
	key    [sha256.Size]byte
}

type account struct {
	matcher matcher
	class   class
	// last is the digest of the last login that succeeded; nil for none, and
	// for fast matchers.
	last atomic.Pointer[[sha256.Size]byte]
}

// NewBasic makes a Basic. The error joins all that is wrong, names users of the
// configuration and lines of files, and never holds a password or a hash.
func NewBasic(o BasicOptions) (*Basic, error) {
	u := users{accounts: map[string]*account{}}
	for _, user := range o.Passwords {
		if user.Secret.Len() == 0 {
			u.fail(fmt.Errorf("user %q: the password is empty", user.Name))
			continue
		}
		u.addNamed(user.Name, plain(sha256.Sum256(user.Secret.Reveal())), class{kind: "plain"})
	}
	for _, user := range o.Hashes {
		m, c, err := newBcrypt(string(user.Secret.Reveal()))
		if err != nil {
			u.fail(fmt.Errorf("user %q: %w", user.Name, err))
			continue
		}
		u.addNamed(user.Name, m, c)
	}
	for _, f := range o.Files {
		u.readFile(f)
	}
	if len(u.accounts)+len(u.errs) == 0 {
		u.fail(errors.New("basic authentication has no user that could pass"))
	}
	if err := u.err(); err != nil {
		return nil, err
	}
	b := &Basic{users: u.accounts, decoys: map[class]matcher{}, gate: o.Gate}
	if _, err := rand.Read(b.key[:]); err != nil {
		return nil, fmt.Errorf("make a random key: %w", err)
	}
	for _, a := range b.users {
		b.decoys[a.class] = a.matcher
		b.slow = b.slow || a.class.slow()
	}
	return b, nil
}

// Check judges the values of a request's Authorization header. It returns when
// ctx ends, with Busy, and after five seconds at the latest.
func (b *Basic) Check(ctx context.Context, values []string) Verdict {
	l, ok := loginOf(values)
	if !ok {
		return Refused
	}
	a := b.users[l.user]
	if b.slow {
		return b.checkSlow(ctx, a, l)
	}
	return b.checkAll(a, l)
}

// checkSlow is checkAll behind the gate, unless the login is remembered or fast
// to check.
func (b *Basic) checkSlow(ctx context.Context, a *account, l login) Verdict {
	digest := b.digest(l)
	if a.remembers(&digest) {
		return Allowed
	}
	if a != nil && !a.class.slow() && a.matcher.match(l.password) {
		return Allowed
	}
	if !b.gate.enter(ctx) {
		return Busy
	}
	defer b.gate.leave()
	// a sender's first deliveries may come together; the first of them has
	// done the work for those that waited
	if a.remembers(&digest) {
		return Allowed
	}
	verdict := b.checkAll(a, l)
	if verdict == Allowed {
		a.last.Store(&digest)
	}
	return verdict
}

// checkAll checks the password of an account, which may be nil, and if it is
// wrong does the work of all other classes too.
func (b *Basic) checkAll(a *account, l login) Verdict {
	if a != nil && a.matcher.match(l.password) {
		return Allowed
	}
	for c, decoy := range b.decoys {
		if a == nil || a.class != c {
			decoy.match(l.password)
		}
	}
	return Refused
}

// digest returns what is remembered of a login.
func (b *Basic) digest(l login) (sum [sha256.Size]byte) {
	h := hmac.New(sha256.New, b.key[:])
	text := binary.AppendUvarint(nil, uint64(len(l.user)))
	text = append(text, l.user...)
	h.Write(append(text, l.password...))
	h.Sum(sum[:0])
	return sum
}

func (a *account) remembers(digest *[sha256.Size]byte) bool {
	if a == nil {
		return false
	}
	last := a.last.Load()
	return last != nil && hmac.Equal(last[:], digest[:])
}

// maxErrors bounds how many errors of a configuration are told.
const maxErrors = 10

// users collects accounts, and all that is wrong with them.
type users struct {
	accounts map[string]*account
	errs     []error
	more     int
}

// add adds an account, unless the user has one.
func (u *users) add(name string, m matcher, c class) bool {
	if u.accounts[name] != nil {
		return false
	}
	u.accounts[name] = &account{matcher: m, class: c}
	return true
}

// addNamed is add for users that an error may name.
func (u *users) addNamed(name string, m matcher, c class) {
	if !u.add(name, m, c) {
		u.fail(fmt.Errorf("user %q has a password already; remove one of the two", name))
	}
}

func (u *users) fail(err error) {
	if len(u.errs) == maxErrors {
		u.more++
		return
	}
	u.errs = append(u.errs, err)
}

func (u *users) err() error {
	if u.more > 0 {
		u.errs = append(u.errs, fmt.Errorf("and %d more", u.more))
	}
	return errors.Join(u.errs...)
}
