package httphead

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

const post = "POST /h HTTP/1.1\r\nHost: h\r\n"

// framings has inputs with the offsets at which messages end, and the fault.
var framings = []struct {
	name  string
	input string
	ends  []int // lengths of the messages, one after the other
	fault fault
}{
	{"no body", post + "\r\n", []int{29}, none},
	{"length 0", post + "Content-Length: 0\r\n\r\n", []int{48}, none},
	{"length 3", post + "content-LENGTH: \t3 \r\n\r\nabc", []int{53}, none},
	{"leading zeros", post + "Content-Length: 003\r\n\r\nabc", []int{53}, none},
	{"bad heads in a body", post + "Content-Length: 6\r\n\r\n\x16\n\n\n\n\n", []int{54}, none},
	{"pipelined", post + "\r\n" + post + "\r\n", []int{29, 29}, none},
	{"badinput 60 pipelined with bodies", post + "Content-Length: 1\r\n\r\na" + post + "Content-Length: 1\r\n\r\nb", []int{49, 49}, none},
	{"CR LF after a POST", post + "\r\n\r\n" + post + "\r\n", []int{29, 31}, none},
	{"two CR LF after a POST", post + "\r\n\r\n\r\n" + post + "\r\n", []int{29, 33}, none},
	{"three CR LF after a POST", post + "\r\n\r\n\r\n\r\n" + post + "\r\n", []int{29}, faultRequestLine},
	{"CR LF at the beginning", "\r\n" + post + "\r\n", nil, faultRequestLine},
	{"CR LF after a GET", "GET / HTTP/1.1\r\nHost: h\r\n\r\n\r\n" + post, []int{27}, faultRequestLine},
	{"incomplete", post, nil, none},
	{"empty value", post + "X:\r\nY: \r\n\r\n", []int{38}, none},
	{"value in Latin-1", post + "X: \xe9\r\n\r\n", []int{35}, none},
	{"path in raw UTF-8", "GET /\xc3\xa9 HTTP/1.1\r\nHost: h\r\n\r\n", []int{29}, none},
	{"bad escape in the query", "GET /?%zz HTTP/1.1\r\nHost: h\r\n\r\n", []int{31}, none},
	{"HTTP/1.0 without Host", "GET / HTTP/1.0\r\n\r\n", []int{18}, none},
	{"IPv6 host", "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", []int{34}, none},
	{"empty host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", []int{25}, none},
	{"200 fields", post + strings.Repeat("X: 1\r\n", 199) + "\r\n", []int{29 + 199*6}, none},
	{"long name", post + "Content-Length-And-More: x\r\n\r\n", []int{57}, none},
	{"badinput 41 chunked", post + "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0A;x=\"y\"\r\n0123456789\r\n0\r\n\r\n", []int{91}, none},
	{"chunked in capitals", post + "Transfer-Encoding: CHUNKED \r\n\r\n0\r\n\r\n", []int{63}, none},
	{"blank after the chunk size", post + "Transfer-Encoding: chunked\r\n\r\n1 \t\r\na\r\n0\r\n\r\n", []int{70}, none},
	{"badinput 55 trailer", post + "Transfer-Encoding: chunked\r\n\r\n0\r\nX-Signature: a\r\nHost: x\r\n\r\n", []int{87}, none},
	{"two chunked", post + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + post + "\r\n", []int{62, 29}, none},

	{"badinput 33 length and coding", post + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", nil, faultFraming},
	{"badinput 33 coding and length", post + "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n", nil, faultFraming},
	{"coding in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", nil, faultFraming},
	{"badinput 34 two lengths", post + "Content-Length: 3\r\nContent-Length: 4\r\n\r\n", nil, faultLength},
	{"the same length twice", post + "Content-Length: 3\r\nContent-Length: 3\r\n\r\n", nil, faultLength},
	{"list of lengths", post + "Content-Length: 3, 3\r\n\r\n", nil, faultLength},
	{"badinput 34 plus sign", post + "Content-Length: +1\r\n\r\n", nil, faultLength},
	{"badinput 34 negative", post + "Content-Length: -1\r\n\r\n", nil, faultLength},
	{"badinput 34 overflow", post + "Content-Length: 9223372036854775808\r\n\r\n", nil, faultLength},
	{"20 digits", post + "Content-Length: 00000000000000000001\r\n\r\n", nil, faultLength},
	{"empty length", post + "Content-Length:\r\n\r\n", nil, faultLength},
	{"length in two words", post + "Content-Length: 1 2\r\n\r\n", nil, faultLength},
	{"badinput 35 xchunked", post + "Transfer-Encoding: xchunked\r\n\r\n", nil, faultCoding},
	{"badinput 35 chunked, identity", post + "Transfer-Encoding: chunked, identity\r\n\r\n", nil, faultCoding},
	{"chunkedx", post + "Transfer-Encoding: chunkedx\r\n\r\n", nil, faultCoding},
	{"chunk", post + "Transfer-Encoding: chunk\r\n\r\n", nil, faultCoding},
	{"chunked twice in one line", post + "Transfer-Encoding: chunked chunked\r\n\r\n", nil, faultCoding},
	{"empty coding", post + "Transfer-Encoding:\r\n\r\n", nil, faultCoding},
	{"two codings", post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", nil, faultFraming},
	{"badinput 36 space before the colon", post + "X : 1\r\n\r\n", nil, faultField},
	{"badinput 36 NUL", post + "X: a\x00b\r\n\r\n", nil, faultField},
	{"badinput 36 bare CR", post + "X: a\rb\r\n\r\n", nil, faultLineEnd},
	{"no colon", post + "X\r\n\r\n", nil, faultField},
	{"no name", post + ": x\r\n\r\n", nil, faultField},
	{"vertical tab", post + "X: a\x0bb\r\n\r\n", nil, faultField},
	{"badinput 37 folded line", post + "X: a\r\n b\r\n\r\n", nil, faultFold},
	{"folded at the beginning", "GET / HTTP/1.1\r\n Host: h\r\n\r\n", nil, faultFold},
	{"badinput 38 LF in the request line", "POST /h HTTP/1.1\nHost: h\n\n", nil, faultLineEnd},
	{"badinput 38 LF after a field", post + "X: a\n\r\n", nil, faultLineEnd},
	{"LF at the end of the head", post + "\n", nil, faultLineEnd},
	{"badinput 43 201 fields", post + strings.Repeat("X: 1\r\n", 200) + "\r\n", nil, faultFieldCount},
	{"badinput 44 no Host", "GET / HTTP/1.1\r\n\r\n", nil, faultHost},
	{"badinput 44 two Hosts", post + "Host: h\r\n\r\n", nil, faultHost},
	{"badinput 44 bad Host", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", nil, faultHost},
	{"path in Host", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", nil, faultHost},
	{"badinput 45 HTTP/3.7", "GET / HTTP/3.7\r\nHost: h\r\n\r\n", nil, faultVersion},
	{"badinput 45 preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", nil, faultHTTP2},
	{"no version", "GET /\r\n\r\n", nil, faultTarget},
	{"no target", "GET HTTP/1.1\r\n\r\n", nil, faultTarget},
	{"two spaces", "GET  / HTTP/1.1\r\n\r\n", nil, faultTarget},
	{"space at the end", "GET / HTTP/1.1 \r\n\r\n", nil, faultRequestLine},
	{"short version", "GET / HTTP/1\r\n\r\n", nil, faultRequestLine},
	{"other protocol", "GET / HTTQ/1.1\r\n\r\n", nil, faultRequestLine},
	{"bad method", "G@T / HTTP/1.1\r\n\r\n", nil, faultRequestLine},
	{"no method", " / HTTP/1.1\r\n\r\n", nil, faultRequestLine},
	{"badinput 48 bad escape", "GET /%zz HTTP/1.1\r\n\r\n", nil, faultTarget},
	{"half an escape", "GET /%4 HTTP/1.1\r\n\r\n", nil, faultTarget},
	{"control character in the target", "GET /\x01 HTTP/1.1\r\n\r\n", nil, faultTarget},
	{"control character in the query", "GET /?\x7f HTTP/1.1\r\n\r\n", nil, faultTarget},
	{"badinput 54 TLS hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", nil, faultTLS},
	{"TLS after a request", post + "\r\n\x16\x03\x01", []int{29}, faultTLS},
	{"target of the largest size", "GET /" + strings.Repeat("a", maxTarget-6) + " HTTP/1.1\r\nHost: h\r\n\r\n", []int{maxTarget + 21}, none},
	{"long target", "GET /" + strings.Repeat("a", maxTarget-5) + " HTTP/1.1\r\nHost: h\r\n\r\n", nil, faultTargetSize},
	{"long query", "GET /?" + strings.Repeat("a", maxTarget), nil, faultTargetSize},
	{"long method", strings.Repeat("A", maxTarget+1), nil, faultTargetSize},
	{"long head", post + "X: " + strings.Repeat("a", maxHead) + "\r\n\r\n", nil, faultHeadSize},

	{"badinput 39 bad chunk size", post + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", nil, faultBody},
	{"no chunk size", post + "Transfer-Encoding: chunked\r\n\r\n\r\n", nil, faultBody},
	{"extension without size", post + "Transfer-Encoding: chunked\r\n\r\n;x\r\n", nil, faultBody},
	{"prefix of hex", post + "Transfer-Encoding: chunked\r\n\r\n0x1\r\n", nil, faultBody},
	{"negative chunk", post + "Transfer-Encoding: chunked\r\n\r\n-1\r\n", nil, faultBody},
	{"16 digits", post + "Transfer-Encoding: chunked\r\n\r\n0000000000000001\r\na\r\n", nil, faultBody},
	{"badinput 38 LF after a chunk size", post + "Transfer-Encoding: chunked\r\n\r\n1\na\r\n", nil, faultBody},
	{"LF after a chunk", post + "Transfer-Encoding: chunked\r\n\r\n1\r\na\n0\r\n\r\n", nil, faultBody},
	{"long chunk", post + "Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n", nil, faultBody},
	{"digits after a blank", post + "Transfer-Encoding: chunked\r\n\r\n1 1\r\n", nil, faultBody},
	{"LF in an extension", post + "Transfer-Encoding: chunked\r\n\r\n1;a\nb\r\n", nil, faultBody},
	{"long extension", post + "Transfer-Encoding: chunked\r\n\r\n1;" + strings.Repeat("a", maxExtensions) + "\r\n", nil, faultBody},
	{"many extensions", post + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("1;"+strings.Repeat("a", 99)+"\r\nb\r\n", 41), nil, faultBody},
	{"folded trailer", post + "Transfer-Encoding: chunked\r\n\r\n0\r\nX: a\r\n b\r\n\r\n", nil, faultBody},
	{"LF in a trailer", post + "Transfer-Encoding: chunked\r\n\r\n0\r\nX: a\n\r\n", nil, faultBody},
	{"LF after the trailer", post + "Transfer-Encoding: chunked\r\n\r\n0\r\n\n", nil, faultBody},
	{"no colon in a trailer", post + "Transfer-Encoding: chunked\r\n\r\n0\r\nX\r\n\r\n", nil, faultBody},
	{"long trailer", post + "Transfer-Encoding: chunked\r\n\r\n0\r\nX: " + strings.Repeat("a", maxTrailer) + "\r\n\r\n", nil, faultBody},
}

// messages scans input in pieces of the given size and returns the lengths of
// the messages in it.
func messages(input []byte, size int) (lengths []int, s scanner, f fault) {
	at, last := 0, 0
	for at < len(input) {
		piece := input[at:min(at+size, len(input))]
		for len(piece) > 0 {
			n, f := s.advance(piece)
			if f != none {
				return lengths, s, f
			}
			at += n
			piece = piece[n:]
			if s.state == atStart && n > 0 && s.blanks == 0 {
				lengths = append(lengths, at-last)
				last = at
			}
		}
	}
	return lengths, s, none
}

func TestFraming(t *testing.T) {
	for _, test := range framings {
		t.Run(test.name, func(t *testing.T) {
			for _, size := range []int{len(test.input), 1, 2, 7} {
				if size > maxHead {
					continue // how much is too much is told by the pieces
				}
				checkScan(t, test.input, size, test.ends, test.fault)
			}
		})
	}
}

func checkScan(t *testing.T, input string, size int, wantLengths []int, want fault) {
	t.Helper()
	var s scanner
	var f fault
	for at := 0; at < len(input) && f == none; at += size {
		_, _, f = s.scan([]byte(input[at:min(at+size, len(input))]))
	}
	if f != want {
		t.Errorf("in pieces of %d: fault %d (%s), want %d (%s)", size, f, details[f], want, details[want])
	}
	lengths, _, _ := messages([]byte(input), size)
	if !slices.Equal(lengths, wantLengths) {
		t.Errorf("in pieces of %d: messages of %v bytes, want %v", size, lengths, wantLengths)
	}
}

// scan says where the unfinished message begins, which is what the connection
// holds back.
func TestScanTellsWhereAMessageBegins(t *testing.T) {
	var s scanner
	whole := post + "Content-Length: 1\r\n\r\na"
	if good, begin, f := s.scan([]byte(whole + whole + "GET \x00")); good != 2*len(whole)+4 || begin != 2*len(whole) || f != faultTarget {
		t.Errorf("scan = %d, %d, %d", good, begin, f)
	}
	s = scanner{}
	if good, begin, f := s.scan([]byte(whole[:10])); good != 10 || begin != 0 || f != none {
		t.Errorf("scan of a part = %d, %d, %d", good, begin, f)
	}
	if good, begin, f := s.scan([]byte(whole[10:] + "\x16")); good != len(whole)-10 || begin != good || f != faultTLS {
		t.Errorf("scan of the rest = %d, %d, %d", good, begin, f)
	}
}

// FuzzFraming holds the scanner to net/http: a message that both accept ends
// at the same byte for both, or a sender could hide a request in another.
func FuzzFraming(f *testing.F) {
	for _, test := range framings {
		if len(test.input) < 10000 {
			f.Add([]byte(test.input), uint8(3))
		}
	}
	f.Fuzz(func(t *testing.T, input []byte, size uint8) {
		lengths, s, fault := messages(input, int(size)+1)
		whole, _, _ := messages(input, len(input)+1)
		if !slices.Equal(lengths, whole) {
			t.Fatalf("messages depend on the pieces: %v and %v", lengths, whole)
		}
		theirs, err := netHTTP(input, len(lengths))
		switch {
		case !slices.Equal(theirs, lengths[:len(theirs)]):
			t.Fatalf("messages of %v bytes, net/http has %v", lengths, theirs)
		case len(theirs) < len(lengths) && (errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)):
			t.Fatalf("messages of %v bytes, net/http has %v and waits for more", lengths, theirs)
		case len(theirs) == len(lengths) && fault == none && s.state != atStart:
			if more, _ := netHTTP(input, len(lengths)+1); len(more) > len(lengths) {
				t.Fatalf("net/http sees a further message of %d bytes", more[len(lengths)])
			}
		}
	})
}

// netHTTP returns the lengths of the first n messages as net/http sees them,
// with the error that ended it early.
func netHTTP(input []byte, n int) (lengths []int, err error) {
	in := bytes.NewReader(input)
	r := bufio.NewReader(in)
	last, posted := 0, false
	for range n {
		if posted { // as its server does
			for range 4 {
				if b, _ := r.Peek(1); string(b) == "\r" || string(b) == "\n" {
					_, _ = r.Discard(1)
				} else {
					break
				}
			}
		}
		req, err := http.ReadRequest(r)
		if err != nil {
			return lengths, fmt.Errorf("head: %w", err)
		}
		posted = req.Method == "POST"
		if _, err := io.Copy(io.Discard, req.Body); err != nil {
			return lengths, fmt.Errorf("body: %w", err)
		}
		at := len(input) - in.Len() - r.Buffered()
		lengths = append(lengths, at-last)
		last = at
	}
	return lengths, nil
}

func BenchmarkScan(b *testing.B) {
	github := "POST /webhooks/github HTTP/1.1\r\nHost: hooks.example.net\r\nUser-Agent: GitHub-Hookshot/044aadd\r\n" +
		"Content-Length: 1024\r\nAccept: */*\r\nContent-Type: application/json\r\nX-GitHub-Delivery: 72d3162e-cc78-11e3-81ab-4c9367dc0958\r\n" +
		"X-GitHub-Event: push\r\nX-GitHub-Hook-ID: 292430182\r\nX-Hub-Signature-256: sha256=" + strings.Repeat("a", 64) + "\r\n\r\n"
	for name, head := range map[string]string{"github": github, "short": post + "Content-Type: application/json\r\nContent-Length: 1024\r\n\r\n"} {
		b.Run(name, func(b *testing.B) {
			message := []byte(head + strings.Repeat("x", 1024))
			s := scanner{heads: &heads{}}
			b.ReportAllocs()
			for b.Loop() {
				if _, _, f := s.scan(message); f != none {
					b.Fatal(f)
				}
				s.heads.drop()
			}
		})
	}
}
