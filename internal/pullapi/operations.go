package pullapi

import (
	"bytes"
	"errors"
	"net/http"
	"strconv"
	"time"

	"hookaido/internal/httpx"
	"hookaido/internal/pull"
	"hookaido/internal/queue"
)

func (h *Handler) dequeue(c call) {
	req, err := decodeDequeue(c)
	if err != nil {
		h.service.Refused(c.endpoint)
		h.refuseRequest(c, err)
		return
	}
	began := h.clock.Monotonic()
	items, err := h.service.Dequeue(c.r.Context(), c.endpoint, req)
	if err != nil {
		h.refuse(c, err, httpx.Error{Status: http.StatusServiceUnavailable, Code: "store_unavailable",
			Detail: "dequeue is temporarily unavailable", RetryAfter: httpx.RetryAfter})
		return
	}
	h.works()
	h.writeItems(c, items, h.clock.Monotonic()-began)
}

func decodeDequeue(c call) (pull.DequeueRequest, error) {
	var refused *httpx.Error
	c.buffers.in, refused = httpx.ReadBody(c.r, c.buffers.in[:0], httpx.MaxJSON)
	batch, ttl, wait := 1, "", ""
	if refused == nil && len(bytes.TrimSpace(c.buffers.in)) > 0 {
		refused = httpx.ParseObject(c.buffers.in, []httpx.Field{
			{Name: "batch", Into: &batch}, {Name: "lease_ttl", Into: &ttl}, {Name: "max_wait", Into: &wait},
		})
	}
	if refused != nil {
		return pull.DequeueRequest{}, refused
	}
	req := pull.DequeueRequest{Batch: batch}
	var err error
	if req.MaxWait, err = pull.ParseDuration("max_wait", wait); err != nil {
		return req, err
	}
	req.LeaseTTL, err = pull.ParseDuration("lease_ttl", ttl)
	return req, err
}

// refuseRequest answers an error of decoding.
func (h *Handler) refuseRequest(c call, err error) {
	var refused *httpx.Error
	if errors.As(err, &refused) {
		httpx.Refuse(c.w, refused)
		return
	}
	h.refuse(c, err, httpx.Error{Status: http.StatusInternalServerError, Code: "internal_error", Detail: "decoding failed"})
}

// leaseBody is the body of ack, nack and extend, which share one form: what
// belongs to another of them is accepted and has no effect.
type leaseBody struct {
	leaseID  string
	leaseIDs []string
	delay    string
	dead     bool
	reason   string
	extendBy string
}

func decodeLease(c call) (leaseBody, error) {
	var refused *httpx.Error
	c.buffers.in, refused = httpx.ReadBody(c.r, c.buffers.in[:0], httpx.MaxJSON)
	var b leaseBody
	if refused == nil {
		refused = httpx.ParseObject(c.buffers.in, []httpx.Field{
			{Name: "lease_id", Into: &b.leaseID}, {Name: "lease_ids", Into: &b.leaseIDs},
			{Name: "delay", Into: &b.delay}, {Name: "dead", Into: &b.dead},
			{Name: "reason", Into: &b.reason}, {Name: "extend_by", Into: &b.extendBy},
		})
	}
	if refused != nil {
		return b, refused
	}
	return b, nil
}

func (h *Handler) ack(c call) {
	b, err := decodeLease(c)
	if err != nil {
		h.refuseRequest(c, err)
		return
	}
	h.settle(c, pull.SettleRequest{LeaseID: b.leaseID, LeaseIDs: b.leaseIDs, Action: queue.Ack})
}

func (h *Handler) nack(c call) {
	b, err := decodeLease(c)
	if err != nil {
		h.refuseRequest(c, err)
		return
	}
	req := pull.SettleRequest{LeaseID: b.leaseID, LeaseIDs: b.leaseIDs, Action: queue.Bury, Reason: b.reason}
	if !b.dead {
		req.Action = queue.Nack
		if req.Delay, err = pull.ParseDuration("delay", b.delay); err != nil {
			h.refuseRequest(c, err)
			return
		}
	}
	h.settle(c, req)
}

func (h *Handler) settle(c call, req pull.SettleRequest) {
	result, err := h.service.Settle(c.r.Context(), c.endpoint, req)
	if err != nil {
		h.refuse(c, err, leaseFailure(req.Action))
		return
	}
	h.works()
	switch {
	case !result.Batch && len(result.Conflicts) > 0:
		httpx.Refuse(c.w, leaseConflict())
	case !result.Batch:
		c.w.WriteHeader(http.StatusNoContent)
	default:
		writeSettled(c, req.Action, result)
	}
}

func leaseFailure(a queue.Action) httpx.Error {
	e := httpx.Error{Status: http.StatusInternalServerError, Code: "internal_error", Detail: "ack failed"}
	switch a {
	case queue.Nack:
		e.Detail = "nack failed"
	case queue.Bury:
		e.Detail = "mark dead failed"
	}
	return e
}

func leaseConflict() *httpx.Error {
	return &httpx.Error{Status: http.StatusConflict, Code: "lease_conflict", Detail: "lease is invalid or expired"}
}

func (h *Handler) extend(c call) {
	b, err := decodeLease(c)
	if err != nil {
		h.refuseRequest(c, err)
		return
	}
	by, err := pull.ParseDuration("extend_by", b.extendBy)
	if err != nil {
		h.refuseRequest(c, err)
		return
	}
	err = h.service.Extend(c.r.Context(), c.endpoint, pull.ExtendRequest{LeaseID: b.leaseID, By: by})
	switch {
	case err == nil:
		c.w.WriteHeader(http.StatusNoContent)
	case errors.Is(err, queue.ErrLeaseNotFound), errors.Is(err, queue.ErrLeaseExpired):
		httpx.Refuse(c.w, leaseConflict())
	default:
		h.refuse(c, err, httpx.Error{Status: http.StatusInternalServerError, Code: "internal_error", Detail: "extend failed"})
	}
}

// writeSettled answers the batch form.
func writeSettled(c call, a queue.Action, result pull.SettleResult) {
	name := `"succeeded":`
	if a == queue.Ack {
		name = `"acked":`
	}
	b := append(c.buffers.out[:0], '{')
	if len(result.Conflicts) > 0 {
		b = append(b, `"code":"lease_conflict","detail":"one or more leases are invalid or expired",`...)
	}
	b = strconv.AppendInt(append(b, name...), int64(result.Done), 10)
	if len(result.Conflicts) == 0 {
		b = append(b, "}\n"...)
		httpx.WriteJSON(c.w, http.StatusOK, b)
		c.buffers.out = b
		return
	}
	httpx.NoteOf(c.w).Reason = "lease_conflict"
	for i, c := range result.Conflicts {
		sep := `,{"lease_id":`
		if i == 0 {
			sep = `,"conflicts":[{"lease_id":`
		}
		b = httpx.AppendString(append(b, sep...), c.LeaseID)
		reason := `,"reason":"lease_not_found"}`
		if errors.Is(c.Err, queue.ErrLeaseExpired) {
			reason = `,"reason":"lease_expired"}`
		}
		b = append(b, reason...)
	}
	b = append(b, "]}\n"...)
	httpx.WriteJSON(c.w, http.StatusConflict, b)
	c.buffers.out = b
}

// lateAnswer is when an answer has used up so much of the server's write
// timeout that it needs a new one.
const lateAnswer = httpx.WriteTimeout - 60*time.Second
