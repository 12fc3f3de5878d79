package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"hookaido/internal/config"
)

const (
	credentialPrefix = "credential:"
	// certSoon is when the end of a certificate is near, unless its whole life is
	// short.
	certSoon = 14 * 24 * time.Hour
	// maxPEM bounds what is read of one file, in bytes.
	maxPEM = 1 << 20
)

// block is a listener with TLS.
type block struct {
	name string
	tls  *config.TLS
}

func tlsBlocks(cfg *config.Config) []block {
	var blocks []block
	for _, b := range []block{{"ingress", cfg.Ingress.TLS}, {"pull_api", cfg.PullAPI.TLS}, {"admin_api", cfg.AdminAPI.TLS}} {
		if b.tls != nil {
			blocks = append(blocks, b)
		}
	}
	return blocks
}

// checkCertificates looks at the ends of certificates, and at who may read
// their keys.
func checkCertificates(_ context.Context, p *patient) ([]Finding, error) {
	if p.cfg == nil {
		return nil, nil
	}
	var found []Finding
	var errs []error
	seen := map[string]bool{}
	for _, b := range tlsBlocks(p.cfg) {
		if seen[b.tls.CertFile] {
			continue
		}
		seen[b.tls.CertFile] = true
		more, err := p.certificate(b)
		found, errs = append(found, more...), append(errs, err)
	}
	for _, path := range keyFiles(p.cfg) {
		if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o007 != 0 {
			found = append(found, readable(path, "chmod o= "+quote(path)))
		}
	}
	return found, errors.Join(errs...)
}

func (p *patient) certificate(b block) ([]Finding, error) {
	cert, err := p.readPEM(b.tls.CertFile)
	if err == nil {
		_, err = p.readPEM(b.tls.KeyFile) // for its absence alone
	}
	if denied(err) {
		return nil, unseen("only root may read the certificate and key of %s", b.name)
	}
	if errors.Is(err, errNotHanded) {
		return nil, unseen("the certificate of %s is a credential, which is there only while the service runs", b.name)
	}
	if err != nil {
		return []Finding{unusable(b, err)}, nil
	}
	leaf, err := leafOf(cert)
	if err != nil {
		return []Finding{unusable(b, err)}, nil
	}
	found := p.ends(b, leaf)
	key, err := p.readPEM(b.tls.KeyFile)
	if err != nil {
		return found, nil // it was there before
	}
	if _, err := tls.X509KeyPair(cert, key); err != nil {
		found = append(found, unusable(b, errors.New("the key does not belong to the certificate, or can't be read")))
	}
	return found, nil
}

func unusable(b block, err error) Finding {
	return finding(Error, idCertMissing, b.name+" { tls }", "openssl x509 -noout -subject -enddate -in "+quote(b.tls.CertFile), "ls -lL "+quote(b.tls.CertFile)+" "+quote(b.tls.KeyFile)).
		says("the certificate can't be used: "+err.Error(), "the service does not start with it; one that runs goes on with the last good one")
}

func (p *patient) ends(b block, leaf *x509.Certificate) []Finding {
	now := p.Clock.Now()
	look := "openssl x509 -noout -subject -enddate -in " + quote(b.tls.CertFile)
	left, life := leaf.NotAfter.Sub(now), leaf.NotAfter.Sub(leaf.NotBefore)
	renew := "put the renewed certificate and key in place of the old ones; the service takes files over by itself, credentials with a restart"
	switch {
	case left <= 0:
		return []Finding{finding(Error, idCertOver, b.name+" { tls }", look).
			says(fmt.Sprintf("the certificate %s ended at %s", b.tls.CertFile, leaf.NotAfter.UTC().Format(time.RFC3339)), "clients refuse to connect; "+renew)}
	case now.Before(leaf.NotBefore):
		return []Finding{finding(Error, idCertOver, b.name+" { tls }", look, "timedatectl").
			says(fmt.Sprintf("the certificate %s begins only at %s", b.tls.CertFile, leaf.NotBefore.UTC().Format(time.RFC3339)), "clients refuse to connect; look at the clock of this machine")}
	case left < certSoon && left*3 < life:
		return []Finding{finding(Warning, idCertEnds, b.name+" { tls }", look).
			says(fmt.Sprintf("the certificate %s ends at %s, in %d days", b.tls.CertFile, leaf.NotAfter.UTC().Format(time.RFC3339), int(left.Hours()/24)),
				"clients will refuse to connect; "+renew)}
	}
	return nil
}

var errNotHanded = errors.New("the credential isn't there")

// readPEM reads the file of a TLS block, which may be a credential.
func (p *patient) readPEM(path string) ([]byte, error) {
	name, isCredential := strings.CutPrefix(path, credentialPrefix)
	if isCredential {
		path = filepath.Join(p.Paths.Credentials, name)
	}
	info, err := os.Stat(path)
	switch {
	case isCredential && errors.Is(err, fs.ErrNotExist):
		return nil, errNotHanded
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular() || info.Size() > maxPEM:
		return nil, fmt.Errorf("%s is not a regular file of at most 1 MiB", path)
	}
	return os.ReadFile(path) //nolint:gosec // the operator names it
}

func leafOf(chain []byte) (*x509.Certificate, error) {
	for block, rest := pem.Decode(chain); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			return x509.ParseCertificate(block.Bytes)
		}
	}
	return nil, errors.New("it has no certificate in PEM")
}
