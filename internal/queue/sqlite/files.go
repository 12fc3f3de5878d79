package sqlite

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"hookaido/internal/queue/bodylog"
)

const (
	filePerm   = 0o600
	folderPerm = 0o700
	// widestFolder has the permission bits that a folder of ours may have.
	widestFolder = 0o750
)

// suffixes of the files beside the database, but for those of package bodylog.
var suffixes = [...]string{"", "-wal", "-shm", ".lock", ".state", ".state.new", ".ballast"}

// networkFS has the magic numbers of file systems on which several machines, or
// a machine and its host, do not share memory and locks as SQLite needs them.
var networkFS = map[int64]string{
	unix.NFS_SUPER_MAGIC: "NFS", unix.SMB_SUPER_MAGIC: "SMB", unix.CIFS_SUPER_MAGIC: "CIFS",
	unix.SMB2_SUPER_MAGIC: "SMB2", unix.V9FS_MAGIC: "9p", unix.AFS_SUPER_MAGIC: "AFS",
	unix.CODA_SUPER_MAGIC: "Coda", 0x00c36400: "Ceph",
}

// preparePlace makes and checks the folder of the database.
func preparePlace(o Options) error {
	dir := filepath.Dir(o.Path)
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		if err := makeFolder(dir); err != nil {
			return &OpenError{OpenPlace, o.Path, "its folder can't be made", "make the folder, or name another one", err}
		}
	}
	info, err := os.Stat(dir)
	if err != nil {
		return &OpenError{OpenPlace, o.Path, "its folder can't be used", "make the folder, or name another one", err}
	}
	if !info.IsDir() {
		return &OpenError{OpenPlace, o.Path, dir + " is not a folder", "name a path in a folder", nil}
	}
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return &OpenError{OpenIO, o.Path, "its file system can't be examined", "", err}
	}
	if err := checkFS(o, int64(st.Type), int64(st.Flags)); err != nil {
		return err
	}
	if err := unix.Access(dir, unix.W_OK|unix.X_OK); err != nil {
		return &OpenError{OpenPlace, o.Path, "its folder is not writable", "let the user of the service write to " + dir, err}
	}
	return tightenFolder(o, info)
}

// makeFolder makes dir with its parents, private whatever the umask.
func makeFolder(dir string) error {
	if err := os.MkdirAll(dir, folderPerm); err != nil {
		return err
	}
	return os.Chmod(dir, folderPerm)
}

// checkFS judges a file system by its magic number and mount flags.
func checkFS(o Options, magic, flags int64) error {
	if flags&unix.ST_RDONLY != 0 {
		return &OpenError{OpenPlace, o.Path, "the file system is mounted read-only", "remount it, or name a path elsewhere", nil}
	}
	name, network := networkFS[magic]
	if !network {
		return nil
	}
	if o.AllowNetworkFS {
		o.Logger.Warn("the queue database is on a network file system: locks and shared memory may fail there",
			zap.String("path", o.Path), zap.String("fs", name))
		return nil
	}
	return &OpenError{OpenPlace, o.Path, "it is on a network file system (" + name + "), where SQLite may damage it",
		"put it on a local disk, or start with --allow-network-fs if you must", nil}
}

// tightenFolder takes rights of others from a folder that is only ours. A
// folder that holds other things too is not ours to change.
func tightenFolder(o Options, info fs.FileInfo) error {
	perm := info.Mode().Perm()
	if perm&^widestFolder == 0 {
		return nil
	}
	dir := filepath.Dir(o.Path)
	if st, ok := info.Sys().(*syscall.Stat_t); !ok || int(st.Uid) == os.Geteuid() {
		if only, err := onlyOurs(dir, filepath.Base(o.Path)); err == nil && only && info.Mode()&fs.ModeSticky == 0 {
			if err := os.Chmod(dir, perm&widestFolder); err != nil {
				return &OpenError{OpenIO, o.Path, "the rights of its folder can't be tightened", "", err}
			}
			return nil
		}
	}
	o.Logger.Warn("others may enter the folder of the queue database; the files in it are private",
		zap.String("dir", dir), zap.String("mode", fmt.Sprintf("%#o", perm)))
	return nil
}

// onlyOurs reports whether dir has nothing but files of the database base.
func onlyOurs(dir, base string) (bool, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false, err
	}
	for _, e := range entries {
		ours := bodylog.Number(base, e.Name()) > 0
		for _, suffix := range suffixes {
			ours = ours || e.Name() == base+suffix
		}
		if !ours {
			return false, nil
		}
	}
	return true, nil
}

// tightenFiles makes the files private that were left from earlier.
func tightenFiles(path string) error {
	names := make([]string, 0, len(suffixes))
	for _, suffix := range suffixes {
		names = append(names, path+suffix)
	}
	numbers, err := bodylog.Numbers(path)
	if err != nil {
		return err
	}
	for _, n := range numbers {
		names = append(names, bodylog.Name(path, n))
	}
	for _, name := range names {
		info, err := os.Lstat(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if info.Mode().IsRegular() && info.Mode().Perm() != filePerm {
			if err := os.Chmod(name, filePerm); err != nil {
				return err
			}
		}
	}
	return nil
}

// takeLock makes this the only process on the database. The lock is released
// when the file is closed.
func takeLock(path string) (*os.File, error) {
	name := path + ".lock"
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, filePerm)
	if err != nil {
		return nil, &OpenError{OpenIO, path, "its lock file can't be opened", "", err}
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		defer f.Close() //nolint:errcheck // nothing was written
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, &OpenError{OpenIO, path, "it can't be locked", "", err}
		}
		pid, _ := io.ReadAll(io.LimitReader(f, 20)) // without it the message is less exact
		return nil, &OpenError{OpenLocked, path, "process " + strings.TrimSpace(string(pid)) + " has it open",
			"stop that process, or name another database", nil}
	}
	err = f.Chmod(filePerm)
	if err == nil {
		err = f.Truncate(0)
	}
	if err == nil {
		_, err = f.WriteAt([]byte(fmt.Sprintln(os.Getpid())), 0)
	}
	if err != nil {
		return nil, errors.Join(&OpenError{OpenIO, path, "its lock file can't be written", "", err}, f.Close())
	}
	return f, nil
}

// holdDatabase locks the database itself, so that removing the lock file lets no
// second process in. SQLite's own locks are of another kind (fcntl) and don't
// meet this one.
func holdDatabase(path string) (*os.File, error) {
	f, err := os.Open(path) // follows a link, as SQLite does
	if err != nil {
		return nil, &OpenError{OpenIO, path, "it can't be opened", "", err}
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		defer f.Close() //nolint:errcheck // nothing was written
		return nil, &OpenError{OpenLocked, path, "another process has it open, though its lock file is gone",
			"find that process with fuser " + path + " and stop it, or name another database", err}
	}
	return f, nil
}
