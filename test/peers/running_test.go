package peers

import (
	"fmt"
	"time"
)

// checkRunning holds what is told of pulls while they run.
func (n *node) checkRunning(tb *table, tr *truth) {
	n.Helper()
	n.checkLarge(tb, tr)
	n.checkStalled(tb, tr)
	active := func(phase string, at time.Time, want int) {
		n.Helper()
		query := fmt.Sprintf("sum(pulltrace_pull_active{$,pulltrace_pull_phase=%q})", phase)
		n.check(tb, row{metric: "pulltrace.pull.active", query: query, at: at, want: exactly(want)}, timely...)
	}
	active("downloading", tr.standing, 1)
	active("downloading", tr.moving, 1)
	active("resolving", tr.moving, 0)
	active("queued", tr.moving, 1)
	active("unpacking", tr.moving, 0)
	for at, want := range map[time.Time]int{tr.standing: 1, tr.moving: 0} {
		n.check(tb, row{metric: "pulltrace.pull.stalled", query: `sum(pulltrace_pull_stalled{$})`, at: at, want: exactly(want)}, timely...)
	}
	n.check(tb, row{
		metric: "pulltrace.series.count", query: `pulltrace_series_count{$} - on() count({__name__=~"pulltrace_(image|layer)_.+",$})`, at: tr.moving, want: exactly(0),
	}, timely...)
}

// checkLarge holds what is told of the pull that moves: of three open layers each, what
// containerd tells is less than 1 MiB behind.
func (n *node) checkLarge(tb *table, tr *truth) {
	n.Helper()
	img := tr.large.Image
	served := func(from, to time.Time) (low, high float64) {
		return float64(tr.count.at(from, img.Blobs()...) - 3*mib), float64(tr.count.at(to, img.Blobs()...))
	}
	size := float64(img.Size())
	series := func(name, labels string) string {
		return fmt.Sprintf(`%s{$,container_image_name=~".+/large"%s}`, name, labels)
	}
	running := func(metric, query string, truth func(from, to time.Time) between) {
		n.Helper()
		n.check(tb, row{metric: metric, query: query, at: tr.moving, running: truth}, timely...)
	}
	fixed := func(metric, query string, want between) {
		n.Helper()
		n.check(tb, row{metric: metric, query: query, at: tr.moving, want: want}, timely...)
	}
	running("pulltrace.image.downloaded", series("pulltrace_image_downloaded_bytes", ""), func(from, to time.Time) between {
		low, high := served(from, to)
		return between{low, high}
	})
	fixed("pulltrace.image.size", series("pulltrace_image_size_bytes", ""), exactly(size))
	fixed("pulltrace.image.cached", series("pulltrace_image_cached_bytes", ""), exactly(0))
	running("pulltrace.image.progress", series("pulltrace_image_progress_ratio", ""), func(from, to time.Time) between {
		low, high := served(from, to)
		return between{low / size, high / size}
	})
	fixed("pulltrace.image.rate", series("pulltrace_image_rate_bytes_per_second", ""), between{rate / 2, rate * 1.25})
	running("pulltrace.image.remaining_time", series("pulltrace_image_remaining_time_seconds", ""), func(from, to time.Time) between {
		low, high := served(from, to)
		return between{(size - high) / (rate * 1.25), (size - low) / (rate / 2)}
	})
	fixed("pulltrace.image.idle_time", series("pulltrace_image_idle_time_seconds", ""), between{0, 2})
	fixed("pulltrace.image.layer.count", series("pulltrace_image_layer_count", `,pulltrace_layer_state="downloading"`), exactly(3))
	fixed("pulltrace.image.layer.count", series("pulltrace_image_layer_count", `,pulltrace_layer_state="queued"`), exactly(1))
	fixed("pulltrace.layer.expected", "sum("+series("pulltrace_layer_expected_bytes", "")+")", exactly(3*largeLayer))
	n.check(tb, row{
		metric: "pulltrace.layer.downloaded", query: "sum(" + series("pulltrace_layer_downloaded_bytes", "") + ")", at: tr.moving,
		moment: series("pulltrace_image_downloaded_bytes", ""),
		running: func(from, to time.Time) between {
			low, high := served(from, to)
			return between{low - float64(img.Config.Size), high - float64(img.Config.Size)}
		},
	}, timely...)
}

// checkStalled holds what is told of the pull that stands still.
func (n *node) checkStalled(tb *table, tr *truth) {
	n.Helper()
	img := tr.stalled.Image
	series := func(name string) string { return fmt.Sprintf(`%s{$,container_image_name=~".+/stalled"}`, name) }
	n.check(tb, row{
		metric: "pulltrace.image.rate", query: series("pulltrace_image_rate_bytes_per_second"), at: tr.standing, want: exactly(0),
	}, timely...)
	n.check(tb, row{
		metric: "pulltrace.image.remaining_time", query: series("pulltrace_image_remaining_time_seconds"), at: tr.standing, want: none,
	}, timely...)
	// The last movement that containerd tells is up to 1 MiB before the last byte.
	step := mib / float64(rate)
	n.check(tb, row{
		metric: "pulltrace.image.idle_time", query: series("pulltrace_image_idle_time_seconds"), at: tr.standing,
		running: func(from, to time.Time) between {
			last := tr.count.lastByte(tr.standing, img.Layers[0].Digest)
			return between{from.Sub(last).Seconds(), to.Sub(last).Seconds() + step}
		},
	}, timely...)
}
