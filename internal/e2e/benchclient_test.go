package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// rawConn is a keep-alive connection that costs little CPU, so that most of a
// small machine is left to the server.
type rawConn struct {
	conn net.Conn
	r    *bufio.Reader
	body []byte // of the last answer
}

func (c *rawConn) close() {
	if c.conn != nil {
		_ = c.conn.Close() // the benchmark is over
		c.conn = nil
	}
}

// request renders a POST. extra holds whole header lines.
func request(path, extra string, body []byte) []byte {
	return append(fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: bench\r\n%sContent-Length: %d\r\n\r\n", path, extra, len(body)), body...)
}

// expect sends req and fails unless the answer has the status.
func (c *rawConn) expect(status int, addr string, req []byte) error {
	got, err := c.exchange(addr, req)
	if err == nil && got != status {
		err = fmt.Errorf("status %d: %s", got, c.body)
	}
	if err != nil {
		c.close()
	}
	return err
}

func (c *rawConn) exchange(addr string, req []byte) (status int, err error) {
	if c.conn == nil {
		if c.conn, err = net.Dial("tcp", addr); err != nil {
			return 0, err
		}
		c.r = bufio.NewReaderSize(c.conn, 64<<10)
	}
	if _, err := c.conn.Write(req); err != nil {
		return 0, err
	}
	line, err := c.r.ReadString('\n')
	if err != nil {
		return 0, err
	}
	if len(line) < 12 {
		return 0, fmt.Errorf("status line %q", line)
	}
	status, err = strconv.Atoi(line[9:12])
	length := 0
	for err == nil && line != "\r\n" {
		if line, err = c.r.ReadString('\n'); err != nil {
			return 0, err
		}
		if name, value, ok := strings.Cut(line, ":"); ok && strings.EqualFold(name, "Content-Length") {
			length, err = strconv.Atoi(strings.TrimSpace(value))
		}
	}
	if err != nil {
		return 0, err
	}
	c.body = slices.Grow(c.body[:0], length)[:length]
	_, err = io.ReadFull(c.r, c.body)
	return status, err
}

func percentile(all []time.Duration, p float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[int(p*float64(len(all)-1))]
}

// cpu is the CPU time that the process has used, user and system.
func (d *daemon) cpu() time.Duration {
	d.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", d.cmd.Process.Pid))
	if err != nil {
		d.t.Fatal(err)
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	ticks := 0
	for _, f := range fields[11:13] { // utime and stime, proc(5)
		n, err := strconv.Atoi(f)
		if err != nil {
			d.t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}
