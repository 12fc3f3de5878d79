package cli

import (
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"hookaido/internal/admin"
	"hookaido/internal/client"
	"hookaido/internal/secret"
)

func socketFlag(cmd *cobra.Command) {
	cmd.Flags().String("socket", "", "the daemon's admin socket (default /run/hookaido/admin.sock, else ./.data/admin.sock)")
}

// serverFlags are those of commands that ask a daemon which may be elsewhere.
func serverFlags(cmd *cobra.Command) {
	socketFlag(cmd)
	f := cmd.Flags()
	f.String("server", "", "the admin API over TCP instead, such as https://hooks.example:2019/admin")
	f.String("token-file", "", "file with the token for --server")
	f.String("ca-file", "", "certificates in PEM to trust for an https --server (default the system's)")
}

// callTime bounds one call of the admin API. Changes of many messages take
// their time on a slow disk.
const callTime = time.Minute

// reach makes a client of the daemon that the flags of cmd name.
func (p *program) reach(cmd *cobra.Command) (*client.Client, error) {
	if err := p.bind(cmd); err != nil {
		return nil, err
	}
	server, token, ca := p.settings.GetString("server"), p.settings.GetString("token-file"), p.settings.GetString("ca-file")
	if server == "" {
		if cmd.Flags().Changed("token-file") || cmd.Flags().Changed("ca-file") {
			return nil, usageError{cmd, errors.New("--token-file and --ca-file are for --server; the socket needs neither")}
		}
		return client.New(client.Options{Socket: p.socketPath(), Timeout: callTime})
	}
	if cmd.Flags().Changed("socket") {
		return nil, usageError{cmd, errors.New("--socket and --server exclude each other")}
	}
	o := client.Options{URL: server, Timeout: callTime}
	if token != "" {
		value, err := secret.Resolver{}.Resolve(secret.Ref{Scheme: secret.File, Name: token})
		if err != nil {
			return nil, fmt.Errorf("read the token: %w", err)
		}
		o.Token = value
	}
	if ca != "" {
		text, err := os.ReadFile(ca)
		if err != nil {
			return nil, fmt.Errorf("read the certificates to trust: %w", err)
		}
		if o.Authorities = x509.NewCertPool(); !o.Authorities.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("%s has no certificate in PEM", ca)
		}
	}
	c, err := client.New(o)
	if err != nil {
		return nil, usageError{cmd, err}
	}
	return c, nil
}

// connect makes a client for what only the socket allows; a timeout of 0 is the
// default.
func (p *program) connect(cmd *cobra.Command, timeout time.Duration) (*client.Client, error) {
	if err := p.bind(cmd); err != nil {
		return nil, err
	}
	return client.New(client.Options{Socket: p.socketPath(), Timeout: timeout})
}

// auditFlags are those of commands that change something.
func auditFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.String("reason", "", "why, for the log (default the command and who ran it)")
	f.String("actor", "", "who, for the log (default $SUDO_USER, else $USER)")
	f.String("request-id", "", "an id to find this change by in the log")
}

// audit says who runs cmd and why.
func (p *program) audit(cmd *cobra.Command) admin.Audit {
	a := admin.Audit{
		Actor: p.settings.GetString("actor"), Reason: p.settings.GetString("reason"), RequestID: p.settings.GetString("request-id"),
	}
	if a.Actor == "" {
		a.Actor = whoami()
	}
	if a.Reason == "" {
		a.Reason = cmd.CommandPath() + " run by " + a.Actor
	}
	return a
}

// whoami is the user at the keyboard. It is what the log is told, not what is
// proven; that the daemon asks the kernel for.
func whoami() string {
	for _, name := range []string{"SUDO_USER", "USER", "LOGNAME"} {
		if user := os.Getenv(name); user != "" {
			return user
		}
	}
	return fmt.Sprintf("uid %d", os.Getuid())
}
