package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"unicode/utf8"

	"hookaido/internal/admin"
	"hookaido/internal/clock"
	"hookaido/internal/config"
)

func TestNothingToFind(t *testing.T) {
	r := newSite(t).only()
	if !r.OK || len(r.Unseen) != 0 || r.Checks != len(checks()) {
		t.Errorf("%+v", r)
	}
}

// Every fault is found, alone, with the command that mends it.
func TestFaults(t *testing.T) {
	for _, test := range []struct {
		name   string
		damage func(s *site)
		want   string
		mend   string // one of the commands
		level  Severity
	}{
		{"service failed", func(s *site) {
			s.set("hookaido.service", "ActiveState", "failed", "Result", "exit-code", "ExecMainStatus", "74")
		}, idUnitDown, restartService, Error},
		{"service in a loop", func(s *site) { s.set("hookaido.service", "ActiveState", "activating", "SubState", "auto-restart") }, idUnitDown, restartService, Error},
		{"service stopped", func(s *site) { s.set("hookaido.service", "ActiveState", "inactive") }, idUnitDown, restartService, Error},
		{"service disabled and stopped", func(s *site) { s.set("hookaido.service", "ActiveState", "inactive", "UnitFileState", "disabled") }, idUnitDisabled, "systemctl enable --now hookaido.service", Warning},
		{"service disabled", func(s *site) { s.set("hookaido.service", "UnitFileState", "disabled") }, idUnitDisabled, "systemctl enable hookaido.service", Warning},
		{"service masked", func(s *site) { s.set("hookaido.service", "LoadState", "masked") }, idUnitMasked, "systemctl unmask hookaido.service", Error},
		{"socket masked", func(s *site) { s.set("hookaido-pull.socket", "UnitFileState", "masked") }, idUnitMasked, "systemctl unmask hookaido-pull.socket", Error},
		{"socket closed", func(s *site) { s.set("hookaido-pull.socket", "ActiveState", "inactive") }, idUnitDown, restartTarget, Error},
		{"socket after too many triggers (C83)", func(s *site) {
			s.set("hookaido-ingress.socket", "ActiveState", "failed", "Result", "trigger-limit-hit")
		}, idUnitDown, restartTarget, Error},
		{"socket unit removed", func(s *site) { s.set("hookaido-metrics.socket", "LoadState", "not-found") }, idUnitMissing, "apt-get install --reinstall hookaido || dnf reinstall hookaido", Error},
		{"service changed on disk", func(s *site) { s.set("hookaido.service", "NeedDaemonReload", "yes") }, idUnitChanged, daemonReload, Warning},
		{"drop-in that systemd overlooks", func(s *site) { s.write("units/hookaido.service.d/x.conf", "", 0o644) }, idUnitChanged, restartService, Warning},
		{"restarts", func(s *site) { s.set("hookaido.service", "NRestarts", "3") }, idRestarts, "systemctl reset-failed hookaido.service", Warning},
		{"restarts of today", func(s *site) {
			s.options.Paths.Proc = s.path("proc")
			s.write("proc/uptime", "90000.00 1.00\n", 0o644)
			s.set("hookaido.service", "NRestarts", "3", "ActiveEnterTimestampMonotonic", "4000000000")
		}, idRestarts, readJournal, Warning},
		{"other port in the unit", func(s *site) { s.set("hookaido-ingress.socket", "Listen", "[::]:80 (Stream)") }, idSocketsDiffer, restartTarget, Error},
		{"other port in the daemon", func(s *site) { s.status.Listeners[0].Address = "[::]:80" }, idSocketsDiffer, daemonReload, Error},
		{"address not known at boot", func(s *site) { s.answers["sh -c"] = "hookaido-ingress.socket stays as packaged: x is a name\n" }, idSocketsPackaged, daemonReload, Warning},
		{"exposed", func(s *site) {
			s.answers["systemd-analyze security"] = "Overall exposure level for hookaido.service: 1.2 OK\n"
		}, idExposure, "systemctl cat hookaido.service", Warning},
		{"journal drops", func(s *site) { s.set("hookaido.service", "LogRateLimitIntervalUSec", "1min 30s") }, idJournalLimit, "systemctl cat hookaido.service", Warning},
		{"journal's own limit", func(s *site) { s.set("hookaido.service", "LogRateLimitIntervalUSec", "0") }, idJournalLimit, "systemctl cat hookaido.service", Warning},
		{"journal in memory", func(s *site) { s.remove("journals") }, idJournalVolatile, "journalctl --flush", Warning},
		{"journal large", func(s *site) {
			s.answers["journalctl --disk-usage"] = "Archived and active journals take up 9.5G in the file system.\n"
		}, idJournalLarge, "journalctl --vacuum-size=1G", Warning},
		{"GOMEMLIMIT above the bound", func(s *site) {
			s.set("hookaido.service", "MemoryMax", "536870912")
			s.write("default", "GOMEMLIMIT=1GiB\n", 0o644)
		}, idMemoryLimit, restartService, Warning},
		{"hardly any memory", func(s *site) { s.set("hookaido.service", "MemoryHigh", "1048576") }, idMemoryLimit, "systemctl cat hookaido.service", Error},
		{"no user", func(s *site) { s.write("passwd", "root:x:0:0::/:/bin/sh\nhookaido2:x:7:7:::\n", 0o644) }, idUserMissing, "systemd-sysusers hookaido.conf", Error},
		{"file wrong", func(s *site) { s.configure(testConfig + "/x { pul { path /y } }\n") }, idConfigInvalid, "", Error},
		{"file gone", func(s *site) { s.remove("Hookaidofile") }, idConfigInvalid, "", Error},
		{"file writable", func(s *site) { s.write("Hookaidofile", testConfig, 0o646) }, idConfigWritable, "", Error},
		{"file newer", func(s *site) { s.write("Hookaidofile", testConfig+"# a word\n", 0o644) }, idConfigNotLoaded, reload, Warning},
		{"certificate near its end", func(s *site) { s.serveTLS(90*day, 10*day) }, idCertEnds, "", Warning},
		{"certificate over (C92)", func(s *site) { s.serveTLS(90*day, -day) }, idCertOver, "", Error},
		{"certificate of another key (C92)", func(s *site) { s.serveTLS(90*day, 80*day); s.write("key.pem", s.otherKey(), 0o600) }, idCertMissing, "", Error},
		{"certificate gone", func(s *site) { s.serveTLS(90*day, 80*day); s.remove("cert.pem") }, idCertMissing, "", Error},
		{"key for everybody", func(s *site) { s.serveTLS(90*day, 80*day); s.chmod("key.pem", 0o644) }, idSecretReadable, "", Error},
		{"folder for others", func(s *site) { s.chmod("state", 0o755) }, idStateMode, "", Error},
		{"database for others (badinput 130)", func(s *site) { s.chmod("state/hookaido.db", 0o640) }, idStateMode, "", Error},
		{"database of another program", func(s *site) { s.database(0x11111111, 1) }, idDatabaseForeign, restartService, Error},
		{"no database", func(s *site) { s.write("state/hookaido.db", strings.Repeat("x", 4096), 0o600) }, idDatabaseForeign, restartService, Error},
		{"database of a later version (badinput 129)", func(s *site) { s.database(0x486f6f6b, 99) }, idDatabaseNewer, restartService, Error},
		{"clock", func(s *site) { s.synced = false }, idClockUnsynced, "timedatectl set-ntp true", Warning},
		{"daemon silent", func(s *site) { s.silent = errors.New("it hangs") }, idNoAnswer, restartTarget, Error},
		{"daemon of before the upgrade", func(s *site) { s.status.Version = "0.9" }, idOldBinary, restartService, Warning},
		{"store failing", func(s *site) { s.status.Store = admin.StoreStatus{Error: "disk on fire"} }, idStoreFailing, restartService, Error},
		{"disk full", func(s *site) { s.status.Store.DiskLow = true }, idDiskLow, "", Error},
		{"reserve given up", func(s *site) { s.remove("state/hookaido.db.ballast") }, idDiskLow, restartService, Warning},
		{"dead letters", func(s *site) { s.route(admin.RouteStatus{Dead: 2, Configured: true}) }, idDeadLetters, "hookaido dlq requeue --yes --route /r", Warning},
		{"paused", func(s *site) { s.route(admin.RouteStatus{Configured: true, Paused: true}) }, idPaused, "hookaido resume /r", Warning},
		{"backlog", func(s *site) {
			age := int64(3601)
			s.route(admin.RouteStatus{Configured: true, Ages: admin.Ages{OldestQueuedAgeSeconds: &age}})
		}, idBacklog, "hookaido status", Warning},
		{"orphans", func(s *site) { s.route(admin.RouteStatus{Leased: 1}) }, idOrphans, "hookaido routes", Warning},
		{"target resting", func(s *site) { s.status.Deliveries = []admin.Delivery{{Breaker: "half_open"}} }, idTargetResting, "hookaido status", Warning},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSite(t)
			test.damage(s)
			r := s.only(test.want)
			f := r.Findings[0]
			if f.Severity != test.level || r.OK != (test.level == Warning) {
				t.Errorf("severity %s, ok %v", f.Severity, r.OK)
			}
			if test.mend != "" && !slices.Contains(f.Mend, test.mend) {
				t.Errorf("mend %q, want %q", f.Mend, test.mend)
			}
		})
	}
}

// A healthy whole may look odd in ways that are none of a fault.
func TestNoFaults(t *testing.T) {
	for _, test := range []struct {
		name string
		make func(s *site)
	}{
		{"metrics off and their socket closed", func(s *site) {
			s.configure(testConfig + "observability { metrics off }\n")
			s.write("generated/hookaido-metrics.socket.d/50-hookaidofile.conf", "[Unit]\n# Closed: off.\nConditionPathExists=!/\n", 0o644)
			s.set("hookaido-metrics.socket", "ActiveState", "inactive")
		}},
		{"two servers on one address", func(s *site) {
			s.configure(strings.Replace(testConfig, "listen 127.0.0.1:9443", "listen :8080 prefix /pull", 1))
			s.write("generated/hookaido-pull.socket.d/50-hookaidofile.conf", "[Unit]\nConditionPathExists=!/\n", 0o644)
			s.set("hookaido-pull.socket", "ActiveState", "inactive")
			s.status.Listeners[1].Address = "[::]:8080"
		}},
		{"Unix sockets and other ways to write an address", func(s *site) {
			s.configure(strings.Replace(testConfig, "listen :8080", "listen unix:/run/x.sock listen localhost:8081 listen [::]:8082", 1))
			s.set("hookaido-ingress.socket", "Listen", "/run/x.sock (Stream)\nListen=127.0.0.1:8081 (Stream)\nListen=0.0.0.0:8082 (Stream)")
			s.status.Listeners = slices.Insert(s.status.Listeners[1:], 0, admin.Listener{Name: "ingress", Address: "unix:/run/x.sock"},
				admin.Listener{Name: "ingress", Address: "127.0.0.1:8081"}, admin.Listener{Name: "ingress", Address: "[::]:8082"})
		}},
		{"exec has more room in the sandbox", func(s *site) {
			s.set("hookaido.service", "DropInPaths", "/etc/systemd/system/hookaido.service.d/exec-delivery.conf")
			s.answers["systemd-analyze security"] = "Overall exposure level for hookaido.service: 1.2 OK\n"
		}},
		{"memory bounded for Go too", func(s *site) {
			s.set("hookaido.service", "MemoryMax", "536870912", "Environment", "X=1 GOMEMLIMIT=400MiB")
		}},
		{"restarts of long ago", func(s *site) {
			s.options.Paths.Proc = s.path("proc")
			s.write("proc/uptime", "90000.00 1.00\n", 0o644)
			s.set("hookaido.service", "NRestarts", "3", "ActiveEnterTimestampMonotonic", "3000000000")
		}},
		{"a short certificate in the middle of its life", func(s *site) { s.serveTLS(7*day, 4*day) }},
		{"an encrypted secret", func(s *site) {
			s.remove("secrets/github")
			s.write("encrypted/hookaido.github", "sealed", 0o600)
			s.answers["systemctl cat"] += "LoadCredentialEncrypted=github:" + s.path("encrypted/hookaido.github") + "\n"
		}},
		{"the Hookaidofile was edited and reloaded", func(s *site) {
			s.write("generated/hookaido-ingress.socket.d/50-hookaidofile.conf", "[Socket]\n", 0o644)
			s.touch("generated/hookaido-ingress.socket.d/50-hookaidofile.conf", -day)
			s.write("unit", "", 0o644)
			s.touch("unit", -2*day)
			s.set("hookaido-ingress.socket", "NeedDaemonReload", "yes", "SourcePath", s.path("Hookaidofile"), "FragmentPath", s.path("unit"),
				"DropInPaths", s.path("generated/hookaido-ingress.socket.d/50-hookaidofile.conf"))
		}},
		{"a database of this version", func(s *site) { s.database(0x486f6f6b, 1) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSite(t)
			test.make(s)
			if r := s.only(); len(r.Unseen) > 0 {
				t.Errorf("unseen: %v", r.Unseen)
			}
		})
	}
}

// Where the Hookaidofile was edited too, a drop-in that came later still counts.
func TestChangedDropInBesideAnEditedHookaidofile(t *testing.T) {
	s := newSite(t)
	drop := "generated/hookaido-ingress.socket.d/50-hookaidofile.conf"
	s.write(drop, "[Socket]\n", 0o644)
	s.touch(drop, -day)
	s.write("unit", "", 0o644)
	s.touch("unit", -2*day)
	s.write("units/hookaido-ingress.socket.d/new.conf", "[Socket]\n", 0o644)
	s.touch("units/hookaido-ingress.socket.d/new.conf", -3*day)
	s.set("hookaido-ingress.socket", "NeedDaemonReload", "yes", "SourcePath", s.path("Hookaidofile"), "FragmentPath", s.path("unit"),
		"DropInPaths", s.path(drop))
	s.only(idUnitChanged)
	s.set("hookaido-ingress.socket", "DropInPaths", s.path(drop)+" "+s.path("units/hookaido-ingress.socket.d/new.conf"))
	s.only()
	s.touch("units/hookaido-ingress.socket.d/new.conf", 0)
	s.only(idUnitChanged)
}

// badinput 124: another program has the port of a socket that can't be opened.
func TestPortTaken(t *testing.T) {
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close() //nolint:errcheck // a test
	s := newSite(t)
	address := other.Addr().String()
	s.configure(strings.Replace(testConfig, "listen :8080", "listen "+address, 1))
	s.set("hookaido-ingress.socket", "Listen", address+" (Stream)", "ActiveState", "failed", "Result", "resources")
	s.status.Listeners[0].Address = address
	f := s.only(idPortTaken, idUnitDown).Findings[0]
	pid := strconv.Itoa(os.Getpid())
	if !strings.Contains(f.What, "process "+pid) || !slices.Contains(f.Mend, restartTarget) {
		t.Errorf("%+v", f)
	}
	// The service it belongs to is what is stopped.
	s.options.Paths.Proc = s.path("proc")
	s.write("proc/"+pid+"/cgroup", "0::/system.slice/thief.service\n", 0o644)
	if f := s.only(idPortTaken, idUnitDown).Findings[0]; f.Mend[0] != "systemctl disable --now thief.service || systemctl stop thief.service" {
		t.Errorf("%+v", f)
	}
	// Only services of the system count: others may have any name.
	for group, want := range map[string]string{
		"0::/system.slice/system-x.slice/x@1.service/worker":                                     "x@1.service",
		"4:memory:/\n1:name=systemd:/system.slice/thief.service":                                 "thief.service",
		"0::/user.slice/user-1000.slice/user@1000.service/app.slice/ssh.service":                 "",
		"0::/system.slice/docker-1.scope/system.slice/ssh.service":                               "",
		"0::/machine.slice/x.service":                                                            "",
		"0::/../system.slice/ssh.service":                                                        "",
		"0::/system.slice/x.service/system.slice/ssh.service":                                    "x.service",
		"0::/user.slice/user-1000.slice/user@1000.service/system.slice/ssh.service:/ssh.service": "",
		"0::/system.slice": "",
		"0::/":             "",
		"":                 "",
	} {
		s.write("proc/"+pid+"/cgroup", group+"\n", 0o644)
		mend := "kill " + pid
		if want != "" {
			mend = "systemctl disable --now " + want + " || systemctl stop " + want
		}
		if f := s.only(idPortTaken, idUnitDown).Findings[0]; f.Mend[0] != mend {
			t.Errorf("%q: %s, want %s", group, f.Mend[0], mend)
		}
	}
	// Our own process on it is no thief.
	s.set("hookaido.service", "MainPID", pid)
	s.only(idUnitDown)
}

// Without systemd (C97), without the daemon, without root: what isn't seen is said,
// and is no fault.
func TestUnseenIsNoFault(t *testing.T) {
	s := newSite(t)
	s.remove("manager")
	s.silent = errors.New("hookaido isn't running")
	s.options.Root = false
	s.clockIs = os.ErrPermission
	r := s.only()
	var about []string
	for _, u := range r.Unseen {
		about = append(about, u.Check)
	}
	slices.Sort(about)
	if want := []string{"clock", "daemon", "everything", "systemd"}; !r.OK || !slices.Equal(about, want) {
		t.Errorf("unseen %v, want %v", r.Unseen, want)
	}
}

func TestServiceNotInstalled(t *testing.T) {
	s := newSite(t)
	for _, u := range s.units {
		u["LoadState"], u["ActiveState"] = "not-found", "inactive"
	}
	s.silent = errors.New("hookaido isn't running")
	if r := s.only(); len(r.Unseen) == 0 {
		t.Error("it doesn't say that there is no service")
	}
}

func TestFailingCommandsAreSaid(t *testing.T) {
	s := newSite(t)
	s.answers = map[string]string{}
	r := s.only()
	for _, check := range []string{"exposure", "journal", "generator"} {
		if !slices.ContainsFunc(r.Unseen, func(u Unseen) bool { return u.Check == check && u.Reason != "" }) {
			t.Errorf("nothing about %s in %v", check, r.Unseen)
		}
	}
}

// Errors come before warnings, and an older configuration in the daemon is left
// to the finding whose commands mend it too.
func TestOrder(t *testing.T) {
	s := newSite(t)
	s.synced = false
	s.chmod("state", 0o711)
	s.set("hookaido.service", "NRestarts", "1")
	s.write("Hookaidofile", strings.Replace(testConfig, ":8080", ":80", 1), 0o644)
	s.only(idSocketsDiffer, idStateMode, idClockUnsynced, idRestarts)
}

// Text of others can't steer the terminal or forge a line.
func TestForeignTextIsPlain(t *testing.T) {
	s := newSite(t)
	s.status.Store = admin.StoreStatus{Error: "a\x1b[2J\nb\u2028c\xff" + strings.Repeat("x", 2000)}
	f := s.only(idStoreFailing).Findings[0]
	if strings.ContainsAny(f.What, "\x1b\n\u2028") || !utf8.ValidString(f.What) || len([]rune(f.What)) > maxText+1 {
		t.Errorf("%q", f.What)
	}
}

// A command is whole, however long it is: a part of it is another command.
func TestCommandsAreWhole(t *testing.T) {
	s := newSite(t)
	dir := "units/hookaido.service.d/" + strings.Repeat("d/", 350)
	s.write(dir+"x.conf", "[Service]\nUser=root\n", 0o644)
	s.set("hookaido.service", "DropInPaths", s.path(dir+"x.conf"))
	s.answers["systemd-analyze security"] = "Overall exposure level for hookaido.service: 2.0 OK\n"
	mend := s.only(idExposure).Findings[0].Mend[0]
	if want := "mv " + s.path(dir+"x.conf") + " " + s.path(dir+"x.conf.off"); len([]rune(mend)) < maxText || mend != want {
		t.Errorf("%s\nwant %s", mend, want)
	}
	if got := tidy([]Finding{{Mend: []string{"a\x1b[2J\nb"}}})[0].Mend[0]; got != "a [2J b" {
		t.Errorf("%q", got)
	}
}

// What is kept aside takes the place of nothing.
func TestAside(t *testing.T) {
	s := newSite(t)
	path := s.path("a b")
	for _, name := range []string{"a b.off", "a b.off.2"} {
		s.write(name, "", 0o600)
	}
	if got, want := aside(path, ".off"), "mv '"+path+"' '"+path+".off.3'"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got, want := aside(path, ".other"), "mv '"+path+"' '"+path+".other'"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// A database that can't be read may be the queue: no command takes it away.
func TestUnreadableDatabase(t *testing.T) {
	s := newSite(t)
	s.remove("state/hookaido.db")
	s.must(os.Mkdir(s.path("state/hookaido.db"), 0o700))
	r := s.only()
	if len(r.Unseen) != 1 || r.Unseen[0].Check != "database" || !strings.Contains(r.Unseen[0].Reason, "regular") {
		t.Errorf("unseen %+v", r.Unseen)
	}
}

// A generator that hangs ends with the check.
func TestGeneratorEndsInTime(t *testing.T) {
	s := newSite(t)
	s.write("generator", "#!/bin/sh\necho $$ >"+s.path("pid.new")+"\nmv "+s.path("pid.new")+" "+s.path("pid")+"\nexec sleep 300\n", 0o700)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var pid int
	ended := make(chan error, 1)
	p := &patient{Options: s.options, own: true, cfg: &config.Config{}, units: map[string]unit{}}
	p.Commands = System{}
	go func() {
		_, err := checkGenerator(ctx, p)
		ended <- err
	}()
	s.eventually(func() bool {
		text, err := os.ReadFile(s.path("pid"))
		if err == nil {
			pid, err = strconv.Atoi(strings.TrimSpace(string(text)))
		}
		return err == nil
	})
	cancel()
	if err := <-ended; err == nil {
		t.Error("no error of a generator that was ended")
	}
	s.eventually(func() bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) })
}

func TestReportAsJSON(t *testing.T) {
	s := newSite(t)
	s.synced = false
	text, err := json.Marshal(s.run())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"ok":true`, `"checks":15`, `"unseen":[]`, `"findings":[{"id":"clock-not-synchronised","severity":"warning","what":"`, `"mend":["timedatectl set-ntp true"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
}

// slow never answers before its context ends, and a command of it not even then.
type slow struct{ released chan struct{} }

func (slow) Status(ctx context.Context) (admin.Status, error) {
	<-ctx.Done()
	return admin.Status{}, ctx.Err()
}

func (w slow) Output(ctx context.Context, name string, args ...string) ([]byte, error) {
	if name == "systemctl" {
		return nil, errors.New("systemctl: Failed to connect to bus")
	}
	<-w.released
	return nil, ctx.Err()
}

func (w slow) Synchronised() (bool, error) {
	<-w.released
	return true, nil
}

// It ends within ten seconds, whatever hangs.
func TestBounded(t *testing.T) {
	s := newSite(t)
	synctest.Test(t, func(t *testing.T) {
		hang := slow{make(chan struct{})}
		o := s.options
		o.Commands, o.Daemon, o.Clocks = hang, hang, hang
		c := clock.System{}
		begin := c.Monotonic()
		r := Run(t.Context(), o)
		if took := c.Monotonic() - begin; took > askTime+checkTime {
			t.Errorf("it took %v", took)
		}
		if !slices.ContainsFunc(r.Unseen, func(u Unseen) bool { return u.Check == "clock" && u.Reason == errLate.Error() }) {
			t.Errorf("unseen: %v", r.Unseen)
		}
		close(hang.released)
		synctest.Wait()
	})
}

// The manual lists every id.
func TestManualListsTheIDs(t *testing.T) {
	source, err := os.ReadFile("ids.go")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../packaging/man/hookaido-systemd.7.md")
	if err != nil {
		t.Fatal(err)
	}
	all := regexp.MustCompile(`"([a-z-]+)"`).FindAllStringSubmatch(string(source), -1)
	for _, m := range all {
		if !strings.Contains(string(page), "`"+m[1]+"`") {
			t.Errorf("hookaido-systemd.7.md says nothing of %s", m[1])
		}
	}
	if len(all) < 30 {
		t.Errorf("only %d ids were found", len(all))
	}
}
