package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"hookaido/internal/config/compile"
	"hookaido/internal/secret"
	"hookaido/internal/systemd"
)

func (p *program) secretCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "secret",
		Short: "Keep secrets for the service, encrypted where the machine can",
		Long: "Secrets that the Hookaidofile names as credential:NAME are kept by systemd and\n" +
			"handed to the service when it starts. These commands put them there.",
		RunE: needsSubcommand,
		Args: cobra.ArbitraryArgs,
	}
	cmd.AddCommand(p.secretSetCommand(), p.secretListCommand())
	return cmd
}

func (p *program) secretSetCommand() *cobra.Command {
	var plain bool
	var key string
	cmd := &cobra.Command{
		Use:   "set NAME",
		Short: "Read a secret from standard input and keep it",
		Long: "Set reads a secret from standard input, or asks for it without showing it, and\n" +
			"keeps it under NAME in place of an older one. Where systemd-creds is there, of\n" +
			"systemd 250 or later, it is encrypted into /etc/credstore.encrypted, so that only\n" +
			"this machine can read it; a plain file of the same name is removed. Elsewhere,\n" +
			"and with --plain, it goes into /etc/hookaido/secrets, for root alone. A secret\n" +
			"that is kept already is left alone, unless --with-key is given.\n\n" +
			"The service gets it when the Hookaidofile names credential:NAME, after\n" +
			"systemctl daemon-reload and systemctl restart hookaido.",
		Example: "  hookaido secret set stripe-webhook\n" +
			"  openssl rand -hex 32 | hookaido secret set pull-token\n" +
			"  hookaido secret set --with-key=tpm2 tls-key <key.pem",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError{cmd, errors.New("give the NAME of one secret")}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return p.setSecret(cmd, args[0], plain, key) },
	}
	cmd.Flags().BoolVar(&plain, "plain", false, "keep it in /etc/hookaido/secrets without encryption")
	cmd.Flags().StringVar(&key, "with-key", "", "what encrypts: host, tpm2, host+tpm2 or auto, as in systemd-creds(1)")
	return cmd
}

func (p *program) setSecret(cmd *cobra.Command, name string, plain bool, key string) error {
	if err := checkSecretName(name); err != nil {
		return usageError{cmd, err}
	}
	if plain && key != "" {
		return usageError{cmd, errors.New("--plain and --with-key exclude each other")}
	}
	keeper := secretKeeper{store: systemd.SystemCredstore(), key: key}
	program, version := findCreds(cmd.Context())
	if !plain && program == "" && key != "" {
		return errors.New("--with-key needs systemd-creds of systemd 250 or later, which isn't here")
	}
	if !plain {
		keeper.creds = program
	}
	value, err := readSecret(p.Stderr, name)
	if err != nil {
		return err
	}
	path, changed, err := keeper.keep(cmd.Context(), name, value)
	if err != nil {
		return err
	}
	if !changed {
		fmt.Fprintf(p.Stdout, "unchanged in %s\n", path)
		return nil
	}
	how := "encrypted"
	if keeper.creds == "" {
		how = "not encrypted: " + whyPlain(plain, version)
	}
	fmt.Fprintf(p.Stdout, "kept in %s, %s\n", path, how)
	use := "the Hookaidofile names it credential:" + name
	if name == secret.SealingKey {
		use = "it encrypts what is stored of secrets with runtime on"
	}
	fmt.Fprintf(p.Stdout, "%s; the service gets it with:\n  systemctl daemon-reload\n  systemctl restart hookaido\n", use)
	return nil
}

func whyPlain(asked bool, version int) string {
	switch {
	case asked:
		return "as asked for"
	case version == 0:
		return "systemd-creds isn't here"
	default:
		return fmt.Sprintf("systemd %d has no systemd-creds, 250 has", version)
	}
}

// secretEntry is a secret as the list shows it.
type secretEntry struct {
	Name string `json:"name"`
	Kept string `json:"kept"` // "encrypted", "plain" or "missing"
	// Used is whether the Hookaidofile names it; null if that can't be told.
	Used *bool `json:"used"`
}

func (p *program) secretListCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the secrets that are kept, and those that the Hookaidofile lacks",
		Long: "List shows the names of the secrets that are kept, how, and whether the\n" +
			"Hookaidofile uses them. It never shows a secret. It exits with 1 if one that\n" +
			"the Hookaidofile names is missing.",
		Example: "  hookaido secret list\n  hookaido secret list --json",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := p.bind(cmd); err != nil {
				return err
			}
			list, err := listSecrets(systemd.SystemCredstore(), p.credentialsUsed())
			if err != nil {
				return err
			}
			if asJSON {
				enc := json.NewEncoder(p.Stdout)
				enc.SetIndent("", "  ")
				err = enc.Encode(list)
			} else {
				err = p.printSecrets(list)
			}
			for _, e := range list {
				if err == nil && e.Kept == keptMissing {
					err = errSilent
				}
			}
			return err
		},
	}
	cmd.Flags().String("config", "", "Hookaidofile (default /etc/hookaido/Hookaidofile, else ./Hookaidofile)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON for programs")
	return cmd
}

func (p *program) printSecrets(list []secretEntry) error {
	w := tabwriter.NewWriter(p.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tKEPT\tUSED")
	for _, e := range list {
		used := "?"
		if e.Used != nil {
			used = map[bool]string{true: "yes", false: "no"}[*e.Used]
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", e.Name, e.Kept, used)
	}
	return w.Flush()
}

// credentialsUsed returns the credentials that the Hookaidofile names, or nil
// if it can't be compiled.
func (p *program) credentialsUsed() map[string]bool {
	opts := compile.System()
	opts.AllowNotRunning = true
	cfg, _ := compile.File(p.configPath(), opts)
	if cfg == nil {
		return nil
	}
	used := map[string]bool{}
	for _, use := range compile.SecretRefs(cfg) {
		if use.Ref.Scheme == secret.Credential {
			used[use.Ref.Name] = true
		}
	}
	// the key may as well be in the environment of the service, so that it is
	// not missing if it isn't kept
	store := systemd.SystemCredstore()
	for i := range cfg.Secrets {
		if cfg.Secrets[i].Runtime && (exists(store.EncryptedPath(secret.SealingKey)) || exists(store.PlainPath(secret.SealingKey))) {
			used[secret.SealingKey] = true
		}
	}
	return used
}
