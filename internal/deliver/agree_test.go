package deliver

import (
	"strconv"
	"strings"
	"testing"

	"hookaido/internal/config/compile"
	"hookaido/internal/config/syntax"
)

// policies are egress blocks under which validation and deliveries are compared.
var policies = []string{
	"", "dns_rebind_protection off", "https_only off", "allow 0.0.0.0/0 ::/0", "allow 0.0.0.0/0 ::/0 deny 10.0.0.0/9",
	"allow 10.0.0.0/8 fc00::/7 127.0.0.0/8 169.254.0.0/16", "allow 10.0.0.0/8 169.254.169.254 fd00:ec2::254 deny 10.0.0.5",
	"allow *.example deny x.example", "allow *.example 10.0.0.0/8", "allow *.example 1.0.0.0/8 proxy http://10.0.0.1:3128", "deny *", "deny ::/0 0.0.0.0/0",
	"dns_rebind_protection off allow *", "allow 2606:4700::5efe:0:0/96", "dns_rebind_protection off deny 192.168.0.0/16 100.64.0.0/10",
}

// TestValidationAgrees puts each URL into a Hookaidofile: it must be refused
// exactly if every delivery would be.
func TestValidationAgrees(t *testing.T) {
	urls := []string{
		"https://x.example/", "https://a.x.example./", "https://X.Example/", "https://example/", "https://y.test/", "http://x.example/", "http://10.0.0.5/",
		"https://1.1.1.1/", "https://8.8.8.8:8443/a?b", "https://[2606:4700::1111]/", "https://localhost/", "https://a.localhost./", "https://LOCALHOST/",
		"https://127.1/", "https://2130706433/", "https://0x7f000001/", "https://0177.0.0.1/", "https://x.0x7f/", "https://1.2.3.4.5/", "https://0/",
		"https://evil.example../", "https://a..example/", "https://.a.example/", "https://bücher.example/", "https://xn--bcher-kva.example/", "https://127。0。0。1/",
		"https://[fe80::1%25eth0]/", "https://u:p@x.example/", "https://x.example:0/", "https://x.example:65536/", "https://x.example:9/", "ftp://x.example/",
		"https://127.0.0.1./", "https://[::ffff:a9fe:a9fe]/", "https:///p", "https://a_b.example/", "https://10.0.0.5.nip.io/",
	}
	for _, addr := range closedAddresses() {
		if strings.Contains(addr, ":") {
			addr = "[" + addr + "]"
		}
		urls = append(urls, "https://"+addr+"/")
	}
	for _, block := range policies {
		cfg, diags := compile.Source("f", []byte("defaults { egress { "+block+" } }\npull_api { auth token env:T }\n/a { pull { path /a } }"), compile.Options{})
		if cfg == nil {
			t.Fatalf("%s: %s", block, syntax.Render(diags))
		}
		p, err := newPolicy(&cfg.Defaults.Egress, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, url := range urls {
			cfg, diags := compile.Source("f", []byte("defaults { egress { "+block+" } }\n/a { deliver "+strconv.Quote(url)+" { } }"), compile.Options{AllowNotRunning: true})
			if refused := refusal(p, url); (refused != nil) != (cfg == nil) {
				t.Errorf("egress { %s }: %s: deliveries say %v, validation says %q", block, url, refused, syntax.Render(diags))
			}
		}
	}
}

// refusal is what a delivery says to a URL before it looks the host up.
func refusal(p *policy, url string) error {
	_, s, err := parseURL(url)
	if err != nil {
		return err
	}
	return p.checkSite(s)
}
