package main

import (
	"strings"
	"testing"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"

	"github.com/pulltrace/pulltrace/collector/pull"
)

// cast is one pull in each state that a frame can show.
func cast() []pull.Pull {
	start := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	image := func(name, tag string) pull.Image {
		return pull.Image{Name: host + "/" + name, Registry: host, Tag: tag}
	}
	layer := func(i int, state pull.LayerState, size, fetched int64) pull.Layer {
		d := digest.FromString(string(rune('a' + i)))
		return pull.Layer{Index: i, State: state, Downloaded: fetched, Descriptor: pull.Descriptor{Digest: d, Size: size}}
	}
	return []pull.Pull{{
		Image: image("ml/model", ""), Start: start, Phase: pull.Downloading, TotalKnown: true,
		Size: 40 * MiB, Downloaded: 12 * MiB, Rate: 1.5 * MiB, Remaining: 18700 * time.Millisecond,
		Layers: []pull.Layer{layer(0, pull.LayerDone, 4*MiB, 4*MiB), layer(1, pull.LayerDownloading, 36*MiB, 8*MiB)},
	}, {
		Image: image("shop/web", "1.4"), Start: start, End: start.Add(2700 * time.Millisecond), Outcome: pull.Success,
		TotalKnown: true, Size: 13 * MiB, Downloaded: 13 * MiB,
	}, {
		Image: image("shop/api", "2.0"), Start: start, End: start.Add(900 * time.Millisecond), Outcome: pull.Success,
		TotalKnown: true, Size: 15 * MiB, Downloaded: 5 * MiB, Cached: 10 * MiB,
	}, {
		Image: image("media/encoder", ""), Start: start, Phase: pull.Downloading, TotalKnown: true,
		Size: 16 * MiB, Downloaded: 8 * MiB, Stalled: true, Idle: 4 * time.Second, Remaining: -1,
		Layers: []pull.Layer{layer(2, pull.LayerCached, 2*MiB, 0), layer(3, pull.LayerDownloading, 14*MiB, 6*MiB)},
	}, {
		Image: image("edge/router", ""), Start: start, End: start.Add(2600 * time.Millisecond), Outcome: pull.Failure,
		TotalKnown: true, Size: 13 * MiB, Downloaded: 7 * MiB,
	}, {
		Image: image("edge/a-name-that-is-too-long", ""), Start: start, Phase: pull.Resolving,
	}}
}

func TestFrame(t *testing.T) {
	for columns, want := range map[int]string{
		60: `
 ● ml/model            ━━━╸────────  30%  19 s left
     layer 0 ca97811   ━━━━━━━━━━━━       done
     layer 1 3e23e81   ━━╸─────────       8.0 of 36.0 MiB
 ✓ shop/web:1.4        ━━━━━━━━━━━━ 100%  13.0 MiB in 2.7 s
 ✓ shop/api:2.0        ════════━━━━ 100%  5.0 MiB in 900 ms
 ! media/encoder       ━━━━━━──────  50%  stalled for 4.0 s
     layer 2 2e7d2c0   ════════════       cached
     layer 3 18ac3e7   ━━━━━───────       6.0 of 14.0 MiB
 ✗ edge/router         ━━━━━━──────  53%  failed
 ○ edge/a-name-that-…  ────────────       resolving
`,
		80: `
 ● ml/model            ━━━━━━╸────────────────  30%  1.5 MiB/s  19 s left
     layer 0 ca97811   ━━━━━━━━━━━━━━━━━━━━━━━       done
     layer 1 3e23e81   ━━━━━──────────────────       8.0 of 36.0 MiB
 ✓ shop/web:1.4        ━━━━━━━━━━━━━━━━━━━━━━━ 100%  13.0 MiB in 2.7 s
 ✓ shop/api:2.0        ═══════════════━━━━━━━━ 100%  5.0 MiB in 900 ms
 ! media/encoder       ━━━━━━━━━━━╸───────────  50%  stalled for 4.0 s
     layer 2 2e7d2c0   ═══════════════════════       cached
     layer 3 18ac3e7   ━━━━━━━━━╸─────────────       6.0 of 14.0 MiB
 ✗ edge/router         ━━━━━━━━━━━━───────────  53%  failed after 2.6 s
 ○ edge/a-name-that-…  ───────────────────────       resolving
`,
		120: `
 ● ml/model              ━━━━━━━━━━━━────────────────────────────  30%  12.0 of 40.0 MiB  1.5 MiB/s  19 s left
     layer 0 ca97811     ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━       done
     layer 1 3e23e81     ━━━━━━━━╸───────────────────────────────       8.0 of 36.0 MiB
 ✓ shop/web:1.4          ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━ 100%  13.0 MiB in 2.7 s
 ✓ shop/api:2.0          ══════════════════════════━━━━━━━━━━━━━━ 100%  5.0 MiB in 900 ms, 10.0 MiB cached
 ! media/encoder         ━━━━━━━━━━━━━━━━━━━━────────────────────  50%  stalled for 4.0 s at 8.0 of 16.0 MiB
     layer 2 2e7d2c0     ════════════════════════════════════════       cached
     layer 3 18ac3e7     ━━━━━━━━━━━━━━━━━───────────────────────       6.0 of 14.0 MiB
 ✗ edge/router           ━━━━━━━━━━━━━━━━━━━━━╸──────────────────  53%  failed after 2.6 s, 7.0 MiB wasted
 ○ edge/a-name-that-is…  ────────────────────────────────────────       resolving
`,
	} {
		got := ansi.Strip(frame(cast(), columns, 24))
		if diff := cmp.Diff(want, "\n"+got); diff != "" {
			t.Errorf("in %d columns (-want +got):\n%s", columns, diff)
		}
	}
}

// A line that is too wide would be wrapped, and the bars would jump.
func TestFrameFits(t *testing.T) {
	for columns := 50; columns < 200; columns++ {
		for line := range strings.Lines(frame(cast(), columns, 24)) {
			if w := lipgloss.Width(line); w > columns {
				t.Fatalf("%d wide in %d columns: %s", w, columns, line)
			}
		}
	}
}

// Without room for the layers, the pulls still are all there.
func TestFrameLow(t *testing.T) {
	got := frame(cast(), 80, 10)
	if n := lipgloss.Height(got); n > 10 {
		t.Errorf("%d lines in 10 rows", n)
	}
	for _, p := range cast() {
		if name := fit(shortName(&p), 18); !strings.Contains(got, name) {
			t.Errorf("no line of %q in\n%s", name, got)
		}
	}
}
