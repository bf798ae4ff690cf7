package limits

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"testing"
	"time"
)

// docs/limits.md has each limit, with its number.
func TestPageHasEachLimit(t *testing.T) {
	page, err := os.ReadFile("../../docs/limits.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := make(map[string]string)
	for _, row := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\| ([^|]+) \\|").FindAllStringSubmatch(string(page), -1) {
		rows[row[1]] = row[2]
	}
	want := map[string]string{
		"Events": count(Events), "Claims": count(Claims), "EndedPulls": count(EndedPulls), "Downloads": count(Downloads),
		"Waiters": count(Waiters), "Failures": count(Failures), "Unexplained": count(Unexplained),
		"Leases": count(Leases), "Layers": count(Layers), "Manifests": count(Manifests), "Blobs": count(Blobs), "IndexDepth": count(IndexDepth),
		"WaitingEvents": count(WaitingEvents), "SeenLeases": count(SeenLeases), "SeenRecords": count(SeenRecords),
		"Document": count(Document) + " B", "ImageBytes": "2^50 B",
		"CallTime": seconds(CallTime), "LookTime": seconds(LookTime), "OthersTime": fmt.Sprintf("%d ms", OthersTime.Milliseconds()), "EventPause": fmt.Sprintf("%d ms", EventPause.Milliseconds()),
		"OtherCalls": count(OtherCalls), "OtherCallsPerSec": count(OtherCallsPerSec),
		"RecordCalls": count(RecordCalls), "RecordCallsPerSec": count(RecordCallsPerSec), "QuietLease": fmt.Sprintf("%g min", QuietLease.Minutes()),
		"PodList": fmt.Sprintf("%d MiB", PodList>>20), "Message": fmt.Sprintf("%d KiB", Message>>10),
		"Registries": count(Registries),
	}
	if ImageBytes != 1<<50 {
		t.Error("the page says 2^50 B")
	}
	for _, name := range declared(t) {
		if want[name] == "" {
			t.Errorf("%s is not in this test", name)
		}
		if rows[name] != want[name] {
			t.Errorf("the page says %q of %s, want %q", rows[name], name, want[name])
		}
		delete(rows, name)
	}
	for name := range rows {
		t.Errorf("the page has %s, which is no limit", name)
	}
}

func count(n int) string { return fmt.Sprint(n) }

func seconds(d time.Duration) string { return fmt.Sprintf("%g s", d.Seconds()) }

// declared are the names of all constants of the package.
func declared(t *testing.T) (names []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "limits.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, is := n.(*ast.ValueSpec); is {
			for _, name := range spec.Names {
				names = append(names, name.Name)
			}
		}
		return true
	})
	return names
}
