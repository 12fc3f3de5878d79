package systemd

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"

	"golang.org/x/sys/unix"
)

// checkListening says what is wrong with a descriptor that should be a
// listening stream socket, as the end of a sentence about it.
func checkListening(fd int) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fmt.Errorf("can't be examined (%w)", err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFSOCK {
		return fmt.Errorf("is %s, not a socket", fileKind(st.Mode))
	}
	family, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
	if err != nil {
		return fmt.Errorf("can't be examined (%w)", err)
	}
	kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil {
		return fmt.Errorf("can't be examined (%w)", err)
	}
	if kind != unix.SOCK_STREAM || familyName(family) == "" {
		return fmt.Errorf("is %s, not a stream socket of TCP or Unix", socketKind(family, kind))
	}
	if listening, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN); err == nil && listening == 1 {
		return nil
	}
	if _, err := unix.Getpeername(fd); err == nil {
		return fmt.Errorf("is a connected %s, not a listening one", socketKind(family, kind)[2:])
	}
	return fmt.Errorf("is %s that doesn't listen", socketKind(family, kind))
}

func fileKind(mode uint32) string {
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
		return "a regular file"
	case unix.S_IFDIR:
		return "a folder"
	case unix.S_IFIFO:
		return "a pipe"
	case unix.S_IFCHR:
		return "a character device"
	default:
		return "a special file"
	}
}

// familyName is empty for a family that this program doesn't serve.
func familyName(family int) string {
	switch family {
	case unix.AF_INET:
		return "IPv4"
	case unix.AF_INET6:
		return "IPv6"
	case unix.AF_UNIX:
		return "Unix"
	default:
		return ""
	}
}

// socketKind names a socket with the article "a " in front.
func socketKind(family, kind int) string {
	name := familyName(family)
	if name == "" {
		return "a socket of address family " + strconv.Itoa(family)
	}
	switch {
	case kind == unix.SOCK_DGRAM && family == unix.AF_UNIX:
		return "a Unix datagram socket"
	case kind == unix.SOCK_DGRAM:
		return "a UDP socket (" + name + ")"
	case kind == unix.SOCK_STREAM && family == unix.AF_UNIX:
		return "a Unix stream socket"
	case kind == unix.SOCK_STREAM:
		return "a TCP socket (" + name + ")"
	case kind == unix.SOCK_SEQPACKET:
		return "a sequential packet socket (" + name + ")"
	default:
		return "a raw socket (" + name + ")"
	}
}

// localAddress shows where a socket is bound.
func localAddress(fd int) string {
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return "an unknown address"
	}
	switch a := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port)).String()
	case *unix.SockaddrInet6:
		return net.JoinHostPort(netip.AddrFrom16(a.Addr).String(), strconv.Itoa(a.Port))
	case *unix.SockaddrUnix:
		return clean(a.Name)
	default:
		return "an unknown address"
	}
}
