package config

import (
	"net/netip"
	"testing"
)

// TestIsPublic has an address of each range that deliveries must not reach, and
// neighbours that they may.
func TestIsPublic(t *testing.T) {
	closed := []string{
		"0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.255", "169.254.169.254", "169.254.170.2",
		"168.63.129.16", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.19.255.255",
		"198.51.100.1", "203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
		"::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:0:a9fe:a9fe", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "100::1", "100:0:0:1::1",
		"2001::1", "2001:10::1", "2001:20::1", "2001:1ff:ffff::1", "2001:db8::1", "2002:a9fe:a9fe::1", "3fff::1", "5f00::1",
		"fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "2a00::1%eth0", "fec0::1", "ff02::1", "4000::1", "1fff::1",
		"2606:4700::5efe:10.0.0.1", "2606:4700::200:5efe:8.8.8.8", "2a00:1450:1:2:0:5efe:7f00:1",
	}
	open := []string{
		"1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.1", "168.63.129.15", "168.63.129.17",
		"172.15.255.255", "172.32.0.0", "192.0.1.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255", "::ffff:8.8.8.8",
		"2001:200::1", "2001:db7::1", "2001:db9::1", "2003::1", "2606:4700:4700::1111", "2a00::1", "3ffe::1", "2606:4700::5eff:10.0.0.1", "2606:4700::100:5efe:8.8.8.8",
	}
	for _, text := range closed {
		if IsPublic(netip.MustParseAddr(text)) {
			t.Errorf("%s counts as public", text)
		}
	}
	for _, text := range open {
		if !IsPublic(netip.MustParseAddr(text)) {
			t.Errorf("%s doesn't count as public", text)
		}
	}
}

// TestIsMetadata has each address itself and by the ways from IPv6 to IPv4.
func TestIsMetadata(t *testing.T) {
	for _, text := range []string{
		"169.254.169.254", "169.254.170.2", "169.254.170.23", "100.100.100.200", "192.0.0.192", "168.63.129.16", "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254",
		"::ffff:169.254.169.254", "::a9fe:a9fe", "::ffff:0:a9fe:a9fe", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a9fe:a9fe", "2002:a9fe:a9fe::1",
		"2001:0:a9fe:a9fe::", "2001::5601:5601", "2606:4700::5efe:a9fe:a9fe", "2606:4700::200:5efe:a9fe:a9fe",
	} {
		if !IsMetadata(netip.MustParseAddr(text)) {
			t.Errorf("%s doesn't count as a metadata service", text)
		}
	}
	for _, text := range []string{"169.254.169.253", "10.0.0.1", "8.8.8.8", "fd00:ec2::253", "2606:4700::a9fe:a9fe", "::1"} {
		if IsMetadata(netip.MustParseAddr(text)) {
			t.Errorf("%s counts as a metadata service", text)
		}
	}
}
