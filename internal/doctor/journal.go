package doctor

import (
	"context"
	"errors"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// maxJournal is the size of the journal from which on it is worth a word, in
// bytes.
const maxJournal = 8 << 30

// checkJournal looks at what becomes of the log.
func checkJournal(ctx context.Context, p *patient) ([]Finding, error) {
	service, ok := p.service()
	if !ok {
		return nil, nil
	}
	var found []Finding
	if lines, limited := lineRate(service.get("LogRateLimitIntervalUSec"), service.number("LogRateLimitBurst")); limited && lines < leastLines {
		found = append(found, finding(Warning, idJournalLimit, serviceUnit, p.undo(`(?m)^\s*LogRateLimit`)...).
			says("the journal drops lines of the service that come fast", "lines of the access log are lost in a flood, and errors among them; "+
				"as packaged the unit may write a million lines in a second, and without a limit of its own that of the journal counts"))
	}
	if _, err := os.Stat(p.Paths.Journals); errors.Is(err, os.ErrNotExist) {
		found = append(found, finding(Warning, idJournalVolatile, p.Paths.Journals, "mkdir -p "+quote(p.Paths.Journals), "systemd-tmpfiles --create --prefix "+quote(p.Paths.Journals), "journalctl --flush").
			says("the journal is kept in memory only", "a reboot loses it: the trace of what was received, and why the machine went down"))
	}
	out, err := p.Commands.Output(ctx, "journalctl", "--disk-usage")
	if err != nil {
		return found, err
	}
	if size, ok := diskUsage(string(out)); ok && size > maxJournal {
		found = append(found, finding(Warning, idJournalLarge, p.Paths.Journals, "journalctl --vacuum-size=1G").
			says("the journal takes up "+strconv.FormatInt(size>>30, 10)+" GiB", "it shares the disk with others, perhaps with the queue; SystemMaxUse= in journald.conf bounds it for good"))
	}
	return found, nil
}

// leastLines is how many lines in a second the journal must take, of a service
// that writes one for each request.
const leastLines = 100_000

// lineRate is how many lines in a second the journal takes of a unit. A unit
// without a limit of its own has that of the journal. It is false if systemd is
// too old to tell.
func lineRate(interval string, burst int) (lines float64, known bool) {
	if interval == "" {
		return 0, false
	}
	seconds := 0.0
	for word := range strings.FieldsSeq(interval) { // as in "1min 30s"
		d, err := time.ParseDuration(strings.Replace(word, "min", "m", 1))
		if err != nil {
			seconds = 0
			break
		}
		seconds += d.Seconds()
	}
	if seconds == 0 {
		return 0, true
	}
	return float64(burst) / seconds, true
}

// diskUsage reads "Archived and active journals take up 24.0M in the file
// system.", in bytes.
func diskUsage(text string) (int64, bool) {
	m := regexp.MustCompile(`take up (\d+(?:\.\d+)?)([BKMGT]?)`).FindStringSubmatch(text)
	if m == nil {
		return 0, false
	}
	n, err := strconv.ParseFloat(m[1], 64)
	shift := 10 * max(0, strings.Index("BKMGT", m[2]))
	return int64(n * float64(int64(1)<<shift)), err == nil
}
