package main

import (
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	v1 "k8s.io/api/core/v1"
)

// Case is a history of passes of one autoscaler that has never run before. Times are nanoseconds since the beginning.
type Case struct {
	Settings Settings        `json:"settings"`
	Gates    map[string]bool `json:"gates"`
	Passes   []Pass          `json:"passes"`
	// Spec is only to be read, as the API server reads it; there are no passes then.
	Spec *autoscalingv2.HorizontalPodAutoscalerSpec `json:"spec"`
	// Quantities are only to be read, too.
	Quantities []string `json:"quantities"`
}

// Settings are the flags of kube-controller-manager. Stretches of time are in nanoseconds.
type Settings struct {
	Tolerance               float64 `json:"tolerance"`
	DownscaleStabilization  int64   `json:"downscaleStabilization"`
	CPUInitializationPeriod int64   `json:"cpuInitializationPeriod"`
	InitialReadinessDelay   int64   `json:"initialReadinessDelay"`
}

// Pass is what the controller finds at one time. The scale's errors stand for an API server that refuses.
type Pass struct {
	At             int64                                     `json:"at"`
	Spec           autoscalingv2.HorizontalPodAutoscalerSpec `json:"spec"`
	Replicas       int32                                     `json:"replicas"`
	StatusReplicas int32                                     `json:"statusReplicas"`
	Selector       string                                    `json:"selector"`
	Pods           []v1.Pod                                  `json:"pods"`
	Usage          Usage                                     `json:"usage"`
	Custom         map[string]Custom                         `json:"custom"`
	External       map[string]External                       `json:"external"`
	GetScale       string                                    `json:"getScale"`
	UpdateScale    string                                    `json:"updateScale"`
}

// Usage is what metrics.k8s.io says. Amounts are in milli-units, windows in nanoseconds.
type Usage struct {
	Error string     `json:"error"`
	Pods  []PodUsage `json:"pods"`
}

// PodUsage is the usage of one pod: container by container, resource by resource.
type PodUsage struct {
	Pod        string                      `json:"pod"`
	Timestamp  int64                       `json:"timestamp"`
	Window     int64                       `json:"window"`
	Containers map[string]map[string]int64 `json:"containers"`
}

// Custom is what custom.metrics.k8s.io says of one metric: for pods, or of one object.
type Custom struct {
	Error  string           `json:"error"`
	Pods   map[string]int64 `json:"pods"`
	Object int64            `json:"object"`
}

// External is what external.metrics.k8s.io says of one metric.
type External struct {
	Error  string  `json:"error"`
	Values []int64 `json:"values"`
}

// Answer is what the controller made of a pass.
type Answer struct {
	// Metrics is what each metric of the spec says by itself, whether the pass asked it or not.
	Metrics []Metric `json:"metrics"`
	// Replicas is what the scale was set to, or the present replicas.
	Replicas int32  `json:"replicas"`
	Rescaled bool   `json:"rescaled"`
	Reason   string `json:"reason"`
	Error    string `json:"error"`
	// Conditions, and what the controller keeps in memory, are as they are after the pass.
	Conditions      []Condition      `json:"conditions"`
	LastScale       *int64           `json:"lastScale"`
	Recommendations []Recommendation `json:"recommendations"`
	ScaleUps        []ScaleEvent     `json:"scaleUps"`
	ScaleDowns      []ScaleEvent     `json:"scaleDowns"`
}

// Metric is the proposal of one metric; without an error.
type Metric struct {
	Replicas int32  `json:"replicas"`
	Name     string `json:"name"`
	// What the metric is now, in milli-units and percent.
	AverageUtilization *int32 `json:"averageUtilization"`
	AverageValue       *int64 `json:"averageValue"`
	Value              *int64 `json:"value"`
	Reason             string `json:"reason"`
	Message            string `json:"message"`
	Error              string `json:"error"`
}

// Condition is one of the autoscaler's status.
type Condition struct {
	Type    string `json:"type"`
	Status  string `json:"status"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
	Since   int64  `json:"since"`
}

// Quantity is what the autoscaler makes of one: as an amount, and as a tolerance.
type Quantity struct {
	Milli       int64   `json:"milli"`
	Approximate float64 `json:"approximate"`
}

// Recommendation is a slot of the controller's memory.
type Recommendation struct {
	Replicas int32 `json:"replicas"`
	At       int64 `json:"at"`
}

// ScaleEvent is a slot of the controller's memory.
type ScaleEvent struct {
	Change   int32 `json:"change"`
	At       int64 `json:"at"`
	Outdated bool  `json:"outdated"`
}
