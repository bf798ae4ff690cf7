// Package eventlog reports the turns in the life of each pull as lines of the
// structured log, for whoever runs Pulltrace without a backend.
package eventlog

import (
	"context"
	"log/slog"
	"time"

	"github.com/pulltrace/pulltrace/collector/pull"
)

// Reporter logs the updates that it is told.
type Reporter struct{ log *slog.Logger }

// New returns a Reporter that logs to log.
func New(log *slog.Logger) Reporter { return Reporter{log} }

// Report takes note of an update.
func (r Reporter) Report(u pull.Update) {
	for _, c := range u.Changes {
		level := slog.LevelInfo
		if c.Kind.Worrying() {
			level = slog.LevelWarn
		}
		message := "pull " + string(c.Kind)
		if c.Kind == pull.Abandoned {
			message += ": no client is behind its lease"
		}
		r.log.Log(context.Background(), level, message, append(identity(c.Pull), state(c)...)...) //nolint:sloglint // one of six
	}
	for i := range u.Refused {
		a := &u.Refused[i]
		r.log.Warn("pull refused", "image", a.Waiter.Image.String(), "pod", a.Waiter.String(), "error", a.Err, "message", a.Message)
	}
}

// identity is what tells one pull from another.
func identity(p *pull.Pull) []any {
	name := p.Image.Name
	if p.Image.Tag != "" {
		name += ":" + p.Image.Tag
	}
	attrs := []any{"image", name, "digest", p.Image.Root, "namespace", p.ID.Namespace, "lease", p.ID.Lease}
	var pods []string
	for _, w := range p.Pods {
		pods = append(pods, w.String())
	}
	if len(pods) > 0 {
		attrs = append(attrs, "pods", pods)
	}
	return attrs
}

// state is what is worth a word at a turn.
func state(c pull.Change) []any {
	p := c.Pull
	bytes := []any{"downloaded", p.Downloaded, "cached", p.Cached}
	switch c.Kind {
	case pull.Started:
		return nil
	case pull.Stalled:
		return append([]any{"idle", p.Idle.Round(time.Millisecond)}, bytes...)
	case pull.Resumed:
		return bytes
	default:
		end := append([]any{"outcome", p.Outcome, "duration", p.End.Sub(p.Start).Round(time.Millisecond)}, bytes...)
		if p.Err != "" {
			end = append(end, "error", p.Err)
		}
		if p.Message != "" {
			end = append(end, "message", p.Message)
		}
		return end
	}
}
