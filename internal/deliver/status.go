package deliver

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxRetryAfter bounds what a target may ask for.
const maxRetryAfter = time.Hour

// judge says what an answer means. Again has statuses that are tried again
// beside those that always are.
func judge(resp *http.Response, again []int, now time.Time) Result {
	status := resp.StatusCode
	if status >= 200 && status < 300 {
		return Result{Class: Done, Status: status}
	}
	r := Result{Class: GiveUp, Status: status, Reason: statusReason(status)}
	switch {
	case status < 200:
		r.Class, r.Reason = Retry, ReasonProtocol
	case status >= 500, status == http.StatusRequestTimeout, status == http.StatusTooEarly, status == http.StatusTooManyRequests,
		slices.Contains(again, status):
		r.Class = Retry
	}
	text := fmt.Sprintf("the target answered %d", status)
	if status >= 300 && status < 400 {
		text += ", which is no delivery"
		if where := locationText(resp.Header.Get("Location")); where != "" {
			text += "; it points to " + where
		}
	}
	r.Cause = &boundedError{statusError(text)}
	if r.Class == Retry {
		if wait := retryAfter(resp.Header.Get("Retry-After"), now); wait > 0 {
			r.Class, r.RetryAfter = RetryAfter, wait
		}
	}
	return r
}

type statusError string

func (e statusError) Error() string { return string(e) }

func statusReason(status int) Reason {
	switch {
	case status == http.StatusGone:
		return ReasonGone
	case status >= 300 && status < 400:
		return ReasonRedirect
	case status >= 600:
		return "status_other"
	}
	return Reason("status_" + strconv.Itoa(status))
}

// retryAfter reads a Retry-After header, in seconds or as a date. It returns 0
// for what is malformed, not above 0 or past.
func retryAfter(text string, now time.Time) time.Duration {
	text = strings.TrimSpace(text)
	if text == "" {
		return 0
	}
	if strings.Trim(text, "0123456789") == "" {
		seconds, err := strconv.ParseInt(text, 10, 64)
		if err != nil || seconds > int64(maxRetryAfter/time.Second) {
			return maxRetryAfter // digits alone fail only by being too many
		}
		return time.Duration(seconds) * time.Second
	}
	date, err := http.ParseTime(text)
	if err != nil || !date.After(now) {
		return 0
	}
	return min(date.Sub(now), maxRetryAfter)
}

// locationText is where a redirect leads, without what may be secret in it.
func locationText(location string) string {
	u, err := url.Parse(location)
	if err != nil || location == "" {
		return ""
	}
	u.User, u.RawQuery, u.Fragment, u.RawFragment = nil, "", "", ""
	return printable(u.String(), 200)
}
