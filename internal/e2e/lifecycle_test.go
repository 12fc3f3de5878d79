package e2e

import (
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
)

// TestLeaseSurvivesRestart is case C59.
func TestLeaseSurvivesRestart(t *testing.T) {
	d := newDaemon(t, openRoute).start()
	for _, body := range []string{"a", "b"} {
		if a := post(t, "http://"+d.ingress+"/in", []byte(body)); a.status != http.StatusAccepted {
			t.Fatalf("ingress: %d", a.status)
		}
	}
	items := d.dequeue("/in", `{"batch":1,"lease_ttl":"60s"}`)
	d.stop()
	d.start()
	if a := d.call("/in/ack", `{"lease_id":"`+items[0].LeaseID+`"}`); a.status != http.StatusNoContent {
		t.Fatalf("ack with a lease from before the restart: %d %s", a.status, a.body)
	}
	if left := d.drain("/in"); left["b"] != 1 || len(left) != 1 {
		t.Errorf("left %v, want b once", left)
	}
}

func TestReload(t *testing.T) {
	d := newDaemon(t, openRoute).start()
	reload := func() (string, int) {
		_, errs, code := d.hookaido("reload", "--socket", d.path("admin.sock"))
		return errs, code
	}

	d.writeConfig(openRoute + "/new { pull { path /new } }\n")
	if errs, code := reload(); code != 0 {
		t.Fatalf("reload of a good file: %d %s", code, errs)
	}
	if a := post(t, "http://"+d.ingress+"/new", []byte("x")); a.status != http.StatusAccepted {
		t.Fatalf("the new route answers %d", a.status)
	}

	d.writeConfig(openRoute + "/broken { pul { path /x } }\n")
	errs, code := reload()
	if code != 1 || !strings.Contains(errs, "Hookaidofile:12:11: error:") || !strings.Contains(errs, "pull") {
		t.Fatalf("reload of a bad file: exit %d, want 1 with line, column and a hint:\n%s", code, errs)
	}
	if a := post(t, "http://"+d.ingress+"/new", []byte("y")); a.status != http.StatusAccepted {
		t.Fatalf("after a refused reload the old config must serve on, got %d", a.status)
	}

	d.writeConfig(openRoute + "defaults { max_body 1kb }\n")
	if errs, code = reload(); code != 1 || !strings.Contains(errs, "defaults.max_body") || !strings.Contains(errs, "restart") {
		t.Fatalf("reload that needs a restart: exit %d\n%s", code, errs)
	}

	d.writeConfig(openRoute)
	d.signal(syscall.SIGHUP)
	d.eventually("reloaded by SIGHUP", func() bool {
		return post(t, "http://"+d.ingress+"/new", []byte("z")).status == http.StatusNotFound
	})
}

// TestSecondInstanceIsRefused is case C47: the message names the holder.
func TestSecondInstanceIsRefused(t *testing.T) {
	d := newDaemon(t, openRoute).start()
	other := newDaemon(t, openRoute)
	other.dir, other.socket = d.dir, d.path("other.sock")
	other.writeConfig(openRoute)
	other.launch()
	if code := other.wait(); code != 74 || !strings.Contains(other.log.String(), pidText(d)) {
		t.Errorf("exit %d, want 74 and the pid of the first:\n%s", code, other.log)
	}
}

func TestStartErrors(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(d *daemon)
		code  int
		want  string
	}{
		{"config error", func(d *daemon) { d.writeConfig("/x { pull { } }\n") }, 78, "Hookaidofile:7:6: error:"},
		{"no config", func(d *daemon) { must(d.t, os.Remove(d.path("Hookaidofile"))) }, 78, "Hookaidofile"},
		{"missing secret", func(d *daemon) {
			d.writeConfig("/x {\n  auth hmac env:E2E_NOT_SET\n  pull { path /x }\n}\n")
		}, 78, "E2E_NOT_SET"},
		{"foreign database", func(d *daemon) {
			must(d.t, os.MkdirAll(d.path("data"), 0o700))
			must(d.t, os.WriteFile(d.path("data/hookaido.db"), []byte(strings.Repeat("not a database ", 100)), 0o600))
		}, 74, "data/hookaido.db"},
		{"database is a folder", func(d *daemon) { must(d.t, os.MkdirAll(d.path("data/hookaido.db"), 0o700)) }, 74, "data/hookaido.db"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := newDaemon(t, openRoute)
			test.spoil(d)
			d.launch()
			if code := d.wait(); code != test.code || !strings.Contains(d.log.String(), test.want) {
				t.Errorf("exit %d, want %d and %q in:\n%s", code, test.code, test.want, d.log)
			}
		})
	}
}

// TestPortInUse is row 124 of bad input: the message names the address.
func TestPortInUse(t *testing.T) {
	d := newDaemon(t, openRoute).start()
	other := newDaemon(t, openRoute)
	other.ingress = d.ingress
	other.writeConfig(openRoute)
	other.launch()
	if code := other.wait(); code != 69 || !strings.Contains(other.log.String(), d.ingress) {
		t.Errorf("exit %d, want 69 and %s in:\n%s", code, d.ingress, other.log)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func pidText(d *daemon) string { return "process " + itoa(d.cmd.Process.Pid) }
