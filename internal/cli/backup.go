package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"hookaido/internal/backup"
	"hookaido/internal/clock"
)

func databaseFlag(cmd *cobra.Command) {
	cmd.Flags().String("db", "", "the SQLite database of the queue (default ./.data/hookaido.db, else /var/lib/hookaido/hookaido.db)")
}

// backupFlags are what the command line says about a copy.
type backupFlags struct {
	force, json, check, yes bool
}

func (p *program) backupCommand() *cobra.Command {
	var flags backupFlags
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Copy the queue's database while it is in use",
		Long: "Backup writes the database as it is at one moment into FILE, while the daemon goes on\n" +
			"working. It checks the copy, syncs it to the disk and only then gives it its name;\n" +
			"its mode is 0600, because messages may hold personal data. It needs the rights of\n" +
			"the service's user, or root. The log of the database can't shrink while the copy\n" +
			"is made.\n\n" +
			"Exit codes: 74 the disk or the database is at fault.",
		Example: "  hookaido backup /var/backups/hookaido-$(date +%F).db\n" +
			"  hookaido restore --check /var/backups/hookaido-2026-01-31.db",
		Args: oneArgument("the FILE to write"),
		RunE: func(cmd *cobra.Command, args []string) error { return p.backUp(cmd, args[0], flags) },
	}
	databaseFlag(cmd)
	cmd.Flags().BoolVar(&flags.force, "force", false, "replace FILE if it is there")
	cmd.Flags().BoolVar(&flags.json, "json", false, "print JSON for programs")
	return cmd
}

// copyReport is what is told about a copy.
type copyReport struct {
	File     string         `json:"file"`
	Bytes    int64          `json:"bytes"`
	Messages int            `json:"messages"`
	ByState  map[string]int `json:"by_state"`
	Attempts int            `json:"attempts"`
	// BodiesLost counts the messages without a body.
	BodiesLost int  `json:"bodies_lost"`
	Checked    bool `json:"checked"`
	// TookMS is how long the copy took with its check, in milliseconds.
	TookMS int64 `json:"took_ms"`
	// Kept is where the database is that was replaced.
	Kept string `json:"kept,omitempty"`
}

func (p *program) backUp(cmd *cobra.Command, to string, flags backupFlags) error {
	if err := p.bind(cmd); err != nil {
		return err
	}
	clk := clock.System{}
	began := clk.Monotonic()
	progress := p.progress()
	made, err := backup.Make(cmd.Context(), backup.Options{
		Database: p.installedDatabase(), To: to, Overwrite: flags.force, Progress: progress.pages("copied"),
	})
	progress.done()
	if err != nil {
		return p.damaged(err)
	}
	return p.reportCopy("copied to", report(to, made, clk.Monotonic()-began), flags.json)
}

func report(file string, c backup.Copy, took time.Duration) copyReport {
	return copyReport{
		File: file, Bytes: c.Bytes, Messages: c.Messages, ByState: c.ByState, Attempts: c.Attempts, BodiesLost: c.Lost, Checked: true,
		TookMS: took.Milliseconds(),
	}
}

func (p *program) reportCopy(what string, r copyReport, asJSON bool) error {
	if asJSON {
		return p.printJSON(r)
	}
	_, err := fmt.Fprintf(p.Stdout, "%s %s: %s (%s queued, %s leased, %s dead), %s, checked, in %v\n", what, r.File,
		plural(r.Messages, "message"), number(r.ByState["queued"]), number(r.ByState["leased"]), number(r.ByState["dead"]),
		size(int(r.Bytes)), time.Duration(r.TookMS)*time.Millisecond)
	if err == nil && r.BodiesLost > 0 {
		_, err = fmt.Fprintf(p.Stdout, "without the bodies of %s, whose files were not beside the database\n", plural(r.BodiesLost, "message"))
	}
	return err
}

// pages shows how far a copy is.
func (g *progress) pages(done string) func(n, total int) {
	return func(n, total int) { g.show("%s %d %%", done, 100*int64(n)/int64(max(1, total))) }
}

// damaged prints an error of a disk or a database and gives it its exit code.
func (p *program) damaged(err error) error {
	var place *backup.PlaceError
	if errors.Is(err, context.Canceled) || errors.As(err, &place) {
		return err
	}
	p.complain(err)
	return codeError(exitDamaged)
}

func (p *program) restoreCommand() *cobra.Command {
	var flags backupFlags
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Check a copy of the queue's database, or put it back",
		Long: "With --check, restore looks through a copy and says what it holds: nothing is\n" +
			"touched. Without, it checks the copy and puts it in the place of the database. The\n" +
			"daemon must be stopped for that. What was there is kept beside it, with .replaced\n" +
			"after its name; remove it when you are content. While it is there, nothing more is\n" +
			"restored: what an earlier restore kept is never overwritten.\n\n" +
			"Messages that were leased when the copy was made are due again. What was delivered\n" +
			"after the copy was made is delivered once more.\n\n" +
			"Exit codes: 74 the copy is damaged, the database is in use, or the disk is at fault.",
		Example: "  hookaido restore --check /var/backups/hookaido-2026-01-31.db\n" +
			"  systemctl stop hookaido\n  hookaido restore /var/backups/hookaido-2026-01-31.db\n  systemctl start hookaido",
		Args: oneArgument("the FILE that hookaido backup made"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := p.bind(cmd); err != nil {
				return err
			}
			if flags.check {
				return p.checkCopy(cmd, args[0], flags.json)
			}
			return p.restore(cmd, args[0], flags)
		},
	}
	databaseFlag(cmd)
	f := cmd.Flags()
	f.BoolVar(&flags.check, "check", false, "look only")
	f.BoolVar(&flags.yes, "yes", false, "don't ask")
	f.Bool("allow-network-fs", false, "restore although the database is on a network file system, which may damage it")
	f.BoolVar(&flags.json, "json", false, "print JSON for programs")
	return cmd
}

func (p *program) checkCopy(cmd *cobra.Command, file string, asJSON bool) error {
	clk := clock.System{}
	began := clk.Monotonic()
	good, err := backup.Check(cmd.Context(), file, true)
	if err != nil {
		return p.damaged(err)
	}
	return p.reportCopy("good:", report(file, good, clk.Monotonic()-began), asJSON)
}

func (p *program) restore(cmd *cobra.Command, file string, flags backupFlags) error {
	networkFS, err := p.runSwitch(cmd, "allow-network-fs")
	if err != nil {
		return err
	}
	database, question := restoreQuestion(file, p.installedDatabase())
	if err := p.confirm(cmd.Context(), question, flags.yes); err != nil {
		if errors.Is(err, errNotAsked) {
			return errors.New("nothing was changed: give --yes to do it, or --check to look only")
		}
		return err
	}
	clk := clock.System{}
	began := clk.Monotonic()
	progress := p.progress()
	good, kept, err := backup.Restore(cmd.Context(), file, backup.Options{
		Database: database, AllowNetworkFS: networkFS, Progress: progress.pages("restored"),
	})
	progress.done()
	if err != nil {
		return p.damaged(err)
	}
	r := report(database, good, clk.Monotonic()-began)
	r.Kept = kept
	if err := p.reportCopy("restored", r, flags.json); err != nil || kept == "" || flags.json {
		return err
	}
	_, err = fmt.Fprintf(p.Stdout, "what was there is kept in %s\n", kept)
	return err
}

// restoreQuestion asks for leave to replace a database. It returns too where that
// is in truth: who may write to the folder of the service can put a link there
// that leads anywhere.
func restoreQuestion(file, database string) (place, question string) {
	place, shown := database, database
	if info, err := os.Lstat(database); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		if target, err := filepath.EvalSymlinks(database); err == nil {
			place, shown = target, target+", where the link "+database+" leads"
		}
	}
	return place, "This puts " + file + " in the place of " + shown + "."
}
