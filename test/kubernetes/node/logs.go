//go:build linux

package node

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const shownLines = 200 // of each log, the last ones

// LogPath is the path of what a program of the node has written, as containerd.
func (n *Node) LogPath(program string) string { return n.logPath(program) }

// showLogs writes what the programs of the node wrote.
func (n *Node) showLogs() {
	logs, _ := filepath.Glob(n.logPath("*"))
	for _, path := range logs {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		lines := strings.Split(strings.TrimSpace(string(text)), "\n")
		if left := len(lines) - shownLines; left > 0 {
			lines = append([]string{fmt.Sprintf("(%d lines are left out)", left)}, lines[left:]...)
		}
		fmt.Printf("%s wrote:\n\t%s\n", filepath.Base(path), strings.Join(lines, "\n\t"))
	}
}
