package doctor

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
)

const runtimeConfig = `secrets { secret live { value credential:github valid_from 2026-01-01T00:00:00Z runtime on } }
pull_api { listen 127.0.0.1:9443 auth token credential:pull-token }
/hook { auth hmac { provider github secret_ref live } pull { path /hook } }
`

func TestSecrets(t *testing.T) {
	use := func(ref string) string {
		return strings.Replace(testConfig, "secret credential:github", "secret "+ref, 1)
	}
	for _, test := range []struct {
		name  string
		make  func(s *site)
		want  []string
		mend  string
		where string
	}{
		{"plain in the file", func(s *site) { s.configure(use("raw:S3CRET-that-is-long-enough")) },
			[]string{idSecretPlain}, "hookaido secret set NAME", "Hookaidofile:4:38"},
		{"not kept", func(s *site) { s.remove("secrets/github") },
			[]string{idSecretMissing}, "hookaido secret set github", "Hookaidofile:4:38"},
		{"a new one, not kept", func(s *site) { s.configure(use("credential:other")) },
			[]string{idSecretMissing}, "hookaido secret set other", ""},
		{"kept, and not yet in the unit", func(s *site) { s.configure(use("credential:other")); s.write("secrets/other", "x", 0o600) },
			[]string{idSecretNotGiven}, daemonReload, ""},
		{"in the unit, and not yet handed over", func(s *site) { s.remove("given/github") },
			[]string{idSecretNotGiven}, restartService, ""},
		{"taken back by a later line", func(s *site) {
			s.answers["systemctl cat"] += "LoadCredential=\nLoadCredential=pull-token:" + s.path("secrets/pull-token") + "\n"
		},
			[]string{idSecretNotGiven}, daemonReload, ""},
		{"by a pattern", func(s *site) { s.answers["systemctl cat"] = "ImportCredential=*\n" }, nil, "", ""},
		{"handed over from elsewhere", func(s *site) {
			s.remove("secrets/github")
			s.write("elsewhere", "x", 0o600)
			s.answers["systemctl cat"] += "LoadCredential=github:" + s.path("elsewhere") + "\n"
		}, nil, "", ""},
		{"kept, for others to read", func(s *site) { s.chmod("secrets/github", 0o644) },
			[]string{idSecretReadable}, "chmod 600 ", ""},
		{"the folder for others", func(s *site) { s.chmod("secrets", 0o755) },
			[]string{idSecretReadable}, "chmod 700 ", ""},
		{"a file", func(s *site) { s.write("my key", "x", 0o640); s.configure(use(`"file:` + s.path("my key") + `"`)) }, nil, "", ""},
		{"a file for others", func(s *site) { s.write("my key", "x", 0o644); s.configure(use(`"file:` + s.path("my key") + `"`)) },
			[]string{idSecretReadable}, "chmod o= '", ""},
		{"a file that isn't there", func(s *site) { s.configure(use("file:" + s.path("none"))) },
			[]string{idSecretMissing}, "ls -l ", ""},
		{"a file of root alone", func(s *site) {
			s.write("passwd", "hookaido:x:54321:54321::/:/bin/false\n", 0o644)
			s.must(os.Lchown(s.path("state"), 54321, 54321))
			s.must(os.Lchown(s.path("state/hookaido.db"), 54321, 54321))
			s.must(os.Lchown(s.path("state/hookaido.db.ballast"), 54321, 54321))
			s.write("key", "x", 0o600)
			s.configure(use("file:" + s.path("key")))
		}, []string{idSecretMissing}, "chgrp hookaido ", ""},
		{"a variable", func(s *site) { s.write("default", "KEY=v\n", 0o640); s.configure(use("env:KEY")) }, nil, "", ""},
		{"a variable for others to read", func(s *site) { s.write("default", "KEY=v\n", 0o644); s.configure(use("env:KEY")) },
			[]string{idSecretReadable}, "chmod o= ", "default"},
		{"a variable of the unit", func(s *site) {
			s.chmod("default", 0o640)
			s.set("hookaido.service", "Environment", `A=b "KEY=two words"`)
			s.configure(use("env:KEY"))
		}, nil, "", ""},
		{"a variable that isn't set", func(s *site) { s.chmod("default", 0o640); s.configure(use("env:KEY")) },
			[]string{idSecretMissing}, restartService, ""},
		{"the key of secrets at run time", func(s *site) { s.configure(runtimeConfig) },
			[]string{idSecretMissing}, "hookaido secret set HOOKAIDO_SECRET_ENCRYPTION_KEY", "Hookaidofile:1:11"},
		{"the key of secrets at run time in a variable", func(s *site) {
			s.configure(runtimeConfig)
			s.write("default", "HOOKAIDO_SECRET_ENCRYPTION_KEY=x\n", 0o640)
		}, nil, "", ""},
		{"a certificate as a credential", func(s *site) {
			s.configure(strings.Replace(testConfig, "listen :8080", "listen :8080 tls { cert_file credential:cert key_file credential:key }", 1))
			s.answers["systemctl cat"] += "LoadCredential=cert\nLoadCredential=key:relative\n"
			s.write("given/cert", "", 0o400)
		}, []string{idSecretNotGiven}, restartService, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSite(t)
			if strings.Contains(test.name, "root alone") && os.Getuid() != 0 {
				t.Skip("giving files to others needs root")
			}
			test.make(s)
			r := s.only(test.want...)
			text, err := json.Marshal(r)
			s.must(err)
			if strings.Contains(string(text), "S3CRET") {
				t.Errorf("a secret is shown: %s", text)
			}
			if len(test.want) == 0 {
				return
			}
			f := r.Findings[0]
			if !slices.ContainsFunc(f.Mend, func(c string) bool { return strings.HasPrefix(c, test.mend) }) {
				t.Errorf("mend %q, want %q", f.Mend, test.mend)
			}
			if !strings.HasSuffix(f.Where, test.where) {
				t.Errorf("where %q, want %q", f.Where, test.where)
			}
		})
	}
}

// Vault is never asked, and a secret that several places use is told of once.
func TestSecretsElsewhere(t *testing.T) {
	s := newSite(t)
	s.configure(strings.ReplaceAll(testConfig, "secret credential:github", "secret vault:kv/data/x") + "/b { auth hmac { provider github secret vault:kv/data/x } pull { path /b } }\n")
	s.only()
	s.configure(testConfig + "/b { auth hmac { provider github secret credential:github } pull { path /b } }\n")
	s.remove("secrets/github")
	s.only(idSecretMissing)
}

func TestLoosening(t *testing.T) {
	s := newSite(t)
	s.write("units/hookaido.service.d/off.conf", "", 0o644)
	s.remove("units/hookaido.service.d/off.conf")
	s.must(os.Symlink(os.DevNull, s.path("units/hookaido.service.d/off.conf")))
	for text, want := range map[string]bool{
		"[Service]\nProtectSystem=no\n":               true,
		"[Service]\n ProtectHome = off\n":             true,
		"[Service]\nNoNewPrivileges=\n":               true,
		"[Service]\nCapabilityBoundingSet=CAP_CHOWN":  true,
		"[Service]\nSystemCallFilter=\n":              true,
		"[Service]\nUser=root\n":                      true,
		"[Service]\nUMask=0022\n":                     true,
		"[Service]\nMemoryMax=512M\n":                 false,
		"[Service]\nProtectSystem=strict\n":           false,
		"[Service]\nCapabilityBoundingSet=\n":         false,
		"[Service]\nEnvironment=HOOKAIDO_WATCH=off\n": false,
		"[Service]\n#PrivateTmp=no\n":                 false,
		"[Service]\nUMask=0077\n":                     false,
	} {
		s.write("units/hookaido.service.d/x.conf", text, 0o644)
		s.set("hookaido.service", "DropInPaths", s.path("units/hookaido.service.d/x.conf"))
		s.answers["systemd-analyze security"] = "Overall exposure level for hookaido.service: 2.0 OK\n"
		got := slices.Contains(s.only(idExposure).Findings[0].Mend, "mv "+s.path("units/hookaido.service.d/x.conf")+" "+s.path("units/hookaido.service.d/x.conf.off"))
		if got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}
