package page

import (
	"fmt"
	"strings"
	"time"
)

const intro = `# What watching costs

` + "`make bench`" + ` writes this page. Pulltrace, with its default settings, watches a real containerd in scenes that a
node may be in. Side by side with it, in one run on one machine, run what it is compared with, so that the
ratios should hold on other machines where the numbers do not:

- **containerd alone**: the same scene, and nobody watches;
- **bare loop**: a program that lists the open ingests (` + "`content.ListStatuses`" + `) of one namespace as often as Pulltrace looks
  in this scene, and does nothing with them: the progress of pulls is to be had for no less;
- **node_exporter**, with the collectors that are on by default, scraped every 15 s. It leaves FUSE's file systems out.

CPU time, resident memory and context switches are the kernel's, of each process before and after a window. Calls
were counted by a proxy on containerd's socket in a pass of its own, since a proxy costs. Pulls come from a
registry in the process that measures, on the same machine.

`

const shared = `
Where the load is above the number of processors, others used the machine as well. That shows in how long pulls take and in how soon
they are told, and less in CPU time.
`

// Markdown is the page.
func (r *Report) Markdown() string {
	var s strings.Builder
	s.WriteString(intro)
	s.WriteString("| | |\n|---|---|\n")
	for _, f := range r.Facts {
		row(&s, f[0], f[1])
	}
	s.WriteString(shared)
	r.writeGoals(&s)
	r.writeStates(&s)
	r.writeEvents(&s)
	r.writeFeatures(&s)
	r.writeLatencies(&s)
	r.writePairs(&s)
	return s.String()
}

func row(s *strings.Builder, cells ...string) { fmt.Fprintf(s, "| %s |\n", strings.Join(cells, " | ")) }

func head(s *strings.Builder, cells ...string) {
	row(s, cells...)
	s.WriteString("|" + strings.Repeat("---|", len(cells)) + "\n")
}

func (r *Report) writeGoals(s *strings.Builder) {
	s.WriteString("\n## Goals\n\n")
	head(s, "what", "at most", "measured", "")
	for _, g := range r.Goals() {
		verdict := "met"
		if !g.Met {
			verdict = "**missed**"
		}
		row(s, g.What, g.Limit, g.Measured, verdict)
	}
}

func (r *Report) each(event bool, f func(Scene)) {
	for _, scene := range r.Scenes {
		if scene.Event == event {
			f(scene)
		}
	}
}

func (r *Report) writeStates(s *strings.Builder) {
	s.WriteString(`
## A node as it is

CPU in per cent of a core. In brackets: of Pulltrace, how many times what node_exporter needs in the same window; of
containerd, how many times what it needs alone.

`)
	head(s, "scene", "Pulltrace", "bare loop", "node_exporter", "containerd alone", "with the bare loop", "with Pulltrace")
	r.each(false, func(scene Scene) {
		p, l, alone := scene.Pulltrace, scene.Loop, scene.Alone.Containerd.Core()
		row(s, scene.Name,
			beside(percent(p.Watcher.Core()), p.Watcher.Core(), p.Exporter.Core()),
			percent(l.Watcher.Core()), percent(p.Exporter.Core()),
			percent(alone), beside(percent(l.Containerd.Core()), l.Containerd.Core(), alone),
			beside(percent(p.Containerd.Core()), p.Containerd.Core(), alone))
	})
	s.WriteString(`
Resident memory in MiB at the end, in brackets the most since the program was started; context switches a second; calls on
containerd's socket a second, in brackets those of the busiest second; bytes a second that came by OTLP.

`)
	head(s, "scene", "memory: Pulltrace", "bare loop", "node_exporter", "switches: Pulltrace", "bare loop", "node_exporter", "calls", "exported")
	r.each(false, func(scene Scene) {
		p, l := scene.Pulltrace, scene.Loop
		row(s, scene.Name, memory(p.Watcher), memory(l.Watcher), memory(p.Exporter),
			whole(p.Watcher.SwitchRate()), whole(l.Watcher.SwitchRate()), whole(p.Exporter.SwitchRate()),
			callRate(scene.Calls), whole(p.ExportRate()))
	})
}

func callRate(c Calls) string { return fmt.Sprintf("%.1f (%d)", c.Rate(), c.Busiest) }

func (r *Report) writeEvents(s *strings.Builder) {
	s.WriteString(`
## Something happens

CPU in seconds, from the beginning until some seconds after the end. In brackets how many times what it is alone.
Each scene is played once for each who watches. One that takes minutes differs from run to run by more than what watching
adds, so its ratios say little: containerd lists all open ingests for the progress of each of its pulls.

`)
	head(s, "scene", "takes alone", "with the bare loop", "with Pulltrace", "containerd alone", "with the bare loop", "with Pulltrace",
		"Pulltrace", "bare loop", "node_exporter")
	r.each(true, func(scene Scene) {
		a, l, p := scene.Alone, scene.Loop, scene.Pulltrace
		lasted, cpu := a.each(a.Lasted), a.each(a.Containerd.CPU)
		with := func(mean, alone time.Duration) string { return beside(seconds(mean), mean.Seconds(), alone.Seconds()) }
		row(s, scene.Name, seconds(lasted), with(l.each(l.Lasted), lasted), with(p.each(p.Lasted), lasted),
			seconds(cpu), with(l.each(l.Containerd.CPU), cpu), with(p.each(p.Containerd.CPU), cpu),
			seconds(p.each(p.Watcher.CPU)), seconds(l.each(l.Watcher.CPU)), seconds(p.each(p.Exporter.CPU)))
	})
	s.WriteByte('\n')
	head(s, "scene", "memory of Pulltrace, MiB", "calls a second", "bytes exported")
	r.each(true, func(scene Scene) {
		row(s, scene.Name, memory(scene.Pulltrace.Watcher), callRate(scene.Calls), fmt.Sprint(scene.Pulltrace.Exported/int64(max(scene.Pulltrace.Count, 1))))
	})
}

func (r *Report) writeFeatures(s *strings.Builder) {
	fmt.Fprintf(s, "\n## What is switched on\n\nIn the scene %q, each compared with the first line.\n\n", r.scene(Open).Name)
	head(s, "settings", "CPU of Pulltrace", "memory, MiB", "exported, bytes a second")
	for _, f := range r.Features {
		first := r.Features[0].Window
		row(s, f.Name, beside(percent(f.Window.Watcher.Core()), f.Window.Watcher.Core(), first.Watcher.Core()),
			memory(f.Window.Watcher), beside(whole(f.Window.ExportRate()), f.Window.ExportRate(), first.ExportRate()))
	}
}

func (r *Report) writeLatencies(s *strings.Builder) {
	fmt.Fprintf(s, `
## How soon it is told

Of %d pulls, one after the other, with pauses on an idle node. The first byte is when the registry was asked for the first blob of
the image, by its own clock, and the end is when the call that pulled it returned.

`, len(r.Told))
	head(s, "", "half within", "99 of 100 within", "all within")
	for _, l := range []struct {
		name   string
		values []time.Duration
	}{
		{"from the first byte until bytes of the pull have arrived as a metric", r.FirstSeen},
		{"from the end of the pull until its trace has arrived", r.Told},
	} {
		row(s, l.name, milliseconds(quantile(l.values, 0.5)), milliseconds(quantile(l.values, 0.99)), milliseconds(quantile(l.values, 1)))
	}
}

func (r *Report) writePairs(s *strings.Builder) {
	var without, with []time.Duration
	var ratios []float64
	for _, p := range r.Pairs {
		without, with = append(without, p.Without), append(with, p.With)
		ratios = append(ratios, ratio(p.With.Seconds(), p.Without.Seconds()))
	}
	fmt.Fprintf(s, `
## Pulls with Pulltrace and without

%d pairs of pulls of new images of the same size as fast as the machine can, by turns with Pulltrace and without, the order
changing from pair to pair. Half of the pulls took %s without and %s with it. The time with it by the time without,
of each pair: **%s** in the middle, half of the pairs between %s and %s.
`, len(r.Pairs), seconds(quantile(without, 0.5)), seconds(quantile(with, 0.5)),
		times(quantile(ratios, 0.5)), times(quantile(ratios, 0.25)), times(quantile(ratios, 0.75)))
}
