package kubernetes

import (
	"iter"
	"slices"
	"time"

	"github.com/pulltrace/pulltrace/collector/pull"
)

// The reasons with which kubelet tells of a container that waits (container
// statuses: kubelet_pods.go:2531, failed pulls: images/types.go:27 and cri-api's
// errors.go:28 @v1.37.2). Those of a container that waits for anything else, like
// CrashLoopBackOff, CreateContainerConfigError, ErrImageNeverPull and
// InvalidImageName, are not among them.
const (
	reasonCreating     = "ContainerCreating"
	reasonInitializing = "PodInitializing" // as ContainerCreating, in a pod with init containers

	reasonFailed      = "ErrImagePull"
	reasonUnavailable = "RegistryUnavailable"       // not by containerd
	reasonSignature   = "SignatureValidationFailed" // not by containerd
	reasonBackOff     = "ImagePullBackOff"
)

// waitersOf are the containers and image volumes of a pod that wait for their
// image, or for their turn to. Kubelet writes the status of a pod between two
// rounds of work on it: a container whose image is there waits until the round is
// over. One that is restarted and pulls again (policy Always) does not wait, in
// what kubelet tells, before that pull has failed.
func waitersOf(p *Pod, deleted time.Time) []pull.Waiter {
	if p.Status.Phase == "Succeeded" || p.Status.Phase == "Failed" {
		return nil
	}
	var waiters []pull.Waiter
	add := func(w pull.Waiter, image string) {
		if ref, ok := referenceOf(image); ok {
			w.Pod, w.Image, w.Deleted = podOf(p), ref, deleted
			waiters = append(waiters, w)
		}
	}
	for _, v := range p.Spec.Volumes {
		if v.Image != nil && v.Image.PullPolicy != "Never" && p.volumeWaits(v.Name) {
			add(pull.Waiter{Volume: v.Name, Ready: p.volumeReady(v.Name)}, v.Image.Reference)
		}
	}
	for c, s := range p.containers() {
		if c.ImagePullPolicy != "Never" && waits(s) {
			add(pull.Waiter{Container: c.Name, Ready: p.ready(c.Name, s)}, c.Image)
		}
	}
	return waiters
}

// containers are those of a pod in the order in which kubelet starts them, with
// the status of each; nil while there is none.
func (p *Pod) containers() iter.Seq2[*container, *containerStatus] {
	return func(yield func(*container, *containerStatus) bool) {
		for _, part := range []struct {
			specs    []container
			statuses []containerStatus
		}{
			{p.Spec.EphemeralContainers, p.Status.EphemeralContainerStatuses},
			{p.Spec.InitContainers, p.Status.InitContainerStatuses},
			{p.Spec.Containers, p.Status.ContainerStatuses},
		} {
			for i := range part.specs {
				if !yield(&part.specs[i], statusOf(part.statuses, part.specs[i].Name)) {
					return
				}
			}
		}
	}
}

func statusOf(statuses []containerStatus, name string) *containerStatus {
	i := slices.IndexFunc(statuses, func(s containerStatus) bool { return s.Name == name })
	if i < 0 {
		return nil
	}
	return &statuses[i]
}

// waits tells whether a container waits for its image, or will. A new pod has no
// statuses at first, and a state that says nothing is one of waiting, as the API
// has it.
func waits(s *containerStatus) bool {
	if s == nil || s.State.Waiting == nil {
		return s == nil || s.State.Running == nil && s.State.Terminated == nil
	}
	switch s.State.Waiting.Reason {
	case reasonCreating, reasonInitializing:
		return true
	default:
		return pullFailed(s)
	}
}

// pullFailed tells whether the last pull for a container has failed.
func pullFailed(s *containerStatus) bool {
	if s == nil || s.State.Waiting == nil {
		return false
	}
	switch s.State.Waiting.Reason {
	case reasonFailed, reasonUnavailable, reasonSignature, reasonBackOff:
		return true
	default:
		return false
	}
}

// volumeWaits tells whether an image volume waits. It has no status of its own:
// as long as a container that mounts it waits, or, where none does, while no
// container has started.
func (p *Pod) volumeWaits(volume string) bool {
	mounted, started := false, false
	for c, s := range p.containers() {
		if c.mounts(volume) {
			if waits(s) {
				return true
			}
			mounted = true
		}
		started = started || !waits(s)
	}
	return !mounted && !started
}

func (c *container) mounts(volume string) bool {
	return slices.ContainsFunc(c.VolumeMounts, func(m volumeMount) bool { return m.Name == volume })
}

func podOf(p *Pod) pull.Pod {
	return pull.Pod{Namespace: p.Meta.Namespace, Name: p.Meta.Name, UID: p.Meta.UID}
}

// deleted is when somebody asked for the end of a pod. Its deletionTimestamp is
// when the grace that it was given ends.
func deleted(p *Pod) time.Time {
	if p.Meta.DeletionTimestamp == nil {
		return time.Time{}
	}
	at := p.Meta.DeletionTimestamp.UTC()
	if grace := p.Meta.DeletionGracePeriodSeconds; grace != nil {
		at = at.Add(-time.Duration(*grace) * time.Second)
	}
	return at
}
