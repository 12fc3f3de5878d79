package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"hookaido/internal/config"
	"hookaido/internal/queue/sqlite"
)

// usesDatabase reports whether the queue is in a file.
func (p *patient) usesDatabase() bool {
	return p.own && (p.cfg == nil || p.cfg.Backend() == config.SQLite)
}

// checkDatabase looks at the folder of the queue and at its files.
func checkDatabase(_ context.Context, p *patient) ([]Finding, error) {
	dir := filepath.Dir(p.Database)
	info, err := os.Stat(dir)
	switch {
	case !p.usesDatabase() || errors.Is(err, fs.ErrNotExist):
		return nil, nil // the service makes it
	case err != nil:
		return nil, err
	}
	found := p.private(dir, info)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return found, unseen("only root may look into %s", dir)
	}
	var wide, foreign []string
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() || !strings.HasPrefix(e.Name(), filepath.Base(p.Database)) {
			continue
		}
		path := filepath.Join(dir, e.Name())
		if info.Mode().Perm()&0o077 != 0 {
			wide = append(wide, quote(path))
		}
		if p.foreign(info) {
			foreign = append(foreign, quote(path))
		}
	}
	if len(wide) > 0 {
		found = append(found, finding(Error, idStateMode, p.Database, "chmod 600 "+strings.Join(wide, " ")).
			says("other users may read the queue", "messages with their headers and bodies are in it"))
	}
	if len(foreign) > 0 {
		found = append(found, finding(Error, idStateOwner, p.Database, "chown hookaido:hookaido "+strings.Join(foreign, " "), restartService).
			says("files of the queue belong to another user than hookaido", "the service can't open its queue, so that it does not start"))
	}
	more, err := p.header()
	return append(found, more...), err
}

// private looks at a folder that only the user of the service may enter.
func (p *patient) private(dir string, info fs.FileInfo) []Finding {
	var found []Finding
	if info.Mode().Perm()&0o077 != 0 {
		found = append(found, finding(Error, idStateMode, dir, "chmod 700 "+quote(dir)).
			says("other users may enter the folder of the queue", "messages with their headers and bodies are in it"))
	}
	if p.foreign(info) {
		found = append(found, finding(Error, idStateOwner, dir, "chown hookaido:hookaido "+quote(dir), restartService).
			says("the folder of the queue belongs to another user than hookaido", "the service can't write to its queue"))
	}
	return found
}

// foreign reports whether a file of the service belongs to another user. It is
// known only where the service is.
func (p *patient) foreign(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	_, installed := p.service()
	return ok && installed && p.user.found && int(st.Uid) != p.user.uid
}

// header looks whether this program knows the schema of the database.
func (p *patient) header() ([]Finding, error) {
	h, err := sqlite.ReadHeader(p.Database)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case denied(err):
		return nil, unseen("only root may read %s", p.Database)
	case err != nil:
		return nil, unseen("the database can't be looked at: %v", err) // it may be the queue all the same
	case !h.Ours:
		return []Finding{finding(Error, idDatabaseForeign, p.Database, aside(p.Database, ".other"), restartService).
			says("the file is no database of hookaido", "the service does not start with it; the first command keeps it under another name, the second begins with an empty queue")}, nil
	case h.Schema > h.Known:
		return []Finding{finding(Error, idDatabaseNewer, p.Database, "apt-get install --only-upgrade hookaido || dnf upgrade hookaido", restartService).
			says(fmt.Sprintf("the database has schema %d, and this program knows schemas up to %d", h.Schema, h.Known),
				"a later version wrote it, and this one does not start with it; install that version again, or restore a backup from before the upgrade")}, nil
	}
	return nil, nil
}

// What counts as little free space: less than a part of the file system, or
// than this many bytes, whichever is less; and few free files.
const (
	lowShare = 10 // percent
	lowBytes = 1 << 30
	lowFiles = 2 // percent
)

// ballastSuffix is what the name of the reserve has behind that of the database.
const ballastSuffix = ".ballast"

// reserveGone reports whether the file is missing that a running daemon keeps as
// a reserve of space.
func (p *patient) reserveGone() bool {
	if p.status == nil || !p.status.Store.OK {
		return false
	}
	_, err := os.Stat(p.Database + ballastSuffix)
	return errors.Is(err, fs.ErrNotExist)
}

// checkDisk looks at the space of the queue. The daemon keeps a reserve, below
// which it refuses webhooks.
func checkDisk(_ context.Context, p *patient) ([]Finding, error) {
	dir := filepath.Dir(p.Database)
	if !p.usesDatabase() {
		return nil, nil
	}
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		if errors.Is(err, unix.ENOENT) {
			return nil, nil
		}
		return nil, unseen("the free space of %s can't be had: %v", dir, err)
	}
	look := []string{"df -h " + quote(dir), "du -xhd1 / | sort -h | tail", "journalctl --vacuum-size=200M"}
	free, total := int64(st.Bavail)*int64(st.Bsize), int64(st.Blocks)*int64(st.Bsize) //nolint:gosec // disks are smaller
	if p.status != nil && p.status.Store.DiskLow {
		return []Finding{finding(Error, idDiskLow, dir, look...).
			says(fmt.Sprintf("the disk is full: webhooks are refused, %d MiB are left and kept for workers", free>>20), "senders get 503 until there is space again")}, nil
	}
	if free < min(total/100*lowShare, lowBytes) {
		return []Finding{finding(Warning, idDiskLow, dir, look...).
			says(fmt.Sprintf("the disk has %d MiB left", free>>20), "when little is left webhooks are refused with 503; workers are served all the same")}, nil
	}
	if p.reserveGone() {
		return []Finding{finding(Warning, idDiskLow, p.Database+ballastSuffix, append(look, restartService)...).
			says("the reserve of disk space was given up", "it lets workers go on when the disk is full; it comes back when there is space")}, nil
	}
	if st.Files > 0 && st.Ffree*100 < st.Files*lowFiles {
		return []Finding{finding(Warning, idDiskLow, dir, "df -i "+quote(dir)).
			says("the file system can take hardly any more files", "the queue can't open the files that it needs")}, nil
	}
	return nil, nil
}
