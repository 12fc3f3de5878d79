package e2e

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// openIn takes posts to /in without a check.
const openIn = "/in { pull { path /in } }\n"

func signedPlain(body string) string { return hub("sha256=" + macHex(shortKey, body)) }

// TestBodiesAreKeptToTheOctet has the cases of section A about bodies.
func TestBodiesAreKeptToTheOctet(t *testing.T) {
	d := newDaemon(t, caseRoutes).start()
	accents, err := hex.DecodeString("7b226d223a22c3a9f09f8e89227d")
	must(t, err)
	noUTF8, err := hex.DecodeString("538053")
	must(t, err)
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	multipart := "--b\r\nContent-Disposition: form-data; name=\"f\"\r\n\r\n" + string(every) + "\r\n--b--\r\n"
	var zipped, bomb bytes.Buffer
	for into, text := range map[*bytes.Buffer]string{&zipped: body1, &bomb: strings.Repeat("0", 20<<20)} {
		z := gzip.NewWriter(into)
		_, err := io.WriteString(z, text)
		must(t, err)
		must(t, z.Close())
	}
	const ok, no = "202", "401 unauthorized"
	const gzipped = "Content-Encoding: gzip\r\n"
	empty := hub("sha256=91dfac70c5348b04e1babb8b421ac92cec08b565b49ca16130dccb72503647b7")
	d.try(t, []attempt{
		{"C04 accents and an emoji", rawPost("/plain", hub("sha256=d3571f38d227fea85d2fc2b0d01ff1382af2ebbafaac7c975446d37e48c4c564"), string(accents)), ok},
		{"C04 in a charset that it isn't in", rawPost("/plain", signedPlain(string(accents))+"Content-Type: application/json; charset=iso-8859-1\r\n", string(accents)), ok},
		{"C05 no UTF-8", rawPost("/plain", hub("sha256=2e145133ed259adc2b635fafa6b0a3f5b7f32753b3bf098905e96a467c998a44"), string(noUTF8)), ok},
		{"C07 chunked and empty", rawChunks("/plain", empty), ok},
		{"C07 length 0", rawPost("/plain", empty, ""), ok},
		{"C07 neither", "POST /plain HTTP/1.1\r\nHost: h\r\n" + empty + "\r\n", ok},
		{"C07 chunked and empty, unsigned", rawChunks("/plain", closing), no},
		{"C07 length 0, unsigned", rawPost("/plain", closing, ""), no},
		{"C07 neither, unsigned", "POST /plain HTTP/1.1\r\nHost: h\r\n" + closing + "\r\n", no},
		{"C25 gzip, signed as sent", rawPost("/plain", signedPlain(zipped.String())+gzipped, zipped.String()), ok},
		{"C25 gzip, signed before", rawPost("/plain", signedPlain(body1)+gzipped, zipped.String()), no},
		{"C25 bomb stays packed", rawPost("/plain", signedPlain(bomb.String())+gzipped, bomb.String()), ok},
		{"C26 multipart", rawPost("/plain", signedPlain(multipart)+"Content-Type: multipart/form-data; boundary=b\r\n", multipart), ok},
	})
	got := d.envelopes(t, "/plain")
	want := [][]byte{accents, accents, noUTF8, {}, {}, {}, zipped.Bytes(), bomb.Bytes(), []byte(multipart)}
	if len(got) != len(want) {
		t.Fatalf("%d messages, want %d", len(got), len(want))
	}
	for i, e := range got {
		if e.Payload != base64.StdEncoding.EncodeToString(want[i]) {
			t.Errorf("message %d has the payload %.80s, want %.80x", i, e.Payload, want[i])
		}
	}
	if got[2].Payload != "U4BT" {
		t.Errorf("C05: %q, want U4BT", got[2].Payload)
	}
	if e := got[6]; e.Headers["Content-Encoding"] != "gzip" {
		t.Errorf("C25: the worker doesn't learn that the body is packed: %v", e.Headers)
	}
	if e := got[8]; e.Headers["Content-Type"] != "multipart/form-data; boundary=b" {
		t.Errorf("C26: the boundary is gone: %v", e.Headers)
	}
}

// TestLineEndOfTheBodyIsSigned is case C23.
func TestLineEndOfTheBodyIsSigned(t *testing.T) {
	p := sendgrid(t)
	d := newDaemon(t, "/sg {\n  auth hmac { provider sendgrid secret raw:"+p.secret+" }\n  pull { path /sg }\n}\n").start()
	const body = "[{\"e\":\"open\"}]\r\n"
	signed := closing + p.sign(body, time.Now(), false)
	d.try(t, []attempt{
		{"C23 cut by a proxy", rawPost("/sg", signed, strings.TrimSpace(body)), "401 unauthorized"},
		{"C23 whole", rawPost("/sg", signed, body), "202"},
	})
	d.stored(t, "/sg", body)
}

// TestExpectContinue is case C08: who will be refused is told before the body.
func TestExpectContinue(t *testing.T) {
	d := newDaemon(t, openIn+signedRoutes).start()
	head := func(target, length, lines string) string {
		return "POST " + target + " HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: " + length + "\r\n" + lines + "\r\n"
	}
	d.try(t, []attempt{
		{"C08 too long", head("/in", "5000000", ""), "413 payload_too_large"},
		{"C08 no route", head("/nowhere", "70000", closing), "404 not_found"},
		{"C08 wrong password", head("/basic", "70000", closing+"Authorization: Basic b3BzOndyb25n\r\n"), "401 unauthorized"},
		{"C08 no password", head("/basic", "7", closing), "401 unauthorized"},
		{"C08 wrong token", head("/bearer", "70000", closing+"Authorization: Bearer wrong\r\n"), "401 unauthorized"},
		{"C08 no signature", head("/webhooks/github", "70000", closing), "401 unauthorized"},
		{"C08 stale signature", head("/canon", "70000", canonical(unixIn(-time.Hour), "n", "/canon", "b")), "401 unauthorized"},
		{"C08 a short body", head("/in", "7", closing) + "1234567", "100, 202"},
		{"C08 with a password", head("/basic", "7", closing+authorization("ops")) + "1234567", "100, 202"},
	})
	t.Run("C08 the body after the interim answer", func(t *testing.T) {
		conn := d.dial(t)
		defer conn.Close() //nolint:errcheck // the exchange is over
		_, err := io.WriteString(conn, head("/in", "7", closing))
		must(t, err)
		interim := make([]byte, len("HTTP/1.1 100 Continue\r\n\r\n"))
		_, err = io.ReadFull(conn, interim)
		if must(t, err); !strings.HasPrefix(string(interim), "HTTP/1.1 100") {
			t.Fatalf("interim answer %q", interim)
		}
		_, err = io.WriteString(conn, "waiting")
		must(t, err)
		if got := summary(answersOf(t, conn, "POST")); got != "202" {
			t.Errorf("answer %s", got)
		}
	})
	d.stored(t, "/in", "1234567", "waiting")
	d.stored(t, "/basic", "1234567")
}

// TestEnvelope has cases C34 and C35, and the order of the headers: what the
// sender sent reaches the worker as it was.
func TestEnvelope(t *testing.T) {
	d := newDaemon(t, openIn+"/put {\n  match { method PUT POST }\n  pull { path /put }\n}\n")
	d.trustLoopback(t)
	d.start()
	const query = "tenant=a%20b&x=1&x=2&plus=a+b&empty=&semi;=%zz"
	twice := "Zulu: 1\r\nx-alpha: 2\r\nMike: 3\r\nX-ALPHA: 4\r\nConnection: close\r\n"
	d.try(t, []attempt{
		{"C34 query", rawPost("/in?"+query, closing, "34"), "202"},
		{"C35 method and address", strings.Replace(rawPost("/put", closing+"X-Forwarded-For: 203.0.113.9, 192.0.2.7\r\n", "35"), "POST", "PUT", 1), "202"},
		{"order, pipelined", rawPost("/in", "Bravo: 1\r\nAlpha: 2\r\nBravo: 3\r\n", "first") + rawPost("/in", twice, "second"), "202, 202"},
	})
	put := d.envelopes(t, "/put")
	if len(put) != 1 || put[0].Method != "PUT" || put[0].Trace["remote_ip"] != "192.0.2.7" || !strings.HasPrefix(put[0].Trace["remote_addr"], "127.0.0.1:") || put[0].Trace["path"] != "/put" {
		t.Errorf("C35: %+v", put)
	}
	in := d.envelopes(t, "/in")
	if len(in) != 3 || in[0].Query != query || in[0].Method != "POST" {
		t.Fatalf("C34: %+v", in)
	}
	for i, want := range []string{
		"Bravo=1 Alpha=2 Bravo=3 Content-Length=5",
		"Zulu=1 X-Alpha=2 Mike=3 X-Alpha=4 Content-Length=6",
	} {
		var got []string
		for _, pair := range in[i+1].Values {
			if pair[0] != "Connection" {
				got = append(got, pair[0]+"="+pair[1])
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("headers %q, want %q", got, want)
		}
	}
	if got := in[2].Headers["X-Alpha"]; got != "2,4" {
		t.Errorf("the header that 2.11 has is %q, want 2,4", got)
	}
}

// trustLoopback makes the daemon believe what a proxy on this machine says.
func (d *daemon) trustLoopback(t *testing.T) {
	t.Helper()
	text, err := os.ReadFile(d.path("Hookaidofile"))
	must(t, err)
	text = bytes.Replace(text, []byte("ingress {"), []byte("ingress { trusted_proxies 127.0.0.1\n"), 1)
	must(t, os.WriteFile(d.path("Hookaidofile"), text, 0o600))
}

const guardedRoutes = `/private {
  match { remote_ip 10.0.0.0/8 }
  pull { path /private }
}
/hosts {
  match { host hooks.example.org }
  pull { path /hosts }
}
`

// TestConditionsAreNotFooled has rows 49 and 57 of bad input.
func TestConditionsAreNotFooled(t *testing.T) {
	const ok, gone = "202", "404 not_found"
	forwarded := func(value string) string {
		return rawPost("/private", closing+"X-Forwarded-For: "+value+"\r\n", value)
	}
	d := newDaemon(t, guardedRoutes).start()
	d.try(t, []attempt{
		{"badinput 57 X-Forwarded-For of a client", forwarded("10.0.0.1"), gone},
		{"badinput 57 other headers of a client", rawPost("/private", closing+"Forwarded: for=10.0.0.1\r\nX-Real-IP: 10.0.0.1\r\n", "57"), gone},
		{"badinput 49 the authority is the host", strings.Replace(rawPost("http://evil.example/hosts", closing, "evil"), "Host: h", "Host: hooks.example.org", 1), gone},
		{"badinput 49 the authority fits", rawPost("http://HOOKS.example.org:80/hosts", closing, "49"), ok},
		{"badinput 49 no route without its host", rawPost("/hosts", closing, "h"), gone},
	})
	d.stored(t, "/private")
	d.stored(t, "/hosts", "49")
	d.stop()

	proxied := newDaemon(t, guardedRoutes)
	proxied.trustLoopback(t)
	proxied.start()
	proxied.try(t, []attempt{
		{"badinput 57 behind a proxy", forwarded("10.0.0.1"), ok},
		{"badinput 57 what the client put in front counts for nothing", forwarded("10.0.0.2, 192.0.2.1"), gone},
		{"badinput 57 trusted proxies are stepped over", forwarded("10.0.0.3, 127.0.0.1"), ok},
		{"badinput 57 garbage", forwarded("10.0.0.4, garbage"), gone},
		{"badinput 57 several lines are one list", rawPost("/private", closing+"X-Forwarded-For: 10.0.0.5\r\nX-Forwarded-For: 192.0.2.1\r\n", "lines"), gone},
	})
	proxied.stored(t, "/private", "10.0.0.1", "10.0.0.3, 127.0.0.1")
}

// TestLimitsOfTheHead bounds what stands in front of the body.
func TestLimitsOfTheHead(t *testing.T) {
	d := newDaemon(t, openIn).start()
	long := func(n int) string { return "/in?" + strings.Repeat("q", n-len("POST /in? ")) }
	d.try(t, []attempt{
		{"target of 16 KiB", rawPost(long(16<<10), closing, "16 KiB"), "202"},
		{"target of more", rawPost(long(16<<10+1), "", "more"), "414 uri_too_long"},
		{"method without end", strings.Repeat("P", 20_000), "414 uri_too_long"},
		{"stored headers of 64 KiB", rawPost("/in", closing+"X: "+strings.Repeat("x", 64<<10-1-len("Connectionclose")-len("Content-Length6"))+"\r\n", "64 KiB"), "202"},
		{"stored headers of one more", rawPost("/in", closing+"X: "+strings.Repeat("x", 64<<10-len("Connectionclose")-len("Content-Length6"))+"\r\n", "64 KiB"), "413 headers_too_large"},
	})
	d.stored(t, "/in", "16 KiB", "64 KiB")
}

// TestRefusalsHaveTheirHeaders checks what senders and proxies act on.
func TestRefusalsHaveTheirHeaders(t *testing.T) {
	d := newDaemon(t, openIn+signedRoutes).start()
	for _, test := range []struct{ row, raw, header, want string }{
		{"C08 401 for basic", rawPost("/basic", closing, "b"), "Www-Authenticate", "Basic"},
		{"401", rawPost("/canon", closing, "b"), "Content-Type", "application/json"},
		{"404", rawPost("/nowhere", closing, "b"), "Content-Type", "application/json"},
		{"400 of the head", "POST /in HTTP/1.1\r\n\r\n", "Content-Type", "application/json"},
	} {
		got := d.wire(t, test.raw)
		if len(got) != 1 || !strings.HasPrefix(got[0].header.Get(test.header), test.want) {
			t.Errorf("%s: %s with %s %q, want %s", test.row, summary(got), test.header, got[0].header.Get(test.header), test.want)
		}
		var refusal map[string]string
		if err := json.Unmarshal(got[0].body, &refusal); err != nil || refusal["code"] == "" || refusal["detail"] == "" || len(refusal) != 2 {
			t.Errorf("%s: body %s, %v", test.row, got[0].body, err)
		}
	}
	d.eventually("telling the reason of the 404 in the access log", func() bool {
		return slices.ContainsFunc(strings.Split(d.log.String(), "\n"), func(line string) bool {
			return strings.Contains(line, `"status":404`) && strings.Contains(line, "not_found")
		})
	})
}
