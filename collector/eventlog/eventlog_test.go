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
	over.End, over.Outcome, over.Err, over.Message = start.Add(1500*time.Millisecond), pull.Failure, pull.ErrDNS, "no such host"
	done := over
	done.Outcome, done.Err, done.Message = pull.Success, "", ""
	web := pull.Waiter{Pod: pull.Pod{Namespace: "shop", Name: "web"}, Container: "main", Image: pull.Reference{Name: p.Image.Name, Tag: "1"}}
	abandoned := done
	abandoned.Outcome, abandoned.Err = pull.Unknown, pull.ErrAbandoned
	waited := done
	waited.Pods = []pull.Waiter{web}

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
		{Kind: pull.Finished, Pull: &waited},
		{Kind: pull.Failed, Pull: &over},
		{Kind: pull.Abandoned, Pull: &abandoned},
	}, Refused: []pull.Attempt{{Waiter: web, Err: pull.ErrNotFound, Message: "not there"}}})
	const who = " image=docker.io/library/nginx:1 digest=sha256:aa namespace=k8s.io lease=1-a"
	want := []string{
		`level=INFO msg="pull started"` + who,
		`level=WARN msg="pull stalled"` + who + ` idle=1m0s downloaded=10 cached=5`,
		`level=INFO msg="pull resumed"` + who + ` downloaded=10 cached=5`,
		`level=INFO msg="pull finished"` + who + ` outcome=success duration=1.5s downloaded=10 cached=5`,
		`level=INFO msg="pull finished"` + who + ` pods=[shop/web/main] outcome=success duration=1.5s downloaded=10 cached=5`,
		`level=WARN msg="pull failed"` + who + ` outcome=failure duration=1.5s downloaded=10 cached=5 error=dns message="no such host"`,
		`level=INFO msg="pull abandoned: no client is behind its lease"` + who + ` outcome=unknown duration=1.5s downloaded=10 cached=5 error=abandoned`,
		`level=WARN msg="pull refused" image=docker.io/library/nginx:1 pod=shop/web/main error=not_found message="not there"`,
		"",
	}
	if got := strings.Split(out.String(), "\n"); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("logged\n%s\nwant\n%s", out.String(), strings.Join(want, "\n"))
	}
}
