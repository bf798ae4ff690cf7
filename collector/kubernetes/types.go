package kubernetes

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
)

// Pod is what is decoded of a pod. What has no field here is passed over while
// it is read: environments, annotations and managed fields are never kept.
type Pod struct {
	metav1.TypeMeta `json:",inline"`
	Meta            metadata `json:"metadata"`
	Spec            spec     `json:"spec"`
	Status          status   `json:"status"`
}

// PodList is a list of them.
type PodList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata"`
	Items           []Pod `json:"items"`
}

type metadata struct {
	Namespace       string `json:"namespace"`
	Name            string `json:"name"`
	UID             string `json:"uid"`
	ResourceVersion string `json:"resourceVersion"`

	DeletionTimestamp          *metav1.Time `json:"deletionTimestamp"`
	DeletionGracePeriodSeconds *int64       `json:"deletionGracePeriodSeconds"`

	// The one annotation that the reflector asks for: it marks the end of what
	// was there when a watch began.
	Annotations struct {
		InitialEventsEnd string `json:"k8s.io/initial-events-end"`
	} `json:"annotations"`
}

type spec struct {
	InitContainers      []container `json:"initContainers"`
	Containers          []container `json:"containers"`
	EphemeralContainers []container `json:"ephemeralContainers"`
	Volumes             []volume    `json:"volumes"`
}

type container struct {
	Name            string        `json:"name"`
	Image           string        `json:"image"`
	ImagePullPolicy string        `json:"imagePullPolicy"`
	RestartPolicy   string        `json:"restartPolicy"` // of an init container: Always makes it a sidecar
	VolumeMounts    []volumeMount `json:"volumeMounts"`
}

type volumeMount struct {
	Name string `json:"name"`
}

type volume struct {
	Name  string `json:"name"`
	Image *struct {
		Reference  string `json:"reference"`
		PullPolicy string `json:"pullPolicy"`
	} `json:"image"`
}

type status struct {
	Phase                      string            `json:"phase"`
	Conditions                 []condition       `json:"conditions"`
	InitContainerStatuses      []containerStatus `json:"initContainerStatuses"`
	ContainerStatuses          []containerStatus `json:"containerStatuses"`
	EphemeralContainerStatuses []containerStatus `json:"ephemeralContainerStatuses"`
}

type condition struct {
	Type               string      `json:"type"`
	Status             string      `json:"status"`
	LastTransitionTime metav1.Time `json:"lastTransitionTime"`
}

type containerStatus struct {
	Name  string `json:"name"`
	State struct {
		Waiting *waiting `json:"waiting"`
		Running *struct {
			StartedAt metav1.Time `json:"startedAt"`
		} `json:"running"`
		Terminated *struct {
			StartedAt  metav1.Time `json:"startedAt"`
			FinishedAt metav1.Time `json:"finishedAt"`
		} `json:"terminated"`
	} `json:"state"`
}

type waiting struct {
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// GetObjectMeta gives the reflector what it reads of a pod. Nothing that is set
// on it lasts.
func (p *Pod) GetObjectMeta() metav1.Object {
	m := &metav1.ObjectMeta{
		Namespace: p.Meta.Namespace, Name: p.Meta.Name, UID: types.UID(p.Meta.UID), ResourceVersion: p.Meta.ResourceVersion,
	}
	if end := p.Meta.Annotations.InitialEventsEnd; end != "" {
		m.Annotations = map[string]string{metav1.InitialEventsAnnotationKey: end}
	}
	return m
}

// DeepCopyObject makes a Pod a runtime.Object. Nobody changes a pod that was
// decoded, and so a copy shares what it refers to.
func (p *Pod) DeepCopyObject() runtime.Object {
	c := *p
	return &c
}

// DeepCopyObject makes a PodList a runtime.Object; see that of Pod.
func (l *PodList) DeepCopyObject() runtime.Object {
	c := *l
	return &c
}
