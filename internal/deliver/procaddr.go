package deliver

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
)

// procNet has the kernel's tables of this process's network.
const procNet = "/proc/self/net"

// procAddrs reads the addresses of this machine from the tables in dir. It is
// for sandboxes without netlink sockets, as that of the packaged unit, in which
// the library's way fails. A machine without IPv6 has no table for it.
func procAddrs(dir string) ([]netip.Addr, error) {
	trie, err := os.ReadFile(filepath.Join(dir, "fib_trie")) //nolint:gosec // a fixed path of the kernel
	if err != nil {
		return nil, fmt.Errorf("read the table of IPv4 addresses: %w", err)
	}
	list := parseFibTrie(string(trie))
	inet6, err := os.ReadFile(filepath.Join(dir, "if_inet6")) //nolint:gosec // a fixed path of the kernel
	if err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("read the table of IPv6 addresses: %w", err)
	}
	return append(list, parseInet6(string(inet6))...), nil
}

// parseFibTrie finds the leaves that are marked as addresses of a host of ours.
func parseFibTrie(table string) []netip.Addr {
	var list []netip.Addr
	var leaf netip.Addr
	for line := range strings.Lines(table) {
		line = strings.TrimSpace(line)
		if text, ok := strings.CutPrefix(line, "|-- "); ok {
			leaf, _ = netip.ParseAddr(text) // what is none is not valid
		} else if leaf.IsValid() && strings.HasSuffix(line, "/32 host LOCAL") {
			list = append(list, leaf)
		}
	}
	return list
}

// parseInet6 takes the first column, an address in 32 hexadecimal digits.
func parseInet6(table string) []netip.Addr {
	var list []netip.Addr
	for line := range strings.Lines(table) {
		text, _, _ := strings.Cut(line, " ")
		if raw, err := hex.DecodeString(text); err == nil && len(raw) == 16 {
			list = append(list, netip.AddrFrom16([16]byte(raw)).Unmap())
		}
	}
	return list
}
