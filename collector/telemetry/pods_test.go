package telemetry

import (
	"testing"
	"time"

	standard "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/pulltrace/pulltrace/collector/pull"
	"github.com/pulltrace/pulltrace/semconv"
)

var web = pull.Waiter{
	Pod: pull.Pod{Namespace: "shop", Name: "web", UID: "uid-web"}, Container: "main",
	Image: pull.Reference{Name: "docker.io/library/nginx", Tag: "1.29"},
}

// Each container and image volume that waits has a series, however many pulls it
// waits for, and none when the last has ended.
func TestPodsThatWait(t *testing.T) {
	r := newRecorded(t)
	volume := pull.Waiter{Pod: web.Pod, Volume: "model", Image: pull.Reference{Name: web.Image.Name, Digest: "sha256:0b"}}
	a, b := running("a", 250), running("b", 0)
	a.Pods, b.Pods = []pull.Waiter{web, volume}, []pull.Waiter{web}
	r.Report(pull.Update{Time: time.Now(), SourceUp: true, Active: []pull.Pull{a, b}})
	points := r.points(t, semconv.ImagePods)
	if len(points) != 2 {
		t.Fatalf("%v, want one point for the container and one for the volume", points)
	}
	for _, p := range points {
		tag, tagged := p.attrs.Value(semconv.ImageTagKey)
		container, isContainer := p.attrs.Value(standard.K8SContainerNameKey)
		name, _ := p.attrs.Value(standard.K8SVolumeNameKey)
		pod, _ := p.attrs.Value(standard.K8SPodNameKey)
		if p.value != 1 || pod.AsString() != "web" || isContainer != tagged {
			t.Errorf("%v", p)
		}
		if isContainer && (tag.AsString() != "1.29" || container.AsString() != "main") || !isContainer && name.AsString() != "model" {
			t.Errorf("%v", p)
		}
	}
	r.Report(pull.Update{Time: time.Now(), SourceUp: true, Ended: []pull.Pull{ended("a", pull.Success, 1000), ended("b", pull.Success, 0)}})
	if points := r.points(t, semconv.ImagePods); len(points) > 0 {
		t.Errorf("%v, of a pull that has ended", points)
	}
}

// Who waits is told as well while nobody knows how large the image is: a registry that
// answers no more is what pods wait for longest.
func TestPodsThatWaitForAnImageOfUnknownSize(t *testing.T) {
	r := newRecorded(t)
	p := running("a", 0)
	p.TotalKnown, p.Size, p.Layers, p.Pods = false, 0, nil, []pull.Waiter{web}
	r.Report(pull.Update{Time: time.Now(), SourceUp: true, Active: []pull.Pull{p}})
	if points := r.points(t, semconv.ImagePods); len(points) != 1 {
		t.Errorf("%v, want one point", points)
	}
}

// What the registry refused is counted, by registry and reason.
func TestRefusedPulls(t *testing.T) {
	r := newRecorded(t)
	attempt := pull.Attempt{Waiter: web, Err: pull.ErrRateLimited}
	local := pull.Attempt{Waiter: web, Err: pull.ErrNotFound}
	local.Waiter.Image.Name = "registry.local:5000/team/app"
	r.Report(pull.Update{Time: time.Now(), SourceUp: true, Refused: []pull.Attempt{attempt, attempt, local}})
	got := map[string]float64{}
	for _, p := range r.points(t, semconv.PullRefused) {
		registry, _ := p.attrs.Value(semconv.RegistryKey)
		why, _ := p.attrs.Value(standard.ErrorTypeKey)
		got[registry.AsString()+" "+why.AsString()] = p.value
	}
	if len(got) != 2 || got["docker.io rate_limited"] != 2 || got["registry.local not_found"] != 1 {
		t.Errorf("refused: %v", got)
	}
}

// Whether Kubernetes answers is told where it is asked.
func TestKubernetesUp(t *testing.T) {
	for _, test := range []struct {
		watch pull.PodWatch
		want  []float64
	}{{pull.PodWatch{}, nil}, {pull.PodWatch{On: true}, []float64{0}}, {pull.PodWatch{On: true, Up: true}, []float64{1}}} {
		r := newRecorded(t)
		r.Report(pull.Update{Time: time.Now(), SourceUp: true, Pods: test.watch})
		points := r.points(t, semconv.KubernetesUp)
		if len(points) != len(test.want) || len(points) > 0 && points[0].value != test.want[0] {
			t.Errorf("%+v: %v, want %v", test.watch, points, test.want)
		}
	}
}

// A span names all who waited, and the one who did by the standard's names as well.
func TestPodsOfASpan(t *testing.T) {
	other := web
	other.Pod.Name = "other"
	for _, waiters := range [][]pull.Waiter{nil, {web}, {web, other}} {
		p := ended("a", pull.Success, 1000)
		p.Pods = waiters
		names, single := 0, false
		for _, a := range pullAttributes(&p, "docker.io") {
			switch a.Key {
			case semconv.PullPodsKey:
				names = len(a.Value.AsStringSlice())
				if a.Value.AsStringSlice()[0] != "shop/web/main" {
					t.Errorf("pods are %v", a.Value.AsStringSlice())
				}
			case standard.K8SPodUIDKey:
				single = a.Value.AsString() == "uid-web"
			}
		}
		if names != len(waiters) || single != (len(waiters) == 1) {
			t.Errorf("%d waited: %d are named, by the standard's names: %v", len(waiters), names, single)
		}
	}
}

// The series of a pull that has failed end at once, and all else is told when it is
// known why.
func TestOverBeforeItIsToldWhy(t *testing.T) {
	r := newRecorded(t)
	r.flusher.close(t.Context()) // it would deliver the last sample before the test reads it
	p := running("a", 500)
	r.Report(pull.Update{Time: time.Now(), SourceUp: true, Active: []pull.Pull{p}})
	over := ended("a", pull.Failure, 500)
	r.Report(pull.Update{Time: time.Now(), SourceUp: true, Over: []pull.Pull{over}})
	if got := r.only(t, semconv.ImageRate); got != 0 || len(r.points(t, semconv.PullDuration)) > 0 {
		t.Errorf("rate %g, %d durations; want 0 and none", got, len(r.points(t, semconv.PullDuration)))
	}
	r.mu.Lock()
	r.release(func(*image) bool { return true }) // delivered
	r.mu.Unlock()
	over.Err = pull.ErrRateLimited
	r.Report(pull.Update{Time: time.Now(), SourceUp: true, Ended: []pull.Pull{over}})
	if got := r.points(t, semconv.ImageRate); len(got) > 0 {
		t.Errorf("%v, of series that had ended", got)
	}
	points := r.points(t, semconv.PullDuration)
	if len(points) != 1 {
		t.Fatalf("%d durations, want 1", len(points))
	}
	if why, _ := points[0].attrs.Value(standard.ErrorTypeKey); why.AsString() != "rate_limited" {
		t.Errorf("it failed for %q, want rate_limited", why.AsString())
	}
}
