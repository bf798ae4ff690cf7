package kubernetes

import (
	"slices"
	"time"
)

// When a pull could begin follows from the order in which kubelet works on a pod
// (SyncPod, kuberuntime_manager.go @v1.37.2): its sandbox (1732); then all image
// volumes, one after another, before any container is started (1890, 2048); init
// containers, each after the end of the one before or, of a sidecar, its start
// (1918); the containers, each after the one before was started, or could not be
// (1955). Ephemeral containers, which are added later, come before those (1908).
//
// Kubelet does not tell when the pull of an image volume ended, nor when one that
// failed is tried again, nor when an ephemeral container was added: the times that
// would follow from these are not known. And it writes what it did after a round of
// work: that one container was started, mostly when the next one was, too.

// ready is when the pull for a container that waits could begin.
func (p *Pod) ready(name string, s *containerStatus) time.Time {
	if pullFailed(s) {
		return time.Time{}
	}
	named := func(c container) bool { return c.Name == name }
	if i := slices.IndexFunc(p.Spec.InitContainers, named); i >= 0 {
		return p.afterInit(p.Spec.InitContainers[:i])
	}
	switch i := slices.IndexFunc(p.Spec.Containers, named); {
	case i > 0:
		return statusOf(p.Status.ContainerStatuses, p.Spec.Containers[i-1].Name).started()
	case i == 0:
		return p.afterInit(p.Spec.InitContainers)
	default:
		return time.Time{}
	}
}

// volumeReady is when the pull for an image volume could begin.
func (p *Pod) volumeReady(name string) time.Time {
	first := slices.IndexFunc(p.Spec.Volumes, func(v volume) bool { return v.Image != nil })
	if p.Spec.Volumes[first].Name != name {
		return time.Time{}
	}
	for c, s := range p.containers() {
		if c.mounts(name) && pullFailed(s) {
			return time.Time{}
		}
	}
	return p.sandboxReady()
}

// afterInit is when the last of these init containers, which are all before a
// container, let it begin: the time is known if each one's is.
func (p *Pod) afterInit(before []container) time.Time {
	sandbox := p.sandboxReady()
	if len(before) == 0 {
		if slices.ContainsFunc(p.Spec.Volumes, func(v volume) bool { return v.Image != nil }) {
			return time.Time{}
		}
		return sandbox
	}
	latest := sandbox // of a pod that is begun anew, it is later than all of them
	for _, c := range before {
		s := statusOf(p.Status.InitContainerStatuses, c.Name)
		at := s.finished()
		if c.RestartPolicy == "Always" {
			at = s.started()
		}
		if at.IsZero() {
			return time.Time{}
		}
		if at.After(latest) {
			latest = at
		}
	}
	return latest
}

// sandboxReady is when the pod's sandbox was there. Kubelet tells it at
// once (kubelet.go:3627 @v1.37.2); older ones do after their first round of work.
func (p *Pod) sandboxReady() time.Time {
	for _, c := range p.Status.Conditions {
		if c.Type == "PodReadyToStartContainers" && c.Status == "True" {
			return inUTC(c.LastTransitionTime.Time)
		}
	}
	return time.Time{}
}

func (s *containerStatus) started() time.Time {
	switch {
	case s == nil:
		return time.Time{}
	case s.State.Running != nil:
		return inUTC(s.State.Running.StartedAt.Time)
	case s.State.Terminated != nil:
		return inUTC(s.State.Terminated.StartedAt.Time)
	default:
		return time.Time{}
	}
}

func (s *containerStatus) finished() time.Time {
	if s == nil || s.State.Terminated == nil {
		return time.Time{}
	}
	return inUTC(s.State.Terminated.FinishedAt.Time)
}

// inUTC keeps the zero time zero, and makes equal times equal by ==.
func inUTC(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC()
}
