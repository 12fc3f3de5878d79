package deliver

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"hookaido/internal/config"
)

// C67, C73, badinput 104: what each status means.
func TestStatuses(t *testing.T) {
	for _, c := range []struct {
		status int
		again  []int
		class  Class
		reason Reason
	}{
		{200, nil, Done, None}, {201, nil, Done, None}, {202, nil, Done, None}, {204, nil, Done, None}, {299, nil, Done, None},
		{300, nil, GiveUp, ReasonRedirect}, {301, nil, GiveUp, ReasonRedirect}, {302, nil, GiveUp, ReasonRedirect},
		{303, nil, GiveUp, ReasonRedirect}, {304, nil, GiveUp, ReasonRedirect}, {307, nil, GiveUp, ReasonRedirect}, {308, nil, GiveUp, ReasonRedirect},
		{302, []int{302}, Retry, ReasonRedirect},
		{400, nil, GiveUp, "status_400"}, {401, nil, GiveUp, "status_401"}, {403, nil, GiveUp, "status_403"}, {404, nil, GiveUp, "status_404"},
		{401, []int{401, 404}, Retry, "status_401"}, {404, []int{401, 404}, Retry, "status_404"}, {403, []int{401, 404}, GiveUp, "status_403"},
		{408, nil, Retry, "status_408"}, {425, nil, Retry, "status_425"}, {429, nil, Retry, "status_429"},
		{410, nil, GiveUp, ReasonGone}, {410, []int{410}, Retry, ReasonGone}, {499, nil, GiveUp, "status_499"},
		{500, nil, Retry, "status_500"}, {501, nil, Retry, "status_501"}, {503, nil, Retry, "status_503"}, {599, nil, Retry, "status_599"},
		{600, nil, Retry, "status_other"}, {999, nil, Retry, "status_other"},
	} {
		s := newSink(t, status(c.status))
		target := newTarget(t, newDeliverer(t, options()), config.Target{URL: s.URL, RetryStatus: c.again})
		wantResult(t, target.Attempt(t.Context(), message()), c.class, c.status, c.reason)
	}
}

// badinput 105, and a target that says when to come again.
func TestRetryAfterOfTargets(t *testing.T) {
	for _, c := range []struct {
		status int
		header string
		class  Class
		wait   time.Duration
	}{
		{429, "7", RetryAfter, 7 * time.Second},
		{503, now.Add(90 * time.Second).Format(http.TimeFormat), RetryAfter, 90 * time.Second},
		{429, "99999999", RetryAfter, time.Hour},
		{503, "-1", Retry, 0},
		{429, "soon", Retry, 0},
		{404, "7", GiveUp, 0},
		{200, "7", Done, 0},
	} {
		s := newSink(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", c.header)
			w.WriteHeader(c.status)
		})
		if r := deliverTo(t, s.URL); r.Class != c.class || r.RetryAfter != c.wait {
			t.Errorf("%d with Retry-After %q: %v after %v, want %v after %v", c.status, c.header, r.Class, r.RetryAfter, c.class, c.wait)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"": 0, " ": 0, "0": 0, "1": time.Second, " 30 ": 30 * time.Second, "3600": time.Hour, "3601": time.Hour,
		"99999999999999999999999": time.Hour, "9223372036854775807": time.Hour, "-5": 0, "+5": 0, "1.5": 0, "1e3": 0, "0x10": 0, "５": 0,
		"Wed, 25 Nov 2026 12:00:10 GMT": 10 * time.Second, "Wed, 25 Nov 2026 12:00:00 GMT": 0, "Wed, 25 Nov 2026 11:59:59 GMT": 0,
		"Wednesday, 25-Nov-26 12:01:00 GMT": time.Minute, "Wed Nov 25 12:01:00 2026": time.Minute,
		"Fri, 31 Dec 9999 23:59:59 GMT": time.Hour, "2026-11-25T12:00:10Z": 0, "Wed, 25 Nov 2026 12:00:10": 0,
	} {
		if got := retryAfter(text, now); got != want {
			t.Errorf("retryAfter(%q) = %v, want %v", text, got, want)
		}
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"", "1", "-1", "99999999", "9223372036854775808", "Wed, 25 Nov 2026 12:00:10 GMT", "Wed Nov 25 12:01:00 2026", "1,2", "\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		wait := retryAfter(text, now)
		if wait < 0 || wait > time.Hour {
			t.Fatalf("retryAfter(%q) = %v, out of bounds", text, wait)
		}
		if wait > 0 && !strings.ContainsAny(text, "0123456789") {
			t.Fatalf("retryAfter(%q) = %v from nothing", text, wait)
		}
	})
}

// C67, C107: the log tells where a redirect leads, without secrets.
func TestLocationIsToldWithoutSecrets(t *testing.T) {
	s := newSink(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "https://user:pass@elsewhere.example/x?token=s3cret#frag")
		w.WriteHeader(302)
	})
	text := deliverTo(t, s.URL).Cause.Error()
	if !strings.Contains(text, "https://elsewhere.example/x") || strings.Contains(text, "s3cret") || strings.Contains(text, "pass") || strings.Contains(text, "frag") {
		t.Errorf("the cause is %q", text)
	}
}

func TestCausesAreOneShortPrintableLine(t *testing.T) {
	for in, want := range map[string]string{
		"plain": "plain", "a\nb": `a\nb`, "a\x1b[31mred": "a?[31mred", "tab\there": "tab here", "\xff\xfe": "??", "rtl\u202e": "rtl?", " x ": "x",
		strings.Repeat("é", 200): strings.Repeat("é", 150) + "…", "x" + strings.Repeat("é", 200): "x" + strings.Repeat("é", 149) + "…",
	} {
		if got := printable(in, 300); got != want {
			t.Errorf("printable(%q) = %q, want %q", in, got, want)
		}
	}
}
