package app

import (
	"errors"

	"hookaido/internal/observe"
	"hookaido/internal/systemd"
)

// tellJournal adds an entry with a text of the catalog to what the command line
// prints when the daemon can't start or go on; that is lines, which can't have
// one, and the log may not be there yet or any more.
func tellJournal(err error) {
	event, message := farewell(err)
	if event == "" {
		return
	}
	if address, jerr := observe.JournalSocket(); jerr != nil || address == "" {
		return
	}
	e := systemd.Entry{
		Identifier: "hookaido", Priority: systemd.PriorityError, MessageID: observe.CatalogID(event), Message: message,
		Fields: map[string]string{"HOOKAIDO_EVENT": event, "HOOKAIDO_ERR": summary(err)},
	}
	_ = systemd.JournalNow(systemd.JournalSocket, e) // the lines are there too
}

// farewell returns the event that an error stands for, and its message.
func farewell(err error) (event, message string) {
	var failed *Failure
	if !errors.As(err, &failed) {
		return "", ""
	}
	switch failed.Code {
	case ExitConfig:
		return observe.StartConfigRefused, "the configuration was refused: " + summary(err)
	case ExitUnavailable:
		return observe.StartNoListener, "a listener is missing: " + summary(err)
	case ExitStorage:
		return observe.StartStorageFailed, "the queue's storage failed: " + summary(err)
	default:
		return "", ""
	}
}
