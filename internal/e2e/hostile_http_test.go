package e2e

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"strings"
	"testing"
)

const hostileRoutes = openRoute + githubRoute + `/open { pull { path /open } }
`

// smuggled is a request that must never be served when it comes in the body,
// or behind the fault, of another.
var smuggled = rawPost("/in", closing, "smuggled")

// TestFraming has the rows of bad input section B on where a request ends and
// what its head looks like. Each is refused, the connection is closed, nothing
// behind it is served and nothing is queued.
func TestFraming(t *testing.T) {
	d := newDaemon(t, hostileRoutes).start()
	post := func(rest string) string { return "POST /in HTTP/1.1\r\nHost: h\r\n" + rest }
	chunked := func(body string) string { return post("Transfer-Encoding: chunked\r\n\r\n" + body) }
	const bad, coding = "400 bad_request", "501 transfer_encoding_not_supported"
	d.try(t, []attempt{
		{"badinput 33 length and chunked", post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n") + smuggled, bad},
		{"badinput 33 chunked and length", post("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n") + smuggled, bad},
		{"badinput 33 chunked twice", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n") + smuggled, bad},
		{"badinput 33 chunked with HTTP/1.0", "POST /in HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled, bad},
		{"badinput 34 two lengths", post("Content-Length: 1\r\nContent-Length: 2\r\n\r\nab") + smuggled, bad},
		{"badinput 34 the same length twice", post("Content-Length: 0\r\nContent-Length: 0\r\n\r\n") + smuggled, bad},
		{"badinput 34 list of lengths", post("Content-Length: 0, 0\r\n\r\n") + smuggled, bad},
		{"badinput 34 plus", post("Content-Length: +1\r\n\r\na") + smuggled, bad},
		{"badinput 34 minus", post("Content-Length: -1\r\n\r\n") + smuggled, bad},
		{"badinput 34 hexadecimal", post("Content-Length: 0x1\r\n\r\na") + smuggled, bad},
		{"badinput 34 overflow", post("Content-Length: 18446744073709551616\r\n\r\n") + smuggled, bad},
		{"badinput 35 xchunked", post("Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n") + smuggled, coding},
		{"badinput 35 chunked, identity", post("Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n") + smuggled, coding},
		{"badinput 35 gzip, chunked", post("Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n") + smuggled, coding},
		{"badinput 36 space before the colon", post("X-A : b\r\nContent-Length: 0\r\n\r\n") + smuggled, bad},
		{"badinput 36 space before the colon of the coding", post("Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n") + smuggled, bad},
		{"badinput 36 NUL", post("X-A: a\x00b\r\nContent-Length: 0\r\n\r\n") + smuggled, bad},
		{"badinput 36 bare CR", post("X-A: a\rContent-Length: 9\r\nContent-Length: 0\r\n\r\n") + smuggled, bad},
		{"badinput 37 folded line", post("X-A: b\r\n c\r\nContent-Length: 0\r\n\r\n") + smuggled, bad},
		{"badinput 37 folded coding", post("Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n") + smuggled, coding},
		{"badinput 38 LF in the head", "POST /in HTTP/1.1\nHost: h\nContent-Length: 0\n\n" + smuggled, bad},
		{"badinput 38 LF after a field", post("X-A: b\nContent-Length: 0\r\n\r\n") + smuggled, bad},
		{"badinput 38 LF in a chunk", chunked("1\na\n0\n\n") + smuggled, bad},
		{"badinput 39 bad chunk size", chunked("zz\r\n") + smuggled, bad},
		{"badinput 39 negative chunk size", chunked("-1\r\na\r\n0\r\n\r\n") + smuggled, bad},
		{"badinput 39 chunk size that overflows", chunked("10000000000000000\r\n") + smuggled, bad},
		{"badinput 39 chunk longer than its size", chunked("1\r\nab\r\n0\r\n\r\n") + smuggled, bad},
		{"badinput 39 LF in a chunk extension", chunked("1;x\na\r\n0\r\n\r\n") + smuggled, bad},
		{"badinput 40 length beyond all limits", post("Content-Length: 9200000000000000000\r\n\r\n"), "413 payload_too_large"},
		{"badinput 42 head of 1.2 MB", post("X-A: " + strings.Repeat("a", 1_200_000) + "\r\nContent-Length: 0\r\n\r\n"), "431 headers_too_large"},
		{"badinput 43 5,000 fields", post(strings.Repeat("X-A: b\r\n", 5000) + "Content-Length: 0\r\n\r\n"), "431 headers_too_large"},
		{"badinput 43 201 fields", post(strings.Repeat("X-A: b\r\n", 199) + "Content-Length: 0\r\n\r\n"), "431 headers_too_large"},
		{"badinput 44 no Host", "POST /in HTTP/1.1\r\nContent-Length: 0\r\n\r\n" + smuggled, bad},
		{"badinput 44 two Hosts", post("Host: h\r\nContent-Length: 0\r\n\r\n") + smuggled, bad},
		{"badinput 44 bad Host", "POST /in HTTP/1.1\r\nHost: a/b\r\nContent-Length: 0\r\n\r\n" + smuggled, bad},
		{"badinput 45 HTTP/3.7", "POST /in HTTP/3.7\r\nHost: h\r\nContent-Length: 0\r\n\r\n" + smuggled, "505 http_version_not_supported"},
		{"badinput 45 preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", bad},
		{"badinput 48 bad escape", "POST /in%zz HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n" + smuggled, bad},
		{"badinput 54 TLS hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", bad},
	})
	d.stored(t, "/in")
}

// TestBodiesThatBreakOff is row 39 too: the client goes away in the middle.
func TestBodiesThatBreakOff(t *testing.T) {
	d := newDaemon(t, hostileRoutes).start()
	for name, raw := range map[string]string{
		"a chunk":             "POST /in HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
		"the last chunk":      "POST /in HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
		"the trailer":         "POST /in HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n",
		"a body of known end": "POST /in HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab",
	} {
		t.Run("badinput 39 "+name, func(t *testing.T) {
			conn := d.dial(t)
			defer conn.Close() //nolint:errcheck // the exchange is over
			_, err := conn.Write([]byte(raw))
			must(t, err)
			must(t, conn.(interface{ CloseWrite() error }).CloseWrite())
			if got := summary(answersOf(t, conn, raw)); got != "400 bad_request" {
				t.Errorf("answers %q, want 400 bad_request", got)
			}
		})
	}
	d.stored(t, "/in")
}

// TestHostileRequests has the rows of bad input section B whose framing is in
// order.
func TestHostileRequests(t *testing.T) {
	d := newDaemon(t, hostileRoutes).start()
	full := strings.Repeat("x", 2<<20)
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = z.Write([]byte("zipped"))
	must(t, z.Close())
	signature := "X-Hub-Signature-256: " + githubSignature(githubSecret, []byte("trailer")) + "\r\n"
	trailer := strings.TrimSuffix(rawChunks("/webhooks/github", closing+"Trailer: X-Hub-Signature-256\r\n", "trailer"), "\r\n") + signature + "\r\n"
	const ok, gone, many, wrong, bad = "202", "404 not_found", "413 payload_too_large", "405 method_not_allowed", "400 bad_request"
	d.try(t, []attempt{
		{"badinput 41 2 MiB", rawPost("/in", closing, full), ok},
		{"badinput 41 2 MiB and one", rawPost("/in", "", full+"y"), many},
		{"badinput 41 3 MB in chunks", rawChunks("/in", "", full, full[:1<<20]), many},
		{"badinput 42 headers of 70 kB", rawPost("/in", closing+"X-A: "+strings.Repeat("a", 70_000)+"\r\n", "42"), "413 headers_too_large"},
		{"badinput 43 200 fields", rawPost("/in", closing+strings.Repeat("X-A: b\r\n", 197), "200 fields"), ok},
		{"badinput 45 HTTP/1.0", "POST /in HTTP/1.0\r\nContent-Length: 8\r\n\r\nHTTP/1.0", ok},
		{"badinput 46 dot segments", rawPost("/open/../in", "", "46"), bad},
		{"badinput 46 encoded dot segments", rawPost("/open/%2e%2e/in", "", "46"), bad},
		{"badinput 46 encoded slashes", rawPost("/open%2f..%2fin", "", "46"), bad},
		{"badinput 46 encoded backslashes are no slashes", rawPost("/open%5c..%5cin", closing, "46"), gone},
		{"badinput 46 encoded slash into another route", rawPost("/open%2fwebhooks", "", "46"), bad},
		{"badinput 46 double encoding is not decoded twice", rawPost("/%2569n", closing, "46"), gone},
		{"badinput 47 doubled slash", rawPost("//in", closing, "47 slash"), ok},
		{"badinput 47 encoded letter", rawPost("/%69n", closing, "47 letter"), ok},
		{"badinput 48 NUL", rawPost("/in%00", "", "48"), bad},
		{"badinput 48 line end", rawPost("/in%0d%0aX:y", "", "48"), bad},
		{"badinput 49 absolute form", rawPost("http://evil.example/in", closing, "49"), ok},
		{"badinput 50 CONNECT", "CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n" + closing + "\r\n", wrong},
		{"badinput 50 TRACE", "TRACE /in HTTP/1.1\r\nHost: h\r\n" + closing + "\r\n", wrong},
		{"badinput 50 lower-case post", "post /in HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n" + closing + "\r\n", wrong},
		{"badinput 50 GET", "GET /in HTTP/1.1\r\nHost: h\r\n" + closing + "\r\n", wrong},
		{"badinput 50 HEAD", "HEAD /in HTTP/1.1\r\nHost: h\r\n" + closing + "\r\n", "405"},
		{"badinput 51 OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: h\r\n" + closing + "\r\n", wrong},
		{"badinput 52 method override of a GET", "GET /in HTTP/1.1\r\nHost: h\r\nX-HTTP-Method-Override: POST\r\n" + closing + "\r\n", wrong},
		{"badinput 52 method override of a POST", rawPost("/in", closing+"X-HTTP-Method-Override: DELETE\r\n", "52"), ok},
		{"badinput 53 upgrade to websocket", rawPost("/in", "Connection: Upgrade, close\r\nUpgrade: websocket\r\n", "53 websocket"), ok},
		{"badinput 53 upgrade to h2c", rawPost("/in", "Connection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n", "53 h2c"), ok},
		{"badinput 53 unknown expectation", rawPost("/in", "Expect: 200-ok\r\n", "53"), "417"},
		{"badinput 55 signature in the trailer", trailer, "401 unauthorized"},
		{"badinput 56 empty body", rawPost("/in", closing, ""), ok},
		{"badinput 56 gzip body", rawPost("/in", closing+"Content-Encoding: gzip\r\n", zipped.String()), ok},
		{"badinput 60 pipelined", rawPost("/in", "", "first") + rawPost("/nowhere", "", "no") + rawPost("/in", closing, "second"), ok + ", " + gone + ", " + ok},
	})
	d.stored(t, "/in", full, "200 fields", "HTTP/1.0", "47 slash", "47 letter", "49", "52", "53 websocket", "53 h2c", "", zipped.String(), "first", "second")
	d.stored(t, "/open")
	d.stored(t, "/github")

	t.Run("badinput 50 Allow", func(t *testing.T) {
		for _, method := range []string{"GET", "CONNECT", "PROPFIND"} {
			got := d.wire(t, method+" /in HTTP/1.1\r\nHost: h\r\n"+closing+"\r\n")
			if len(got) != 1 || got[0].header.Get("Allow") != http.MethodPost {
				t.Errorf("%s: %s with Allow %q, want POST", method, summary(got), got[0].header.Get("Allow"))
			}
		}
	})
}
