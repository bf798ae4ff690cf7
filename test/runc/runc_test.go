package runc

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sync/errgroup"
)

// taker is set in a copy of this test that wants runc, as another suite does.
const taker = "PULLTRACE_TEST_TAKER"

// Suites that want Debian's runc at once, in an empty cache folder, all get one that
// runs. Two of them used to fetch it, and the second failed to put it where the first
// one's was.
func TestDebianAtOnce(t *testing.T) {
	if _, err := exec.LookPath("apt-get"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	if os.Getenv(taker) != "" {
		take(t)
		return
	}
	cache := t.TempDir()
	var group errgroup.Group
	for range 3 {
		group.Go(func() error {
			cmd := exec.Command(os.Args[0], "-test.run=^TestDebianAtOnce$")
			cmd.Env = append(os.Environ(), taker+"=true", "XDG_CACHE_HOME="+cache)
			var out bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &out
			if err := cmd.Run(); err != nil {
				return fmt.Errorf("%w\n%s", err, out.Bytes())
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
}

func take(t *testing.T) {
	t.Helper()
	path, err := debian(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), path, "--version").CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", path, err, out)
	}
}
