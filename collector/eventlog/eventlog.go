// Package eventlog reports the beginning and the end of pulls as lines of the
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
	for i := range u.Started {
		r.log.Info("pull started", identity(&u.Started[i])...)
	}
	for i := range u.Ended {
		p := &u.Ended[i]
		level := slog.LevelInfo
		if p.Outcome == pull.Failure {
			level = slog.LevelWarn
		}
		r.log.Log(context.Background(), level, "pull ended", append(identity(p),
			"outcome", p.Outcome,
			"duration", p.End.Sub(p.Start).Round(time.Millisecond),
			"downloaded", p.Downloaded,
			"cached", p.Cached)...)
	}
}

// identity is what tells one pull from another.
func identity(p *pull.Pull) []any {
	name := p.Image.Name
	if p.Image.Tag != "" {
		name += ":" + p.Image.Tag
	}
	return []any{"image", name, "digest", p.Image.Root, "namespace", p.ID.Namespace, "lease", p.ID.Lease}
}
