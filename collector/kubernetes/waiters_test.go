package kubernetes

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// status is the JSON of container statuses: name, state, name, state, …
func statuses(pairs ...string) string {
	var all []string
	for i := 0; i < len(pairs); i += 2 {
		all = append(all, fmt.Sprintf(`{"name":%q,"state":%s}`, pairs[i], pairs[i+1]))
	}
	return "[" + strings.Join(all, ",") + "]"
}

const (
	initializing = `{"waiting":{"reason":"PodInitializing"}}`
	sandbox      = `"conditions":[{"type":"Ready","status":"False","lastTransitionTime":"2026-11-26T09:00:00Z"},{"type":"PodReadyToStartContainers","status":"True","lastTransitionTime":"2026-11-26T10:00:01Z"}],`
)

func ended(started, finished int) string {
	return fmt.Sprintf(`{"terminated":{"exitCode":0,"startedAt":"2026-11-26T10:00:%02dZ","finishedAt":"2026-11-26T10:00:%02dZ"}}`, started, finished)
}

func runs(started int) string {
	return fmt.Sprintf(`{"running":{"startedAt":"2026-11-26T10:00:%02dZ"}}`, started)
}

func TestWaiters(t *testing.T) {
	const two = `"containers":[{"name":"c","image":"c:1"},{"name":"d","image":"d:1"}]`
	const inits = `"initContainers":[{"name":"i","image":"i:1"},{"name":"s","image":"s:1","restartPolicy":"Always"},{"name":"j","image":"j:1"}],` + two
	const volumes = `"volumes":[{"name":"cfg","configMap":{"name":"x"}},{"name":"v","image":{"reference":"v:1"}},{"name":"w","image":{"reference":"w@sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"}}],
		"containers":[{"name":"c","image":"c:1","volumeMounts":[{"name":"v"}]},{"name":"d","image":"d:1"}]`
	failed := waitingFor(reasonBackOff, `Back-off pulling image "c:1": ErrImagePull: x`)
	for _, test := range []struct {
		name, spec, status string
		want               []string // who, and since when it could
	}{
		{"no status yet", two, `"phase":"Pending"`, []string{"c", "d"}},
		{"a sandbox", two, sandbox + `"containerStatuses":` + statuses("c", creating, "d", creating), []string{"c 10:00:01", "d"}},
		{"the first runs", two, sandbox + `"containerStatuses":` + statuses("c", runs(5), "d", creating), []string{"d 10:00:05"}},
		{"the first has run", two, sandbox + `"containerStatuses":` + statuses("c", ended(5, 9), "d", creating), []string{"d 10:00:05"}},
		{"a failed pull", two, sandbox + `"containerStatuses":` + statuses("c", failed, "d", failed), []string{"c", "d"}},
		{"an empty state", two, sandbox + `"containerStatuses":` + statuses("c", `{}`, "d", runs(1)), []string{"c 10:00:01"}},
		{"created, not started", two, `"containerStatuses":` + statuses("c", `{"waiting":{}}`, "d", runs(1)), nil},
		{"other reasons", two, `"containerStatuses":` + statuses("c", waitingFor("CrashLoopBackOff", "x"), "d", waitingFor("CreateContainerConfigError", "x")), nil},
		{"finished", two, `"phase":"Succeeded","containerStatuses":` + statuses("c", creating), nil},
		{"evicted before it began", two, `"phase":"Failed"`, nil},
		{"never pulled", `"containers":[{"name":"c","image":"c:1","imagePullPolicy":"Never"}]`, ``, nil},
		{"no image name", `"containers":[{"name":"c","image":"C:::"},{"name":"d"}]`, ``, nil},

		{
			"init containers", inits, sandbox + `"initContainerStatuses":` + statuses("i", initializing, "s", initializing, "j", initializing) + `,"containerStatuses":` + statuses("c", initializing, "d", initializing),
			[]string{"i 10:00:01", "s", "j", "c", "d"},
		},
		{
			"the first has ended", inits, sandbox + `"initContainerStatuses":` + statuses("i", ended(2, 4), "s", initializing, "j", initializing) + `,"containerStatuses":` + statuses("c", initializing, "d", initializing),
			[]string{"s 10:00:04", "j", "c", "d"},
		},
		{
			"the sidecar runs", inits, sandbox + `"initContainerStatuses":` + statuses("i", ended(2, 4), "s", runs(6), "j", initializing) + `,"containerStatuses":` + statuses("c", initializing, "d", initializing),
			[]string{"j 10:00:06", "c", "d"},
		},
		{
			"the last has ended", inits, sandbox + `"initContainerStatuses":` + statuses("i", ended(2, 4), "s", runs(6), "j", ended(7, 9)) + `,"containerStatuses":` + statuses("c", initializing, "d", initializing),
			[]string{"c 10:00:09", "d"},
		},
		{
			"begun anew with another sandbox", inits, strings.ReplaceAll(sandbox, "10:00:01", "10:00:30") + `"initContainerStatuses":` + statuses("i", ended(2, 4), "s", initializing, "j", initializing) + `,"containerStatuses":` + statuses("c", initializing, "d", initializing),
			[]string{"s 10:00:30", "j", "c", "d"},
		},

		{
			"ephemeral", two + `,"ephemeralContainers":[{"name":"e","image":"e:1"},{"name":"f","image":"f:1"}]`, sandbox + `"containerStatuses":` + statuses("c", runs(2), "d", runs(3)) + `,"ephemeralContainerStatuses":` + statuses("f", running),
			[]string{"e"},
		},

		{"image volumes", volumes, sandbox + `"containerStatuses":` + statuses("c", creating, "d", creating), []string{"[v] 10:00:01", "[w]", "c", "d"}},
		{"a volume that fails", volumes, sandbox + `"containerStatuses":` + statuses("c", failed, "d", runs(4)), []string{"[v]", "c"}},
		{"volumes that are there", volumes, sandbox + `"containerStatuses":` + statuses("c", runs(3), "d", creating), []string{"d 10:00:03"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := parse(t, `{"metadata":{"namespace":"d","name":"a","uid":"u"},"spec":{`+test.spec+`},"status":{`+strings.TrimSuffix(test.status, ",")+`}}`)
			var got []string
			for _, w := range waitersOf(p, time.Time{}) {
				who := strings.TrimPrefix(whoOf(w), "a/")
				if !w.Ready.IsZero() {
					who += w.Ready.Format(" 15:04:05")
				}
				if w.Pod != podOf(p) || w.Image.Name == "" {
					t.Errorf("%+v has no pod or no image", w)
				}
				got = append(got, who)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// Kubelet tells of a failed image volume at the container that mounts it.
func TestCulprit(t *testing.T) {
	pod := func(state string) *Pod {
		return parse(t, `{"metadata":{"namespace":"d","name":"a","uid":"u"},
			"spec":{"volumes":[{"name":"v","image":{"reference":"team/v"}},{"name":"w","image":{"reference":"team/w:1"}}],
				"containers":[{"name":"c","image":"nginx:1","volumeMounts":[{"name":"w"},{"name":"v"},{"name":"x"}]},{"name":"d","image":"nginx:1"}]},
			"status":{"containerStatuses":`+statuses("c", state, "d", creating)+`}}`)
	}
	const containerd = `failed to pull and unpack image "%s": failed to resolve image: not found`
	for message, want := range map[string]string{
		fmt.Sprintf(containerd, "docker.io/library/nginx:1"):                                              "a/c",
		fmt.Sprintf(containerd, "docker.io/team/v:latest"):                                                "a/[v]",
		fmt.Sprintf(containerd, "docker.io/team/w:1"):                                                     "a/[w]",
		fmt.Sprintf(containerd, "docker.io/library/nginx:1") + ` but "docker.io/team/w:1"`:                "a/c",
		"image pull failed for team/w:1 because the registry is unavailable":                              "a/c", // nobody is named in quotes
		fmt.Sprintf(containerd, "docker.io/team/w:1") + ` ` + fmt.Sprintf(containerd, "docker.io/team/v"): "a/[w]",
	} {
		s := newScript(t).watching(pod(creating))
		s.update(pod(waitingFor(reasonFailed, message)))
		if len(s.told) != 1 || len(s.told[0].Failed) != 1 {
			t.Fatalf("%s: told %+v, want one attempt", message, s.told)
		}
		a := s.told[0].Failed[0]
		if got := whoOf(a.Waiter); got != want || a.Waiter.Image.Name == "" || a.Waiter.Pod.UID != "u" {
			t.Errorf("%s is of %+v, want %s", message, a.Waiter, want)
		}
	}
}

// Of a pod with all that an API server tells, what is not needed is not kept.
func TestWholePod(t *testing.T) {
	text, err := os.ReadFile("testdata/pod.json")
	if err != nil {
		t.Fatal(err)
	}
	p := parse(t, string(text))
	ws := waitersOf(p, time.Time{})
	if len(ws) != 1 || ws[0].Container != "app" || ws[0].Image.Name != "registry.example:5000/team/app" || ws[0].Image.Tag != "1.4.2" {
		t.Errorf("waiters %+v", ws)
	}
	for _, secret := range []string{"last-applied", "DB_PASSWORD", "hunter2", "kubectl", "pod-template-hash"} {
		if kept := fmt.Sprintf("%+v", *p); strings.Contains(kept, secret) || !strings.Contains(string(text), secret) {
			t.Errorf("%s is kept, or not in the pod at all", secret)
		}
	}
}
