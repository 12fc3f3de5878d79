package sqlite

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap/zapcore"

	"hookaido/internal/clock"
	"hookaido/internal/queue"
)

// badinput 126: nothing is answered from files that are gone.
func TestReplacedFilesAreNoticed(t *testing.T) {
	for name, harm := range map[string]func(path string) error{
		"database removed": os.Remove,
		"log removed":      func(path string) error { return os.Remove(path + "-wal") },
		"log replaced": func(path string) error {
			return errors.Join(os.Rename(path+"-wal", path+".old"), os.WriteFile(path+"-wal", nil, 0o600))
		},
		"database replaced": func(path string) error {
			return errors.Join(os.WriteFile(path+".new", nil, 0o600), os.Rename(path+".new", path))
		},
		"log moved":    func(path string) error { return os.Rename(path+"-wal", path+".old") },
		"folder moved": func(path string) error { return os.Rename(filepath.Dir(path), filepath.Dir(path)+".old") },
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Open(t.Context(), Options{Path: dbPath(t), Clock: clock.System{}})
			must(t, err)
			enqueue(t, s, message("/a", "x"))
			must(t, harm(s.path))
			_, err = s.Enqueue(t.Context(), queue.Batch{Messages: []queue.NewMessage{message("/a", "y")}})
			var unavailable *queue.UnavailableError
			if !errors.As(err, &unavailable) {
				t.Fatalf("Enqueue = %v, want an UnavailableError", err)
			}
			select {
			case <-s.Failed():
			default:
				t.Fatal("the store has not failed")
			}
			if !errors.Is(s.Err(), errReplaced) {
				t.Errorf("Err = %v", s.Err())
			}
			if err := s.Ping(t.Context()); !errors.As(err, &unavailable) {
				t.Errorf("Ping = %v, want an UnavailableError", err)
			}
			must(t, s.Close())
		})
	}
}

// A change above the folder raises no notice: it is found by looking.
func TestMovedFolderAboveIsNoticed(t *testing.T) {
	m := clock.NewManual(start)
	s, err := Open(t.Context(), Options{Path: dbPath(t), Clock: m})
	must(t, err)
	enqueue(t, s, message("/a", "x"))
	above := filepath.Dir(filepath.Dir(s.path))
	must(t, os.Rename(above, above+".old"))
	must(t, os.MkdirAll(filepath.Dir(s.path), folderPerm))
	m.Advance(namesHold)
	if _, err := s.Enqueue(t.Context(), queue.Batch{Messages: []queue.NewMessage{message("/a", "y")}}); !errors.Is(err, errReplaced) {
		t.Errorf("Enqueue = %v, want %v", err, errReplaced)
	}
	must(t, s.Close())
}

// Messages that are loose at a crash are filed by the next start, in order, with
// all that came after.
func TestLooseMessagesSurviveACrash(t *testing.T) {
	path := crashed(t, 10)
	s := open(t, Options{Path: path})
	if n := len(s.w.loose); n != 0 {
		t.Errorf("%d messages are loose after the start", n)
	}
	checkCounters(t, s)
	late := message("/b", "late")
	late.Due = start.Add(time.Minute)
	enqueue(t, s, late)
	copied := copyStore(t, s)
	again := open(t, Options{Path: copied})
	checkCounters(t, again)
	st, err := again.Stats(t.Context())
	must(t, err)
	if st.ByState[queue.StateQueued] != 11 || len(st.Lanes) != 2 || !st.Lanes[1].EarliestDue.Equal(late.Due) {
		t.Errorf("the statistics are %+v, want 10 messages and one due at %v", st, late.Due)
	}
	got, err := again.Dequeue(t.Context(), queue.DequeueRequest{Route: "/a", Max: 20, TTL: time.Minute})
	must(t, err)
	for i, l := range got {
		if l.ID != messageID(again.tag, int64(i+1)) || string(l.Payload) != "payload" || !l.ReceivedAt.Equal(time.Unix(1000, 0)) {
			t.Errorf("message %d is %+v", i, l)
		}
	}
	if len(got) != 10 {
		t.Errorf("%d messages were leased, want 10", len(got))
	}
}

// crashed returns a copy of the files of an open store, as a crash leaves them,
// with n messages committed one by one.
func crashed(t *testing.T, n int) string {
	t.Helper()
	s := open(t, Options{})
	for range n {
		enqueue(t, s, message("/a", "payload"))
	}
	return copyStore(t, s)
}

// copyStore copies the files of an open store.
func copyStore(t *testing.T, s *Store) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "copy", "queue.db")
	must(t, os.Mkdir(filepath.Dir(path), 0o700))
	for _, suffix := range []string{"", "-wal", "-shm", ".state"} {
		content, err := os.ReadFile(s.path + suffix)
		must(t, err)
		must(t, os.WriteFile(path+suffix, content, 0o600))
	}
	for _, name := range bodyFiles(t, s.path) {
		content, err := os.ReadFile(name)
		must(t, err)
		must(t, os.WriteFile(path+strings.TrimPrefix(name, s.path), content, 0o600))
	}
	return path
}

func TestUncleanStopIsReported(t *testing.T) {
	cutBy := func(n int64) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			l, err := inspectLog(path)
			must(t, err)
			must(t, os.Truncate(path+"-wal", walHeaderLen+int64(l.committed)*(frameHeaderLen+pageSize)-n))
		}
	}
	tests := []struct {
		name  string
		harm  func(t *testing.T, path string)
		level zapcore.Level
		says  string
		lost  int // messages at least; -1 for all in the log
	}{
		{"whole", func(*testing.T, string) {}, zapcore.InfoLevel, "its log is complete", 0},
		{"badinput 128: log gone", func(t *testing.T, path string) { must(t, os.Remove(path+"-wal")) },
			zapcore.ErrorLevel, "log is missing", 10},
		{"tail cut", cutBy(100), zapcore.ErrorLevel, "cut or damaged", 1},
		{"tail cut and shared memory gone", func(t *testing.T, path string) {
			cutBy(100)(t, path)
			must(t, os.Remove(path+"-shm"))
		}, zapcore.WarnLevel, "not finished", 1},
		{"a bit flipped", func(t *testing.T, path string) {
			f, err := os.OpenFile(path+"-wal", os.O_RDWR, 0)
			must(t, err)
			l, err := inspectLog(path)
			must(t, err)
			_, err = f.WriteAt([]byte{0xa5}, walHeaderLen+int64(l.committed-1)*(frameHeaderLen+pageSize)+200)
			must(t, errors.Join(err, f.Close()))
		}, zapcore.ErrorLevel, "cut or damaged", 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := crashed(t, 10)
			test.harm(t, path)
			s, logs := observed(t, path)
			found := false
			for _, e := range logs.All() {
				if e.Level == test.level && bytes.Contains([]byte(e.Message), []byte(test.says)) {
					found = true
				}
			}
			if !found {
				t.Errorf("no line of level %v with %q in %v", test.level, test.says, logs.All())
			}
			if got := depth(t, s); got != 10-test.lost {
				t.Errorf("%d messages are there, want %d", got, 10-test.lost)
			}
		})
	}
}

func TestAnotherDatabaseIsNoticed(t *testing.T) {
	path, other := made(t), made(t)
	must(t, os.Rename(other, path))
	_, logs := observed(t, path)
	if logs.FilterMessageSnippet("not the one").Len() != 1 {
		t.Errorf("no warning in %v", logs.All())
	}
}

func TestDamagedPagesAreFound(t *testing.T) {
	path := crashed(t, 300)
	s := open(t, Options{Path: path})
	must(t, s.Close())
	must(t, (&marker{path: path + ".state", identity: s.marker.identity}).write(false))
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	must(t, err)
	info, err := f.Stat()
	must(t, err)
	_, err = f.WriteAt(bytes.Repeat([]byte{0xff}, 200), info.Size()-pageSize)
	must(t, errors.Join(err, f.Close()))
	_, err = Open(t.Context(), Options{Path: path, Clock: clock.System{}})
	var refusal *OpenError
	if !errors.As(err, &refusal) || refusal.Kind != OpenDamaged {
		t.Fatalf("Open = %v, want damage", err)
	}
}

func FuzzScanLog(f *testing.F) {
	header := binary.BigEndian.AppendUint32(nil, walMagic)
	header = binary.BigEndian.AppendUint32(header, walVersion)
	header = binary.BigEndian.AppendUint32(header, 512)
	header = append(header, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8)
	var sum checksum
	sum.add(header, binary.LittleEndian)
	header = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(header, sum.a), sum.b)
	frame := append(make([]byte, 7), 1)
	page := make([]byte, 512)
	sum.add(frame, binary.LittleEndian)
	sum.add(page, binary.LittleEndian)
	frame = append(frame, 1, 2, 3, 4, 5, 6, 7, 8)
	frame = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(frame, sum.a), sum.b)
	whole := append(append(header, frame...), page...)
	if l, _, err := scanLog(bytes.NewReader(whole)); err != nil || l.frames != 1 || l.committed != 1 || l.torn {
		f.Fatalf("scanLog of one frame = %+v, %v", l, err)
	}
	f.Add(whole)
	f.Add(whole[:len(whole)-1])
	f.Add(make([]byte, 4096))
	f.Fuzz(func(t *testing.T, b []byte) {
		l, _, err := scanLog(bytes.NewReader(b))
		if err != nil || l.committed > l.frames || l.frames*(512+frameHeaderLen) > len(b) {
			t.Fatalf("scanLog = %+v, %v", l, err)
		}
		countedFrames(b, [8]byte{})
		cut, _, err := scanLog(io.LimitReader(bytes.NewReader(b), int64(len(b))-1))
		if err != nil || cut.frames > l.frames {
			t.Fatalf("a cut log has more: %+v, %v", cut, err)
		}
	})
}

func FuzzParseLease(f *testing.F) {
	f.Add("lease_0000000001abcdef")
	f.Add("lease_0000000001ABCDEF")
	f.Add("lease_")
	f.Fuzz(func(t *testing.T, id string) {
		seq, salt, ok := parseLease(id)
		if ok && leaseID(seq, salt) != id {
			t.Fatalf("%q is read as %d, %d, which is written as %q", id, seq, salt, leaseID(seq, salt))
		}
	})
}

func FuzzReadMarker(f *testing.F) {
	f.Add([]byte("identity=abc\nstopped=clean\n"))
	f.Add([]byte("=\n\x00identity"))
	f.Fuzz(func(t *testing.T, content []byte) {
		path := filepath.Join(t.TempDir(), "db")
		must(t, os.WriteFile(path+".state", content, 0o600))
		m, err := readMarker(path)
		if err != nil || m.known != (m.identity != "") {
			t.Fatalf("readMarker = %+v, %v", m, err)
		}
	})
}
