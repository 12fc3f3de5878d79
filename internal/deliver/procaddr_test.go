package deliver

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestProcAddrs(t *testing.T) {
	dir := t.TempDir()
	trie := "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\n     |-- 192.0.2.7\n        /32 host LOCAL\n" +
		"     |-- 192.0.2.255\n        /32 link BROADCAST\n     |-- 127.0.0.0\n        /8 host LOCAL\n     |-- 127.0.0.1\n        /32 host LOCAL\n"
	if err := os.WriteFile(filepath.Join(dir, "fib_trie"), []byte(trie), 0o600); err != nil {
		t.Fatal(err)
	}
	want := []netip.Addr{netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("127.0.0.1")}
	if got, err := procAddrs(dir); err != nil || !slices.Equal(got, want) {
		t.Errorf("without IPv6: got %v, %v", got, err)
	}
	inet6 := "00000000000000000000000000000001 01 80 10 80       lo\n20010db8000000000000000000000007 02 40 00 80     eth0\nnonsense\n"
	if err := os.WriteFile(filepath.Join(dir, "if_inet6"), []byte(inet6), 0o600); err != nil {
		t.Fatal(err)
	}
	want = append(want, netip.MustParseAddr("::1"), netip.MustParseAddr("2001:db8::7"))
	if got, err := procAddrs(dir); err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	if _, err := procAddrs(filepath.Join(dir, "none")); err == nil {
		t.Error("no table, and no error")
	}
}

// TestProcAddrsAsTheLibrary holds the kernel's tables to what netlink says.
func TestProcAddrsAsTheLibrary(t *testing.T) {
	nets, err := net.InterfaceAddrs()
	if err != nil {
		t.Skipf("no netlink here: %v", err)
	}
	got, err := procAddrs(procNet)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range nets {
		if prefix, err := netip.ParsePrefix(n.String()); err != nil || !slices.Contains(got, prefix.Addr().Unmap()) {
			t.Errorf("%s is missing in %v", n, got)
		}
	}
}

func FuzzProcTables(f *testing.F) {
	f.Add("|-- 192.0.2.7\n /32 host LOCAL\n00000000000000000000000000000001 01")
	f.Fuzz(func(t *testing.T, table string) {
		for _, a := range append(parseFibTrie(table), parseInet6(table)...) {
			if !a.IsValid() {
				t.Error("an address that is none")
			}
		}
	})
}
