package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"syscall"
)

// Class tells kinds of failures apart.
type Class int

// The classes.
const (
	// Unreachable is a daemon that does not answer.
	Unreachable Class = iota + 1
	// Denied is a caller who may not.
	Denied
	// Refused is a daemon that answered no.
	Refused
)

// Error is a call that failed.
type Error struct {
	Class Class
	// Code is that of the answer, for programs; empty if it had none.
	Code  string
	text  string
	cause error
}

// Error implements error.
func (e *Error) Error() string {
	if e.cause != nil {
		return e.text + ": " + e.cause.Error()
	}
	return e.text
}

// Unwrap returns what went wrong below, nil if all is in the text.
func (e *Error) Unwrap() error { return e.cause }

func failure(class Class, format string, args ...any) *Error {
	return &Error{Class: class, text: fmt.Sprintf(format, args...)}
}

// explain says what an error of the connection means.
func (c *Client) explain(err error) error {
	var netErr net.Error
	switch {
	case c.unix && errors.Is(err, fs.ErrNotExist):
		return failure(Unreachable, "hookaido isn't running: there is no socket at %s; start it with: systemctl start hookaido", c.place)
	case c.unix && errors.Is(err, syscall.ECONNREFUSED):
		return failure(Unreachable, "hookaido isn't running: nobody listens on %s; start it with: systemctl start hookaido", c.place)
	case c.unix && errors.Is(err, fs.ErrPermission):
		return failure(Denied, "you may not use %s: run this as root, or as a member of the socket's group (ls -l %s)", c.place, c.place)
	case errors.Is(err, syscall.ECONNREFUSED):
		return failure(Unreachable, "nobody listens at %s: is hookaido running, and is that its admin_api listen address?", c.place)
	case errors.As(err, &netErr) && netErr.Timeout():
		return failure(Unreachable, "hookaido at %s did not answer in time: see journalctl -u hookaido", c.place)
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	e := failure(Unreachable, "talk to hookaido at %s", c.place)
	e.cause = err
	return e
}

// refusal turns an answer that is no success into an error.
func (c *Client) refusal(status int, body []byte) error {
	var answer struct{ Code, Detail string }
	if json.Unmarshal(body, &answer) != nil || answer.Code == "" {
		return failure(Refused, "%s answers %d without a reason: is that the admin API of hookaido?", c.place, status)
	}
	e := failure(Refused, "hookaido at %s refuses: %s (%s)", c.place, answer.Detail, answer.Code)
	switch status {
	case http.StatusUnauthorized:
		e = failure(Denied, "hookaido at %s wants another token: give one that admin_api { auth token … } lists", c.place)
	case http.StatusForbidden:
		e.Class = Denied
	}
	e.Code = answer.Code
	return e
}
