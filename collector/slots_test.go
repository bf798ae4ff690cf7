package collector

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/pulltrace/pulltrace/collector/pull"
)

// That more downloads run at once than is configured is logged once, and names the flag.
func TestTooFewSlotsAreLogged(t *testing.T) {
	play(t, func(s *stage) {
		began := time.Now()
		s.source.slots = 3
		reading := pull.Reading{ID: pull.ID{Lease: "a"}, Created: began, Orchestrated: true, Manifest: &pull.Manifest{}}
		for i := range 4 {
			reading.Manifest.Layers = append(reading.Manifest.Layers, pull.Descriptor{Digest: digest.FromString(fmt.Sprint(i)), Size: 1 << 30})
		}
		for second := range 40 {
			now := time.Now()
			reading.Blobs = map[digest.Digest]pull.Blob{}
			for i, d := range reading.Manifest.Layers {
				if i < 3 || second >= 20 {
					ingest := &pull.Ingest{Offset: int64(second) << 20, Started: began, Updated: now}
					reading.Blobs[d.Digest] = pull.Blob{Held: true, Ingest: ingest}
				}
			}
			s.source.set([]pull.Reading{reading}, nil)
			time.Sleep(time.Second)
			if second == 20 && strings.Contains(s.log.String(), "max-concurrent-downloads") {
				s.Error("logged for three layers")
			}
		}
		s.stop()
		const want = "level=WARN msg=\"more downloads run at once than --max-concurrent-downloads says; set it as containerd has it\" configured=3 seen=4"
		if n := strings.Count(s.log.String(), "max-concurrent-downloads"); n != 1 || !strings.Contains(s.log.String(), want) {
			s.Errorf("logged %d times, want once and %q:\n%s", n, want, s.log)
		}
		if u := s.reporter.last(); u.Slots != 4 || u.SlotsConfigured != 3 {
			s.Errorf("%d slots of %d, want 4 of 3", u.Slots, u.SlotsConfigured)
		}
	})
}
