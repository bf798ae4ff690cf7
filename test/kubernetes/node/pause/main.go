// Pause is the program of every container of the tests. It waits until it is asked to
// end, or for as long as its argument says.
package main

import (
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGINT, syscall.SIGTERM)
	var over <-chan time.Time
	if len(os.Args) > 1 {
		d, err := time.ParseDuration(os.Args[1])
		if err != nil {
			os.Exit(2)
		}
		over = time.After(d)
	}
	select {
	case <-asked:
	case <-over:
	}
}
