package gobuild

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// taker is set in a copy of this test that wants the folder, as another suite does.
const taker = "PULLTRACE_TEST_TAKER"

// Processes that want the same thing at once, in an empty cache folder and each several
// times at once, all get it whole, and it is made once.
func TestOnce(t *testing.T) {
	if os.Getenv(taker) != "" {
		take(t)
		return
	}
	cache := t.TempDir()
	var group errgroup.Group
	for range 4 {
		group.Go(func() error {
			cmd := exec.Command(os.Args[0], "-test.run=^TestOnce$")
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
	entries, err := os.ReadDir(filepath.Join(cache, "pulltrace"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	if got := strings.Join(names, " "); got != "thing thing.lock" {
		t.Errorf("the cache folder holds %s, want the thing and its lock", got)
	}
	made, err := os.ReadFile(filepath.Join(cache, "made"))
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(made, []byte("\n")); n != 1 {
		t.Errorf("it was made %d times, want once", n)
	}
}

// take has the thing made, which takes its time, or waits for it, three times at once.
func take(t *testing.T) {
	t.Helper()
	var group errgroup.Group
	for range 3 {
		group.Go(func() error {
			dir, err := Once("thing", makeThing)
			if err != nil {
				return err
			}
			_, err = os.Stat(filepath.Join(dir, "second"))
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
}

func makeThing(out string) error {
	made, err := os.OpenFile(filepath.Join(os.Getenv("XDG_CACHE_HOME"), "made"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer made.Close()
	if _, err := fmt.Fprintln(made, os.Getpid()); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(out, "first"), nil, 0o600); err != nil {
		return err
	}
	time.Sleep(100 * time.Millisecond)
	return os.WriteFile(filepath.Join(out, "second"), nil, 0o600)
}
