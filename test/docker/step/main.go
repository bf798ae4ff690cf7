// Command step is the one program of the images that are built and run in the tests: it
// makes the files it is given.
package main

import (
	"fmt"
	"os"
)

func main() {
	for _, path := range os.Args[1:] {
		if err := os.WriteFile(path, []byte("made by a step\n"), 0o600); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}
