// Command hookaido-generator writes the addresses of the Hookaidofile into
// drop-ins of the socket units, so that operators edit one file. systemd runs
// it at boot and on every daemon-reload, see systemd.generator(7), and waits for
// it. So it reads two bounded files and nothing else, uses no network, and
// always exits with 0: what it can't be sure of it leaves as packaged, and says
// so in the journal.
//
//	hookaido-generator NORMAL-DIR [EARLY-DIR LATE-DIR]
//	hookaido-generator --report
//
// With --report it writes nothing and prints what it leaves as packaged.
package main

import (
	"fmt"
	"os"

	"hookaido/internal/systemd"
)

func main() {
	g := generator{
		environment: "/etc/default/hookaido",
		config:      "/etc/hookaido/Hookaidofile",
		journal:     systemd.JournalSocket,
		credstore:   systemd.SystemCredstore(),
	}
	switch {
	case len(os.Args) == 2 && os.Args[1] == "--report":
		for _, n := range g.plan().notes {
			fmt.Fprintln(os.Stderr, n)
		}
	case len(os.Args) >= 2 && len(os.Args[1]) > 0 && os.Args[1][0] == '/':
		g.run(os.Args[1])
	default:
		fmt.Fprintln(os.Stderr, "usage: hookaido-generator NORMAL-DIR [EARLY-DIR LATE-DIR]; see hookaido-generator(8)")
		os.Exit(2)
	}
}
