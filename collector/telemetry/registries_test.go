package telemetry

import (
	"testing"

	"github.com/pulltrace/pulltrace/collector/limits"
	"github.com/pulltrace/pulltrace/collector/pull"
	"github.com/pulltrace/pulltrace/semconv"
)

// A pull that stalled while its registry was not known leaves a zero behind: a
// series that only went away would leave its last value to the backend.
func TestStalledBeforeItHadAName(t *testing.T) {
	r := newRecorded(t)
	p := running("a", 0)
	named := p.Image
	p.Image, p.Stalled = pull.Image{Root: named.Root}, true
	r.Report(pull.Update{Active: []pull.Pull{p}})
	if got := r.only(t, semconv.PullStalled); got != 1 {
		t.Fatalf("%g pulls are stalled, want 1", got)
	}
	p.Image, p.Stalled = named, false
	r.Report(pull.Update{Active: []pull.Pull{p}})
	points := r.points(t, semconv.PullStalled)
	if len(points) != 2 || points[0].value != 0 || points[1].value != 0 {
		t.Errorf("stalled pulls are %v, want 0 for the registry and 0 for the unknown one", points)
	}
}

// The first increase of a counter is one from 0: a series that begins with it
// would hide it from whoever asks for the increase.
func TestCountersBeginWithZero(t *testing.T) {
	r := newRecorded(t)
	r.Report(pull.Update{Active: []pull.Pull{running("a", 0)}})
	for _, m := range []semconv.Metric{semconv.PullStalls, semconv.DownloadIO, semconv.DownloadWasted, semconv.CacheHit} {
		if got := r.only(t, m); got != 0 {
			t.Errorf("%s = %g, want 0", m.Name, got)
		}
	}
}

func TestRegistriesAreBounded(t *testing.T) {
	r := newRecorded(t)
	for i := range limits.Registries {
		host := string(rune('a'+i%26)) + string(rune('a'+i/26))
		if got := r.registry(host).name; got != host {
			t.Fatalf("registry %d is %q, want %q", i, got, host)
		}
	}
	for host, want := range map[string]string{
		"one.too.many": semconv.RegistryOther, "another": semconv.RegistryOther, "": semconv.RegistryOther, "aa": "aa",
	} {
		if got := r.registry(host).name; got != want {
			t.Errorf("%q is told as %q, want %q", host, got, want)
		}
	}
	if got := len(r.registries); got != limits.Registries+1 {
		t.Errorf("%d registries are kept, want %d and the rest as one", got, limits.Registries)
	}
}
