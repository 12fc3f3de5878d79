package bodylog

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
)

const identity = "0123456789abcdef"

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func dbPath(t testing.TB) string { return filepath.Join(t.TempDir(), "queue.db") }

func open(t testing.TB, o Options) *Log {
	t.Helper()
	if o.Identity == "" {
		o.Identity = identity
	}
	l, strange, err := Open(o)
	must(t, err)
	if len(strange) > 0 {
		t.Errorf("strange files: %q", strange)
	}
	t.Cleanup(func() { must(t, l.Close()) })
	return l
}

// body is a payload that no other has.
func body(n, size int) []byte {
	return bytes.Repeat([]byte(fmt.Sprintf("%08d", n)), size/8+1)[:size]
}

func add(t testing.TB, l *Log, payloads ...[]byte) []Place {
	t.Helper()
	places, release, err := l.Append(payloads)
	must(t, err)
	release()
	return places
}

func expect(t *testing.T, read func(Place) ([]byte, error), p Place, want []byte) {
	t.Helper()
	got, err := read(p)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("Read(%+v) = %d octets, %v; want the %d that were appended", p, len(got), err, len(want))
	}
}

// What is appended by many at once is read as it was, by this log, by the next
// and by a reader of another process.
func TestRoundTrip(t *testing.T) {
	o := Options{Path: dbPath(t), Identity: identity, SegmentSize: 256 << 10}
	l, _, err := Open(o)
	must(t, err)
	const each, writers = 20, 8
	places := make([]Place, each*writers)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				n := w*each + i
				got, release, err := l.Append([][]byte{body(n, 1+n*211)})
				if err != nil {
					t.Error(err)
					return
				}
				places[n] = got[0]
				release()
			}
		})
	}
	wg.Wait()
	for n, p := range places {
		expect(t, l.Read, p, body(n, 1+n*211))
		if p.At%blockSize != 0 {
			t.Errorf("payload %d is at %d, within a block", n, p.At)
		}
	}
	if n := len(l.Settled(true)); n < 4 {
		t.Errorf("%d segments for %d octets in segments of %d", n, l.Size(), o.SegmentSize)
	}
	must(t, l.Close())
	again := open(t, o)
	r := NewReader(o.Path, o.Identity)
	for n, p := range places {
		expect(t, again.Read, p, body(n, 1+n*211))
		expect(t, r.Read, p, body(n, 1+n*211))
	}
	must(t, r.Close())
	if p := add(t, again, []byte("x")); p[0].Segment <= places[len(places)-1].Segment {
		t.Errorf("a new segment has the number %d, which is not above that of the old ones", p[0].Segment)
	}
}

func TestFilesArePrivate(t *testing.T) {
	path := dbPath(t)
	l := open(t, Options{Path: path})
	p := add(t, l, []byte("x"))
	info, err := os.Stat(Name(path, p[0].Segment))
	must(t, err)
	if mode := info.Mode(); mode != 0o600 {
		t.Errorf("the mode is %v", mode)
	}
}

func TestNumbersGoOnAbove(t *testing.T) {
	l := open(t, Options{Path: dbPath(t), After: 41})
	if p := add(t, l, []byte("x")); p[0].Segment != 42 {
		t.Errorf("the first segment is %d, want 42", p[0].Segment)
	}
}

// Every way in which a payload can be gone is told, and none yields other octets.
func TestLost(t *testing.T) {
	for name, harm := range map[string]func(t *testing.T, file string, p *Place){
		"missing":  func(t *testing.T, file string, _ *Place) { must(t, os.Remove(file)) },
		"cut":      func(t *testing.T, file string, p *Place) { must(t, os.Truncate(file, p.At+p.Length-1)) },
		"empty":    func(t *testing.T, file string, _ *Place) { must(t, os.Truncate(file, 0)) },
		"damaged":  func(t *testing.T, file string, p *Place) { overwrite(t, file, p.At+100, "x") },
		"of other": func(t *testing.T, file string, _ *Place) { overwrite(t, file, 20, "other") },
		"a folder": func(t *testing.T, file string, _ *Place) { must(t, os.Remove(file)); must(t, os.Mkdir(file, 0o700)) },
		"a link": func(t *testing.T, file string, _ *Place) {
			must(t, os.Rename(file, file+"-moved"))
			must(t, os.Symlink(file+"-moved", file))
		},
		"a wrong offset": func(_ *testing.T, _ string, p *Place) { p.At++ },
		"a wrong length": func(_ *testing.T, _ string, p *Place) { p.Length-- },
		"a huge length":  func(_ *testing.T, _ string, p *Place) { p.Length = 1 << 62 },
		"a wrong number": func(_ *testing.T, _ string, p *Place) { p.Segment++ },
		"below zero":     func(_ *testing.T, _ string, p *Place) { p.Length = -1 },
	} {
		t.Run(name, func(t *testing.T) {
			o := Options{Path: dbPath(t), Identity: identity}
			l, _, err := Open(o)
			must(t, err)
			p := add(t, l, body(1, 50_000))[0]
			must(t, l.Close())
			harm(t, Name(o.Path, p.Segment), &p)
			again, _, err := Open(o)
			must(t, err)
			if _, err := again.Read(p); !errors.Is(err, ErrLost) {
				t.Errorf("Log.Read = %v, want ErrLost", err)
			}
			must(t, again.Close())
			r := NewReader(o.Path, o.Identity)
			if _, err := r.Read(p); !errors.Is(err, ErrLost) {
				t.Errorf("Reader.Read = %v, want ErrLost", err)
			}
			must(t, r.Close())
		})
	}
}

func overwrite(t *testing.T, file string, at int64, text string) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteAt([]byte(text), at)
	must(t, errors.Join(err, f.Close()))
}

// Files of other databases and other things with such names stay as they are.
func TestStrangeFiles(t *testing.T) {
	path := dbPath(t)
	other := Options{Path: path, Identity: "another"}
	l, _, err := Open(other)
	must(t, err)
	add(t, l, []byte("theirs"))
	must(t, l.Close())
	must(t, os.WriteFile(Name(path, 7), []byte("no header"), 0o600))
	must(t, os.Mkdir(Name(path, 9), 0o700))
	ours, strange, err := Open(Options{Path: path, Identity: identity})
	must(t, err)
	if want := []string{Name(path, 1), Name(path, 7), Name(path, 9)}; !slices.Equal(strange, want) {
		t.Errorf("strange are %q, want %q", strange, want)
	}
	if p := add(t, ours, []byte("ours")); p[0].Segment != 10 {
		t.Errorf("the first segment is %d, want 10", p[0].Segment)
	}
	if got := ours.Settled(true); !slices.Equal(got, []int64{10}) {
		t.Errorf("settled are %v, want 10 alone", got)
	}
	must(t, ours.Close())
	again, _, err := Open(other)
	must(t, err)
	if got := again.Settled(true); !slices.Equal(got, []int64{1}) {
		t.Errorf("the other database has %v, want 1", got)
	}
	must(t, again.Close())
}

// A segment is settled only when nobody may refer to it any more who has not yet.
func TestSettledWaitsForRelease(t *testing.T) {
	path := dbPath(t)
	l := open(t, Options{Path: path, SegmentSize: 64 << 10})
	held, release, err := l.Append([][]byte{body(1, 40_000)})
	must(t, err)
	next := add(t, l, body(2, 40_000)) // begins another
	if got := l.Settled(false); len(got) > 0 {
		t.Errorf("settled are %v while an append is not released", got)
	}
	if got := l.Settled(true); !slices.Equal(got, []int64{next[0].Segment}) {
		t.Errorf("settled are %v, want the released one alone", got)
	}
	release()
	if got := l.Settled(false); !slices.Equal(got, []int64{held[0].Segment, next[0].Segment}) {
		t.Errorf("settled are %v, want both", got)
	}
	before := l.Size()
	must(t, l.Drop(held[0].Segment))
	must(t, l.Drop(held[0].Segment))
	if _, err := os.Stat(Name(path, held[0].Segment)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the dropped segment: %v", err)
	}
	if freed := before - l.Size(); freed != blockSize+aligned(40_000) {
		t.Errorf("dropping freed %d octets", freed)
	}
	if _, err := l.Read(held[0]); !errors.Is(err, ErrLost) {
		t.Errorf("Read of the dropped segment = %v", err)
	}
	expect(t, l.Read, next[0], body(2, 40_000))
}

// A file that is removed under us would take what comes with it.
func TestRemovedWhileOpen(t *testing.T) {
	path := dbPath(t)
	l := open(t, Options{Path: path})
	p := add(t, l, []byte("x"))
	must(t, os.Remove(Name(path, p[0].Segment)))
	for range 2 {
		if _, _, err := l.Append([][]byte{[]byte("y")}); !errors.Is(err, ErrReplaced) {
			t.Errorf("Append = %v, want ErrReplaced", err)
		}
	}
}

func TestClosed(t *testing.T) {
	l, _, err := Open(Options{Path: dbPath(t), Identity: identity})
	must(t, err)
	must(t, l.Close())
	if _, _, err := l.Append([][]byte{[]byte("x")}); !errors.Is(err, ErrClosed) {
		t.Errorf("Append = %v, want ErrClosed", err)
	}
}

func TestNumber(t *testing.T) {
	for name, want := range map[string]int64{
		"q.db.bodies-1": 1, "q.db.bodies-9223372036854775807": 1<<63 - 1,
		"q.db.bodies-0": 0, "q.db.bodies-01": 0, "q.db.bodies--1": 0, "q.db.bodies-+1": 0, "q.db.bodies-": 0,
		"q.db.bodies-9223372036854775808": 0, "q.db.bodies-1.old": 0, "other.bodies-1": 0, "q.db-wal": 0, "q.db": 0, "": 0,
	} {
		if got := Number("q.db", name); got != want {
			t.Errorf("Number(%q) = %d, want %d", name, got, want)
		}
	}
}

func TestRename(t *testing.T) {
	o := Options{Path: dbPath(t), Identity: identity}
	l, _, err := Open(o)
	must(t, err)
	p := add(t, l, []byte("x"))
	must(t, l.Close())
	to := o
	to.Path += ".replaced"
	must(t, Rename(o.Path, to.Path))
	expect(t, open(t, to).Read, p[0], []byte("x"))
	if left, err := Numbers(o.Path); err != nil || len(left) > 0 {
		t.Errorf("left are %v, %v", left, err)
	}
}

// A name that is taken is passed over.
func TestTakenName(t *testing.T) {
	path := dbPath(t)
	l := open(t, Options{Path: path})
	must(t, os.WriteFile(Name(path, 1), []byte("somebody's"), 0o600))
	if _, _, err := l.Append([][]byte{[]byte("x")}); !errors.Is(err, ErrNotNow) {
		t.Errorf("Append = %v, want ErrNotNow", err)
	}
	if p := add(t, l, []byte("x")); p[0].Segment != 2 {
		t.Errorf("the segment is %d, want 2", p[0].Segment)
	}
	if content, err := os.ReadFile(Name(path, 1)); err != nil || string(content) != "somebody's" {
		t.Errorf("the file has %q, %v", content, err)
	}
}

// What a crash left of a segment without payloads goes at the next start.
func TestUnbegunSegments(t *testing.T) {
	path := dbPath(t)
	must(t, os.WriteFile(Name(path, 1), nil, 0o600))
	must(t, os.WriteFile(Name(path, 2), make([]byte, blockSize), 0o600))
	l := open(t, Options{Path: path}) // nothing is strange
	if left, err := Numbers(path); err != nil || len(left) > 0 {
		t.Errorf("left are %v, %v", left, err)
	}
	if p := add(t, l, []byte("x")); p[0].Segment != 3 {
		t.Errorf("the segment is %d, want 3", p[0].Segment)
	}
}

// Close ends appends with ErrClosed, whatever they are at.
func TestCloseDuringAppends(t *testing.T) {
	payloads := make([][]byte, 100)
	for i := range payloads {
		payloads[i] = body(i, 16<<10)
	}
	for range 20 {
		l, _, err := Open(Options{Path: dbPath(t), Identity: identity})
		must(t, err)
		var wg sync.WaitGroup
		begun := make(chan struct{}, 3)
		for range cap(begun) {
			wg.Go(func() {
				begun <- struct{}{}
				places, release, err := l.Append(payloads)
				switch {
				case err == nil:
					if _, err := l.Read(places[0]); err != nil && !errors.Is(err, ErrClosed) {
						t.Errorf("Read = %v", err)
					}
					release()
				case !errors.Is(err, ErrClosed):
					t.Errorf("Append = %v, want ErrClosed", err)
				}
			})
		}
		<-begun
		must(t, l.Close())
		wg.Wait()
	}
}
