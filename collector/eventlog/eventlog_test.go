package eventlog

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/pulltrace/pulltrace/collector/pull"
)

// Each turn in the life of a pull is one line.
func TestEachChangeIsALine(t *testing.T) {
	start := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	p := &pull.Pull{
		ID:    pull.ID{Daemon: "d", Namespace: "k8s.io", Lease: "1-a"},
		Image: pull.Image{Name: "docker.io/library/nginx", Tag: "1", Root: "sha256:aa"},
		Start: start, Downloaded: 10, Cached: 5, Idle: time.Minute,
	}
	over := *p
	over.End, over.Outcome = start.Add(1500*time.Millisecond), pull.Failure
	done := over
	done.Outcome = pull.Success

	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	New(log).Report(pull.Update{Changes: []pull.Change{
		{Kind: pull.Started, Pull: p},
		{Kind: pull.Stalled, Pull: p},
		{Kind: pull.Resumed, Pull: p},
		{Kind: pull.Finished, Pull: &done},
		{Kind: pull.Failed, Pull: &over},
	}})
	const who = " image=docker.io/library/nginx:1 digest=sha256:aa namespace=k8s.io lease=1-a"
	want := []string{
		`level=INFO msg="pull started"` + who,
		`level=WARN msg="pull stalled"` + who + ` idle=1m0s downloaded=10 cached=5`,
		`level=INFO msg="pull resumed"` + who + ` downloaded=10 cached=5`,
		`level=INFO msg="pull finished"` + who + ` outcome=success duration=1.5s downloaded=10 cached=5`,
		`level=WARN msg="pull failed"` + who + ` outcome=failure duration=1.5s downloaded=10 cached=5`,
		"",
	}
	if got := strings.Split(out.String(), "\n"); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("logged\n%s\nwant\n%s", out.String(), strings.Join(want, "\n"))
	}
}
