package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hookaido/internal/config/syntax"
	"hookaido/internal/systemd"
)

// lab is a generator on files of its own.
type lab struct {
	t   *testing.T
	g   generator
	dir string // what systemd would read
}

func newLab(t *testing.T, hookaidofile string) *lab {
	t.Helper()
	root := t.TempDir()
	l := &lab{t: t, dir: filepath.Join(root, "generator"), g: generator{
		environment: filepath.Join(root, "environment"),
		config:      filepath.Join(root, "Hookaidofile"),
		journal:     filepath.Join(root, "journal"),
	}}
	l.put(l.g.config, hookaidofile)
	if err := os.Mkdir(l.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return l
}

func (l *lab) put(path, text string) {
	l.t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		l.t.Fatal(err)
	}
}

// written maps names of sockets to the lines of their drop-ins that matter.
func (l *lab) written() map[string]string {
	l.t.Helper()
	files, err := filepath.Glob(filepath.Join(l.dir, "hookaido-*.socket.d", "*.conf"))
	if err != nil {
		l.t.Fatal(err)
	}
	got := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			l.t.Fatal(err)
		}
		var lines []string
		for line := range strings.Lines(string(text)) {
			if line = strings.TrimSpace(line); strings.Contains(line, "=") && line != "SourcePath="+l.g.config {
				lines = append(lines, strings.TrimPrefix(line, "ListenStream="))
			}
		}
		name := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(filepath.Dir(file)), "hookaido-"), ".socket.d")
		got[name] = strings.Join(lines, " ")
	}
	return got
}

// route has no addresses of its own, which the tests put in front.
const (
	pulled = "/a { pull { path /a\n auth token raw:0123456789abcdef0123456789abcdef } }\n"
	route  = "pull_api { max_batch 9 }\n" + pulled
)

func TestAddresses(t *testing.T) {
	const closed = "ConditionPathExists=!/"
	for name, tc := range map[string]struct {
		file, env string
		want      map[string]string // by socket; absent ones stay as packaged
		note      string
	}{
		"defaults": {file: route, want: map[string]string{"ingress": " 8080", "pull": " 9443", "admin": " 127.0.0.1:2019 /run/hookaido/admin.sock"}},
		"privileged": {file: "ingress { listen :80 }\n" + route, want: map[string]string{
			"ingress": " 80", "pull": " 9443", "admin": " 127.0.0.1:2019 /run/hookaido/admin.sock"}},
		"several, both families, an address that comes later": {
			file: "ingress { listen 127.0.0.1:80\n listen [::1]:80\n listen 192.0.2.7:0443 }\n" + route,
			want: map[string]string{"ingress": " 127.0.0.1:80 [::1]:80 192.0.2.7:443 FreeBind=yes"}},
		"IPv4 alone": {file: "ingress { listen 0.0.0.0:80 }\n" + route, want: map[string]string{"ingress": " 0.0.0.0:80"}},
		"Unix": {file: "ingress { listen unix:/run/hookaido/100%.sock }\n" + route, want: map[string]string{
			"ingress": " /run/hookaido/100%%.sock SocketMode=0660 SocketGroup=hookaido RemoveOnStop=yes"}},
		"no pull":    {file: "/a { deliver https://example.org/ { timeout 5s } }\n", want: map[string]string{"pull": closed}},
		"localhost":  {file: "admin_api { listen localhost:2020 }\n" + route, want: map[string]string{"admin": " 127.0.0.1:2020 /run/hookaido/admin.sock"}},
		"shared":     {file: "ingress { listen :8080 }\npull_api { listen :8080\n prefix /pull }\n" + pulled, want: map[string]string{"ingress": " 8080", "pull": closed}},
		"admin only": {file: "admin_api { listen unix:/run/hookaido/admin.sock }\n" + route, want: map[string]string{"admin": " /run/hookaido/admin.sock"}},
		"a name":     {file: "ingress { listen example.org:80 }\n" + route, want: map[string]string{"ingress": ""}, note: "names can't be looked up"},
		"port 0":     {file: "ingress { listen 127.0.0.1:0 }\n" + route, want: map[string]string{"ingress": ""}, note: "port from 1 to 65535"},
		"a zone":     {file: "ingress { listen [fe80::1%eth0]:80 }\n" + route, want: map[string]string{"ingress": ""}, note: "zone"},
		"odd path":   {file: `ingress { listen "unix:/run/a\\" }` + "\n" + route, want: map[string]string{"ingress": ""}, note: "unit file"},
		"set":        {file: "ingress { listen {$WHERE} }\n" + route, env: "WHERE=\":81\" # no comment", want: map[string]string{"ingress": ""}, note: "wrong"},
		"from the environment file": {file: "ingress { listen {$WHERE} }\n" + route, env: "# a comment\nWHERE=':81'\n",
			want: map[string]string{"ingress": " 81"}},
		"a fallback": {file: "ingress { listen {$WHERE:127.0.0.1:82} }\n" + route, want: map[string]string{"ingress": " 127.0.0.1:82"}},
		// Half an address would open the port to everybody.
		"not set":         {file: "ingress { listen \"{$HOST}:80\" }\n" + route, want: map[string]string{"ingress": "", "pull": " 9443"}, note: "depends on a variable"},
		"through a var":   {file: "vars { where \"{$HOST}:80\" }\ningress { listen {vars.where} }\n" + route, want: map[string]string{"ingress": "", "pull": " 9443"}, note: "depends on a variable"},
		"another not set": {file: "ingress { listen :80 }\nobservability { runtime_log { output file\n path \"/var/log/x{$HOST}\" } }\n" + route, want: map[string]string{"ingress": " 80"}},
		"from a file":     {file: "ingress { listen \"{file./etc/hostname}:80\" }\n" + route, want: map[string]string{"ingress": ""}, note: "names can't be looked up"},
		"metrics moved":   {file: "observability { metrics { listen 127.0.0.1:9911 prefix /m } }\n" + route, want: map[string]string{"metrics": " 127.0.0.1:9911"}},
		"metrics off":     {file: "observability { metrics off }\n" + route, want: map[string]string{"metrics": closed}},
		"no word of them": {file: route, want: map[string]string{"metrics": ""}},
		"wrong":           {file: "ingress { listen :80 }\n/a { pul }\n", want: map[string]string{"ingress": "", "pull": "", "admin": ""}, note: "Hookaidofile:2"},
		"empty":           {file: "", want: map[string]string{"ingress": ""}, note: "empty"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, tc.file)
			if tc.env != "" {
				l.put(l.g.environment, tc.env)
			}
			notes := l.g.plan().notes
			l.g.run(l.dir)
			got := l.written()
			for socket, want := range tc.want {
				if got[socket] != want {
					t.Errorf("%s: got %q, want %q (notes %q)", socket, got[socket], want, notes)
				}
			}
			if all := strings.Join(notes, "\n"); !strings.Contains(all, tc.note) || tc.note == "" && len(notes) > 0 {
				t.Errorf("notes %q, want one with %q", all, tc.note)
			}
		})
	}
}

func TestConfigFromEnvironmentFile(t *testing.T) {
	l := newLab(t, "wrong")
	other := filepath.Join(t.TempDir(), "Other")
	l.put(other, "ingress { listen :83 }\n"+route)
	l.put(l.g.environment, "HOOKAIDO_CONFIG="+other+"\n")
	l.g.run(l.dir)
	if got := l.written()["ingress"]; !strings.Contains(got, " 83") {
		t.Errorf("got %q", got)
	}
}

func TestUnsafeFiles(t *testing.T) {
	for name, spoil := range map[string]func(l *lab) error{
		"missing":  func(l *lab) error { return os.Remove(l.g.config) },
		"folder":   func(l *lab) error { return os.Rename(l.dir, l.g.config+".d") },
		"writable": func(l *lab) error { return os.Chmod(l.g.config, 0o666) },
		"huge":     func(l *lab) error { return os.Truncate(l.g.config, maxConfig+1) },
		"deep":     func(l *lab) error { return os.WriteFile(l.g.config, []byte(strings.Repeat("a { ", 100_000)), 0o600) },
		"garbage":  func(l *lab) error { return os.WriteFile(l.g.config, []byte("\x00\xff}{\"\n"), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, "ingress { listen :80 }\n"+route)
			if err := spoil(l); err != nil {
				t.Fatal(err)
			}
			if name == "folder" {
				l.g.config += ".d"
			}
			p := l.g.plan()
			notes := p.notes
			if len(p.sockets) != 0 || len(notes) != 1 || !strings.Contains(notes[0], "stay as packaged") {
				t.Errorf("planned %v, notes %q", p.sockets, notes)
			}
		})
	}
}

func TestReport(t *testing.T) {
	l := newLab(t, "wrong")
	address := &net.UnixAddr{Name: l.g.journal, Net: "unixgram"}
	conn, err := net.ListenUnixgram("unixgram", address)
	if err != nil {
		t.Fatal(err)
	}
	l.g.run(l.dir)
	buf := make([]byte, 4096)
	n, err := conn.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"SYSLOG_IDENTIFIER=hookaido-generator\n", "PRIORITY=4\n", "MESSAGE=all sockets stay as packaged", "MESSAGE_ID=" + messageID} {
		if !strings.Contains(string(buf[:n]), want) {
			t.Errorf("no %q in %q", want, buf[:n])
		}
	}
	if _, err := os.Lstat(filepath.Join(l.dir, reportUnit)); err == nil {
		t.Error("a unit reports what the journal has already")
	}
	if err := conn.Close(); err != nil { // as at boot
		t.Fatal(err)
	}
	l.g.run(l.dir)
	unit, err := os.ReadFile(filepath.Join(l.dir, "multi-user.target.wants", reportUnit))
	if err != nil || !strings.Contains(string(unit), " --report\n") {
		t.Errorf("no report at boot: %q, %v", unit, err)
	}
}

// TestWriteAllOrNothing makes the second of two drop-ins impossible.
func TestWriteAllOrNothing(t *testing.T) {
	l := newLab(t, "ingress { listen :80 }\n"+route)
	l.put(filepath.Join(l.dir, "hookaido-pull.socket.d"), "in the way")
	l.g.run(l.dir)
	if got := l.written(); len(got) != 0 {
		t.Errorf("left %v", got)
	}
}

func TestCredentials(t *testing.T) {
	// A mistake takes no secret away.
	for name, wrong := range map[string]string{"good": "", "wrong": "/b { pul }\n"} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, "pull_api { auth token credential:both\n auth token \"credential:sealed\" }\n"+
				"/a { auth hmac { provider github\n secret credential:open\n secret credential:gone }\n pull { path /a } }\n"+
				"# credential:comment\n/x { auth token credential:../../shadow }\n"+wrong)
			l.g.credstore = systemd.Credstore{Encrypted: t.TempDir(), Plain: t.TempDir()}
			for _, path := range []string{
				l.g.credstore.EncryptedPath("sealed"), l.g.credstore.EncryptedPath("both"), l.g.credstore.PlainPath("both"),
				l.g.credstore.PlainPath("open"), l.g.credstore.PlainPath("unused"), l.g.credstore.PlainPath("comment"),
				l.g.credstore.EncryptedPath("HOOKAIDO_SECRET_ENCRYPTION_KEY"),
			} {
				l.put(path, "secret")
			}
			l.g.run(l.dir)
			text, err := os.ReadFile(filepath.Join(l.dir, "hookaido.service.d", "50-credentials.conf"))
			if err != nil {
				t.Fatal(err)
			}
			_, got, _ := strings.Cut(string(text), "[Service]\n")
			want := "LoadCredentialEncrypted=HOOKAIDO_SECRET_ENCRYPTION_KEY:" + l.g.credstore.EncryptedPath("HOOKAIDO_SECRET_ENCRYPTION_KEY") + "\n" +
				"LoadCredentialEncrypted=both:" + l.g.credstore.EncryptedPath("both") + "\n" +
				"LoadCredential=open:" + l.g.credstore.PlainPath("open") + "\nSetCredential=open:\\n\n" +
				"LoadCredentialEncrypted=sealed:" + l.g.credstore.EncryptedPath("sealed") + "\n"
			if got != want {
				t.Errorf("got %q\nwant %q", got, want)
			}
		})
	}
}

func TestManyRoutes(t *testing.T) {
	var file strings.Builder
	file.WriteString("ingress { listen :80 }\n")
	for i := range 3000 {
		fmt.Fprintf(&file, "# größer\n/é%d { auth hmac { provider github\n secret raw:0123456789abcdef0123456789abcdef }\n pull { path /a%d } }\n", i, i)
	}
	file.WriteString("pull_api { listen 127.0.0.1:9000\n auth token raw:0123456789abcdef0123456789abcdef }\n")
	l := newLab(t, file.String())
	parsed, faults := syntax.Parse("x", []byte(file.String()))
	src, err := reduce([]byte(file.String()), parsed, faults)
	if err != nil || strings.Count(string(src), "\n") != strings.Count(file.String(), "\n") || strings.Count(string(src), "provider") != 1 {
		t.Fatalf("%v: %d bytes", err, len(src))
	}
	l.g.run(l.dir)
	if got := l.written(); !strings.Contains(got["ingress"], " 80") || got["pull"] != " 127.0.0.1:9000" {
		notes := l.g.plan().notes
		t.Errorf("got %v, %q", got, notes)
	}
}

func BenchmarkPlan(b *testing.B) {
	for _, n := range []int{1, 100, 3000} {
		b.Run(fmt.Sprintf("routes=%d", n), func(b *testing.B) {
			path := filepath.Join(b.TempDir(), "Hookaidofile")
			var file strings.Builder
			file.WriteString("pull_api { auth token credential:b }\n")
			for i := range n {
				fmt.Fprintf(&file, "/w%d { auth hmac { provider github\n secret credential:a }\n pull { path /a%d\n auth token credential:b } }\n", i, i)
			}
			if err := os.WriteFile(path, []byte(file.String()), 0o600); err != nil {
				b.Fatal(err)
			}
			g := generator{config: path, environment: path + ".none"}
			for b.Loop() {
				if notes := g.plan().notes; len(notes) > 0 {
					b.Fatal(notes)
				}
			}
		})
	}
}

func FuzzPlan(f *testing.F) {
	f.Add("ingress { listen :80 }\n" + route)
	f.Add("ingress { listen {$A} }\n" + route)
	f.Add("ingress { listen \"unix:/a\\nExecStart=/b\" }\n" + route)
	f.Fuzz(func(t *testing.T, file string) {
		g := generator{config: "/etc/hookaido/Hookaidofile", environment: "/none"}
		for _, s := range g.compile([]byte(file), nil).sockets {
			if s.unused != "" {
				continue
			}
			for _, stream := range s.streams {
				if strings.ContainsAny(stream, "\n\r\\") || stream == "" {
					t.Errorf("ListenStream=%q", stream)
				}
			}
		}
	})
}
