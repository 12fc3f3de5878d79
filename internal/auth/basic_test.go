package auth

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"hookaido/internal/clock"
	"hookaido/internal/secret"
)

// Hashes made by others: openssl passwd -apr1, openssl sha1, and crypt(3) of
// libxcrypt.
const (
	bcryptOfSecret = "$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a"
	bcryptOfUmlaut = "$2b$04$......................fcLmIKRZTQWla0leMgTQJ09H509j.0G" // päss w:rd
	bcryptOf80x    = "$2y$04$......................SZFhVdUK5wGKY4lx/QrgUMHG0XsWjbi"
	apr1OfUmlaut   = "$apr1$r31abcde$GKm605RBqbakcPG.X9Bp/1"
	apr1OfSecret   = "$apr1$a1$VimCfXgWkP2r.tjTiUDk.1"
	apr1Of255x     = "$apr1$s$X7iTSd1Ld6pgq0q6vEHcV0"
	shaOfSecret    = "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="
)

func value(text string) secret.Value { return secret.New([]byte(text)) }

func mustBasic(t testing.TB, o BasicOptions) *Basic {
	t.Helper()
	if o.Gate == nil {
		o.Gate = NewGate(clock.System{})
	}
	b, err := NewBasic(o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBasicCheck(t *testing.T) {
	x80, x255 := strings.Repeat("x", 80), strings.Repeat("x", 255)
	mixed := mustBasic(t, BasicOptions{
		Passwords: []User{{"ops", value("s3cret")}, {"colon", value("a:b")}},
		Hashes:    []User{{"hash", value(bcryptOfSecret)}, {"umlaut", value(bcryptOfUmlaut)}, {"long", value(bcryptOf80x)}},
		Files: []File{{"a file", value("# users\n\nfile:" + bcryptOfSecret + "\r\n  apr:" + apr1OfUmlaut + "  \napr2:" + apr1OfSecret +
			":a comment\nsha:" + shaOfSecret + "\napr3:" + apr1Of255x)}},
	})
	fast := mustBasic(t, BasicOptions{Passwords: []User{{"ops", value("s3cret")}, {"other", value("second")}}})
	tests := []struct {
		login string
		want  Verdict
	}{
		{"ops:s3cret", Allowed}, {"ops:s3cre", Refused}, {"ops:s3crett", Refused}, {"ops:", Refused}, {"OPS:s3cret", Refused},
		{"colon:a:b", Allowed}, {"colon:a", Refused}, {"nobody:s3cret", Refused}, {":s3cret", Refused}, {"ops:secret", Refused},
		{"hash:secret", Allowed}, {"hash:Secret", Refused}, {"hash:s3cret", Refused}, {"hash:" + bcryptOfSecret, Refused},
		{"umlaut:päss w:rd", Allowed}, {"umlaut:pass w:rd", Refused},
		{"long:" + x80, Allowed}, {"long:" + x80[:72], Allowed}, {"long:" + x80[:71], Refused},
		{"file:secret", Allowed}, {"file:secret\r", Refused},
		{"apr:päss w:rd", Allowed}, {"apr:päss w:rd ", Refused}, {"apr2:secret", Allowed}, {"apr2:", Refused},
		{"apr3:" + x255, Allowed}, {"apr3:" + x255 + "x", Refused}, {"apr3:" + strings.Repeat("x", 60000), Refused},
		{"sha:secret", Allowed}, {"sha:secrets", Refused},
	}
	for range 2 { // the second time what succeeded is remembered
		for _, test := range tests {
			if got := mixed.Check(t.Context(), basicHeader(test.login)); got != test.want {
				t.Errorf("%.40q: got %v, want %v", test.login, got, test.want)
			}
		}
	}
	for login, want := range map[string]Verdict{"ops:s3cret": Allowed, "other:second": Allowed, "ops:second": Refused, "x:second": Refused} {
		if got := fast.Check(t.Context(), basicHeader(login)); got != want {
			t.Errorf("%q: got %v, want %v", login, got, want)
		}
	}
	for name, values := range map[string][]string{"none": nil, "badinput 75": append(basicHeader("ops:s3cret"), basicHeader("ops:s3cret")...)} {
		if mixed.Check(t.Context(), values) != Refused || fast.Check(t.Context(), values) != Refused {
			t.Errorf("%s passed", name)
		}
	}
}

// counted counts the checks of a matcher.
type counted struct {
	matcher
	n *atomic.Int64
}

func (c counted) match(password []byte) bool {
	c.n.Add(1)
	return c.matcher.match(password)
}

// count puts counters around all matchers of b, one for each class.
func count(b *Basic) map[class]*atomic.Int64 {
	n := map[class]*atomic.Int64{}
	for c, m := range b.decoys {
		n[c] = &atomic.Int64{}
		b.decoys[c] = counted{m, n[c]}
	}
	for _, a := range b.users {
		a.matcher = counted{a.matcher, n[a.class]}
	}
	return n
}

func totals(n map[class]*atomic.Int64) map[class]int64 {
	now := map[class]int64{}
	for c, counter := range n {
		now[c] = counter.Swap(0)
	}
	return now
}

// TestBasicCostIsTheSame holds every slow class to one computation for each
// refusal, whoever the user is.
func TestBasicCostIsTheSame(t *testing.T) {
	b := mustBasic(t, BasicOptions{
		Passwords: []User{{"plain", value("secret")}},
		Hashes:    []User{{"five", value(bcryptOfSecret)}, {"four", value(bcryptOfUmlaut)}},
		Files:     []File{{"f", value("apr:" + apr1OfSecret + "\nsha:" + shaOfSecret)}},
	})
	n := count(b)
	for _, user := range []string{"plain", "five", "four", "apr", "sha", "nobody"} {
		if b.Check(t.Context(), basicHeader(user+":wrong")) != Refused {
			t.Fatalf("%s passed", user)
		}
		for c, times := range totals(n) {
			if times != 1 && (c.slow() || times == 0) {
				t.Errorf("%s: %v was computed %d times", user, c, times)
			}
		}
	}
}

// TestBasicRemembers lets a steady sender pay for one hash, and nobody else
// profit from it.
func TestBasicRemembers(t *testing.T) {
	gate := newGate(clock.System{}, 1)
	b := mustBasic(t, BasicOptions{Hashes: []User{{"u", value(bcryptOfSecret)}, {"v", value("$2y$05" + bcryptOf80x[6:])}}, Gate: gate})
	n := count(b)[class{"bcrypt", 5}]
	synctest.Test(t, func(t *testing.T) {
		gate.clock, gate.slots = clock.System{}, make(chan struct{}, 1) // of this bubble
		gate.slots <- struct{}{}
		for range 50 {
			go func() {
				if got := b.Check(context.Background(), basicHeader("u:secret")); got != Allowed {
					t.Errorf("got %v", got)
				}
			}()
		}
		synctest.Wait() // all wait at the gate
		gate.leave()
		synctest.Wait()
	})
	gate.slots = make(chan struct{}, 1)
	if got := n.Swap(0); got != 1 {
		t.Errorf("50 logins that came together computed %d hashes", got)
	}
	for _, login := range []string{"u:secre", "u:secrett", "v:secret", "us:ecret", "w:secret", "u:secre"} {
		if b.Check(t.Context(), basicHeader(login)) != Refused || n.Swap(0) != 1 {
			t.Errorf("%q passed, or was not computed", login)
		}
	}
	if b.Check(t.Context(), basicHeader("u:secret")) != Allowed || n.Load() != 0 {
		t.Error("failures between made the sender pay again")
	}
	again := mustBasic(t, BasicOptions{Hashes: []User{{"u", value(bcryptOfUmlaut)}}})
	if again.Check(t.Context(), basicHeader("u:secret")) != Refused {
		t.Error("the old password passes after a reload")
	}
}

func TestBasicBusy(t *testing.T) {
	gate := newGate(clock.System{}, 1)
	b := mustBasic(t, BasicOptions{Passwords: []User{{"fast", value("secret")}}, Hashes: []User{{"u", value(bcryptOfSecret)}}, Gate: gate})
	if b.Check(t.Context(), basicHeader("u:secret")) != Allowed {
		t.Fatal("refused")
	}
	gate.slots <- struct{}{} // all that there is
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for login, want := range map[string]Verdict{"u:secret": Allowed, "fast:secret": Allowed, "u:wrong": Busy, "x:secret": Busy, "fast:wrong": Busy} {
		if got := b.Check(gone, basicHeader(login)); got != want {
			t.Errorf("%q: got %v, want %v", login, got, want)
		}
	}
}

func TestNewBasicErrors(t *testing.T) {
	const hidden = "hIddEn"
	many := strings.Repeat("u:"+hidden+"\n", 12)
	tests := []struct {
		name    string
		options BasicOptions
		want    string
	}{
		{"nobody", BasicOptions{}, "no user that could pass"},
		{"no password", BasicOptions{Passwords: []User{{"ops", secret.Value{}}}}, `user "ops": the password is empty`},
		{"two passwords", BasicOptions{Passwords: []User{{"ops", value(hidden)}, {"ops", value(hidden)}}}, `user "ops" has a password already`},
		{"password and hash", BasicOptions{Passwords: []User{{"ops", value(hidden)}}, Hashes: []User{{"ops", value(bcryptOfSecret)}}}, `user "ops" has`},
		{"no hash", BasicOptions{Hashes: []User{{"ops", value(hidden)}}}, `user "ops": this is not a bcrypt hash`},
		{"short hash", BasicOptions{Hashes: []User{{"ops", value(bcryptOfSecret[:59])}}}, "not a bcrypt hash"},
		{"odd letter in a hash", BasicOptions{Hashes: []User{{"ops", value(bcryptOfSecret[:59] + "=")}}}, "not a bcrypt hash"},
		{"old bcrypt", BasicOptions{Hashes: []User{{"ops", value("$2x$" + bcryptOfSecret[4:])}}}, "not a bcrypt hash"},
		{"cost too high", BasicOptions{Hashes: []User{{"ops", value("$2y$15$" + bcryptOfSecret[7:])}}}, `user "ops": the bcrypt hash has cost 15`},
		{"cost 99", BasicOptions{Hashes: []User{{"ops", value("$2y$99$" + bcryptOfSecret[7:])}}}, "not a bcrypt hash"},
		{"several", BasicOptions{Passwords: []User{{"a", secret.Value{}}, {"b", secret.Value{}}}}, "user \"a\": the password is empty\nuser \"b\""},
		{"empty file", BasicOptions{Files: []File{{"file:users", value("# none\n\n")}}}, "file:users: there is no user"},
		{"plain text", BasicOptions{Files: []File{{"file:users", value("# x\nops:" + hidden)}}}, "file:users, line 2: the password is in none of the forms"},
		{"crypt", BasicOptions{Files: []File{{"f", value("ops:rqXexS6ZhobKA")}}}, "f, line 1: the password is in none"},
		{"md5-crypt", BasicOptions{Files: []File{{"f", value("ops:$1$" + apr1OfSecret[6:])}}}, "f, line 1: the password is in none"},
		{"no colon", BasicOptions{Files: []File{{"f", value("\n" + hidden)}}}, "f, line 2: the line is not USER:HASH"},
		{"no user", BasicOptions{Files: []File{{"f", value(":" + shaOfSecret)}}}, "f, line 1: the line is not USER:HASH"},
		{"byte order mark", BasicOptions{Files: []File{{"f", value("\ufeffops:" + shaOfSecret)}}}, "f, line 1: the file begins with a byte order mark"},
		{"short digest", BasicOptions{Files: []File{{"f", value("ops:{SHA}AAAA")}}}, "f, line 1: what follows {SHA}"},
		{"apr1 without hash", BasicOptions{Files: []File{{"f", value("ops:$apr1$a1")}}}, "f, line 1: this is not an apr1 hash"},
		{"apr1 with a long salt", BasicOptions{Files: []File{{"f", value("ops:$apr1$123456789$" + apr1OfSecret[9:])}}}, "not an apr1 hash"},
		{"user twice", BasicOptions{Files: []File{{"f", value("ops:" + shaOfSecret + "\nops:" + shaOfSecret)}}}, "f, line 2: this user has a password already"},
		{"user in two files", BasicOptions{Files: []File{{"f", value("ops:" + shaOfSecret)}, {"g", value("ops:" + shaOfSecret)}}}, "g, line 1: this user"},
		{"bcrypt cost in a file", BasicOptions{Files: []File{{"f", value("ops:$2y$31$" + bcryptOfSecret[7:])}}}, "f, line 1: the bcrypt hash has cost 31"},
		{"many", BasicOptions{Files: []File{{"f", value(many)}}}, "f, line 10: the password is in none of the forms"},
		{"many are cut", BasicOptions{Files: []File{{"f", value(many)}}}, "and 2 more"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := NewBasic(test.options)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v", err)
			}
			for _, part := range []string{hidden, bcryptOfSecret[10:], shaOfSecret[10:], apr1OfSecret[12:]} {
				if strings.Contains(err.Error(), part) {
					t.Errorf("a secret shows: %v", err)
				}
			}
		})
	}
}

// FuzzHtpasswd loads any file without showing what is in it; what loads never
// lets an unknown user pass.
func FuzzHtpasswd(f *testing.F) {
	for _, seed := range []string{"u:" + bcryptOf80x, "a:" + apr1OfSecret + "\r\n#x\n\nb:" + shaOfSecret, "u:plain", ":", "$apr1$:$apr1$$", "u:$2y$", "u:{SHA}", "\ufeffu:x", "u:$apr1$a$"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		b, err := NewBasic(BasicOptions{Files: []File{{"f", value(text)}}, Gate: NewGate(clock.System{})})
		if err != nil {
			if strings.Contains(err.Error(), text) && len(text) > 8 {
				t.Fatalf("the error has the file in it: %v", err)
			}
			return
		}
		for name, a := range b.users {
			if name == "" || strings.Contains(name, ":") {
				t.Fatalf("user %q", name)
			}
			if a.class.cost < 8 {
				a.matcher.match([]byte("x"))
			}
		}
	})
}

func BenchmarkBasic(b *testing.B) {
	for _, test := range []struct{ name, hash string }{{"remembered", bcryptOfSecret}, {"plain", ""}} {
		b.Run(test.name, func(b *testing.B) {
			o := BasicOptions{Passwords: []User{{"u", value("secret")}}}
			if test.hash != "" {
				o = BasicOptions{Hashes: []User{{"u", value(test.hash)}}}
			}
			basic, header := mustBasic(b, o), basicHeader("u:secret")
			for b.Loop() {
				if basic.Check(b.Context(), header) != Allowed {
					b.Fatal(fmt.Sprint("refused by ", test.name))
				}
			}
		})
	}
}
