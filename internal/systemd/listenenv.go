package systemd

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// firstFD is the number of the first inherited socket, fixed by the protocol.
const firstFD = 3

// handover is what the environment says of inherited sockets.
type handover struct {
	names   []string // of the sockets from firstFD on
	ignored string   // why sockets meant for another process are left alone
}

// self is what tells this process from others.
type self struct {
	pid int
	// pidfdID is the inode of a pidfd of this process, which unlike a pid is
	// never used again; 0 where the kernel has no such number.
	pidfdID uint64
}

// readHandover reads the variables of the protocol. Variables that a parent
// left for another process are no error.
func readHandover(getenv func(string) string, me self) (handover, error) {
	fds, pid := getenv("LISTEN_FDS"), getenv("LISTEN_PID")
	if fds == "" {
		return handover{}, nil
	}
	if pid == "" {
		return handover{ignored: "LISTEN_FDS is set without LISTEN_PID"}, nil
	}
	owner, err := strconv.Atoi(pid)
	if err != nil || owner <= 0 {
		return handover{}, fmt.Errorf("LISTEN_PID=%s is no process id: unset LISTEN_PID, or start the program from a systemd socket unit", clean(pid))
	}
	if owner != me.pid {
		return handover{ignored: fmt.Sprintf("LISTEN_PID is %d, this process is %d", owner, me.pid)}, nil
	}
	if foreign, err := foreignPidfd(getenv("LISTEN_PIDFDID"), me); err != nil || foreign != "" {
		return handover{ignored: foreign}, err
	}
	return namesOf(fds, getenv("LISTEN_FDNAMES"))
}

// foreignPidfd returns a reason if the id is not that of this process.
func foreignPidfd(text string, me self) (string, error) {
	if text == "" || me.pidfdID == 0 {
		return "", nil
	}
	id, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return "", fmt.Errorf("LISTEN_PIDFDID=%s is no number: unset it, or start the program from a systemd socket unit", clean(text))
	}
	if id != me.pidfdID {
		return fmt.Sprintf("LISTEN_PIDFDID is %d, that of this process is %d", id, me.pidfdID), nil
	}
	return "", nil
}

// namesOf pairs the count of sockets with their names. Nothing is allocated by
// the count, which anybody may have set.
func namesOf(count, fdnames string) (handover, error) {
	n, err := strconv.Atoi(count)
	if err != nil || n < 0 {
		return handover{}, fmt.Errorf("LISTEN_FDS=%s is no count of sockets: unset it, or start the program from a systemd socket unit", clean(count))
	}
	if n == 0 {
		return handover{}, nil
	}
	have := 0
	if fdnames != "" {
		have = strings.Count(fdnames, ":") + 1
	}
	if have != n {
		return handover{}, fmt.Errorf("LISTEN_FDS says %d sockets but LISTEN_FDNAMES has %d names: every socket unit needs FileDescriptorName= with one of %s",
			n, have, strings.Join(SocketNames(), ", "))
	}
	return handover{names: strings.Split(fdnames, ":")}, nil
}

// unsetHandover keeps the variables from child processes.
func unsetHandover() {
	for _, name := range []string{"LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "LISTEN_PIDFDID"} {
		_ = os.Unsetenv(name) // fails only for a malformed name
	}
}

// pidFSMagic marks the filesystem of pidfds, whose inodes are unique for the
// life of the machine. Older kernels give all pidfds the same inode.
const pidFSMagic = 0x50494446

func thisProcess() self {
	me := self{pid: os.Getpid()}
	fd, err := unix.PidfdOpen(me.pid, 0)
	if err != nil {
		return me
	}
	defer func() { _ = unix.Close(fd) }() // nothing was written
	var fs unix.Statfs_t
	var st unix.Stat_t
	if unix.Fstatfs(fd, &fs) == nil && fs.Type == pidFSMagic && unix.Fstat(fd, &st) == nil {
		me.pidfdID = st.Ino
	}
	return me
}
