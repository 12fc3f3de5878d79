package deliver

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"hookaido/internal/config"
)

// The types of records that tests have.
const (
	typeA     = 1
	typeCNAME = 5
	typeAAAA  = 28
)

// record is one of DNS: what name stands for.
type record struct {
	name string
	kind uint16
	data string // an address, or a name
}

func (r record) wire() []byte {
	data := nameWire(r.data)
	if r.kind != typeCNAME {
		data = netip.MustParseAddr(r.data).AsSlice()
	}
	b := binary.BigEndian.AppendUint16(nameWire(r.name), r.kind)
	b = append(b, 0, 1, 0, 0, 0, 0) // of the internet, without a time to live
	return append(binary.BigEndian.AppendUint16(b, uint16(len(data))), data...)
}

func nameWire(name string) []byte {
	var b []byte
	for label := range strings.SplitSeq(name, ".") {
		b = append(append(b, byte(len(label))), label...)
	}
	return append(b, 0)
}

// nameServer is a DNS server. It answers a question for a type of records, the
// nth of its kind, counted from 0, with records, or with an error code.
func nameServer(t *testing.T, answer func(kind uint16, n int) (records []record, code byte)) *net.Resolver {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pc.Close() })
	go func() {
		buf, asked := make([]byte, 1500), map[uint16]int{}
		for {
			n, peer, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			end := 12
			for buf[end] != 0 {
				end += int(buf[end]) + 1
			}
			kind := binary.BigEndian.Uint16(buf[end+1:])
			records, code := answer(kind, asked[kind])
			asked[kind]++
			reply := append([]byte{buf[0], buf[1], 0x81, 0x80 | code, 0, 1, 0, byte(len(records)), 0, 0, 0, 0}, buf[12:min(n, end+5)]...)
			for _, r := range records {
				reply = append(reply, r.wire()...)
			}
			_, _ = pc.WriteTo(reply, peer)
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", pc.LocalAddr().String())
	}}
}

// victim listens where no delivery may go and counts who comes.
func victim(t *testing.T, addr string) *atomic.Int32 {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	var connections atomic.Int32
	var accepting sync.WaitGroup
	accepting.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			_ = c.Close()
		}
	})
	t.Cleanup(func() { _ = l.Close(); accepting.Wait() })
	return &connections
}

// C68 with a real name server: the second look-up names an address that must
// see no connection.
func TestRebindingByDNS(t *testing.T) {
	s := newSink(t, nil)
	connections := victim(t, "127.0.0.2:"+port(t, s.URL))
	o := options()
	o.Resolver = nameServer(t, func(kind uint16, n int) ([]record, byte) {
		if kind != typeA {
			return nil, 0
		}
		return []record{{"rebind.example", typeA, []string{"127.0.0.1", "127.0.0.2"}[min(n, 1)]}}, 0
	})
	d := newDeliverer(t, o)
	target := newTarget(t, d, config.Target{URL: "http://rebind.example:" + port(t, s.URL)})
	wantResult(t, target.Attempt(t.Context(), message()), Done, 200, None)
	d.Close()
	wantResult(t, target.Attempt(t.Context(), message()), GiveUp, 0, ReasonEgress)
	if connections.Load() != 0 || s.count() != 1 {
		t.Errorf("the closed address saw %d connections, the target %d requests", connections.Load(), s.count())
	}
}

// ssrf.md section 3, the rows about chains, mixed answers and names made of
// addresses, with a real name server. Only 127.0.0.1 is open.
func TestAnswersOfDNS(t *testing.T) {
	s := newSink(t, nil)
	connections := victim(t, "127.0.0.2:"+port(t, s.URL))
	const open, closed = "127.0.0.1", "127.0.0.2"
	for name, c := range map[string]struct {
		host    string
		records []record
		reason  Reason
	}{
		"open": {"a.example", []record{{"a.example", typeA, open}}, None},
		"CNAME chain to internal": {"a.example", []record{
			{"a.example", typeCNAME, "b.example"}, {"b.example", typeCNAME, "c.example"}, {"c.example", typeA, "10.0.0.5"}}, ReasonEgress},
		"CNAME chain to what is open": {"a.example", []record{
			{"a.example", typeCNAME, "b.example"}, {"b.example", typeA, open}}, None},
		"host rules are for the name as it is configured": {"a.example", []record{
			{"a.example", typeCNAME, "denied.example"}, {"denied.example", typeA, open}}, None},
		"denied name":              {"denied.example", []record{{"denied.example", typeA, open}}, ReasonEgress},
		"mixed, the bad one last":  {"a.example", []record{{"a.example", typeA, open}, {"a.example", typeA, "169.254.169.254"}}, ReasonEgress},
		"mixed, the bad one first": {"a.example", []record{{"a.example", typeA, closed}, {"a.example", typeA, open}}, ReasonEgress},
		"A good, AAAA bad":         {"a.example", []record{{"a.example", typeA, open}, {"a.example", typeAAAA, "fd00:ec2::254"}}, ReasonEgress},
		"A good, AAAA loopback":    {"a.example", []record{{"a.example", typeA, open}, {"a.example", typeAAAA, "::1"}}, ReasonEgress},
		"AAAA that maps the bad A": {"a.example", []record{{"a.example", typeAAAA, "::ffff:127.0.0.2"}}, ReasonEgress},
		"AAAA of NAT64":            {"a.example", []record{{"a.example", typeA, open}, {"a.example", typeAAAA, "64:ff9b::7f00:2"}}, ReasonEgress},
		"wildcard DNS":             {"169.254.169.254.nip.example", []record{{"169.254.169.254.nip.example", typeA, "169.254.169.254"}}, ReasonEgress},
		"wildcard DNS, loopback":   {"127-0-0-2.nip.example", []record{{"127-0-0-2.nip.example", typeA, closed}}, ReasonEgress},
		"unspecified":              {"a.example", []record{{"a.example", typeA, "0.0.0.0"}}, ReasonEgress},
	} {
		t.Run(name, func(t *testing.T) {
			o := options()
			o.Egress.Deny = []config.EgressRule{{Host: "denied.example"}}
			o.Resolver = nameServer(t, func(kind uint16, _ int) (list []record, _ byte) {
				for _, r := range c.records {
					if r.kind == kind || r.kind == typeCNAME {
						list = append(list, r)
					}
				}
				return list, 0
			})
			before := s.count()
			r := newTarget(t, newDeliverer(t, o), config.Target{URL: "http://" + c.host + ":" + port(t, s.URL)}).Attempt(t.Context(), message())
			if r.Reason != c.reason || (r.Class == GiveUp) != (c.reason == ReasonEgress) {
				t.Errorf("%v %q (%v), want %q", r.Class, r.Reason, r.Cause, c.reason)
			}
			if sent := s.count() - before; (sent == 1) != (c.reason == None) {
				t.Errorf("%d requests were sent", sent)
			}
		})
	}
	if n := connections.Load(); n != 0 {
		t.Errorf("the closed address saw %d connections", n)
	}
}

// ssrf.md section 1.12: what DNS can't tell may be known later; it is no denial.
func TestFailuresOfDNS(t *testing.T) {
	for name, code := range map[string]byte{"SERVFAIL": 2, "NXDOMAIN": 3, "REFUSED": 5, "no address": 0} {
		t.Run(name, func(t *testing.T) {
			o := options()
			o.Resolver = nameServer(t, func(uint16, int) ([]record, byte) { return nil, code })
			r := newTarget(t, newDeliverer(t, o), config.Target{URL: "http://a.example:9"}).Attempt(t.Context(), message())
			wantResult(t, r, Retry, 0, ReasonDNS)
		})
	}
}
