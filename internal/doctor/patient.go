package doctor

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"hookaido/internal/admin"
	"hookaido/internal/config"
	"hookaido/internal/config/compile"
	"hookaido/internal/config/syntax"
	"hookaido/internal/systemd"
)

// serviceUnit is the unit of the daemon; sockets are hookaido-NAME.socket.
const (
	serviceUnit = "hookaido.service"
	userName    = "hookaido"
)

func socketUnit(name string) string { return "hookaido-" + name + ".socket" }

// patient is what several checks need to know. It does not change once it is
// made.
type patient struct {
	Options
	// units are those of ours by name, nil if systemd can't be asked.
	units map[string]unit
	// own is whether the Hookaidofile is that of the service.
	own         bool
	config      string
	cfg         *config.Config // nil if it doesn't compile
	diagnostics []syntax.Diagnostic
	readErr     error // of the Hookaidofile
	fingerprint string
	lookup      func(string) (string, bool)
	status      *admin.Status // nil if the daemon doesn't answer
	statusErr   error
	user        account
	unseen      []Unseen
}

// account is the user of the service.
type account struct {
	found    bool
	uid, gid int
}

// examine asks what the checks need.
func examine(ctx context.Context, o Options) *patient {
	p := &patient{Options: o, unseen: []Unseen{}}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	answers := make(chan func(), 2)
	go func() {
		s, err := o.Daemon.Status(ctx)
		answers <- func() {
			if p.statusErr = err; err == nil {
				p.status = &s
			}
		}
	}()
	go func() {
		units, err := p.askManager(ctx)
		answers <- func() {
			p.units = units
			if err != nil {
				p.unseen = append(p.unseen, Unseen{"systemd", plain(err.Error())})
			}
		}
	}()
	for range cap(answers) {
		(<-answers)() // both end with ctx
	}
	if !o.Root {
		p.unseen = append(p.unseen, Unseen{"everything", "without root, files and units of others can't be seen whole; run it with sudo"})
	}
	p.findUser()
	p.readConfig()
	return p
}

func (p *patient) askManager(ctx context.Context) (map[string]unit, error) {
	if _, err := os.Stat(p.Paths.Manager); err != nil {
		return nil, unseen("systemd does not run here, so that units, sockets, the sandbox and the journal can't be examined")
	}
	names := []string{serviceUnit}
	for _, name := range systemd.SocketNames() {
		names = append(names, socketUnit(name))
	}
	out, err := p.Commands.Output(ctx, "systemctl", append([]string{"show", "--no-pager", "--property", unitProperties}, names...)...)
	if err != nil {
		return nil, err
	}
	units := parseUnits(string(out))
	if len(units) < len(names) {
		return nil, unseen("systemctl show told of %d units out of %d", len(units), len(names))
	}
	return units, nil
}

// service returns the unit of the daemon; ok is false if systemd can't be asked
// or doesn't know it.
func (p *patient) service() (u unit, ok bool) {
	u, ok = p.units[serviceUnit]
	return u, ok && u.get("LoadState") != "not-found"
}

func (p *patient) findUser() {
	text, err := os.ReadFile(p.Paths.Users)
	if err != nil {
		p.unseen = append(p.unseen, Unseen{"user", plain(err.Error())})
		return
	}
	for line := range strings.Lines(string(text)) {
		f := strings.Split(strings.TrimSpace(line), ":")
		if len(f) < 4 || f[0] != userName {
			continue
		}
		uid, err1 := strconv.Atoi(f[2])
		gid, err2 := strconv.Atoi(f[3])
		p.user = account{found: err1 == nil && err2 == nil, uid: uid, gid: gid}
	}
}

// readConfig compiles the Hookaidofile with the variables that the service has.
func (p *patient) readConfig() {
	service, installed := p.service()
	vars := map[string]string{}
	if text, err := os.ReadFile(p.Paths.Environment); err == nil {
		vars = systemd.ParseEnvironmentFile(string(text))
	}
	for _, pair := range service.fields("Environment") {
		if name, value, ok := strings.Cut(pair, "="); ok {
			if _, set := vars[name]; !set { // the file comes after Environment=
				vars[name] = value
			}
		}
	}
	served := p.Paths.Config
	if vars["HOOKAIDO_CONFIG"] != "" {
		served = vars["HOOKAIDO_CONFIG"]
	}
	if p.config = p.Config; p.config == "" {
		p.config = served
	}
	if p.Database == "" {
		if p.Database = p.Paths.Database; vars["HOOKAIDO_DB"] != "" {
			p.Database = vars["HOOKAIDO_DB"]
		}
	}
	p.own = filepath.Clean(p.config) == filepath.Clean(served)
	p.lookup = p.LookupEnv
	if p.own && installed {
		p.lookup = func(name string) (string, bool) {
			v, ok := vars[name]
			return v, ok
		}
	}
	src, err := compile.ReadConfig(p.config)
	if p.readErr = err; err == nil {
		p.fingerprint = fingerprint(src)
	}
	p.cfg, p.diagnostics = compile.File(p.config, compile.Options{LookupEnv: p.lookup, ReadFile: compile.ReadFile})
}

// denied reports whether an error comes of not being root.
func denied(err error) bool { return errors.Is(err, fs.ErrPermission) }
