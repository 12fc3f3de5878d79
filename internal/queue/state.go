package queue

import "fmt"

// State is where a message is in its life. The numbers are stored by engines
// and never change.
type State uint8

// The states of a message. A message that is acknowledged leaves the queue
// unless a retention keeps it as StateDelivered.
const (
	StateQueued    State = 0
	StateLeased    State = 1
	StateDelivered State = 2
	StateDead      State = 3
	StateCanceled  State = 4
)

// States lists every state, in the order of their numbers.
func States() []State {
	return []State{StateQueued, StateLeased, StateDelivered, StateDead, StateCanceled}
}

var stateNames = [...]string{"queued", "leased", "delivered", "dead", "canceled"}

// String returns the name that the APIs use.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return fmt.Sprintf("state(%d)", uint8(s))
}

// Event is something that moves a message from one state to another.
type Event uint8

// The events of a message's life.
const (
	EventDequeue Event = iota // handed to a consumer
	EventAck                  // the consumer is done
	EventNack                 // the consumer gives it back
	EventBury                 // given up, to the dead letters
	EventExpire               // the lease ran out
	EventRequeue              // an operator sends it again, with a fresh budget
	EventCancel               // an operator takes it out
	EventResume               // an operator takes a cancel back
)

var transitions = map[Event]map[State]State{
	EventDequeue: {StateQueued: StateLeased},
	EventAck:     {StateLeased: StateDelivered},
	EventNack:    {StateLeased: StateQueued},
	EventBury:    {StateLeased: StateDead},
	EventExpire:  {StateLeased: StateQueued},
	EventRequeue: {StateDead: StateQueued, StateCanceled: StateQueued},
	EventCancel:  {StateQueued: StateCanceled, StateLeased: StateCanceled, StateDead: StateCanceled},
	EventResume:  {StateCanceled: StateQueued},
}

// Next returns the state after e, and whether e may happen in state s.
func (s State) Next(e Event) (State, bool) {
	to, ok := transitions[e][s]
	return to, ok
}
