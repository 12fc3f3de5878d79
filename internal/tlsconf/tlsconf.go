// Package tlsconf serves certificates from files.
//
// A [Source] reads the certificate, key and client authorities of one listener
// and makes a [tls.Config] from them. When the files change (they are looked
// at every few seconds, through links, so that certbot's and Kubernetes' way
// of swapping links works) new connections get the new certificate; those that
// are open keep theirs. What can't be used, for instance a certificate whose
// key is still to come, leaves the old one in force and is logged once.
package tlsconf

import (
	"context"
	"crypto/tls"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"hookaido/internal/clock"
	"hookaido/internal/config"
)

// Period is the time between two looks at the files.
const Period = 5 * time.Second

// Options describe a [Source].
type Options struct {
	// Listener is the name of the listener, for the log, errors and metrics.
	Listener string
	// Files are what the Hookaidofile says. A path may be credential:NAME, a
	// file in CredentialsDir.
	Files          config.TLS
	CredentialsDir string
	Clock          clock.Clock
	Logger         *zap.Logger
}

// Source has the certificate of a listener. It is safe for concurrent use.
type Source struct {
	listener string
	files    files
	auth     tls.ClientAuthType
	clock    clock.Clock
	logger   *zap.Logger
	current  atomic.Pointer[Pair]

	mu      sync.Mutex // guards what only looking at the files needs
	kept    string     // why the files are not in force; empty if they are
	warned  band       // the last warning about the end of the certificate
	exposed bool       // others can read the key, and that is logged
}

// Open reads the files. A certificate that has ended is served all the same,
// with an error in the log, because not every client looks.
func Open(o Options) (*Source, error) {
	s := &Source{listener: o.Listener, auth: clientAuth(o.Files.ClientAuth), clock: o.Clock, logger: o.Logger}
	for _, f := range []struct {
		to        *file
		directive string
		text      string
	}{
		{&s.files.cert, "cert_file", o.Files.CertFile},
		{&s.files.key, "key_file", o.Files.KeyFile},
		{&s.files.clientCA, "client_ca", o.Files.ClientCA},
	} {
		path, err := locate(f.text, o.CredentialsDir)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", o.Listener, f.directive, err)
		}
		*f.to = file{directive: f.directive, path: path}
	}
	pair, err := s.read()
	if err != nil {
		return nil, err
	}
	s.Use(pair)
	if err := pair.usable(s.clock.Now()); err != nil {
		s.logger.Error("tls_certificate_unusable", zap.String("listener", s.listener), zap.Error(err),
			zap.String("effect", "it is served all the same, and clients that look at it refuse"))
	}
	return s, nil
}

// locate returns the path of a file as the Hookaidofile names it.
func locate(text, credentialsDir string) (string, error) {
	name, isCredential := strings.CutPrefix(text, "credential:")
	switch {
	case !isCredential:
		return text, nil
	case credentialsDir == "":
		return "", fmt.Errorf("%s: the process has no credentials ($CREDENTIALS_DIRECTORY is not set); "+
			"add LoadCredential=%s:PATH to the unit", text, name)
	}
	return filepath.Join(credentialsDir, name), nil
}

// Config returns the configuration for the listener. It stays right while the
// certificate changes.
func (s *Source) Config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"h2", "http/1.1"},
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			return s.current.Load().config, nil
		},
	}
}

// Read reads the files anew and checks them, without putting them in force. An
// error says which file is to blame; then the old certificate is the better
// one.
func (s *Source) Read() (*Pair, error) {
	pair, err := s.read()
	if err != nil {
		return nil, err
	}
	now := s.clock.Now()
	if err := pair.usable(now); err != nil && s.current.Load().usable(now) == nil {
		return nil, fmt.Errorf("%s: %w", s.listener, err)
	}
	return pair, nil
}

// Use puts what Read returned in force for new connections, and reports
// whether the certificate is another one than before.
func (s *Source) Use(p *Pair) (renewed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.use(p)
}

func (s *Source) use(p *Pair) bool {
	before := s.current.Swap(p)
	s.kept = ""
	if p.exposed && !s.exposed {
		s.logger.Warn("tls_key_exposed", zap.String("listener", s.listener), zap.String("key_file", s.files.key.path),
			zap.String("effect", "users of this machine beside the owner and the group can read or change the key"),
			zap.String("remedy", "chmod 0640 "+s.files.key.path))
	}
	s.exposed = p.exposed
	renewed := before == nil || !before.leaf.Equal(p.leaf)
	if renewed {
		s.warned = bandNone
	}
	s.warnOfEnd(p)
	return renewed
}

// Watch looks at the files every [Period] until ctx ends.
func (s *Source) Watch(ctx context.Context) {
	timer := s.clock.NewTimer(Period)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C():
			s.look()
			timer.Reset(Period)
		}
	}
}

// look takes changed files over. After a failure it tries each time, because
// the time may be what was wrong.
func (s *Source) look() {
	s.mu.Lock()
	defer s.mu.Unlock()
	current := s.current.Load()
	if s.kept == "" && s.files.stamps() == current.stamps {
		s.warnOfEnd(current)
		return
	}
	pair, err := s.Read()
	if err != nil {
		if text := err.Error(); text != s.kept {
			s.kept = text
			s.logger.Error("tls_certificate_kept", zap.String("listener", s.listener), zap.Error(err),
				zap.String("effect", "the old certificate is served on; the files are tried again until they fit"))
		}
		s.warnOfEnd(current)
		return
	}
	s.use(pair)
	s.logger.Info("tls_certificate_renewed", zap.String("listener", s.listener),
		zap.String("subject", pair.leaf.Subject.String()), zap.Time("not_after", pair.leaf.NotAfter))
}

// NotAfter returns when the certificate in force ends.
func (s *Source) NotAfter() time.Time { return s.current.Load().leaf.NotAfter }

// Collector returns the gauge that tells when the certificate ends.
func (s *Source) Collector() prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name:        "hookaido_tls_certificate_not_after_seconds",
		Help:        "End of the certificate that is served, in Unix seconds.",
		ConstLabels: prometheus.Labels{"listener": s.listener},
	}, func() float64 { return float64(s.NotAfter().Unix()) })
}

func clientAuth(a config.ClientAuth) tls.ClientAuthType {
	switch a {
	case config.ClientRequest:
		return tls.RequestClientCert
	case config.ClientRequireAny:
		return tls.RequireAnyClientCert
	case config.ClientVerifyIfGiven:
		return tls.VerifyClientCertIfGiven
	case config.ClientRequireAndVerify:
		return tls.RequireAndVerifyClientCert
	default:
		return tls.NoClientCert
	}
}
