package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/pulltrace/pulltrace/collector/pull"
)

// notes say how a pull stands, in ever fewer words.
func notes(p *pull.Pull) []string {
	fetched := mebibytes(p.Downloaded)
	took := seconds(p.End.Sub(p.Start))
	switch {
	case p.Outcome == pull.Success && p.Cached > 0:
		return []string{fetched + " in " + took + ", " + mebibytes(p.Cached) + " cached", fetched + " in " + took, took}
	case p.Outcome == pull.Success:
		return []string{fetched + " in " + took, took}
	case p.Outcome != "":
		outcome := map[pull.Outcome]string{pull.Failure: "failed", pull.Unknown: "ended somehow"}[p.Outcome]
		return []string{outcome + " after " + took + ", " + mebibytes(p.Wasted()) + " wasted", outcome + " after " + took, outcome}
	case p.Stalled:
		stalled := "stalled for " + seconds(p.Idle)
		return []string{stalled + " at " + part(p.Downloaded, p.Size), stalled}
	case p.Phase != pull.Downloading:
		return []string{string(p.Phase)}
	}
	rate := mebibytes(int64(p.Rate)) + "/s"
	if p.Remaining < 0 {
		return []string{part(p.Downloaded, p.Size) + "  " + rate, rate}
	}
	left := fmt.Sprintf("%.0f s left", p.Remaining.Seconds())
	return []string{part(p.Downloaded, p.Size) + "  " + rate + "  " + left, rate + "  " + left, left}
}

// shortName is the image without its registry, as far as it is known.
func shortName(p *pull.Pull) string {
	name := strings.TrimPrefix(p.Image.Name, p.Image.Registry+"/")
	switch {
	case name == "":
		return "?"
	case p.Image.Tag != "":
		return name + ":" + p.Image.Tag
	}
	return name
}

func mebibytes(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/MiB) }

// part says how much of a whole there is.
func part(n, whole int64) string { return fmt.Sprintf("%.1f of %s", float64(n)/MiB, mebibytes(whole)) }

func seconds(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}
