package e2e

import (
	"net/http"
	"syscall"
	"testing"
)

// C61, and max_deliveries: what is given back too often is a dead letter, also
// after a crash, and a requeue gives it its deliveries anew.
func TestMaxDeliveries(t *testing.T) {
	d := newManaged(t, "/in { pull { path /in max_deliveries 2 } }\n").start()
	d.publish("/messages/publish", "/in", "m1")
	deliver := func() {
		t.Helper()
		for attempt := 1; attempt <= 2; attempt++ {
			got := d.dequeue("/in", `{}`)
			if len(got) != 1 || got[0].Attempt != attempt {
				t.Fatalf("attempt %d: got %+v", attempt, got)
			}
			if a := d.call("/in/nack", `{"lease_id":"`+got[0].LeaseID+`"}`); a.status != http.StatusNoContent {
				t.Fatalf("nack: %d %s", a.status, a.body)
			}
		}
		if got := d.dequeue("/in", `{}`); len(got) != 0 {
			t.Fatalf("a third delivery: %+v", got)
		}
		dead, _ := d.page("/dlq")
		if len(dead) != 1 || dead[0].ID != "m1" || dead[0].DeadReason != "max_deliveries" || dead[0].Attempt != 2 {
			t.Fatalf("dead letters: %+v", dead)
		}
	}
	deliver()
	d.kill()
	d.start()
	if a := d.operate("POST", "/dlq/requeue", `{"ids":["m1"]}`, because("fixed")...); a.status != http.StatusOK {
		t.Fatalf("requeue: %d %s", a.status, a.body)
	}
	deliver()
	d.stop()
}

// Retention drops what is old, by itself and with what a reload says.
func TestRetention(t *testing.T) {
	const routes = "/in { pull { path /in } }\n/other { pull { path /other } }\n"
	d := newManaged(t, routes+"delivered_retention { max_age 1h }\n").start()
	d.publish("/messages/publish", "/in", "delivered", "dead", "canceled", "queued")
	leases := d.dequeue("/in", `{"batch":2}`)
	if len(leases) != 2 || d.call("/in/ack", `{"lease_id":"`+leases[0].LeaseID+`"}`).status != http.StatusNoContent ||
		d.call("/in/nack", `{"lease_id":"`+leases[1].LeaseID+`","dead":true,"reason":"no"}`).status != http.StatusNoContent {
		t.Fatalf("leases %+v", leases)
	}
	if a := d.operate("POST", "/messages/cancel", `{"ids":["canceled"]}`, because("test")...); a.status != http.StatusOK {
		t.Fatalf("cancel: %d %s", a.status, a.body)
	}
	const all = "queued:queued canceled:canceled dead:dead delivered:delivered"
	if got := d.ids("/messages"); got != all {
		t.Fatalf("messages %s, want %s", got, all)
	}
	d.manage(routes + "queue_retention { max_age 1h prune_interval 1s }\ndelivered_retention { max_age 1s }\ndlq_retention { max_age 1s }\n")
	d.signal(syscall.SIGHUP)
	d.eventually("what has ended is dropped", func() bool { return d.ids("/messages") == "queued:queued" })
	d.manage(routes + "queue_retention { max_age 1s prune_interval 1s }\n")
	d.signal(syscall.SIGHUP)
	d.eventually("what waits is dropped", func() bool { return d.ids("/messages") == "" })
	d.stop()
}
